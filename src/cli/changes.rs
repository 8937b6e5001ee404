//! `rollbook changes [STREAM…] --since TIME|RUN`: what runs added, changed and removed, column by column.
//!
//! Prints values of rows, which only those who may read the mirror can see. A change is shown when its run and all before it
//! have ended, so a run number is a position: `--since` with the last one that was read misses nothing.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::stop::stop_on_signal;
use super::table::many;
use crate::clock::Clock;
use crate::document::suggest::advice;
use crate::model::past_time::parse_past;
use crate::model::row::Kind;
use crate::model::scalar::{display_time, to_canonical};
use crate::model::{SourceName, Table};
use crate::setup::{Folders, Setup};
use crate::store::queries::{self, ChangeKind, ChangeRange, ChangedRow, Reader, SqlValue};

/// How often `--follow` looks for ended runs.
const POLL: Duration = Duration::from_secs(1);

/// Options of `changes`.
#[derive(Debug, clap::Args)]
pub struct ChangesOptions {
    /// Streams, as SOURCE_STREAM or SOURCE.STREAM [default: all]
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// From this time on, in the job's time zone, or after this run: fri, "yesterday 8:00", "3 days", 2026-03-01, 42
    #[arg(long, value_name = "TIME|RUN", required_unless_present = "follow")]
    since: Option<String>,
    /// Before this time, or up to this run [default: all that is complete]
    #[arg(long, value_name = "TIME|RUN", conflicts_with = "follow")]
    until: Option<String>,
    /// Only added rows; with --changed or --removed both
    #[arg(long)]
    added: bool,
    /// Only changed rows
    #[arg(long)]
    changed: bool,
    /// Only removed rows
    #[arg(long)]
    removed: bool,
    /// Only these columns, with commas; of added and removed rows they are shown too
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Print one JSON object a line for each change
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV, a line for each column that is not the same
    #[arg(long)]
    csv: bool,
    /// Go on with the changes of later runs, until this command is stopped
    #[arg(long)]
    follow: bool,
}

/// A position in time or in the sequence of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RunOrTime {
    Run(i64),
    Time(String),
}

impl RunOrTime {
    fn parse(text: &str, zone: &TimeZone, now: jiff::Timestamp) -> Result<Self, Exit> {
        match text.trim().parse() {
            Ok(run) => Ok(Self::Run(run)),
            Err(_) => parse_past(text, zone, now)
                .map(|time| Self::Time(to_canonical(time)))
                .map_err(Exit::usage),
        }
    }
}

/// Prints the changes.
pub async fn run(folders: &Folders, options: ChangesOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let mirror = access.mirror()?;
    let clock = Clock::system();
    let tables = tables(&access, mirror, &options.streams)?;
    check_columns(&tables, &options.columns)?;
    let mut through = queries::complete_through(mirror)?;
    let mut ranges = Vec::with_capacity(tables.len());
    for table in tables {
        let zone = zone(access.setup.as_ref().ok(), &table.source);
        let position = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| RunOrTime::parse(text, &zone, clock.now()))
                .transpose()
        };
        let (since, until) = (position(&options.since)?, position(&options.until)?);
        let mut range = ChangeRange {
            table,
            after_run: 0,
            through_run: through,
            since: String::new(),
            until: String::new(),
        };
        match since {
            Some(RunOrTime::Run(run)) => range.after_run = run,
            Some(RunOrTime::Time(time)) => range.since = time,
            None => range.after_run = through, // `--follow` alone
        }
        match until {
            Some(RunOrTime::Run(run)) => range.through_run = run.min(through),
            Some(RunOrTime::Time(time)) => range.until = time,
            None => {}
        }
        ranges.push(range);
    }
    let mut printer = Printer::new(&options, mirror);
    let mut is_open = printer.print(&ranges)?;
    if !options.follow {
        printer.finish(through);
        return Ok(());
    }
    let stop = stop_on_signal();
    while is_open {
        tokio::select! {
            () = stop.cancelled() => break,
            () = clock.sleep(POLL) => {}
        }
        let complete = queries::complete_through(mirror)?;
        if complete > through {
            for range in &mut ranges {
                (range.after_run, range.through_run) = (range.after_run.max(through), complete);
            }
            through = complete;
            is_open = printer.print(&ranges)?;
        }
    }
    Ok(())
}

fn tables(access: &MirrorAccess, mirror: &Reader, names: &[String]) -> Result<Vec<Table>, Exit> {
    if !names.is_empty() {
        return names.iter().map(|name| access.table(name)).collect();
    }
    let mut tables = Vec::new();
    for (source, stream) in &queries::mirrored(mirror)? {
        tables.extend(queries::table(mirror, source, stream)?);
    }
    Ok(tables)
}

