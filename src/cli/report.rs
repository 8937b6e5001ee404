//! `rollbook report --html FILE`: the overview and a chart of every stream as one static page, for a web folder or a mail.
//!
//! Read-only, with and without a daemon. It has no names of people and no messages.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::daemon_lines::daemon_status;
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::ticks::{UpcomingTick, ticks_unless_paused};
use crate::web::pages::report::{self, ReportView};
use rollbook_app::app::{held_stream, outputs, run_history};
use rollbook_core::clock::Clock;
use rollbook_core::model::run_history::JobRuns;
use rollbook_core::model::{EntryName, pause};
use rollbook_core::replacement::Replacement;
use rollbook_core::store::queries::{self, Reader};
use rollbook_core::store::{pauses, runs};
use rollbook_engine::daemon::status::{DaemonState, JobStatus, PauseStatus, Status};
use rollbook_engine::setup::files::Zone;
use rollbook_engine::setup::{Folders, Setup};

/// Options of `report`.
#[derive(Debug, clap::Args)]
pub struct ReportOptions {
    /// The page, which is replaced at once, or - for standard output
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
}

/// Writes the report.
pub fn run(folders: &Folders, options: &ReportOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let now = Clock::system().now();
    let text = page(folders, &access, now)?;
    if options.html.as_os_str() == "-" {
        out::exact(&text);
        return Ok(());
    }
    replace(&options.html, text.as_bytes())
        .map_err(|error| Exit::not_written(&options.html, &error))?;
    out::text(format!("Wrote {}.", options.html.display()));
    Ok(())
}

fn page(folders: &Folders, access: &MirrorAccess, now: Timestamp) -> Result<String, Exit> {
    let (mirror, setup) = (access.mirror()?, access.setup.as_ref().ok());
    let daemon = daemon_status(folders, &access.path);
    let history = run_history(mirror, &access.path, setup, now)?;
    let mut jobs = Vec::new();
    for runs in &history.jobs {
        jobs.push(job(mirror, setup, runs, daemon.as_ref(), now)?);
    }
    if setup.is_some_and(|setup| setup.config.store.backup.is_some()) {
        jobs.push(backup(mirror, setup, daemon.as_ref(), now)?);
    }
    let outputs = setup.map(|setup| outputs(setup, mirror)).transpose()?;
    let outputs = outputs.unwrap_or_default();
    Ok(report::report(&ReportView {
        daemon: daemon.as_ref(),
        jobs: &jobs,
        outputs: &outputs,
        history: &history,
        now,
    }))
}

/// What a daemon would say of a job; what only it knows is from its status.
fn job(
    mirror: &Reader,
    setup: Option<&Setup>,
    runs: &JobRuns,
    daemon: Option<&Status>,
    now: Timestamp,
) -> Result<JobStatus, Exit> {
    let name = EntryName::from(&runs.job);
    let state = runs::job_state(mirror, &name)?;
    let pauses = pauses::of_job(mirror, &runs.job, &runs.source)?;
    let pause = pause::in_force(&pauses, now);
    let config = setup
        .and_then(|setup| setup.jobs.get(&runs.job))
        .map(|job| &job.config);
    let after = state.deferred_until.unwrap_or(now).max(now);
    let by_files = config.and_then(|job| ticks_unless_paused(job, after, pause, 1).pop());
    let known = known(daemon, &name);
    let held = queries::held(mirror, &runs.job)?.map(|run| run.run);
    let parked = state.parked.map(|parked| parked.reason);
    Ok(JobStatus {
        source: Some(runs.source.clone()),
        time_zone: config.map_or_else(String::new, |job| zone_name(&job.time_zone)),
        next_tick: next(daemon, known, by_files),
        paused: pause.map(PauseStatus::from),
        parked: parked.is_some(),
        park_reason: parked,
        held_streams: match held {
            Some(run) => queries::held_streams(mirror, run)?
                .into_iter()
                .map(held_stream)
                .collect(),
            None => Vec::new(),
        },
        held,
        failures: state.failures,
        ..known.cloned().unwrap_or_else(|| JobStatus::new(name))
    })
}

fn backup(
    mirror: &Reader,
    setup: Option<&Setup>,
    daemon: Option<&Status>,
    now: Timestamp,
) -> Result<JobStatus, Exit> {
    let name = EntryName::Backup;
    let known = known(daemon, &name);
    let config = setup.and_then(|setup| setup.config.store.backup.as_ref());
    let by_files =
        config.and_then(|config| UpcomingTick::next(&config.schedule, &config.time_zone, now));
    Ok(JobStatus {
        time_zone: config.map_or_else(String::new, |config| zone_name(&config.time_zone)),
        next_tick: next(daemon, known, by_files),
        failures: runs::job_state(mirror, &name)?.failures,
        ..known.cloned().unwrap_or_else(|| JobStatus::new(name))
    })
}

fn zone_name(zone: &Zone) -> String {
    zone.zone().iana_name().unwrap_or_default().to_owned()
}

/// The daemon's next tick if one plans, else that of the files.
fn next(
    daemon: Option<&Status>,
    known: Option<&JobStatus>,
    by_files: Option<UpcomingTick>,
) -> Option<String> {
    match daemon_plans(daemon) {
        true => known.and_then(|known| known.next_tick.clone()),
        false => by_files.map(|tick| tick.utc),
    }
}

fn known<'a>(daemon: Option<&'a Status>, name: &EntryName) -> Option<&'a JobStatus> {
    daemon?.jobs.iter().find(|job| job.job == *name)
}

/// Whether the daemon says when the next runs are.
fn daemon_plans(daemon: Option<&Status>) -> bool {
    daemon.is_some_and(|daemon| daemon.state != DaemonState::Starting)
}

/// Replaces a file atomically; a new one has the mode of the umask.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = Replacement::begin(path, None)?;
    new.file().write_all(content)?;
    new.commit()
}

#[cfg(test)]
mod tests;
