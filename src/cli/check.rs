//! `rollbook check`: is everything that admins wrote right, and what would the next start do to the mirror?

use std::collections::BTreeMap;

use serde::Serialize;

use super::exit::Exit;
use super::problems::ProblemLine;
use super::reading::{Reading, errors};
use super::words::many;
use super::{online, out, start, table::indented};
use crate::app::{Overlay, Places, Setup, SourceOnline, check_targets, keys};
use crate::model::{Look, Problems};
use crate::store::look::{self, Reader};
use crate::store::table::storage;
use crate::store::vault::kept;
use crate::store::{StoreError, Table, tables};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Sign in to every source and ask for one row of each stream; nothing is written to the mirror
    #[arg(long)]
    online: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks all files; ends with 78 when a daemon would not start with them, with 1 when a vendor does not answer.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let reading = Reading::open_quietly(places)?;
    let mut notes = Problems::new();
    let mut view = match &reading.setup {
        Ok(setup) => {
            notes.append(setup.notes.clone());
            if let Some(mirror) = reading.mirror_if_made() {
                notes.append(check_targets(setup, mirror, None)?);
            }
            let mut view = view(setup, reading.mirror_if_made(), &notes)?;
            view.vault = vault(places, setup)?;
            view.ok &= view.vault.is_empty();
            view
        }
        Err(problems) => View {
            problems: problems.iter().map(ProblemLine::of).collect(),
            ..View::default()
        },
    };
    if options.online && reading.setup.is_ok() {
        let mirror = reading.mirror_if_made().map(|_| reading.path.as_path());
        view.online = Some(online::ask_all(places, mirror).await?);
    }
    if options.json {
        out::json(&view);
    } else {
        match &reading.setup {
            Ok(_) => out::text(notes.render(Look::Coloured) + &text(&view)),
            Err(problems) => anstream::eprintln!("{}", refused(problems)),
        }
    }
    match &view.online {
        _ if !view.ok => Err(Exit::wrong_configuration()),
        Some(sources) if !sources.iter().all(SourceOnline::is_fine) => Err(Exit::unwell()),
        _ => Ok(()),
    }
}

/// What `check` found.
#[derive(Debug, Default, Serialize)]
struct View {
    ok: bool,
    sources: usize,
    jobs: usize,
    streams: usize,
    crosswalks: usize,
    /// Targets of crosswalks that their lists do not hold.
    wrong_targets: usize,
    problems: Vec<ProblemLine>,
    erased_at_next_start: Vec<Erased>,
    keys_changed: Vec<String>,
    tables_without_a_job: Vec<String>,
    /// Why what the vault keeps cannot be had.
    vault: Vec<String>,
    /// What the vendors said, if they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<Vec<SourceOnline>>,
}

/// Columns of a table that the next start erases, in its history too.
#[derive(Debug, Serialize)]
struct Erased {
    table: String,
    /// No longer listed.
    columns: Vec<String>,
    /// Listed with a type that is stored in another way: erased, and read anew.
    retyped: Vec<String>,
}

fn view(setup: &Setup, mirror: Option<&Reader>, notes: &Problems) -> Result<View, Exit> {
    let mut view = View {
        sources: setup.sources.len(),
        jobs: setup.jobs.len(),
        crosswalks: setup.crosswalks.len(),
        problems: notes.iter().map(ProblemLine::of).collect(),
        wrong_targets: notes.errors(),
        ..View::default()
    };
    let wanted = setup.tables();
    view.streams = wanted.len();
    if let Some(mirror) = mirror {
        for table in &wanted {
            compare(mirror, table, &mut view)?;
        }
        view.tables_without_a_job = look::mirrored(mirror)?
            .into_iter()
            .map(|(source, stream)| format!("{source}_{stream}"))
            .filter(|name| wanted.iter().all(|table| table.name() != *name))
            .collect();
    }
    view.ok = view.keys_changed.is_empty() && view.wrong_targets == 0;
    Ok(view)
}

/// Why what is kept of a source cannot be opened, each reason once with all its sources.
fn vault(places: &Places, setup: &Setup) -> Result<Vec<String>, Exit> {
    let secrets = start::secrets(places, &Overlay::default());
    let keys = keys(&setup.config.store, &secrets)?;
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in kept(&places.vault(setup))? {
        let is_secret = line.obtained.is_some() || line.intent.is_some();
        if let (true, Some(refusal)) = (is_secret, keys.refusal(line.key_id.as_deref())) {
            let sources = reasons.entry(refusal.to_string()).or_default();
            sources.push(line.source);
        }
    }
    let sentence = |(reason, sources): (String, Vec<String>)| {
        format!(
            "the sign-in of {} cannot be used: {reason}",
            sources.join(", ")
        )
    };
    Ok(reasons.into_iter().map(sentence).collect())
}

