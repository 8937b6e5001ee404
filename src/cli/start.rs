//! What every command starts with: the runtime, the program itself. The log is in `log.rs`.

use std::path::{Path, PathBuf};

use super::exit::Exit;
use crate::app::{App, Overlay, Places, Setup};
use crate::clock::Clock;
use crate::config::Secrets;
use crate::daemon::Signals;
use tokio::runtime::Runtime;

/// Threads that may block: SQLite, decoding, reading secrets. Each keeps memory of its own, so there are few.
const BLOCKING_THREADS: usize = 3;

/// The folder that systemd makes for the shipped unit.
const USUAL_RUNTIME_FOLDER: &str = "/run/rollbook";

/// Threads for sockets and timers. One is enough for any vendor, and each keeps memory of its own.
const WORKERS: usize = 1;

/// The threads that everything runs on.
pub fn runtime() -> std::io::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    Signals::outlive_file_limits()?;
    drop(inside);
    Ok(runtime)
}

/// The program with the configuration of these folders.
pub async fn app(places: &Places, overlay: &Overlay) -> Result<App, Exit> {
    let setup = Setup::load(places, overlay)?;
    Ok(App::open(places, setup, secrets(places, overlay), Clock::system()).await?)
}

/// The same on a copy of the mirror.
pub async fn rehearsal(places: &Places) -> Result<App, Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    Ok(App::rehearse(places, setup, secrets(places, &overlay), Clock::system()).await?)
}

/// The same with nothing in the mirror, beside the one that is there.
pub async fn look(places: &Places) -> Result<App, Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    Ok(App::look(places, setup, secrets(places, &overlay), Clock::system()).await?)
}

/// The folder for what lasts as long as the daemon: systemd's, else one beside the mirror.
pub fn runtime_folder(mirror: &Path) -> PathBuf {
    systemd_runtime_folder().unwrap_or_else(|| beside(mirror))
}

/// Where a daemon that writes this mirror may have put it, for another process to look.
pub fn runtime_folders(mirror: &Path) -> Vec<PathBuf> {
    let folders = systemd_runtime_folder().into_iter();
    folders
        .chain([beside(mirror), PathBuf::from(USUAL_RUNTIME_FOLDER)])
        .collect()
}

fn beside(mirror: &Path) -> PathBuf {
    mirror.with_file_name("run")
}

/// The first of those that the unit asks for.
fn systemd_runtime_folder() -> Option<PathBuf> {
    let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
    std::env::split_paths(&folders).next()
}

/// The secrets that the configuration may name.
pub fn secrets(places: &Places, overlay: &Overlay) -> Secrets {
    if overlay.secrets.is_empty() {
        Secrets::new(
            &places.config,
            std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        )
    } else {
        overlay.secrets()
    }
}
