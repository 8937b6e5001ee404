//! `rollbook export STREAM… | --all | BUNDLE`: streams as files for other programs, all of one moment; or a bundle, now.
//!
//! Prints values of rows, which only those who may read the mirror can see. New files are private.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

mod bundles;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::progress::ExportBar;
use super::stop::stop_on_signal;
use super::table::{grouped, many};
use rollbook_app::app::BundleAction;
use rollbook_core::clock::Clock;
use rollbook_core::model::past_time::parse_past;
use rollbook_core::model::scalar::saturating_add;
use rollbook_core::model::{History, Table};
use rollbook_core::store::moment::{Moment, QueryForm};
use rollbook_engine::output::export::{self, ExportError, ExportOrder, ExportedFile};
use rollbook_engine::output::rows::RowFormat;
use rollbook_engine::setup::tables::kept_history;
use rollbook_engine::setup::{Folders, lookups};

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportOptions {
    /// Streams, as SOURCE_STREAM or SOURCE.STREAM, or one bundle of exports/
    #[arg(value_name = "STREAM|BUNDLE", required_unless_present = "all")]
    streams: Vec<String>,
    /// Every stream of the mirror
    #[arg(long, conflicts_with = "streams")]
    all: bool,
    /// Format of the files
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = FORMATS)]
    format: ExportFormat,
    /// With the labels of combo lists
    #[arg(long)]
    labelled: bool,
    /// With the results of crosswalks
    #[arg(long)]
    mapped: bool,
    /// As the mirror was at this time, in the job's time zone: fri, "yesterday 8:00", "3 days", 2026-03-01
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// A folder, a file for one stream, or - for standard output [default for one stream: -]
    #[arg(long, value_name = "FOLDER|FILE|-")]
    to: Option<PathBuf>,
    /// CSV for a spreadsheet: a byte order mark, and an apostrophe before what it would take for a formula
    #[arg(long)]
    spreadsheet: bool,
    /// Of a bundle: show how its files would differ from the last ones, and write nothing
    #[arg(long, conflicts_with_all = ["all", "to", "as_of"])]
    dry_run: bool,
    /// Of a bundle: write it although its guard holds it
    #[arg(long, conflicts_with_all = ["all", "to", "as_of", "dry_run"])]
    approve: bool,
    /// Of a bundle of changes: write all rows again, for a program that could not use some of them before
    #[arg(long, conflicts_with_all = ["all", "to", "as_of", "dry_run", "approve"])]
    full: bool,
}

#[cfg(feature = "parquet")]
const FORMATS: &str = "csv|ndjson|parquet";
#[cfg(not(feature = "parquet"))]
const FORMATS: &str = "csv|ndjson";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum ExportFormat {
    #[default]
    Csv,
    Ndjson,
    Parquet,
}

impl ExportOptions {
    fn row_format(&self) -> Result<RowFormat, Exit> {
        match self.format {
            ExportFormat::Csv => Ok(RowFormat::Csv {
                for_spreadsheet: self.spreadsheet,
            }),
            _ if self.spreadsheet => Err(Exit::usage("--spreadsheet is for --format csv")),
            ExportFormat::Ndjson => Ok(RowFormat::Ndjson),
            #[cfg(feature = "parquet")]
            ExportFormat::Parquet => Ok(RowFormat::Parquet),
            #[cfg(not(feature = "parquet"))]
            ExportFormat::Parquet => Err(Exit::usage(
                "this rollbook was built without Parquet, which would be a tenth of its size; build it with \
                 `cargo build --release --features parquet`, or let DuckDB read the CSV: \
                 COPY (FROM 'FILE.csv') TO 'FILE.parquet'",
            )),
        }
    }
}

/// Where the files go.
enum ExportTarget {
    Output,
    File(PathBuf),
    Folder(PathBuf),
}

impl ExportTarget {
    /// `is_one`: whether one stream is exported.
    fn of(to: Option<&Path>, is_one: bool) -> Result<Self, Exit> {
        match to {
            None if is_one => Ok(Self::Output),
            None => Err(Exit::usage("several streams need a folder: --to FOLDER")),
            Some(to) if to.as_os_str() == "-" && is_one => Ok(Self::Output),
            Some(to) if to.as_os_str() == "-" => Err(Exit::usage(
                "only one stream fits on standard output; give a folder: --to FOLDER",
            )),
            Some(to)
                if !is_one || to.is_dir() || to.as_os_str().as_encoded_bytes().ends_with(b"/") =>
            {
                Ok(Self::Folder(to.to_owned()))
            }
            Some(to) => Ok(Self::File(to.to_owned())),
        }
    }
}

