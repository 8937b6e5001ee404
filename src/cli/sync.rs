//! `rollbook sync`: runs jobs now.

use tokio_util::sync::CancellationToken;

use super::admin_request::send_to_daemon;
use super::exit::Exit;
use super::follow::follow;
use super::held_rows::{self, HeldRowsOptions};
use super::mirror_access::MirrorAccess;
use super::progress::Bars;
use super::stop::stop_on_signal;
use super::table::blocks;
use super::{out, run_lines, runs, start};
use crate::app::{AdminRequest, AdminResponse, App, known_job};
use crate::model::{Cause, JobName};
use crate::setup::{Folders, Overlay, Setup};
use crate::store::{StoreError, held};
use crate::sync::{RunOptions, RunReport};

/// The number of a dry run in its copy of the mirror.
const DRY_RUN: i64 = 0;

/// Streams with a row of their own; with their heads and a few remarks they fit one screen.
const MOST_SHOWN: usize = 12;

/// Options of `sync`.
#[derive(Debug, clap::Args)]
pub struct SyncOptions {
    /// Jobs to run [default: all]
    jobs: Vec<String>,
    /// Show what would be added, changed and removed; write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rows: HeldRowsOptions,
    /// Read every stream in full, also incremental ones
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the jobs one after another.
pub async fn run(folders: &Folders, options: SyncOptions) -> Result<(), Exit> {
    if options.rows.rows && !options.dry_run {
        return Err(Exit::usage(
            "--rows lists the rows of a dry run: add --dry-run",
        ));
    }
    let app = if options.dry_run {
        start::rehearsal(folders).await?
    } else {
        match start::app(folders, &Overlay::default()).await {
            Err(exit) if exit.is_busy() => return beside_the_daemon(folders, &options, exit).await,
            app => app?,
        }
    };
    let jobs = named_jobs(&app.setup(), &options.jobs)?;
    let run_options = RunOptions {
        cause: Cause::Command,
        full: options.full,
        dry: options.dry_run,
    };
    let reports = run_all(&app, &jobs, run_options, &stop_on_signal()).await;
    if options.rows.rows {
        show_rows(&app, &reports, &options).await?;
    } else {
        show(&reports, run_options, options.json);
    }
    outcome_of(&reports)
}

/// The exit of a command that ran jobs and has shown what they did.
pub fn outcome_of(reports: &[RunReport]) -> Result<(), Exit> {
    match reports.iter().all(|report| report.outcome.is_good()) {
        true => Ok(()),
        false => Err(Exit::unsuccessful()),
    }
}

/// Has the running daemon run the jobs, and follows them one after the other.
async fn beside_the_daemon(
    folders: &Folders,
    options: &SyncOptions,
    busy: Exit,
) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let mut jobs = Vec::new();
    for job in named_jobs(&setup, &options.jobs)? {
        let full = options.full;
        match send_to_daemon(folders, &AdminRequest::Run { job, full }).await? {
            Some(AdminResponse::Runs { job, after, .. }) => jobs.push((job, after)),
            Some(AdminResponse::Refused(message)) => return Err(Exit::usage(message)),
            Some(response) => {
                return Err(Exit::failed(format!("unexpected response: {response:?}")));
            }
            // Another process has the mirror, such as a second `rollbook sync`.
            None => return Err(busy),
        }
    }
    let access = MirrorAccess::open(folders)?;
    let mirror = access.mirror()?;
    let mut is_good = true;
    for (job, after) in jobs {
        let run = follow((mirror, &access.path), &job, after).await?;
        is_good &= runs::show_result(mirror, run, options.json).is_ok();
    }
    match is_good {
        true => Ok(()),
        false => Err(Exit::unsuccessful()),
    }
}

/// Shows which rows a dry run would change: by the same tables as a held run's, in the copy of the mirror.
async fn show_rows(app: &App, reports: &[RunReport], options: &SyncOptions) -> Result<(), Exit> {
    let mut streams = Vec::new();
    for report in reports {
        for part in &report.streams {
            if let Some(rows) = part.held_rows.clone() {
                streams.push((report.source.clone(), part.record.stream.clone(), rows));
            }
        }
    }
    app.store()
        .write(move |connection| {
            let what = StoreError::sql("list the rows of a dry run");
            let transaction = connection.transaction().map_err(&what)?;
            for (source, stream, rows) in &streams {
                held::save(&transaction, DRY_RUN, (source, stream), rows)?;
            }
            transaction.commit().map_err(what)
        })
        .await?;
    let (reader, setup) = (app.store().reader()?, app.setup());
    held_rows::print(&reader, Some(&setup), DRY_RUN, &options.rows, options.json)
}

/// Runs jobs in order with progress on the terminal, then writes the copy if one is configured.
pub async fn run_all(
    app: &App,
    jobs: &[JobName],
    run_options: RunOptions,
    stop: &CancellationToken,
) -> Vec<RunReport> {
    let bars = Bars::default();
    let mut reports = Vec::new();
    for job in jobs {
        if stop.is_cancelled() {
            break;
        }
        reports.extend(app.run(job, run_options, stop, &bars.sink()).await);
    }
    if !run_options.dry {
        app.copy_if_due(stop).await;
        for problem in app.sharing_problems() {
            anstream::eprintln!("rollbook: {problem}");
        }
    }
    reports
}

/// The jobs of these names; all without a name.
fn named_jobs(setup: &Setup, named: &[String]) -> Result<Vec<JobName>, Exit> {
    if named.is_empty() {
        return Ok(setup.jobs.keys().cloned().collect());
    }
    let known = |name: &String| match known_job(setup, name) {
        Ok((name, _)) => Ok(name.clone()),
        Err(message) => Err(Exit::usage(message)),
    };
    named.iter().map(known).collect()
}

/// Prints the table and remarks.
pub fn show(reports: &[RunReport], run_options: RunOptions, json: bool) {
    if json {
        return out::json(&run_lines::json(reports));
    }
    let runs = run_lines::of_runs(reports, MOST_SHOWN, out::width());
    let note = if run_options.dry {
        "Dry run: nothing was written, and references between rows were not checked.\n"
    } else {
        ""
    };
    out::text(blocks([runs, note.to_owned()]));
}
