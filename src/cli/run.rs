//! `rollbook run`: the daemon. Every job on its schedule, until a signal ends it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::start;
use crate::app::{App, DaemonEngine, Overlay, Places};
use crate::clock::Clock;
use crate::daemon::{self, Event};

/// Runs until SIGTERM or Ctrl-C; SIGHUP loads the configuration again.
pub async fn run(places: &Places) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let app = Arc::new(start::app(places, &overlay).await?);
    serve(app, places, overlay).await;
    Ok(())
}

/// The daemon for a program that is open already.
pub async fn serve(app: Arc<App>, places: &Places, overlay: Overlay) {
    let jobs = app.setup().jobs.len();
    tracing::info!(jobs, mirror = %app.store().path().display(), "rollbook runs");
    let engine = Arc::new(DaemonEngine::new(app, places.clone(), overlay));
    daemon::serve(engine, Clock::system(), CancellationToken::new(), tell).await;
    tracing::info!("rollbook has stopped");
}

/// One line for what a run does not say itself.
fn tell(event: Event) {
    match event {
        Event::Ready => tracing::info!("all ticks are planned"),
        Event::Reloaded => tracing::info!("the new configuration is in force"),
        Event::ReloadRefused(problems) => {
            tracing::error!("the new configuration is wrong, the old one stays:\n{problems}");
        }
        Event::RunStarted { job, cause } => tracing::debug!(job, cause, "tick"),
        Event::RunEnded { job, outcome } => {
            tracing::debug!(job, outcome = outcome.word(), "run is over")
        }
        Event::RunCrashed { job } => {
            tracing::error!(job, "the run broke a part of rollbook; please report it")
        }
        Event::TickDropped { job, reason } => tracing::warn!(job, %reason, "tick passed over"),
        Event::Stopping => tracing::info!("stopping"),
    }
}
