//! Two accounts of one vendor in one configuration: each has lists, references and crosswalks of its own.

use std::fs;

use super::*;
use crate::setup::{Folders, Overlay, resolve};
use rollbook_core::model::{By, named};

const SOURCES: &str = r#"
[sources.north]
connector = "shelf"
settings = { region = "NZ" }
[sources.south]
connector = "shelf"
settings = { region = "AU" }
"#;

const SHELF: &str = r#"
connector = "shelf"
title = "Shelf"
base_url = "https://shelf.example"
[settings]
region = "AU"
[combos]
stream = "lists"
list = "list"
id = "id"
code = "code"
label = "label"
[combos.by_setting.genders]
setting = "region"
lists = { AU = "genders", NZ = "nz-genders" }
[streams.lists]
path = "/lists/{list}"
rows = "[]"
key = ["list", "id"]
[streams.lists.for_each]
list = [{ list = "genders" }, { list = "nz-genders" }]
[streams.lists.columns]
list = "= {list} : text"
id = "Id : integer"
code = "Code : text"
label = "Label : text"
[streams.people]
path = "/people"
rows = "[]"
key = ["person"]
[streams.people.columns]
person = "Id : integer"
gender = { from = "Gender : integer", combo = "{genders}" }
title = "Title : text"
"#;

const TITLES: &str = r#"
from = ["north.people.title", "south.people.title"]
to = { source = "north", list = "nz-genders" }
otherwise = "@"
[map]
Ms = "F"
"#;

fn setup(files: &[(&str, String)]) -> Setup {
    resolved(files).0
}

fn resolved(files: &[(&str, String)]) -> (Setup, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = [
        ("rollbook.toml", SOURCES.to_owned()),
        ("connectors/shelf.toml", SHELF.to_owned()),
        ("crosswalks/titles.toml", TITLES.to_owned()),
    ];
    for (name, text) in shared.iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    let folders = Folders {
        config: folder.path().to_owned(),
        jobs: folder.path().join("jobs"),
        state: folder.path().to_owned(),
        source: None,
    };
    let (setup, problems) = resolve(&folders, &Overlay::default());
    let messages = problems.iter().map(|problem| problem.message.clone());
    let messages = messages.collect();
    let setup = setup.unwrap_or_else(|| panic!("{problems}"));
    (setup, messages)
}

fn job(source: &str, more: &str) -> String {
    format!(
        "source = \"{source}\"\nstreams = [\"lists\", \"people\"]\nschedule = \"0 4 * * *\"\n{more}"
    )
}

#[test]
fn two_accounts_do_not_mix() {
    let setup = setup(&[
        ("jobs/north.toml", job("north", "")),
        ("jobs/south.toml", job("south", "")),
    ]);
    let all = of(&setup, None);
    let tables: Vec<String> = all.combos.iter().map(ComboTable::name).collect();
    assert_eq!(tables, ["north_lists", "south_lists"]);
    let references: Vec<(&str, &str, By)> = all
        .references
        .iter()
        .flat_map(|one| {
            one.columns
                .iter()
                .map(|(_, to)| (one.source.as_str(), to.list.as_str(), to.by))
        })
        .collect();
    assert_eq!(
        references,
        [
            ("north", "nz-genders", By::Id),
            ("south", "genders", By::Id)
        ]
    );
    for source in ["north", "south"] {
        let own = of(&setup, Some(&source.parse().expect("a name")));
        assert_eq!(own.combos.len(), 1);
        assert_eq!(
            own.combos_of(&named(source)).map(ComboTable::name),
            Some(format!("{source}_lists"))
        );
        assert!(own.references.iter().all(|one| one.source == source));
        assert_eq!(
            own.crosswalks, all.crosswalks,
            "both sides of a crosswalk keep it"
        );
    }
    let lines = &all.crosswalks[0].lines;
    assert_eq!(lines[0], (Some("Ms".to_owned()), "F".to_owned()));
    assert_eq!(lines[1], (None, "@".to_owned()));
}

#[test]
fn what_no_job_reads_or_keeps_is_left_out() {
    let (setup, notes) = resolved(&[
        (
            "jobs/north.toml",
            job("north", "").replace("\"lists\", ", ""),
        ),
        (
            "jobs/south.toml",
            job("south", "[stream.people]\ndrop = [\"title\"]\n"),
        ),
    ]);
    let lookups = of(&setup, None);
    let tables: Vec<String> = lookups.combos.iter().map(ComboTable::name).collect();
    assert_eq!(tables, ["south_lists"], "labels need lists that are read");
    assert_eq!(lookups.references.len(), 1);
    let columns: Vec<String> = lookups.crosswalks[0]
        .columns
        .iter()
        .map(|one| one.table())
        .collect();
    assert_eq!(columns, ["north_people"]);
    assert_eq!(
        notes,
        [
            "a job leaves out `title`, so there is nothing to map",
            "no job reads `north.lists`, so the targets stay unknown",
        ]
    );
}
