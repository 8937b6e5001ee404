//! `rollbook run`: the daemon. Every job on its schedule, until a signal ends it.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

use super::exit::Exit;
use super::start;
use crate::app::{App, DaemonEngine, Overlay, Places};
use crate::clock::Clock;
use crate::daemon::control::Control;
use crate::daemon::{self, AtOnce, Changes, Engine, Event, Front, Orders, absolute};

/// Runs until SIGTERM or Ctrl-C; SIGHUP, or a change of its files, loads the configuration again.
pub async fn run(places: &Places) -> Result<(), Exit> {
    let overlay = Overlay::default();
    // Before the files are read, so that no change is missed.
    let changes = Changes::of(&places.folders());
    let app = Arc::new(start::app(places, &overlay).await?);
    let ended = serve(app, places, overlay, changes).await;
    ended.map_err(|why| Exit::failed(format!("rollbook: {why}")))
}

/// The daemon for a program that is open already.
///
/// # Errors
/// Why the mirror cannot be kept by this process any more.
pub async fn serve(
    app: Arc<App>,
    places: &Places,
    overlay: Overlay,
    changes: Changes,
) -> Result<(), String> {
    let jobs = app.setup().jobs.len();
    let mirror = app.store().path().to_owned();
    tracing::info!(jobs, mirror = %mirror.display(), "rollbook runs");
    let clock = Clock::system();
    let folder = start::runtime_folder(&mirror);
    let front = Arc::new(Front::new(&mirror, &folder, clock.clone()));
    let orders = Orders {
        alive_every: front.alive_every(),
        ..Orders::default()
    };
    let (reload, at_once) = (Arc::clone(&orders.reload), Arc::clone(&orders.at_once));
    let own = Arc::new(DaemonEngine::new(app, places.clone(), overlay));
    let engine: Arc<dyn Engine> = Arc::clone(&own) as Arc<dyn Engine>;
    let wishes = hear_wishes(
        &folder,
        &mirror,
        Arc::clone(&engine),
        at_once,
        clock.clone(),
    );
    let (hearing, wake) = (Arc::clone(&front), Arc::new(Notify::new()));
    let waking = Arc::clone(&wake);
    let tell = move |event: Event| {
        log(&event);
        if may_alert(&event) {
            waking.notify_one();
        }
        hearing.hear(&event);
    };
    let ended = tokio::select! {
        ended = daemon::serve(engine, clock.clone(), orders, tell) => ended,
        () = front.keep_file() => Ok(()),
        () = wishes => Ok(()),
        () = own.watch_alerts(&wake) => Ok(()),
        () = changes.follow(clock, reload) => Ok(()),
    };
    front.close();
    tracing::info!("rollbook has stopped");
    ended
}

/// Lets admins approve, resume and reset while the daemon runs.
async fn hear_wishes(
    folder: &Path,
    mirror: &Path,
    engine: Arc<dyn Engine>,
    at_once: Arc<AtOnce>,
    clock: Clock,
) {
    match Control::listen(folder, &absolute(mirror)) {
        Ok(control) => control.serve(engine, at_once, clock).await,
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(
                "approve, resume and reset cannot reach this daemon, no socket in {folder}: {error}"
            );
            std::future::pending().await
        }
    }
}

/// Whether there may be something to tell people after this.
fn may_alert(event: &Event) -> bool {
    matches!(
        event,
        Event::Ready | Event::Reloaded | Event::RunEnded { .. } | Event::RunCrashed { .. }
    )
}

/// One line for what a run does not say itself.
fn log(event: &Event) {
    match event {
        Event::Ready => tracing::info!("ready"),
        Event::ClockUnset(shown) => {
            tracing::warn!("the clock shows {shown} and is waited for to be set");
        }
        Event::ClockBelieved(shown) => {
            tracing::warn!("the clock still shows {shown}, going on all the same");
        }
        Event::ClockSet => tracing::info!("the clock is set"),
        Event::Planned(_) => tracing::debug!("ticks are planned"),
        Event::Waiting(_) => tracing::debug!("jobs wait for a person, or no longer do"),
        Event::Stuck(who) => {
            tracing::error!("{who} does not get on, the watchdog is no longer told that we live");
        }
        Event::Reloaded => tracing::info!("the new configuration is in force"),
        Event::ReloadRefused(refusal) => tracing::error!(
            problems = refusal.problems,
            "the new configuration is wrong, the old one stays:\n{}",
            refusal.text
        ),
        Event::RunStarted { job, cause } => tracing::debug!(job, cause = cause.as_str(), "tick"),
        Event::RunEnded { job, outcome } => {
            tracing::debug!(job, outcome = outcome.as_str(), "run is over");
        }
        Event::RunCrashed { job } => {
            tracing::error!(job, "the run broke a part of rollbook; please report it");
        }
        Event::Lost(why) => {
            tracing::error!("the mirror cannot be kept any more, rollbook ends: {why}")
        }
        // Passed-over ticks are logged where they are passed over.
        Event::TickDropped { .. } | Event::RunMoved { .. } | Event::Alive | Event::Reloading => {}
        Event::Stopping => tracing::info!("stopping"),
    }
}
