//! `rollbook status`: every job with its last and next run, what needs attention, the size of the mirror.
//!
//! Read-only, also while the daemon runs. The exit code is 0 whatever it shows.

mod sharing;
mod text;
mod watch;

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Serialize;

use self::sharing::SharingView;
use self::text::status_text;
use super::daemon_lines::daemon_status;
use super::exit::Exit;
use super::mirror_access::{MirrorAccess, errors};
use super::out;
use super::strips::SPARKLINE_DAYS;
use super::suggested::suggested;
use super::ticks::{UpcomingTick, ticks_unless_paused};
use super::unconfigured::{UnconfiguredTable, sentences, unconfigured_tables};
use rollbook_app::app::{ParkedJobNeeds, is_too_old, parked_job_needs, wait_reasons};
use rollbook_core::clock::Clock;
use rollbook_core::model::run_history::{HistoryFold, PastRun, StreamDays};
use rollbook_core::model::{EntryName, JobName, ParkReason, SourceName, scalar};
use rollbook_core::store::queries::{self, Gap, Reader, RejectLine, RunLine};
use rollbook_core::store::runs::{self, JobState};
use rollbook_core::store::suppression::any_pending;
use rollbook_core::store::vault::{VaultEntry, entries};
use rollbook_core::store::{held_log, pauses};
use rollbook_engine::daemon::content_on_disk;
use rollbook_engine::daemon::status::{DaemonState, PauseStatus, Status};
use rollbook_engine::setup::{Folders, Setup};

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct StatusOptions {
    /// Redraw every two seconds until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Show every stream too, with its rows in the last 30 days
    #[arg(long)]
    streams: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the status.
pub async fn run(folders: &Folders, options: &StatusOptions) -> Result<(), Exit> {
    if options.watch {
        return watch::watch(|width| Ok(status_text(&current(folders, options.streams)?, width)))
            .await;
    }
    let view = current(folders, options.streams)?;
    if options.json {
        out::json(&view);
    } else {
        out::text(status_text(&view, out::width()));
    }
    Ok(())
}

/// The status now.
fn current(folders: &Folders, with_streams: bool) -> Result<StatusView, Exit> {
    let access = MirrorAccess::open_quietly(folders)?.up_to_date()?;
    if access.mirror_if_made().is_none() {
        access.setup()?;
    }
    let now = Clock::system().now();
    let mut view = view(folders, &access, now)?;
    if let (Some(mirror), true) = (access.mirror_if_made(), with_streams) {
        view.streams = Some(recent_days(mirror, last_day(now))?);
    }
    Ok(view)
}

fn last_day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// The streams with a run in the days of a sparkline.
fn recent_days(mirror: &Reader, last: Date) -> Result<Vec<StreamDays>, Exit> {
    let mut fold = HistoryFold::default();
    let first = last.saturating_sub(Span::new().days(SPARKLINE_DAYS - 1));
    queries::add_ended_runs(mirror, &mut fold, None, first)?;
    Ok(fold.history.streams)
}

#[derive(Debug, Serialize)]
struct StatusView {
    mirror: MirrorView,
    #[serde(flatten)]
    sharing: SharingView,
    /// The daemon's status file; `null` if no daemon runs.
    daemon: Option<Status>,
    /// Problems of the files on disk; `null` if there are none.
    configuration: Option<String>,
    /// Whether the daemon has loaded something else than what is on disk.
    reload_needed: bool,
    jobs: Vec<JobView>,
    sources: Vec<SourceView>,
    /// The days of each stream; only with `--streams`.
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<Vec<StreamDays>>,
    /// The day of the last column of sparklines.
    #[serde(skip)]
    today: Date,
    /// Codes without a label, unmapped codes, and codes mapped to a missing target.
    gaps: Vec<Gap>,
    /// Tables that no job reads.
    tables_without_a_job: Vec<UnconfiguredTable>,
    #[serde(skip)]
    removals: Vec<String>,
    /// Some copy or freed space may still hold a person who was erased.
    unfinished_erasure: bool,
}

#[derive(Debug, Serialize)]
struct MirrorView {
    path: String,
    /// `null` if there is no mirror.
    bytes: Option<u64>,
    /// Programs whose reading keeps a large write-ahead log from being emptied, as far as this user may see them.
    log_held_by: Vec<LogHolder>,
}

/// A process that reads the mirror.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct LogHolder {
    pid: u32,
    program: String,
}

