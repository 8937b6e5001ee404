//! `rollbook check`: every problem of every file, secret and address, and what the next start would do to the mirror.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::{MirrorAccess, errors};
use super::problems::ProblemLine;
use super::table::{bullets, indented, many};
use super::unconfigured::{UnconfiguredTable, sentences, unconfigured_tables};
use super::{left_out, out, preflight, problems, serve, start, web};
use rollbook_app::app::{
    DatabaseCheck, SourceCheck, check_bundles, check_databases, check_targets, keys, rename_advice,
    renamed_in_files, unusable_database,
};
use rollbook_core::document::Problems;
use rollbook_core::model::Table;
use rollbook_core::store::queries::{self, Reader};
use rollbook_core::store::table::storage;
use rollbook_core::store::vault::{entries, refused_maskings};
use rollbook_core::store::{StoreError, tables};
use rollbook_engine::setup::{self, Folders, Overlay, Setup};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckOptions {
    /// Sign in to every source and request one row of each stream, and connect to every database; nothing is written
    #[arg(long)]
    online: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks all files; ends with 78 when one has a mistake or a job could not run, with 1 when a vendor or a
/// database does not respond.
pub async fn run(folders: &Folders, options: &CheckOptions) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let secrets = start::secrets(folders, &overlay);
    let (setup, mut problems) = setup::check(folders, &overlay, &secrets, unusable_database);
    let unready = problems.errors();
    let services = [
        ("web", web::problems(folders)),
        ("serve oneroster", serve::problems(folders, setup.as_ref())),
    ];
    let mut failing_services = Vec::new();
    for (name, found) in services {
        if found.has_errors() {
            failing_services.push(format!("`rollbook {name}`"));
        }
        problems.append(found);
    }
    let access = MirrorAccess::of(folders, setup.ok_or_else(|| problems.clone()))?;
    let mut view = match &access.setup {
        Ok(setup) => {
            let before = problems.errors();
            let mut view = view(setup, access.mirror_if_made())?;
            if let Some(mirror) = access.mirror_if_made() {
                problems.append(check_targets(setup, mirror, None)?);
                view.wrong_targets = problems.errors() - before;
                let missing = serve::missing_column(folders);
                problems.append(check_bundles(setup, &access.path, missing)?);
            }
            view.unready = unready;
            view.failing_services = failing_services;
            view.vault = vault(folders, setup)?;
            // The mirror may know less: one that is built from nothing knows of no one.
            for refusal in refused_maskings(&folders.vault(setup), &setup.tables())? {
                let refusal = refusal.to_string();
                if !view.keys_changed.contains(&refusal) {
                    view.keys_changed.push(refusal);
                }
            }
            view.ok =
                !problems.has_errors() && view.keys_changed.is_empty() && view.vault.is_empty();
            view
        }
        Err(_) => CheckView::default(),
    };
    view.problems = problems.iter().map(ProblemLine::of).collect();
    if let (true, Ok(setup)) = (options.online, &access.setup) {
        let mirror = access.mirror_if_made().map(|_| access.path.as_path());
        view.online = Some(preflight::check_all(folders, mirror).await?);
        view.databases = check_databases(setup, &secrets).await;
    }
    if options.json {
        out::json(&view);
    } else {
        match &access.setup {
            Ok(_) => {
                out::exact(&problems::render(&problems, out::width()));
                out::text(text(&view, out::width()));
            }
            Err(problems) => anstream::eprintln!("{}", refused(problems)),
        }
    }
    match &view.online {
        _ if !view.ok => Err(Exit::wrong_configuration()),
        Some(sources) if !sources.iter().all(SourceCheck::is_fine) => Err(Exit::unsuccessful()),
        _ if view.databases.iter().any(|one| !one.problems.is_empty()) => Err(Exit::unsuccessful()),
        _ => Ok(()),
    }
}

/// The result of `check`.
#[derive(Debug, Default, Serialize)]
struct CheckView {
    ok: bool,
    sources: usize,
    jobs: usize,
    streams: usize,
    crosswalks: usize,
    /// The services that would not start.
    #[serde(skip)]
    failing_services: Vec<String>,
    /// Targets of crosswalks that are not in their lists.
    wrong_targets: usize,
    /// Problems with which a daemon starts and parks jobs: secrets, addresses, values that are not filled in.
    unready: usize,
    problems: Vec<ProblemLine>,
    /// How many columns jobs leave out.
    #[serde(skip)]
    left_out: String,
    erased_at_next_start: Vec<Erased>,
    keys_changed: Vec<String>,
    tables_without_a_job: Vec<UnconfiguredTable>,
    #[serde(skip)]
    removals: Vec<String>,
    /// Sources that may have been renamed in the configuration only, and what to do.
    renamed: Vec<String>,
    /// Why a sign-in in the vault cannot be used.
    vault: Vec<String>,
    /// What the vendors returned, with `--online`.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<Vec<SourceCheck>>,
    /// What databases of `[publish.NAME]` answered, with `--online`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    databases: Vec<DatabaseCheck>,
}

