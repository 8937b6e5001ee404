//! `rollbook report --html FILE`: the overview and a chart of every stream as one static page, for a web folder or a mail.
//!
//! Read-only, with and without a daemon. It has no names of people and no messages.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::daemon_lines::daemon_status;
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::ticks::{UpcomingTick, ticks_unless_paused};
use crate::app::run_history;
use crate::clock::Clock;
use crate::daemon::status::{DaemonState, JobStatus, Status};
use crate::model::run_history::JobRuns;
use crate::model::{EntryName, pause};
use crate::setup::{Folders, Setup};
use crate::store::queries::{self, Reader};
use crate::store::{pauses, runs};
use crate::web::pages::overview::{ReportJob, needs};
use crate::web::pages::report::{ReportView, page};

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
    let text = report(&access, now)?;
    if options.html.as_os_str() == "-" {
        out::exact(&text);
        return Ok(());
    }
    replace(&options.html, text.as_bytes()).map_err(|error| not_written(&options.html, &error))?;
    out::text(format!("Wrote {}.", options.html.display()));
    Ok(())
}

fn report(access: &MirrorAccess, now: Timestamp) -> Result<String, Exit> {
    let (mirror, setup) = (access.mirror()?, access.setup.as_ref().ok());
    let daemon = daemon_status(&access.path);
    let history = run_history(mirror, &access.path, setup, now)?;
    let mut jobs = Vec::new();
    for runs in &history.jobs {
        jobs.push(job(mirror, setup, runs, daemon.as_ref(), now)?);
    }
    if setup.is_some_and(|setup| setup.config.store.backup.is_some()) {
        jobs.push(backup(mirror, setup, daemon.as_ref(), now)?);
    }
    Ok(page(&ReportView {
        history: &history,
        jobs: &jobs,
        needs: &needs(daemon.as_ref(), &jobs, now),
        daemon_since: daemon.as_ref().map(|daemon| daemon.since.as_str()),
        today: now.to_zoned(TimeZone::UTC).date(),
    }))
}

fn job(
    mirror: &Reader,
    setup: Option<&Setup>,
    runs: &JobRuns,
    daemon: Option<&Status>,
    now: Timestamp,
) -> Result<ReportJob, Exit> {
    let name = EntryName::from(&runs.job);
    let state = runs::job_state(mirror, &name)?;
    let pauses = pauses::of_job(mirror, &runs.job, &runs.source)?;
    let pause = pause::in_force(&pauses, now);
    let config = setup.and_then(|setup| setup.jobs.get(&runs.job));
    let after = state.deferred_until.unwrap_or(now).max(now);
    let by_files = config.and_then(|job| ticks_unless_paused(&job.config, after, pause, 1).pop());
    let known = known(daemon, &name);
    let next = match daemon_plans(daemon) {
        true => known.and_then(UpcomingTick::planned),
        false => by_files,
    };
    let delayed = known.and_then(|known| known.delayed.clone());
    Ok(ReportJob {
        runs: Some(runs.clone()),
        next: next.map(|tick| tick.in_zone()),
        delayed: pause.map(ToString::to_string).or(delayed),
        parked: state.parked.map(|parked| parked.reason),
        held: queries::held(mirror, &runs.job)?.map(|run| run.run),
        failures: state.failures,
        is_running: known.is_some_and(|known| known.running.is_some()),
        job: name,
    })
}

fn backup(
    mirror: &Reader,
    setup: Option<&Setup>,
    daemon: Option<&Status>,
    now: Timestamp,
) -> Result<ReportJob, Exit> {
    let name = EntryName::Backup;
    let known = known(daemon, &name);
    let config = setup.and_then(|setup| setup.config.store.backup.as_ref());
    let by_files =
        config.and_then(|config| UpcomingTick::next(&config.schedule, &config.time_zone, now));
    let next = match daemon_plans(daemon) {
        true => known.and_then(UpcomingTick::planned),
        false => by_files,
    };
    Ok(ReportJob {
        runs: None,
        next: next.map(|tick| tick.in_zone()),
        delayed: known.and_then(|known| known.delayed.clone()),
        parked: None,
        held: None,
        failures: runs::job_state(mirror, &name)?.failures,
        is_running: known.is_some_and(|known| known.running.is_some()),
        job: name,
    })
}

fn known<'a>(daemon: Option<&'a Status>, name: &EntryName) -> Option<&'a JobStatus> {
    daemon?.jobs.iter().find(|job| job.job == *name)
}

/// Whether the daemon says when the next runs are.
fn daemon_plans(daemon: Option<&Status>) -> bool {
    daemon.is_some_and(|daemon| daemon.state != DaemonState::Starting)
}

/// Replaces a file atomically and keeps its mode; a new one has that of the umask.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(new);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        if let Ok(before) = fs::metadata(path) {
            file.set_permissions(before.permissions())?;
        }
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new); // the first error is the one that counts
    }
    written
}

fn not_written(path: &Path, error: &io::Error) -> Exit {
    let help = match error.kind() {
        ErrorKind::PermissionDenied => {
            "; this command runs as the owner of the mirror: write `rollbook report --html - > FILE` to let your shell make \
             the file"
        }
        ErrorKind::NotFound => "; create the folder first",
        _ => "",
    };
    let shown = path.display();
    Exit::failed(format!("could not write {shown}: {error}{help}"))
}

#[cfg(test)]
mod tests;
