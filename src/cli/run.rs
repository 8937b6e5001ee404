//! `rollbook run`: the daemon. Runs every job on its schedule until a signal stops it.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::start;
use crate::app::{App, DaemonEngine};
use crate::clock::Clock;
use crate::daemon::control_server::ControlServer;
use crate::daemon::{
    self, Changes, ControlHandle, Engine, Event, HistoryFile, RunNow, StatusPublisher, absolute,
};
use crate::model::scalar::{display_time, to_canonical};
use crate::setup::{Folders, Overlay};

/// How long a stop waits for the alert that is being sent.
const LAST_ALERT: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or Ctrl-C; SIGHUP, or a change of the files, reloads the configuration.
pub async fn run(folders: &Folders) -> Result<(), Exit> {
    let overlay = Overlay::default();
    // Before the files are read, so that no change is missed.
    let changes = Changes::of(&folders.folders());
    let app = daemon::with_more_time(&Clock::system(), start::app(folders, &overlay)).await?;
    let app = Arc::new(app);
    let (run_now, observe) = (Arc::default(), |_: &Event| {});
    let ended = serve(app, folders, overlay, changes, run_now, observe).await;
    ended.map_err(|why| Exit::failed(format!("rollbook: {why}")))
}

/// Runs the daemon with an open [`App`]; `run_now` requests runs, `observe` receives the events.
///
/// # Errors
/// Why this process cannot write the mirror any more.
pub async fn serve(
    app: Arc<App>,
    folders: &Folders,
    overlay: Overlay,
    mut changes: Changes,
    run_now: Arc<RunNow>,
    observe: impl Fn(&Event) + Send + Sync + 'static,
) -> Result<(), String> {
    let loaded = changes.loaded();
    let jobs = app.setup().jobs.len();
    let mirror = app.store().path().to_owned();
    tracing::info!(jobs, mirror = %mirror.display(), "rollbook started");
    let clock = Clock::system();
    let folder = start::runtime_folder(&mirror);
    let publisher = Arc::new(StatusPublisher::new(
        &mirror,
        &folder,
        Arc::clone(&loaded),
        clock.clone(),
    ));
    let control = ControlHandle {
        alive_every: publisher.alive_every(),
        run_now,
        ..ControlHandle::default()
    };
    let reload = Arc::clone(&control.reload);
    let own = Arc::new(DaemonEngine::new(app, folders.clone(), overlay, loaded));
    let engine: Arc<dyn Engine> = Arc::clone(&own) as Arc<dyn Engine>;
    let requests = serve_requests(
        &folder,
        &mirror,
        Arc::clone(&engine),
        control.clone(),
        clock.clone(),
    );
    let (status, wake) = (Arc::clone(&publisher), Arc::new(Notify::new()));
    let alerts = Arc::clone(&wake);
    let copy_wake = Arc::new(Notify::new());
    let copy = Arc::clone(&copy_wake);
    let hook_wake = Arc::new(Notify::new());
    let hooks = Arc::clone(&hook_wake);
    let publish_wake = Arc::new(Notify::new());
    let publish = Arc::clone(&publish_wake);
    let history_wake = Arc::new(Notify::new());
    let history = Arc::clone(&history_wake);
    let history_file = HistoryFile::in_folder(&folder);
    let heartbeat_wake = Arc::new(Notify::new());
    let heartbeat = Arc::clone(&heartbeat_wake);
    let on_event = move |event: Event| {
        log(&event);
        if may_alert(&event) {
            alerts.notify_one();
            copy.notify_one();
            hooks.notify_one();
            publish.notify_one();
            history.notify_one();
        }
        if event == Event::Reloaded {
            heartbeat.notify_one();
        }
        status.on_event(&event);
        observe(&event);
    };
    let made = || {
        wake.notify_one();
        hook_wake.notify_one();
    };
    let stop = CancellationToken::new();
    let mut watch = pin!(own.watch_alerts(&wake, &stop));
    let ended = tokio::select! {
        ended = daemon::serve(engine, clock.clone(), control, on_event) => ended,
        () = publisher.keep_file() => Ok(()),
        () = requests => Ok(()),
        () = &mut watch => Ok(()),
        () = own.keep_outputs(&copy_wake, made, &stop) => Ok(()),
        () = own.keep_hooks(&hook_wake, &wake, &stop) => Ok(()),
        () = own.keep_published(&publish_wake, &wake, &stop) => Ok(()),
        () = own.keep_heartbeat(&heartbeat_wake, |meaning| publisher.is_healthy(meaning)) => Ok(()),
        () = own.keep_history(&history_wake, &history_file) => Ok(()),
        () = changes.follow(clock, reload) => Ok(()),
    };
    publisher.close();
    stop.cancel();
    let last_alert = tokio::time::timeout(LAST_ALERT, watch).await;
    if last_alert.is_err() {
        tracing::warn!(
            "an alert was being sent at the stop; it will be sent again at the next start"
        );
    }
    tracing::info!("rollbook stopped");
    ended
}