/// Columns of a table that the next start deletes, in its history too.
#[derive(Debug, Serialize)]
struct Erased {
    table: String,
    /// No longer listed.
    columns: Vec<String>,
    /// Columns whose new type is stored differently: their values are erased and read again.
    retyped: Vec<String>,
    /// Columns that were masked otherwise, or not at all: the same.
    masked: Vec<String>,
    /// All rows are deleted and read again, because the key was masked otherwise.
    all_rows: bool,
}

fn view(setup: &Setup, mirror: Option<&Reader>) -> Result<CheckView, Exit> {
    let mut view = CheckView {
        sources: setup.sources.len(),
        jobs: setup.jobs.len(),
        crosswalks: setup.crosswalks.len(),
        ..CheckView::default()
    };
    let wanted = setup.tables();
    view.streams = wanted.len();
    view.left_out = left_out::line(setup, setup.jobs.keys());
    if let Some(mirror) = mirror {
        for table in &wanted {
            compare(mirror, table, &mut view)?;
        }
        view.tables_without_a_job = unconfigured_tables(mirror, setup)?;
        view.removals = sentences(&view.tables_without_a_job, setup.config.store.unconfigured);
        view.renamed = renamed_in_files(setup, mirror)?
            .iter()
            .map(|(old, new)| rename_advice(old, new))
            .collect();
    }
    Ok(view)
}

/// Why the sign-in of a source cannot be used, each reason once with all its sources.
fn vault(folders: &Folders, setup: &Setup) -> Result<Vec<String>, Exit> {
    let secrets = start::secrets(folders, &Overlay::default());
    let keys = keys(&setup.config.store, &secrets)?;
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in entries(&folders.vault(setup))? {
        let is_secret = line.obtained.is_some() || line.intent.is_some();
        if let (true, Some(refusal)) = (is_secret, keys.refusal(line.key_id.as_deref())) {
            let sources = reasons.entry(refusal.to_string()).or_default();
            sources.push(line.source);
        }
    }
    let message = |(reason, sources): (String, Vec<String>)| {
        format!("cannot use the sign-in of {}: {reason}", sources.join(", "))
    };
    Ok(reasons.into_iter().map(message).collect())
}

/// What the next start would do to one table.
fn compare(mirror: &Reader, wanted: &Table, view: &mut CheckView) -> Result<(), StoreError> {
    let Some(have) = queries::table(mirror, &wanted.source, &wanted.stream)? else {
        return Ok(());
    };
    let key = |table: &Table| -> Vec<String> {
        table
            .key
            .iter()
            .map(|index| table.columns[*index].name.clone())
            .collect()
    };
    let (old, new) = (key(&have), key(wanted));
    if old != new {
        let error = StoreError::KeyChanged {
            table: wanted.name(),
            old: old.join(", "),
            new: new.join(", "),
        };
        view.keys_changed.push(error.to_string());
        return Ok(());
    }
    if let Some(refusal) = tables::refused_masking(mirror, wanted)? {
        view.keys_changed.push(refusal.to_string());
        return Ok(());
    }
    let mut erased = Erased {
        table: wanted.name(),
        columns: tables::columns_to_drop(mirror, wanted)?,
        retyped: Vec::new(),
        masked: Vec::new(),
        all_rows: false,
    };
    for old in &have.columns {
        let new = wanted.columns.iter().find(|new| new.name == old.name);
        let Some(new) = new else { continue };
        if new.masking != old.masking {
            erased.all_rows |= old_key_has(&have, &old.name);
            erased.masked.push(old.name.clone());
        } else if storage(new.kind) != storage(old.kind) {
            erased.retyped.push(old.name.clone());
        }
    }
    let lists = [&erased.columns, &erased.retyped, &erased.masked];
    if lists.iter().any(|list| !list.is_empty()) {
        view.erased_at_next_start.push(erased);
    }
    Ok(())
}

fn old_key_has(table: &Table, column: &str) -> bool {
    let mut key = table.key.iter().map(|index| &table.columns[*index]);
    key.any(|one| one.name == column)
}

