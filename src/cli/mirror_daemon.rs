//! The daemon of one mirror: the loop, and everything that follows it.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use rollbook_app::app::DaemonEngine;
use rollbook_core::clock::Clock;
use rollbook_core::model::scalar::{display_time, to_canonical};
use rollbook_engine::daemon::control_server::ControlServer;
use rollbook_engine::daemon::{
    self, ControlHandle, Engine, Event, HistoryFile, StatusPublisher, absolute,
};

/// How long a stop waits for the alert that is being sent.
const LAST_ALERT: Duration = Duration::from_secs(5);

/// The daemon of a mirror: the loop, and everything that follows it.
pub struct MirrorDaemon {
    /// Runs the jobs.
    pub engine: DaemonEngine,
    /// Publishes the status.
    pub publisher: Arc<StatusPublisher>,
    /// Controls the loop.
    pub control: ControlHandle,
    /// The runtime folder.
    pub folder: PathBuf,
    /// The mirror.
    pub mirror: PathBuf,
    /// The clock.
    pub clock: Clock,
    /// Whether its start, reload and end are those of the program, and so in the log.
    pub is_program: bool,
}

impl MirrorDaemon {
    /// Until the loop is stopped; `observe` receives its events.
    ///
    /// # Errors
    /// Why this process cannot write the mirror any more.
    pub async fn serve(
        self,
        observe: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<(), String> {
        let (own, publisher) = (Arc::new(self.engine), self.publisher);
        let engine: Arc<dyn Engine> = Arc::clone(&own) as Arc<dyn Engine>;
        // Before the daemon is ready: a command may follow at once.
        let server = listen(&self.folder, &self.mirror);
        let (handler, control) = (Arc::clone(&engine), self.control.clone());
        let clock = self.clock.clone();
        let requests = async {
            match server {
                Some(server) => server.serve(handler, &control, clock).await,
                None => std::future::pending().await,
            }
        };
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
        let history_file = HistoryFile::in_folder(&self.folder);
        let heartbeat_wake = Arc::new(Notify::new());
        let heartbeat = Arc::clone(&heartbeat_wake);
        let on_event = move |event: Event| {
            let is_of_program = matches!(event, Event::Ready | Event::Reloaded | Event::Stopping);
            if self.is_program || !is_of_program {
                log(&event);
            }
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
            ended = daemon::run_loop(engine, self.clock.clone(), self.control, on_event) => ended,
            () = publisher.keep_file() => Ok(()),
            () = requests => Ok(()),
            () = &mut watch => Ok(()),
            () = own.keep_outputs(&copy_wake, made, &stop) => Ok(()),
            () = own.keep_hooks(&hook_wake, &wake, &stop) => Ok(()),
            () = own.keep_published(&publish_wake, &wake, &stop) => Ok(()),
            () = own.keep_heartbeat(&heartbeat_wake, |meaning| publisher.is_healthy(meaning)) => Ok(()),
            () = own.keep_history(&history_wake, &history_file) => Ok(()),
        };
        publisher.close();
        stop.cancel();
        let last_alert = tokio::time::timeout(LAST_ALERT, watch).await;
        if last_alert.is_err() {
            tracing::warn!(
                "an alert was being sent at the stop; it will be sent again at the next start"
            );
        }
        ended
    }
}

/// The control socket, for sync, approve, pause, resume and reset.
fn listen(folder: &Path, mirror: &Path) -> Option<ControlServer> {
    match ControlServer::listen(folder, &absolute(mirror)) {
        Ok(server) => Some(server),
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(
                "could not create the control socket in {folder}, so sync, approve, pause, resume and reset cannot reach this daemon: {error}"
            );
            None
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
