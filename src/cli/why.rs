//! `rollbook why STREAM KEY…`, or with `--where COLUMN=VALUE`: which runs added, changed or removed a row. Exit 1 if there never
//! was one.
//!
//! Shows times, runs and names of columns, never a value; the key is only what the admin typed.

use serde::{Serialize, Serializer};

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::named_people::{check_key, key_columns, key_where};
use super::out;
use super::suggested::suggested;
use super::table::indented;
use super::table::many;
use rollbook_core::model::scalar::display_time;
use rollbook_core::model::{JobName, Outcome, Table};
use rollbook_core::store::queries::{self, LastRead, Reader, RowProblem, Version};
use rollbook_engine::setup::Folders;

/// Options of `why`.
#[derive(Debug, clap::Args)]
pub struct WhyOptions {
    /// The stream, as SOURCE_STREAM or SOURCE.STREAM
    stream: String,
    /// The row's key, one value per key column
    #[arg(required_unless_present = "columns")]
    key: Vec<String>,
    /// Find the row by a column instead of its key, now or in its history; repeat it for several columns
    #[arg(long = "where", value_name = "COLUMN=VALUE", conflicts_with = "key")]
    columns: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the history of one row.
pub fn run(folders: &Folders, options: &WhyOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let table = access.table(&options.stream)?;
    let mirror = access.mirror()?;
    let key = if options.columns.is_empty() {
        check_key(&table, &options.key)?;
        options.key.clone()
    } else {
        key_where(mirror, &table, &options.columns)?
    };
    let view = view(mirror, &table, &key)?;
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view));
    }
    match view.state {
        RowState::Unknown => Err(Exit::unsuccessful()),
        RowState::InTheMirror | RowState::Removed => Ok(()),
    }
}

#[derive(Debug, Serialize)]
struct WhyView {
    table: String,
    /// Column and value, in the key's order.
    #[serde(serialize_with = "as_map")]
    key: Vec<(String, String)>,
    /// `in_the_mirror`, `removed` or `unknown`.
    state: RowState,
    events: Vec<RowEvent>,
    unconfirmed: Option<UnconfirmedRow>,
    /// Rejects of the row when it was last received.
    problems: Vec<RowProblem>,
    last_read: Option<LastRead>,
}

fn as_map<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(column, value)| (column, value)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum RowState {
    InTheMirror,
    Removed,
    Unknown,
}

/// A change of the row.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RowEvent {
    at: String,
    what: RowChange,
    run: i64,
    /// `null` if the run is no longer recorded.
    job: Option<JobName>,
    /// The outcome of this stream in the run.
    outcome: Option<Outcome>,
    /// Whether the run has not ended yet.
    running: bool,
    /// Names of the columns that differ from before.
    columns: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum RowChange {
    Added,
    Changed,
    AddedAgain,
    Removed,
}

/// Complete readings without the row, but not enough yet to remove it.
#[derive(Debug, Serialize)]
struct UnconfirmedRow {
    missed: u32,
    first_run: i64,
}

fn view(mirror: &Reader, table: &Table, key: &[String]) -> Result<WhyView, Exit> {
    let versions = queries::why(mirror, table, key)?;
    let mut events = events(&versions);
    for event in &mut events {
        if let Some(run) = queries::run(mirror, event.run)? {
            let streams = queries::run_streams(mirror, run.run)?;
            let part = streams.into_iter().find(|part| part.stream == table.stream);
            (event.job, event.running) = (Some(run.job), run.running);
            event.outcome = part.map(|part| part.outcome).or(run.outcome);
        }
    }
    let unconfirmed = queries::missed_readings(mirror, table, key)?;
    Ok(WhyView {
        table: table.name(),
        key: key_columns(table)
            .into_iter()
            .zip(key.iter().cloned())
            .collect(),
        state: match versions.last() {
            None => RowState::Unknown,
            Some(version) if version.until.is_none() => RowState::InTheMirror,
            Some(_) => RowState::Removed,
        },
        events,
        unconfirmed: unconfirmed.map(|(missed, first_run)| UnconfirmedRow { missed, first_run }),
        problems: queries::row_problems(mirror, table, key)?,
        last_read: queries::last_read(mirror, &table.source, &table.stream)?,
    })
}

