//! `rollbook sync`: runs jobs now.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::admin_request::send_to_daemon;
use super::exit::Exit;
use super::follow::follow;
use super::held_rows::{self, HeldRowsOptions};
use super::mirror_access::MirrorAccess;
use super::progress::Bars;
use super::stop::{settle_tokens, stop_on_signal};
use super::table::{blocks, wrap};
use super::{left_out, out, run_lines, runs, start};
use rollbook_app::app::{AdminRequest, AdminResponse, App, HookRetry, PublishWhen, known_job};
use rollbook_core::clock::Clock;
use rollbook_core::model::{Cause, JobName, Pause, SourceName, StreamName, StreamSet, pause};
use rollbook_core::store::queries::Reader;
use rollbook_core::store::{StoreError, held, pauses};
use rollbook_engine::setup::{Folders, JobSetup, Overlay, Setup};
use rollbook_engine::sync::{ProgressSink, RunOptions, RunReport};

/// The number of a dry run in its copy of the mirror.
const DRY_RUN: i64 = 0;

/// Sources that are read side by side: most of the time goes to waiting for vendors.
const SOURCES_AT_ONCE: usize = 4;

/// Streams with a row of their own; with their heads and a few remarks they fit one screen.
const MOST_SHOWN: usize = 12;

/// Options of `sync`.
#[derive(Debug, clap::Args)]
pub struct SyncOptions {
    /// Jobs to run [default: all that are not paused]
    jobs: Vec<String>,
    /// Show what would be added, changed and removed; write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rows: HeldRowsOptions,
    /// Read every stream in full, also incremental ones
    #[arg(long)]
    full: bool,
    /// Read only this stream of the job; rows of other streams that it needs are those in the mirror
    #[arg(long, value_name = "STREAM", requires = "jobs")]
    stream: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the jobs, independent sources side by side.
pub async fn run(folders: &Folders, options: SyncOptions) -> Result<(), Exit> {
    if options.stream.is_some() && options.jobs.len() != 1 {
        return Err(Exit::usage("--stream reads one stream of one job"));
    }
    if options.rows.rows && !options.dry_run {
        return Err(Exit::usage(
            "--rows lists the rows of a dry run: add --dry-run",
        ));
    }
    let stop = stop_on_signal();
    let app = if options.dry_run {
        start::rehearsal(folders).await?
    } else {
        match start::app(folders, &Overlay::default()).await {
            Err(exit) if exit.is_busy() => return beside_the_daemon(folders, &options, exit).await,
            app => app?,
        }
    };
    let jobs = jobs_to_run(&app.setup(), &*app.store().reader()?, &options)?;
    let only = match (&options.stream, &jobs[..]) {
        (Some(stream), [job]) => Some(single_stream(&app, job, stream)?),
        _ => None,
    };
    let run_options = RunOptions {
        cause: Cause::Command,
        full: options.full,
        dry: options.dry_run,
        only: only.map(StreamSet::from),
    };
    let reports = run_all(&app, &jobs, &run_options, &stop, SOURCES_AT_ONCE).await;
    if options.rows.rows {
        show_rows(&app, &reports, &options).await?;
    } else {
        show(&reports, &run_options, options.json);
        if options.dry_run && !options.json {
            out::exact(&wrap(
                &left_out::line(&app.setup(), jobs.iter()),
                out::width(),
            ));
        }
    }
    outcome_of(&reports)
}

fn single_stream(app: &App, job: &JobName, typed: &str) -> Result<StreamName, Exit> {
    app.single_stream(job, typed)
        .map_err(|response| match response {
            AdminResponse::Refused(message) => Exit::usage(message),
            response => Exit::failed(format!("rollbook: {response:?}")),
        })
}

fn only_note(stream: &str) -> String {
    format!(
        "Only {stream} was read; the job counts as not run, and its other streams are as they were."
    )
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
    let access = MirrorAccess::open(folders)?;
    let mirror = access.mirror()?;
    let mut jobs = Vec::new();
    for job in jobs_to_run(&setup, mirror, options)? {
        let full = options.full;
        let only = options.stream.clone();
        match send_to_daemon(folders, &AdminRequest::Run { job, full, only }).await? {
            Some(AdminResponse::Runs { job, after, .. }) => jobs.push((job, after)),
            Some(AdminResponse::Refused(message)) => return Err(Exit::usage(message)),
            Some(response) => {
                return Err(Exit::failed(format!("unexpected response: {response:?}")));
            }
            // Another process has the mirror, such as a second `rollbook sync`.
            None => return Err(busy),
        }
    }
    let mut is_good = true;
    for (job, after) in jobs {
        let run = follow(folders, (mirror, &access.path), &job, after).await?;
        is_good &= runs::show_result(mirror, run, options.json).is_ok();
    }
    if let (Some(stream), false) = (&options.stream, options.json) {
        out::text(only_note(stream));
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

/// Runs jobs with progress on the terminal: jobs of one source in order, and `at_once` sources side by side; then writes the
/// copy if one is configured. The reports are in the order of the jobs.
pub async fn run_all(
    app: &App,
    jobs: &[JobName],
    run_options: &RunOptions,
    stop: &CancellationToken,
    at_once: usize,
) -> Vec<RunReport> {
    let (sink, setup) = (Bars::default().sink(), app.setup());
    // A hook begins after what there was before it.
    if let (false, Err(error)) = (run_options.dry, app.note_hooks().await) {
        anstream::eprintln!("rollbook: {error}");
    }
    let mut sources: BTreeMap<&SourceName, Vec<(usize, JobName)>> = BTreeMap::new();
    for (index, name) in jobs.iter().enumerate() {
        if let Some(job) = setup.jobs.get(name) {
            let jobs = sources.entry(&job.source).or_default();
            jobs.push((index, name.clone()));
        }
    }
    let run = |jobs| run_in_order(app, jobs, run_options, stop, &sink);
    let runs = stream::iter(sources.into_values()).map(run);
    let mut reports: Vec<(usize, RunReport)> = runs.buffer_unordered(at_once).concat().await;
    reports.sort_by_key(|(index, _)| *index);
    if !run_options.dry {
        app.copy_if_due(stop).await;
        app.write_due_bundles(stop).await;
        tokio::select! {
            _ = app.run_hooks(HookRetry::Now) => {}
            () = stop.cancelled() => {}
        }
        tokio::select! {
            _ = app.publish(PublishWhen::Now) => app.continue_published_erasures().await,
            () = stop.cancelled() => {}
        }
        for problem in app.sharing_problems() {
            anstream::eprintln!("rollbook: {problem}");
        }
    }
    settle_tokens(app).await;
    reports.into_iter().map(|(_, report)| report).collect()
}

async fn run_in_order(
    app: &App,
    jobs: Vec<(usize, JobName)>,
    run_options: &RunOptions,
    stop: &CancellationToken,
    sink: &ProgressSink,
) -> Vec<(usize, RunReport)> {
    let mut reports = Vec::new();
    for (index, job) in jobs {
        if stop.is_cancelled() {
            break;
        }
        let report = app.run(&job, run_options.clone(), stop, sink).await;
        reports.extend(report.map(|report| (index, report)));
    }
    reports
}

/// The jobs of these names; without a name all that are not paused. Pauses are reported on standard error.
fn jobs_to_run(
    setup: &Setup,
    mirror: &Reader,
    options: &SyncOptions,
) -> Result<Vec<JobName>, Exit> {
    let now = Clock::system().now();
    let pause_of = |name: &JobName, job: &JobSetup| -> Result<Option<String>, StoreError> {
        let pauses = pauses::of_job(mirror, name, &job.source)?;
        Ok(pause::in_force(&pauses, now).map(Pause::to_string))
    };
    let mut jobs = Vec::new();
    for name in &options.jobs {
        let (name, job) = known_job(setup, name).map_err(Exit::usage)?;
        if let Some(pause) = pause_of(name, job)? {
            anstream::eprintln!("{name} is {pause}; it runs once now, because you named it.");
        }
        jobs.push(name.clone());
    }
    if !jobs.is_empty() {
        return Ok(jobs);
    }
    for (name, job) in &setup.jobs {
        match pause_of(name, job)? {
            Some(pause) => {
                anstream::eprintln!(
                    "{name} is {pause} and is left out; `rollbook sync {name}` runs it."
                );
            }
            None => jobs.push(name.clone()),
        }
    }
    Ok(jobs)
}

/// Prints the table and remarks.
pub fn show(reports: &[RunReport], run_options: &RunOptions, json: bool) {
    if json {
        return out::json(&run_lines::json(reports));
    }
    let runs = run_lines::of_runs(reports, MOST_SHOWN, out::width());
    let note = match (&run_options.only, run_options.dry) {
        (_, true) => {
            "Dry run: nothing was written, and references between rows were not checked.\n"
                .to_owned()
        }
        (Some(only), false) => only_note(&only.to_string()),
        (None, false) => String::new(),
    };
    out::text(blocks([runs, note]));
}
