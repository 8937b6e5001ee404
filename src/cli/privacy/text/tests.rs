//! The register as text and as Markdown.

use std::path::PathBuf;

use super::super::files::PrivateFile;
use super::super::markdown;
use super::super::register::{CategoryEntry, ColumnEntry, SourceEntry, StreamEntry};
use super::*;
use crate::cli::table::snapshots;
use rollbook_core::model::{Masking, PersonalCategory, named};

fn entry(category: PersonalCategory, columns: &[(&str, Option<Masking>)]) -> CategoryEntry {
    CategoryEntry {
        category,
        special: category.is_special(),
        columns: columns
            .iter()
            .map(|(name, masking)| ColumnEntry {
                column: (*name).to_owned(),
                masking: masking.map(Masking::describe),
            })
            .collect(),
    }
}

fn register() -> Register {
    Register {
        sources: vec![SourceEntry {
            source: named("north"),
            title: "North".to_owned(),
            streams: vec![StreamEntry {
                table: "north_learners".to_owned(),
                title: "a learner".to_owned(),
                jobs: vec![named("nightly")],
                rows: Some(600),
                old_versions: Some(1),
                history: Some("400d".to_owned()),
                retain: Some("730d after end_date".to_owned()),
                mirrored: vec![
                    entry(PersonalCategory::Id, &[("learner_id", None)]),
                    entry(
                        PersonalCategory::Birth,
                        &[("date_of_birth", Some(Masking::Year))],
                    ),
                    entry(
                        PersonalCategory::Contact,
                        &[("email", Some(Masking::Pseudonym)), ("mobile", None)],
                    ),
                ],
                left_out: vec![
                    entry(
                        PersonalCategory::Family,
                        &[("nok_name", None), ("nok_mobile", None)],
                    ),
                    entry(PersonalCategory::Origin, &[("visa_type_id", None)]),
                ],
            }],
            without: vec!["north_courses".to_owned()],
        }],
        tables_without_a_job: Vec::new(),
        removals: vec!["no job reads old_users any more: removed on 2027-01-05".to_owned()],
        records: "Records of runs are kept 400d.".to_owned(),
        files: vec![PrivateFile {
            file: PathBuf::from("/var/lib/rollbook/mirror.db"),
            what: "the mirror",
            owner: "rollbook:rollbook".to_owned(),
            mode: "0600".to_owned(),
            readers: "root and rollbook".to_owned(),
        }],
        backups: "No backups are scheduled.".to_owned(),
        programs: Vec::new(),
        databases: Vec::new(),
    }
}

#[test]
fn a_register_on_a_terminal() {
    snapshots::check("privacy", |width| page(&register(), width));
}

#[test]
fn a_register_as_a_page() {
    let page = markdown::page(&register());
    for line in [
        "## North (`north`)\n",
        "### `north_learners`\n\nA row is a learner. Job nightly; 600 rows, 1 old version; old versions kept 400d; rows removed 730d after end_date.\n",
        "| contact | email (pseudonymised), mobile |\n| Not mirrored: family | nok_name, nok_mobile |\n",
        "| Not mirrored: origin (special) | visa_type_id |\n",
        "| `/var/lib/rollbook/mirror.db` | the mirror | rollbook:rollbook | 0600 | root and rollbook |\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}