/// That of the source's jobs; they have one, except where an admin wants otherwise.
fn zone(setup: Option<&Setup>, source: &SourceName) -> TimeZone {
    let mut jobs = setup.into_iter().flat_map(|setup| setup.jobs.values());
    let job = jobs.find(|job| job.source == *source);
    job.map_or(TimeZone::UTC, |job| job.config.time_zone.zone().clone())
}

fn check_columns(tables: &[Table], columns: &[String]) -> Result<(), Exit> {
    let wrong = |column: &&String| !tables.iter().any(|table| table.has(column));
    let Some(column) = columns.iter().find(wrong) else {
        return Ok(());
    };
    let known = tables.iter().flat_map(|table| &table.columns);
    let help = advice(column, known.map(|column| column.name.as_str()));
    Err(Exit::usage(format!(
        "no stream here has a column `{column}`; {help}"
    )))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangesForm {
    Text,
    Json,
    Csv,
}

/// Writes changes in one of the forms.
struct Printer<'a> {
    mirror: &'a Reader,
    form: ChangesForm,
    kinds: [bool; 3],
    columns: &'a [String],
    /// Run and table of the last heading.
    last: (i64, String),
    counts: [u64; 4],
}

impl<'a> Printer<'a> {
    fn new(options: &'a ChangesOptions, mirror: &'a Reader) -> Self {
        let kinds = [options.added, options.changed, options.removed];
        Self {
            mirror,
            form: match (options.json, options.csv) {
                (true, _) => ChangesForm::Json,
                (_, true) => ChangesForm::Csv,
                _ => ChangesForm::Text,
            },
            kinds: match kinds {
                [false, false, false] => [true; 3],
                some => some,
            },
            columns: &options.columns,
            last: (0, String::new()),
            counts: [0; 4],
        }
    }