/// Exports streams.
pub async fn run(folders: &Folders, options: ExportOptions) -> Result<(), Exit> {
    let format = options.row_format()?;
    let access = MirrorAccess::open(folders)?;
    if let Some(name) = bundles::named(&access, &options.streams)? {
        let action = match (options.dry_run, options.approve, options.full) {
            (true, ..) => None,
            (_, true, _) => Some(BundleAction::Approve),
            (.., true) => Some(BundleAction::Full),
            _ => Some(BundleAction::Write),
        };
        return bundles::run(folders, &access, name, action).await;
    }
    if options.dry_run || options.approve || options.full {
        return Err(Exit::usage(
            "--dry-run, --approve and --full are for a bundle of exports/",
        ));
    }
    let tables = tables(&access, &options)?;
    let target = ExportTarget::of(options.to.as_deref(), !options.all && tables.len() == 1)?;
    if matches!(target, ExportTarget::Output) && !format.is_text() && io::stdout().is_terminal() {
        return Err(Exit::usage(
            "Parquet is not for a terminal; give a file: --to FILE",
        ));
    }
    let moment = match &options.as_of {
        None => Moment::now(&access.path)?,
        Some(text) => past(&access, &tables, text)?,
    };
    let order = ExportOrder {
        tables,
        form: QueryForm {
            is_labelled: options.labelled,
            is_mapped: options.mapped,
        },
        format,
    };
    let stop = stop_on_signal();
    let interrupt = moment.interrupt_handle();
    let stopped = stop.clone();
    tokio::spawn(async move {
        stopped.cancelled().await;
        interrupt.interrupt();
    });
    let work = move || export(&moment, &order, &target, &stop);
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|_| Exit::failed("internal error (panic) while exporting; please report it"))?
}

fn tables(access: &MirrorAccess, options: &ExportOptions) -> Result<Vec<Table>, Exit> {
    if options.all {
        let tables = access.all_tables()?;
        return match tables.is_empty() {
            true => Err(Exit::failed(
                "the mirror has no stream yet; run `rollbook sync` first",
            )),
            false => Ok(tables),
        };
    }
    let mut tables = BTreeMap::new();
    for name in &options.streams {
        let table = access.table(name)?;
        tables.insert(table.name(), table);
    }
    Ok(tables.into_values().collect())
}

/// The mirror at a time, if it still has the versions of then.
fn past(access: &MirrorAccess, tables: &[Table], text: &str) -> Result<Moment, Exit> {
    let now = Clock::system().now();
    let zone = tables
        .first()
        .map_or(TimeZone::UTC, |table| access.zone(table));
    let then = parse_past(text, &zone, now).map_err(Exit::usage)?;
    // Without the configuration it is not known which columns are combo lists, and how long old versions are kept.
    let setup = access.setup()?;
    for table in tables {
        let history = kept_history(setup, &table.source, &table.stream);
        if let Some(why) = unknown_then(table, history, then, now) {
            return Err(Exit::failed(format!(
                "what {} was at that time is not known: {why}",
                table.name()
            )));
        }
    }
    Ok(Moment::past(
        &access.path,
        then,
        &lookups::of(setup, None).combos,
    )?)
}

fn unknown_then(
    table: &Table,
    history: History,
    then: Timestamp,
    now: Timestamp,
) -> Option<String> {
    match history {
        History::Keep(_) if !table.history => {
            Some("no old versions were kept until now".to_owned())
        }
        History::Off => Some("the job has history = \"off\" for it".to_owned()),
        History::Keep(length) => {
            let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
            let until = saturating_add(then, jiff::SignedDuration::from_secs(length));
            let days = length / (24 * 60 * 60);
            (until < now).then(|| {
                format!(
                    "old versions are kept for {}",
                    many(days as u64, "day", "days")
                )
            })
        }
    }
}

fn export(
    moment: &Moment,
    order: &ExportOrder,
    target: &ExportTarget,
    stop: &CancellationToken,
) -> Result<(), Exit> {
    let mut bars: Vec<Option<ExportBar>> = order.tables.iter().map(|_| None).collect();
    let mut progress = |number: usize, rows: u64| {
        let table = &order.tables[number];
        let bar = bars[number].get_or_insert_with(|| {
            ExportBar::of(&table.name(), || moment.count(table).unwrap_or_default())
        });
        bar.show(rows);
        !stop.is_cancelled()
    };
    let written = match target {
        ExportTarget::Output => {
            let out = io::stdout(); // not locked: a lock cannot be sent
            let query = (&order.tables[0], order.form);
            let written = export::to_output(moment, query, order.format, out, &mut progress);
            return match written.map_err(|error| stopped(error, stop)) {
                Ok(_) => io::stdout()
                    .flush()
                    .map_err(|error| Exit::failed(error.to_string())),
                Err(ExportError::Write { source, .. })
                    if source.kind() == ErrorKind::BrokenPipe =>
                {
                    Ok(())
                }
                Err(error) => Err(exit(error)),
            };
        }
        ExportTarget::File(path) => {
            export::to_files(moment, order, |_| path.clone(), &mut progress)
        }
        ExportTarget::Folder(folder) => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| Exit::not_written(folder, &error))?;
            let ending = order.format.ending();
            let path = |table: &Table| folder.join(format!("{}.{ending}", table.name()));
            export::to_files(moment, order, path, &mut progress)
        }
    };
    drop(bars);
    let files = written.map_err(|error| exit(stopped(error, stop)))?;
    out::text(summary(&files));
    Ok(())
}

fn summary(files: &[ExportedFile]) -> String {
    let lines = files.iter().map(|file| {
        let (rows, unit) = (
            grouped(file.rows),
            if file.rows == 1 { "row" } else { "rows" },
        );
        format!("Wrote {}: {rows} {unit}.\n", file.path.display())
    });
    lines.collect()
}

/// SQLite that was interrupted reports an error of its own.
fn stopped(error: ExportError, stop: &CancellationToken) -> ExportError {
    match stop.is_cancelled() {
        true => ExportError::Stopped,
        false => error,
    }
}

fn exit(error: ExportError) -> Exit {
    match error {
        ExportError::Store(error) => error.into(),
        ExportError::Write { path, source } => Exit::not_written(&path, &source),
        ExportError::Stopped => Exit::failed(error.to_string()),
    }
}