#[derive(Debug, Serialize)]
struct JobView {
    job: JobName,
    source: SourceName,
    last_run: Option<RunLine>,
    /// Its last runs that ended, the oldest first.
    last_runs: Vec<PastRun>,
    failures_in_a_row: u32,
    incomplete_in_a_row: u32,
    /// Rejects of the last run.
    rejects: Vec<RejectLine>,
    /// Why it is parked: for scripts and for people.
    park_reason: Option<ParkReason>,
    parked: Option<String>,
    deferred_until: Option<String>,
    paused: Option<PauseStatus>,
    held: Option<Held>,
    /// The next tick that starts a run: the daemon's if it runs, else by the files on disk.
    next_tick: Option<UpcomingTick>,
    /// Why the daemon skips ticks before that.
    delayed: Option<String>,
    /// Whether the daemon has loaded the job; `null` if it does not run.
    loaded: Option<bool>,
    #[serde(skip)]
    waits: Vec<String>,
    #[serde(skip)]
    needs: Option<ParkedJobNeeds>,
}

#[derive(Debug, Serialize)]
struct Held {
    run: i64,
    message: Option<String>,
    /// The command that approves it, or that runs the job again if it is too old.
    command: String,
    too_old: bool,
}

#[derive(Debug, Serialize)]
struct SourceView {
    source: SourceName,
    connector: Option<String>,
    tables: u64,
    rows: u64,
    history_rows: u64,
}

fn view(folders: &Folders, access: &MirrorAccess, now: Timestamp) -> Result<StatusView, Exit> {
    let mirror = access.mirror_if_made();
    let setup = access.setup.as_ref().ok();
    let daemon = daemon_status(folders, &access.path);
    let mut names: Vec<(JobName, SourceName)> = match (setup, mirror) {
        (Some(setup), _) => setup
            .jobs
            .iter()
            .map(|(name, job)| (name.clone(), job.source.clone()))
            .collect(),
        (None, Some(mirror)) => queries::jobs(mirror)?,
        (None, None) => Vec::new(),
    };
    names.extend(unconfigured(&names, mirror, daemon.as_ref())?);
    names.sort();
    // `rollbook tokens` reports a vault that cannot be read.
    let folder = access.path.parent();
    let kept = folder.map_or(Ok(Vec::new()), entries).unwrap_or_default();
    let mut jobs = names
        .into_iter()
        .map(|(name, source)| job(mirror, setup, name, source, &kept, daemon.is_some(), now))
        .collect::<Result<Vec<_>, Exit>>()?;
    use_daemon_plans(&mut jobs, daemon.as_ref());
    let tables_without_a_job = match (mirror, setup) {
        (Some(mirror), Some(setup)) => unconfigured_tables(mirror, setup)?,
        _ => Vec::new(),
    };
    Ok(StatusView {
        removals: setup.map_or_else(Vec::new, |setup| {
            sentences(&tables_without_a_job, setup.config.store.unconfigured)
        }),
        tables_without_a_job,
        sharing: SharingView::of(setup, &access.path, mirror)?,
        mirror: MirrorView {
            path: access.path.display().to_string(),
            bytes: bytes(&access.path),
            log_held_by: log_readers(&access.path, daemon.as_ref()),
        },
        reload_needed: setup.is_some()
            && daemon
                .as_ref()
                .is_some_and(|daemon| must_reload(folders, daemon)),
        daemon,
        configuration: access.setup.as_ref().err().map(errors),
        jobs,
        sources: sources(mirror, setup)?,
        streams: None,
        today: last_day(now),
        gaps: mirror.map_or(Ok(Vec::new()), queries::gaps)?,
        unfinished_erasure: mirror.map_or(Ok(false), any_pending)?,
    })
}

/// Jobs that the daemon has loaded and that are not on disk.
fn unconfigured(
    configured: &[(JobName, SourceName)],
    mirror: Option<&Reader>,
    daemon: Option<&Status>,
) -> Result<Vec<(JobName, SourceName)>, Exit> {
    let (Some(mirror), Some(daemon)) = (mirror, daemon) else {
        return Ok(Vec::new());
    };
    let is_loaded = |name: &JobName| daemon.jobs.iter().any(|job| job.job == *name);
    let mut jobs = queries::jobs(mirror)?;
    jobs.retain(|(name, _)| {
        is_loaded(name) && configured.iter().all(|(configured, _)| configured != name)
    });
    Ok(jobs)
}

/// Whether the daemon would load something else from these folders than it has. A refused configuration is reported as
/// such.
fn must_reload(folders: &Folders, daemon: &Status) -> bool {
    let configuration = &daemon.configuration;
    configuration.refused.is_none()
        && configuration
            .content
            .as_ref()
            .is_some_and(|loaded| *loaded != content_on_disk(&folders.folders()))
}

/// Uses what the daemon has planned, if it runs.
fn use_daemon_plans(jobs: &mut [JobView], daemon: Option<&Status>) {
    let Some(daemon) = daemon.filter(|daemon| daemon.state != DaemonState::Starting) else {
        return;
    };
    for job in jobs {
        let known = daemon.jobs.iter().find(|known| known.job == job.job);
        job.next_tick = known.and_then(UpcomingTick::planned);
        job.delayed = known.and_then(|known| known.delayed.clone());
        job.loaded = Some(known.is_some());
    }
}

