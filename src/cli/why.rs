//! `rollbook why STREAM KEY…`: which run brought, changed or removed a row.
//!
//! It tells times, runs and the names of columns, never a value: the key is only what the admin typed.

use serde::{Serialize, Serializer};

use super::exit::Exit;
use super::out;
use super::reading::Reading;
use super::table::indented;
use super::words::{many, moment};
use crate::app::Places;
use crate::model::Outcome;
use crate::store::Table;
use crate::store::look::{self, LastRead, Reader, RowProblem, Version};

/// Options of `why`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The stream, as its table is called (SOURCE_STREAM) or as SOURCE.STREAM
    stream: String,
    /// The row's key, one value for each column of it
    #[arg(required = true)]
    key: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tells the story of one row.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let reading = Reading::open(places)?.up_to_date()?;
    let table = reading.table(&options.stream)?;
    check_key(&table, &options.key)?;
    let view = view(reading.mirror()?, &table, &options.key)?;
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view));
    }
    Ok(())
}

fn key_columns(table: &Table) -> Vec<String> {
    let columns = table.key.iter().map(|place| &table.columns[*place].name);
    columns.cloned().collect()
}

fn check_key(table: &Table, key: &[String]) -> Result<(), Exit> {
    let columns = key_columns(table);
    if key.len() == columns.len() {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "the key of {} is ({}): give {}, in this order",
        table.name(),
        columns.join(", "),
        many(columns.len() as u64, "value", "values"),
    )))
}

#[derive(Debug, Serialize)]
struct View {
    table: String,
    /// Column and value, in the key's order.
    #[serde(serialize_with = "as_map")]
    key: Vec<(String, String)>,
    /// `in_the_mirror`, `gone` or `unknown`.
    state: State,
    events: Vec<Event>,
    waiting: Option<Waiting>,
    /// What could not be read of it when it was received last.
    problems: Vec<RowProblem>,
    last_read: Option<LastRead>,
}

fn as_map<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(column, value)| (column, value)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InTheMirror,
    Gone,
    Unknown,
}

/// One thing that happened to the row.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Event {
    at: String,
    what: What,
    run: i64,
    /// Nothing when the run is no longer recorded.
    job: Option<String>,
    /// How this stream's part of the run ended.
    outcome: Option<Outcome>,
    /// Names of the columns that differ from before.
    columns: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Came,
    Changed,
    CameBack,
    Gone,
}

/// Complete readings missed the row, but not enough of them yet.
#[derive(Debug, Serialize)]
struct Waiting {
    missed: u32,
    first_run: i64,
}

fn view(mirror: &Reader, table: &Table, key: &[String]) -> Result<View, Exit> {
    let versions = look::why(mirror, table, key)?;
    let mut events = events(&versions);
    for event in &mut events {
        if let Some(run) = look::run(mirror, event.run)? {
            let streams = look::run_streams(mirror, run.run)?;
            let part = streams.into_iter().find(|part| part.stream == table.stream);
            event.job = Some(run.job);
            event.outcome = part.map(|part| part.outcome).or(run.outcome);
        }
    }
    let waiting = look::waits(mirror, table, key)?;
    Ok(View {
        table: table.name(),
        key: key_columns(table)
            .into_iter()
            .zip(key.iter().cloned())
            .collect(),
        state: match versions.last() {
            None => State::Unknown,
            Some(version) if version.until.is_none() => State::InTheMirror,
            Some(_) => State::Gone,
        },
        events,
        waiting: waiting.map(|(missed, first_run)| Waiting { missed, first_run }),
        problems: look::row_problems(mirror, table, key)?,
        last_read: look::last_read(mirror, &table.source, &table.stream)?,
    })
}

/// What happened, oldest first. A row that left and came again has a gap between two versions.
fn events(versions: &[Version]) -> Vec<Event> {
    let event = |at: &str, what, run, columns: &[String]| Event {
        at: at.to_owned(),
        what,
        run,
        job: None,
        outcome: None,
        columns: columns.to_vec(),
    };
    let mut events = Vec::new();
    let mut before: Option<&Version> = None;
    for version in versions {
        let what = match before.map(|before| before.ended.as_deref()) {
            None => What::Came,
            Some(Some("gone")) => What::CameBack,
            Some(_) => What::Changed,
        };
        events.push(event(
            &version.since,
            what,
            version.run,
            &version.differs_in,
        ));
        if let (Some("gone"), Some(until), Some(run)) =
            (version.ended.as_deref(), &version.until, version.ended_run)
        {
            events.push(event(until, What::Gone, run, &[]));
        }
        before = Some(version);
    }
    events
}

fn text(view: &View) -> String {
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
            moment(&last.started),
            last.reading,
            last.outcome
        ),
        None => format!("{} was never read", view.table),
    };
    let problems = problems(&view.problems);
    if view.state == State::Unknown {
        let mut text = format!(
            "There is no row of {name}, neither now nor in the history.\n{problems}{last}.\n"
        );
        let rejected = view.last_read.as_ref().filter(|last| last.rejected > 0);
        if let (Some(last), true) = (rejected, view.problems.is_empty()) {
            text.push_str(&format!(
                "That run could not take {}; `rollbook runs show {}` says why.\n",
                many(last.rejected as u64, "row", "rows"),
                last.run
            ));
        }
        return text;
    }
    let mut text = format!("A row of {name}:\n");
    text.push_str(&indented(2, view.events.iter().map(line)));
    text.push_str(match view.state {
        State::InTheMirror => "It is in the mirror now.",
        State::Gone | State::Unknown => "It is not in the mirror now.",
    });
    if let Some(waiting) = &view.waiting {
        let readings = many(
            u64::from(waiting.missed),
            "complete reading",
            "complete readings",
        );
        text.push_str(&format!(
            " {readings} missed it, run {} first: it waits for another one before it leaves.",
            waiting.first_run
        ));
    }
    format!("{text}\n{problems}{last}.\n")
}

/// A line for each run that rejected the row, and for each column that keeps its last value.
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

fn line(event: &Event) -> [String; 5] {
    let what = match event.what {
        What::Came => "came",
        What::Changed => "changed",
        What::CameBack => "came back",
        What::Gone => "gone",
    };
    let outcome = match (&event.job, &event.outcome) {
        (Some(_), Some(outcome)) => outcome.to_string(),
        (Some(_), None) => "no end recorded".to_owned(),
        (None, _) => "(no longer recorded)".to_owned(),
    };
    let run = match &event.job {
        Some(job) => format!("run {} of {job}", event.run),
        None => format!("run {}", event.run),
    };
    [
        format!("{} UTC", moment(&event.at)),
        what.to_owned(),
        run,
        outcome,
        event.columns.join(", "),
    ]
}

#[cfg(test)]
mod tests;
