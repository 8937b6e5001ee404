//! `rollbook changes [STREAM…] --since TIME|RUN`: what runs added, changed and removed, column by column.
//!
//! Prints values of rows, which only those who may read the mirror can see. A change is shown when its run and all before it
//! have ended, so a run number is a position: `--since` with the last one that was read misses nothing.

mod printer;

use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::printer::{ChangesForm, Printer};
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::stop::stop_on_signal;
use rollbook_app::app::bundle_states;
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::Table;
use rollbook_core::model::past_time::parse_past;
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::store::queries::{self, ChangeRange, CompleteRuns, Reader};
use rollbook_engine::setup::Folders;

/// How often `--follow` looks for ended runs.
const POLL: Duration = Duration::from_secs(1);

/// Options of `changes`.
#[derive(Debug, clap::Args)]
pub struct ChangesOptions {
    /// Streams, as SOURCE_STREAM or SOURCE.STREAM [default: all]
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// From this time on, in the job's time zone, after this run, or after the last one of this bundle: fri, "yesterday 8:00",
    /// "3 days", 2026-03-01, 42
    #[arg(
        long,
        value_name = "TIME|RUN|BUNDLE",
        required_unless_present = "follow"
    )]
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

impl ChangesOptions {
    fn form(&self) -> ChangesForm {
        match (self.json, self.csv) {
            (true, _) => ChangesForm::Json,
            (_, true) => ChangesForm::Csv,
            (false, false) => ChangesForm::Text,
        }
    }

    /// Whether added, changed and removed rows are wanted: all without an option.
    fn kinds(&self) -> [bool; 3] {
        match [self.added, self.changed, self.removed] {
            [false, false, false] => [true; 3],
            some => some,
        }
    }
}

/// A position in time or in the sequence of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RunOrTime {
    Run(i64),
    Time(String),
}

impl RunOrTime {
    fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Self, Exit> {
        match text.trim().parse() {
            Ok(run) => Ok(Self::Run(run)),
            Err(_) => parse_past(text, zone, now)
                .map(|time| Self::Time(to_canonical(time)))
                .map_err(Exit::usage),
        }
    }
}

/// Prints the changes.
pub async fn run(folders: &Folders, mut options: ChangesOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let mirror = access.mirror()?;
    let clock = Clock::system();
    let tables = tables(&access, &options.streams)?;
    check_columns(&tables, &options.columns)?;
    let mut complete = queries::complete_runs(mirror)?;
    if let Some(run) = run_of_bundle(&access, options.since.as_deref())? {
        options.since = Some(run.min(complete.through).to_string());
    }
    let range = |table: Table| {
        let zone = access.zone(&table);
        range(table, &zone, &options, (complete, clock.now()))
    };
    let mut ranges: Vec<ChangeRange> = tables.into_iter().map(range).collect::<Result<_, _>>()?;
    let mut printer = Printer::new(options.form(), options.kinds(), &options.columns, mirror);
    let mut is_read = print(&mut printer, mirror, &ranges, true)?;
    if !options.follow {
        if options.form() == ChangesForm::Text && is_read {
            let position = options.until.is_none().then_some(complete.through);
            out::text(printer.counts() + &remarks(position, complete.open));
        }
        return Ok(());
    }
    let stop = stop_on_signal();
    while is_read {
        tokio::select! {
            () = stop.cancelled() => break,
            () = clock.sleep(POLL) => {}
        }
        let now = queries::complete_runs(mirror)?;
        if now.through > complete.through {
            for range in &mut ranges {
                range.after_run = range.after_run.max(complete.through);
                range.through_run = now.through;
            }
            complete = now;
            is_read = print(&mut printer, mirror, &ranges, false)?;
        }
    }
    Ok(())
}

/// The last run whose changes are in a bundle, if `since` names one.
fn run_of_bundle(access: &MirrorAccess, since: Option<&str>) -> Result<Option<i64>, Exit> {
    let (Some(since), Ok(setup)) = (since, &access.setup) else {
        return Ok(None);
    };
    let states = bundle_states(setup, access.mirror()?)?;
    let Some((name, state)) = states.into_iter().find(|(name, _)| *name == since) else {
        return Ok(None);
    };
    match state.made.and(state.run) {
        Some(run) => Ok(Some(run)),
        None => Err(Exit::usage(format!("the bundle {name} was never written"))),
    }
}

fn tables(access: &MirrorAccess, names: &[String]) -> Result<Vec<Table>, Exit> {
    match names.is_empty() {
        true => access.all_tables(),
        false => names.iter().map(|name| access.table(name)).collect(),
    }
}

/// Which changes of a table are wanted; times are in the zone of the job that reads it.
fn range(
    table: Table,
    zone: &TimeZone,
    options: &ChangesOptions,
    (complete, now): (CompleteRuns, Timestamp),
) -> Result<ChangeRange, Exit> {
    let position = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| RunOrTime::parse(text, zone, now))
            .transpose()
    };
    let mut range = ChangeRange {
        table,
        after_run: 0,
        through_run: complete.through,
        since: String::new(),
        until: String::new(),
    };
    match position(&options.since)? {
        Some(RunOrTime::Run(run)) if run > complete.through => return Err(too_late(run, complete)),
        Some(RunOrTime::Run(run)) => range.after_run = run,
        Some(RunOrTime::Time(time)) => range.since = time,
        None => range.after_run = complete.through, // `--follow` alone
    }
    match position(&options.until)? {
        Some(RunOrTime::Run(run)) => range.through_run = run.min(complete.through),
        Some(RunOrTime::Time(time)) => range.until = time,
        None => {}
    }
    Ok(range)
}

/// After a restored backup runs are numbered from an earlier one on, and a position of before would skip them in silence.
fn too_late(run: i64, complete: CompleteRuns) -> Exit {
    let CompleteRuns { through, open } = complete;
    Exit::usage(match open {
        Some(open) if run >= open => {
            format!(
                "run {open} has not ended, so nothing after run {run} is complete yet; the last position is {through}"
            )
        }
        _ => format!(
            "there is no run {run}: the last one is {through}. If a backup was restored, take its time instead of a run"
        ),
    })
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

/// Prints what is in these ranges; false if no one reads it any more.
fn print(
    printer: &mut Printer<'_>,
    mirror: &Reader,
    ranges: &[ChangeRange],
    is_first: bool,
) -> Result<bool, Exit> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let head = match is_first {
        true => printer.head(&mut out),
        false => Ok(()),
    };
    let end = queries::changes(mirror, ranges, |change| {
        let written = printer.change(&change, &mut out);
        written.map_or_else(ControlFlow::Break, ControlFlow::Continue)
    })?;
    let end = match end {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => head.and_then(|()| out.flush()),
    };
    match end {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Exit::failed(format!(
            "could not write the changes: {error}"
        ))),
    }
}

/// From where to go on the next time, and what is not shown yet.
fn remarks(position: Option<i64>, open: Option<i64>) -> String {
    let next = position.map(|run| format!(" The next time: --since {run}."));
    let open = open.map(|run| {
        format!(
            " Run {run} has not ended; its changes, and those of later runs, are not shown yet."
        )
    });
    next.unwrap_or_default() + &open.unwrap_or_default()
}