/// Size of the file and its write-ahead log.
fn bytes(mirror: &Path) -> Option<u64> {
    let length = std::fs::metadata(mirror).ok()?.len();
    Some(length + held_log::log_bytes(mirror).unwrap_or(0))
}

/// Who else reads a state of the mirror whose log is large.
fn log_readers(mirror: &Path, daemon: Option<&Status>) -> Vec<LogHolder> {
    if held_log::log_bytes(mirror).is_none_or(|bytes| bytes < held_log::LARGE) {
        return Vec::new();
    }
    let own = [
        Some(std::process::id()),
        daemon.map(|daemon| daemon.process.pid),
    ];
    let others = held_log::readers_of(mirror).into_iter();
    let program = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm"));
    others
        .filter(|pid| !own.contains(&Some(*pid)))
        .map(|pid| LogHolder {
            pid,
            program: program(pid).unwrap_or_default().trim().to_owned(),
        })
        .collect()
}

/// When a source last got its stored tokens.
fn obtained<'a>(kept: &'a [VaultEntry], source: &str) -> Option<&'a str> {
    let line = kept.iter().find(|line| line.source == source);
    line?.obtained.as_deref()
}

fn job(
    mirror: Option<&Reader>,
    setup: Option<&Setup>,
    name: JobName,
    source: SourceName,
    kept: &[VaultEntry],
    daemon_runs: bool,
    now: Timestamp,
) -> Result<JobView, Exit> {
    let (last_run, state, held) = match mirror {
        Some(mirror) => (
            queries::newest_whole(mirror, &name)?,
            JobState {
                pauses: pauses::of_job(mirror, &name, &source)?,
                ..runs::job_state(mirror, &EntryName::from(&name))?
            },
            queries::held(mirror, &name)?,
        ),
        None => (None, JobState::default(), None),
    };
    let rejects = match (mirror, &last_run) {
        (Some(mirror), Some(run)) => queries::rejects(mirror, run.run)?,
        _ => Vec::new(),
    };
    let last_runs = match mirror {
        Some(mirror) => queries::job_runs(mirror, &name, &source)?.runs,
        None => Vec::new(),
    };
    let pause = state.paused(now);
    let after = state.deferred_until.unwrap_or(now).max(now);
    let next_tick = setup
        .and_then(|setup| setup.jobs.get(&name))
        .and_then(|job| ticks_unless_paused(&job.config, after, pause, 1).pop());
    let paused = pause.map(PauseStatus::from);
    let tried = last_run.as_ref().and_then(|run| run.ended.as_deref());
    Ok(JobView {
        failures_in_a_row: state.failures,
        incomplete_in_a_row: state.incomplete_runs,
        rejects,
        waits: wait_reasons(&JobState {
            // A daemon reports it with its next tick.
            deferred_until: state
                .deferred_until
                .filter(|until| *until > now && !daemon_runs),
            ..state.clone()
        }),
        needs: parked_job_needs(&state, tried, obtained(kept, source.as_str())),
        park_reason: state.parked.as_ref().map(|parked| parked.reason),
        parked: state.parked.map(|parked| parked.message),
        deferred_until: state.deferred_until.map(scalar::to_canonical),
        paused,
        held: held.map(|run| held_line(&name, run, now)),
        next_tick,
        delayed: None,
        loaded: None,
        job: name,
        last_run,
        last_runs,
        source,
    })
}

fn held_line(job: &JobName, run: RunLine, now: Timestamp) -> Held {
    let too_old = is_too_old(&run, now);
    Held {
        run: run.run,
        command: if too_old {
            format!("rollbook sync {job}")
        } else {
            suggested(&format!("approve {}", run.run))
        },
        message: run.message,
        too_old,
    }
}

fn sources(mirror: Option<&Reader>, setup: Option<&Setup>) -> Result<Vec<SourceView>, Exit> {
    let mirrored = mirror.map_or(Ok(Vec::new()), queries::mirrored)?;
    let configured = setup.iter().flat_map(|setup| &setup.sources);
    let mut sources: Vec<SourceView> = configured
        .map(|(name, source)| SourceView {
            source: name.clone(),
            connector: Some(source.config.connector.to_string()),
            tables: 0,
            rows: 0,
            history_rows: 0,
        })
        .collect();
    for (name, stream) in mirrored {
        let sizes = mirror.map_or(Ok(None), |mirror| queries::sizes(mirror, &name, &stream))?;
        let Some((rows, history_rows)) = sizes else {
            continue;
        };
        let index = sources.iter().position(|source| source.source == name);
        let index = index.unwrap_or_else(|| {
            sources.push(SourceView {
                source: name.clone(),
                connector: None,
                tables: 0,
                rows: 0,
                history_rows: 0,
            });
            sources.len() - 1
        });
        let source = &mut sources[index];
        source.tables += 1;
        source.rows += rows;
        source.history_rows += history_rows;
    }
    Ok(sources)
}