/// Changes, oldest first. A row that was removed and added again has a gap between two versions.
fn events(versions: &[Version]) -> Vec<RowEvent> {
    let event = |at: &str, what, run, columns: &[String]| RowEvent {
        at: at.to_owned(),
        what,
        run,
        job: None,
        outcome: None,
        running: false,
        columns: columns.to_vec(),
    };
    let mut events = Vec::new();
    let mut before: Option<&Version> = None;
    for version in versions {
        let what = match before.map(|before| before.ended.as_deref()) {
            None => RowChange::Added,
            Some(Some("removed")) => RowChange::AddedAgain,
            Some(_) => RowChange::Changed,
        };
        events.push(event(
            &version.since,
            what,
            version.run,
            &version.differs_in,
        ));
        if let (Some("removed"), Some(until), Some(run)) =
            (version.ended.as_deref(), &version.until, version.ended_run)
        {
            events.push(event(until, RowChange::Removed, run, &[]));
        }
        before = Some(version);
    }
    events
}

fn text(view: &WhyView) -> String {
    let key: Vec<String> = view
        .key
        .iter()
        .map(|(column, value)| format!("{column} = {value}"))
        .collect();
    let name = format!("{} with {}", view.table, key.join(", "));
    let last = match &view.last_read {
        Some(last) => format!(
            "{} was last read by run {} of {}, {} UTC ({}, {})",
            view.table,
            last.run,
            last.job,
            display_time(&last.started),
            last.reading,
            last.outcome
        ),
        None => format!("{} was never read", view.table),
    };
    let problems = problems(&view.problems);
    if view.state == RowState::Unknown {
        let mut text = format!(
            "There is no row of {name}, neither in the mirror nor in its history.\n{problems}{last}.\n"
        );
        let rejected = view.last_read.as_ref().filter(|last| last.rejected > 0);
        if let (Some(last), true) = (rejected, view.problems.is_empty()) {
            text.push_str(&format!(
                "That run rejected {}; `{}` shows why.\n",
                many(last.rejected as u64, "row", "rows"),
                suggested(&format!("runs show {}", last.run))
            ));
        }
        return text;
    }
    let mut text = format!("A row of {name}:\n");
    text.push_str(&indented(2, view.events.iter().map(line)));
    text.push_str(match view.state {
        RowState::InTheMirror => "It is in the mirror now.",
        RowState::Removed | RowState::Unknown => "It is not in the mirror now.",
    });
    if let Some(unconfirmed) = &view.unconfirmed {
        let readings = many(
            u64::from(unconfirmed.missed),
            "complete reading",
            "complete readings",
        );
        text.push_str(&format!(
            " It is missing from {readings} since run {}; its removal needs another one.",
            unconfirmed.first_run
        ));
    }
    format!("{text}\n{problems}{last}.\n")
}

/// A line per run that rejected the row, and per column that keeps its last value.
fn problems(problems: &[RowProblem]) -> String {
    let (rejected, kept): (Vec<&RowProblem>, Vec<&RowProblem>) =
        problems.iter().partition(|problem| problem.rejected);
    let mut text = String::new();
    for of_run in rejected.chunk_by(|one, other| one.run == other.run) {
        let why: Vec<String> = of_run
            .iter()
            .map(|problem| format!("`{}`: {}", problem.column, problem.reason))
            .collect();
        let (run, why) = (of_run[0].run, why.join("; "));
        text.push_str(&format!(
            "Run {run} received this row but rejected it: {why}.\n"
        ));
    }
    for RowProblem {
        column,
        reason,
        run,
        ..
    } in kept
    {
        text.push_str(&format!(
            "`{column}` keeps its last value since run {run}: {reason}.\n"
        ));
    }
    text
}

fn line(event: &RowEvent) -> [String; 5] {
    let what = match event.what {
        RowChange::Added => "added",
        RowChange::Changed => "changed",
        RowChange::AddedAgain => "added again",
        RowChange::Removed => "removed",
    };
    let outcome = match (&event.job, &event.outcome) {
        (Some(_), Some(outcome)) => outcome.to_string(),
        (Some(_), None) if event.running => "running".to_owned(),
        (Some(_), None) => "no end recorded".to_owned(),
        (None, _) => "(no longer recorded)".to_owned(),
    };
    let run = match &event.job {
        Some(job) => format!("run {} of {job}", event.run),
        None => format!("run {}", event.run),
    };
    [
        format!("{} UTC", display_time(&event.at)),
        what.to_owned(),
        run,
        outcome,
        event.columns.join(", "),
    ]
}

#[cfg(test)]
mod tests;