fn refused(problems: &Problems) -> String {
    format!(
        "{}\n{}.",
        problems::render(problems, out::error_width()),
        errors(problems)
    )
}

fn text(view: &CheckView, width: Option<usize>) -> String {
    let mut text = format!(
        "{}, {}, {}",
        many(view.sources as u64, "source", "sources"),
        many(view.jobs as u64, "job", "jobs"),
        many(view.streams as u64, "stream", "streams"),
    );
    if view.crosswalks > 0 {
        let crosswalks = many(view.crosswalks as u64, "crosswalk", "crosswalks");
        text.push_str(&format!(", {crosswalks}"));
    }
    let failing;
    text.push_str(if view.ok {
        ": no problems.\n"
    } else if !view.keys_changed.is_empty() {
        ": the next start would fail.\n"
    } else if !view.vault.is_empty() {
        ": the vault cannot be opened.\n"
    } else if view.unready > 0 {
        ": a daemon would start, and park the jobs that these problems concern.\n"
    } else if !view.failing_services.is_empty() {
        failing = format!(
            ": a daemon would start, but {} would not.\n",
            view.failing_services.join(" and ")
        );
        &failing
    } else {
        ": a daemon would start, but ignore crosswalk lines with missing targets.\n"
    });
    text.push_str(&bullets(view.keys_changed.iter().chain(&view.vault)));
    if !view.erased_at_next_start.is_empty() {
        text.push_str("The next start deletes these columns and their history:\n");
        let rows = view.erased_at_next_start.iter().flat_map(|erased| {
            let line = |columns: &[String], why: &str| {
                (!columns.is_empty())
                    .then(|| [erased.table.clone(), format!("{}{why}", columns.join(", "))])
            };
            [
                line(&erased.columns, ""),
                line(&erased.retyped, " (another type: read again)"),
                match erased.all_rows {
                    true => line(&erased.masked, " (another key: all rows are read again)"),
                    false => line(&erased.masked, " (masked otherwise: read again)"),
                },
            ]
        });
        text.push_str(&indented(2, rows.flatten()));
    }
    text.push_str(&view.left_out);
    text.push_str(&bullets(view.removals.iter().chain(&view.renamed)));
    if let Some(sources) = &view.online {
        text.push_str(&format!("\n{}", preflight::text(sources, width)));
    }
    text.push_str(&bullets(view.databases.iter().map(DatabaseCheck::line)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effects_of_the_next_start() {
        let plain = || CheckView {
            ok: true,
            sources: 3,
            jobs: 1,
            streams: 38,
            ..CheckView::default()
        };
        let erased = |table: &str, columns: &[&str], retyped: &[&str]| Erased {
            table: table.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            retyped: retyped.iter().map(|name| (*name).to_owned()).collect(),
            masked: Vec::new(),
            all_rows: false,
        };
        let rows = [
            (plain(), "3 sources, 1 job, 38 streams: no problems.\n"),
            (
                CheckView {
                    erased_at_next_start: vec![
                        erased("north_users", &["email", "uuid"], &[]),
                        erased("north_orgs", &["code"], &["level"]),
                        Erased {
                            masked: vec!["email".to_owned()],
                            ..erased("north_staff", &[], &[])
                        },
                        Erased {
                            masked: vec!["id".to_owned()],
                            all_rows: true,
                            ..erased("north_pupils", &[], &[])
                        },
                    ],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: no problems.\n\
                 The next start deletes these columns and their history:\n\
                 \x20 north_users   email, uuid\n\
                 \x20 north_orgs    code\n\
                 \x20 north_orgs    level (another type: read again)\n\
                 \x20 north_staff   email (masked otherwise: read again)\n\
                 \x20 north_pupils  id (another key: all rows are read again)\n",
            ),
            (
                CheckView {
                    ok: false,
                    keys_changed: vec!["the key of table north_users would change".to_owned()],
                    removals: vec!["no job reads old_users any more".to_owned()],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: the next start would fail.\n\
                 • the key of table north_users would change\n\
                 • no job reads old_users any more\n",
            ),
            (
                CheckView {
                    ok: false,
                    unready: 2,
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: a daemon would start, and park the jobs that these problems concern.\n",
            ),
            (
                CheckView {
                    ok: false,
                    vault: vec!["cannot use the sign-in of north: no key".to_owned()],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: the vault cannot be opened.\n\
                 • cannot use the sign-in of north: no key\n",
            ),
        ];
        for (view, expected) in rows {
            assert_eq!(text(&view, None), expected);
        }
    }
}