/// What the next start would do to one table.
fn compare(mirror: &Reader, wanted: &Table, view: &mut View) -> Result<(), StoreError> {
    let Some(have) = look::table(mirror, &wanted.source, &wanted.stream)? else {
        return Ok(());
    };
    let key = |table: &Table| -> Vec<String> {
        table
            .key
            .iter()
            .map(|place| table.columns[*place].name.clone())
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
    let retyped = have.columns.iter().filter(|old| {
        let new = wanted.columns.iter().find(|new| new.name == old.name);
        new.is_some_and(|new| storage(new.kind) != storage(old.kind))
    });
    let erased = Erased {
        table: wanted.name(),
        columns: tables::doomed(mirror, wanted)?,
        retyped: retyped.map(|column| column.name.clone()).collect(),
    };
    if !(erased.columns.is_empty() && erased.retyped.is_empty()) {
        view.erased_at_next_start.push(erased);
    }
    Ok(())
}

fn refused(problems: &Problems) -> String {
    format!("{}\n{}.", problems.render(Look::Coloured), errors(problems))
}

fn text(view: &View) -> String {
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
    text.push_str(if view.ok {
        ": all right.\n"
    } else if !view.keys_changed.is_empty() {
        ": the next start would refuse them.\n"
    } else if !view.vault.is_empty() {
        ": the vault does not open.\n"
    } else {
        ": a daemon would start, and leave out the targets that are not there.\n"
    });
    for sentence in view.keys_changed.iter().chain(&view.vault) {
        text.push_str(&format!("• {sentence}\n"));
    }
    if !view.erased_at_next_start.is_empty() {
        text.push_str("The next start erases these columns, with their history:\n");
        let rows = view.erased_at_next_start.iter().flat_map(|erased| {
            let line = |columns: &[String], why: &str| {
                (!columns.is_empty())
                    .then(|| [erased.table.clone(), format!("{}{why}", columns.join(", "))])
            };
            [
                line(&erased.columns, ""),
                line(&erased.retyped, " (another type: read anew)"),
            ]
        });
        text.push_str(&indented(2, rows.flatten()));
    }
    if !view.tables_without_a_job.is_empty() {
        text.push_str(&format!(
            "No job reads these any more; they stay as they are: {}\n",
            view.tables_without_a_job.join(", ")
        ));
    }
    if let Some(sources) = &view.online {
        text.push_str(&online::text(sources));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_next_start_would_do() {
        let plain = || View {
            ok: true,
            sources: 3,
            jobs: 1,
            streams: 38,
            ..View::default()
        };
        let erased = |table: &str, columns: &[&str], retyped: &[&str]| Erased {
            table: table.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            retyped: retyped.iter().map(|name| (*name).to_owned()).collect(),
        };
        let rows = [
            (plain(), "3 sources, 1 job, 38 streams: all right.\n"),
            (
                View {
                    erased_at_next_start: vec![
                        erased("north_users", &["email", "uuid"], &[]),
                        erased("north_orgs", &["code"], &["level"]),
                    ],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: all right.\n\
                 The next start erases these columns, with their history:\n\
                 \x20 north_users  email, uuid\n\
                 \x20 north_orgs   code\n\
                 \x20 north_orgs   level (another type: read anew)\n",
            ),
            (
                View {
                    ok: false,
                    keys_changed: vec!["the key of table north_users would change".to_owned()],
                    tables_without_a_job: vec!["old_users".to_owned(), "old_orgs".to_owned()],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: the next start would refuse them.\n\
                 • the key of table north_users would change\n\
                 No job reads these any more; they stay as they are: old_users, old_orgs\n",
            ),
            (
                View {
                    ok: false,
                    vault: vec!["the sign-in of north cannot be used: no key".to_owned()],
                    ..plain()
                },
                "3 sources, 1 job, 38 streams: the vault does not open.\n\
                 • the sign-in of north cannot be used: no key\n",
            ),
        ];
        for (view, expected) in rows {
            assert_eq!(text(&view), expected);
        }
    }
}