/// Serves sync, approve, pause, resume and reset on the control socket.
async fn serve_requests(
    folder: &Path,
    mirror: &Path,
    engine: Arc<dyn Engine>,
    control: ControlHandle,
    clock: Clock,
) {
    match ControlServer::listen(folder, &absolute(mirror)) {
        Ok(server) => server.serve(engine, &control, clock).await,
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(
                "could not create the control socket in {folder}, so sync, approve, pause, resume and reset cannot reach this daemon: {error}"
            );
            std::future::pending().await
        }
    }
}

/// Whether after this event alerts must be evaluated, and outputs, hooks and the history file looked after.
fn may_alert(event: &Event) -> bool {
    matches!(
        event,
        Event::Ready | Event::Reloaded | Event::RunEnded { .. } | Event::RunCrashed { .. }
    )
}

fn to_seconds(time: Timestamp) -> String {
    format!("{} UTC", display_time(&to_canonical(time)))
}

/// Logs events that a run does not log itself.
fn log(event: &Event) {
    match event {
        Event::Ready => tracing::info!("ready"),
        Event::ClockUnset(shown) => {
            let shown = to_seconds(*shown);
            tracing::warn!("the clock shows {shown}; waiting until it is set");
        }
        Event::ClockAccepted(shown) => {
            let shown = to_seconds(*shown);
            tracing::warn!("the clock still shows {shown}; continuing nevertheless");
        }
        Event::ClockSet => tracing::info!("the clock is set"),
        Event::ClockStepped(step) => {
            tracing::warn!(
                "{step}; the last tick does not run again, and jobs continue at their next one"
            );
        }
        Event::ClockWasAhead { recorded, shown } => tracing::warn!(
            "the last recorded tick is {}, and the clock shows {}: the clock was ahead; jobs continue at their next tick",
            to_seconds(*recorded),
            to_seconds(*shown)
        ),
        Event::ClockSteady => tracing::debug!("the clock was not set for a day"),
        Event::Planned(_) => tracing::debug!("ticks planned"),
        Event::Conditions(_) => tracing::debug!("the conditions of jobs or outputs have changed"),
        // Each run that fails reports it as an error.
        Event::DiskFull(true) => tracing::warn!("the disk or a quota is full"),
        Event::DiskFull(false) => tracing::info!("the disk has room again"),
        Event::LogHeld(Some(bytes)) => tracing::warn!(
            mib = bytes >> 20,
            "the write-ahead log cannot be emptied: another program has been reading the mirror for more than ten minutes"
        ),
        Event::LogHeld(None) => tracing::info!("the write-ahead log was emptied again"),
        Event::Stuck(who) => {
            tracing::error!("{who} made no progress; watchdog notifications stopped");
        }
        Event::Reloaded => tracing::info!("new configuration in force"),
        Event::ReloadRefused(refusal) => tracing::error!(
            problems = refusal.problems,
            "the new configuration was refused, the old one stays in force:\n{}",
            refusal.text
        ),
        Event::RunStarted { job, start } => {
            tracing::debug!(job = job.as_str(), cause = start.cause.as_str(), "tick")
        }
        Event::RunEnded { job, outcome } => {
            tracing::debug!(job = job.as_str(), outcome = outcome.as_str(), "run ended");
        }
        Event::RunCrashed { job } => {
            tracing::error!(
                job = job.as_str(),
                "internal error (panic) in the run; please report it"
            );
        }
        Event::FatalError(why) => {
            tracing::error!("cannot write the mirror any more, rollbook exits: {why}")
        }
        // Skipped ticks are logged where they are skipped.
        Event::TickSkipped { .. } | Event::RunProgress { .. } | Event::Alive | Event::Reloading => {
        }
        Event::Stopping => tracing::info!("stopping"),
    }
}