    /// Prints what is in these ranges; false if no one reads it.
    fn print(&mut self, ranges: &[ChangeRange]) -> Result<bool, Exit> {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let mirror = self.mirror;
        let end = queries::changes(mirror, ranges, |change| {
            let written = self.change(&change, &mut out);
            written.map_or_else(ControlFlow::Break, ControlFlow::Continue)
        })?;
        let end = match end {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => out.flush(),
        };
        match end {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Exit::failed(format!(
                "could not write the changes: {error}"
            ))),
        }
    }

    fn change(&mut self, change: &ChangedRow<'_>, out: &mut impl Write) -> io::Result<()> {
        let [added, changed, removed] = self.kinds;
        let is_wanted = match change.kind {
            ChangeKind::Added => added,
            ChangeKind::Changed => changed,
            ChangeKind::Removed => removed,
            ChangeKind::Stored => added || changed,
        };
        let columns = self.shown(change);
        if !is_wanted || (change.before.is_some() && columns.is_empty()) {
            return Ok(());
        }
        self.counts[change.kind as usize] += 1;
        match self.form {
            ChangesForm::Text => self.text(change, &columns, out),
            ChangesForm::Json => {
                serde_json::to_writer(&mut *out, &self.json(change, &columns))?;
                out.write_all(b"\n")
            }
            ChangesForm::Csv => self.csv(change, &columns, out),
        }
    }

    /// The columns that differ, of those that are wanted; of other changes those that are wanted and no key.
    fn shown(&self, change: &ChangedRow<'_>) -> Vec<usize> {
        let table = change.table;
        let is_wanted = |index: &usize| {
            self.columns.is_empty() || self.columns.contains(&table.columns[*index].name)
        };
        let all = (0..table.columns.len()).filter(is_wanted);
        match &change.before {
            Some(before) => all
                .filter(|index| before[*index] != change.row[*index])
                .collect(),
            None => all.filter(|index| !table.key.contains(index)).collect(),
        }
    }

    fn text(
        &mut self,
        change: &ChangedRow<'_>,
        columns: &[usize],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let name = change.table.name();
        if self.last != (change.run, name.clone()) {
            let job = queries::run(self.mirror, change.run).ok().flatten();
            let job = job.map_or_else(String::new, |run| format!(" of {}", run.job));
            let at = display_time(&change.at);
            writeln!(out, "{name}, run {}{job}, {at} UTC", change.run)?;
            self.last = (change.run, name);
        }
        let sign = match change.kind {
            ChangeKind::Added => '+',
            ChangeKind::Changed => '~',
            ChangeKind::Removed => '-',
            ChangeKind::Stored => '*',
        };
        let key = change.table.key.iter();
        let key: Vec<String> = key.map(|index| shown(&change.row[*index])).collect();
        let mut line = format!("  {sign} {}", key.join(", "));
        let is_wanted = change.before.is_some() || !self.columns.is_empty();
        for index in columns.iter().filter(|_| is_wanted) {
            let column = &change.table.columns[*index].name;
            let after = shown(&change.row[*index]);
            let _ = match &change.before {
                Some(before) => write!(line, "  {column}: {} → {after}", shown(&before[*index])),
                None => write!(line, "  {column}: {after}"),
            }; // memory does not fail
        }
        writeln!(out, "{line}")
    }

    fn json(&self, change: &ChangedRow<'_>, columns: &[usize]) -> Json {
        let table = change.table;
        let members = |row: &[SqlValue], of: &mut dyn Iterator<Item = usize>| {
            let member = |index: usize| {
                let column = &table.columns[index];
                (column.name.clone(), json_value(&row[index], column.kind))
            };
            Json::Object(of.map(member).collect::<Map<_, _>>())
        };
        let all = || 0..table.columns.len();
        let is_shown = |index: &usize| self.columns.is_empty() || columns.contains(index);
        let mut line = json!({
            "run": change.run,
            "at": change.at,
            "stream": table.name(),
            "change": change.kind.as_str(),
            "key": members(&change.row, &mut table.key.iter().copied()),
            "row": members(&change.row, &mut all().filter(is_shown)),
        });
        if let Some(before) = &change.before {
            line["before"] = members(before, &mut columns.iter().copied());
        }
        line
    }

    fn csv(
        &mut self,
        change: &ChangedRow<'_>,
        columns: &[usize],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut csv = csv::WriterBuilder::new()
            .buffer_capacity(1024)
            .from_writer(out);
        if self.last.0 == 0 {
            csv.write_record([
                "run", "at", "stream", "change", "key", "column", "before", "after",
            ])?;
            self.last.0 = change.run;
        }
        let (run, stream) = (change.run.to_string(), change.table.name());
        let key = change.table.key.iter();
        let key: Vec<String> = key.map(|index| plain(&change.row[*index])).collect();
        let key = key.join(" ");
        let mut line = |column: &str, before: &str, after: &str| {
            csv.write_record([
                &run,
                &change.at,
                &stream,
                change.kind.as_str(),
                &key,
                column,
                before,
                after,
            ])
        };
        let mut lines = 0;
        for index in columns {
            let (name, value) = (
                &change.table.columns[*index].name,
                plain(&change.row[*index]),
            );
            match (&change.before, change.kind) {
                (Some(before), _) => line(name, &plain(&before[*index]), &value)?,
                (None, _) if value.is_empty() => continue,
                (None, ChangeKind::Removed) => line(name, &value, "")?,
                (None, _) => line(name, "", &value)?,
            }
            lines += 1;
        }
        if lines == 0 {
            line("", "", "")?; // a row of a key alone
        }
        csv.flush()
    }

    /// How many there were, for people.
    fn finish(&self, through: i64) {
        if self.form != ChangesForm::Text {
            return;
        }
        let open = match queries::complete_through(self.mirror) {
            Ok(complete) if complete == through => String::new(),
            _ => " More has been changed meanwhile.".to_owned(),
        };
        let [added, changed, removed, stored] = self.counts;
        let stored = match stored {
            0 => String::new(),
            some => format!(", {some} stored (new or changed: no history is kept)"),
        };
        let total: u64 = self.counts.iter().sum();
        out::text(format!(
            "{}: {added} added, {changed} changed, {removed} removed{stored}. The next time: --since {through}.{open}",
            many(total, "change", "changes"),
        ));
    }
}

/// A value for a terminal: one line, without control characters.
fn shown(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => "–".to_owned(),
        value => plain(value)
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect(),
    }
}

fn plain(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Integer(number) => number.to_string(),
        SqlValue::Real(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn json_value(value: &SqlValue, kind: Kind) -> Json {
    match (value, kind) {
        (SqlValue::Integer(number), Kind::Boolean) => Json::Bool(*number != 0),
        (SqlValue::Text(text), Kind::Json) => {
            serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone()))
        }
        (SqlValue::Null, _) => Json::Null,
        (SqlValue::Integer(number), _) => json!(number),
        (SqlValue::Real(number), _) => json!(number),
        (value, _) => Json::String(plain(value)),
    }
}
