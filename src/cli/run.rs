//! `rollbook run`: the daemon. Runs every job on its schedule until a signal stops it.

use std::sync::Arc;

use super::exit::Exit;
use super::mirror_daemon::MirrorDaemon;
use super::start;
use super::stop::LAST_TOKEN;
use rollbook_app::app::{App, DaemonEngine};
use rollbook_core::clock::Clock;
use rollbook_engine::daemon::{self, Changes, ControlHandle, Event, RunNow, StatusPublisher};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Runs until SIGTERM or Ctrl-C; SIGHUP, or a change of the files, reloads the configuration.
pub async fn run(folders: &Folders) -> Result<(), Exit> {
    let overlay = Overlay::default();
    // Before the files are read, so that no change is missed.
    let changes = Changes::of(&folders.folders());
    let setup = Setup::load(folders, &overlay)?;
    #[cfg(feature = "postgres")]
    if setup.config.cluster.is_some() {
        return super::worker::run(folders, setup, changes).await;
    }
    let secrets = start::secrets(folders, &overlay);
    let opening = App::open(folders, setup, secrets, Clock::system());
    let app = Arc::new(daemon::with_more_time(&Clock::system(), opening).await?);
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
    let jobs = app.setup().jobs.len();
    let mirror = app.store().path().to_owned();
    tracing::info!(jobs, mirror = %mirror.display(), "rollbook started");
    let clock = Clock::system();
    let folder = start::runtime_folder(folders, &mirror);
    let loaded = changes.loaded();
    let publisher = StatusPublisher::new(&mirror, &folder, Arc::clone(&loaded), clock.clone());
    let control = ControlHandle {
        alive_every: publisher.alive_every(),
        run_now,
        ..ControlHandle::default()
    };
    let reload = Arc::clone(&control.reload);
    let daemon = MirrorDaemon {
        engine: DaemonEngine::new(Arc::clone(&app), folders.clone(), overlay, loaded),
        publisher: Arc::new(publisher),
        control: control.clone(),
        folder,
        mirror,
        clock: clock.clone(),
        is_program: true,
    };
    let ended = tokio::select! {
        ended = daemon.serve(observe) => ended,
        () = daemon::forward_signals(&control) => Ok(()),
        () = changes.follow(clock, reload) => Ok(()),
    };
    app.settle_tokens(LAST_TOKEN).await;
    tracing::info!("rollbook stopped");
    ended
}
