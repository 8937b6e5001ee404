//! Common setup of commands: the async runtime, the application. The log is in `log.rs`.

use std::path::{Path, PathBuf};

use super::credentials;
use super::exit::Exit;
use super::owner::StateUse;
use rollbook_app::app::App;
use rollbook_core::clock::Clock;
use rollbook_engine::daemon::Signals;
use rollbook_engine::setup::files::{Secrets, StoreConfig};
use rollbook_engine::setup::{CLUSTER, Folders, Overlay, Setup};
use tokio::runtime::{Builder, Runtime};

/// Blocking threads: SQLite, decoding, reading secrets. Few, because each has its own memory arena.
const BLOCKING_THREADS: usize = 3;

/// The runtime folder of the shipped unit.
const USUAL_RUNTIME_FOLDER: &str = "/run/rollbook";

/// Threads for sockets and timers. One is enough, and each has its own memory arena.
const WORKERS: usize = 1;

/// Builds the async runtime.
pub fn runtime() -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    prepared(
        builder
            .worker_threads(WORKERS)
            .max_blocking_threads(BLOCKING_THREADS),
    )
}

/// Builds the runtime of a worker of a cluster: each of its sources waits for the disk and the database by itself.
pub fn worker_runtime() -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    prepared(
        builder
            .worker_threads(2 * WORKERS)
            .max_blocking_threads(5 * BLOCKING_THREADS),
    )
}

/// Builds a runtime for sockets alone, without another thread.
pub fn one_thread() -> std::io::Result<Runtime> {
    prepared(&mut Builder::new_current_thread())
}

fn prepared(builder: &mut Builder) -> std::io::Result<Runtime> {
    let runtime = builder.enable_all().build()?;
    let inside = runtime.enter();
    Signals::outlive_file_limits()?;
    drop(inside);
    Ok(runtime)
}

/// Refuses a folder with neither a configuration nor a mirror: most likely it is the wrong one, or the first command.
pub fn need_configuration(folders: &Folders, state_use: StateUse) -> Result<(), Exit> {
    let is_missing = |file: PathBuf| {
        std::fs::metadata(file).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    if state_use == StateUse::None
        || !is_missing(folders.config.join("rollbook.toml"))
        || !is_missing(folders.state.join(StoreConfig::default().path))
    {
        return Ok(());
    }
    Err(Exit::no_configuration(format!(
        "there is no rollbook.toml in {}: `rollbook init CONNECTOR` writes one (`rollbook init` lists the connectors, \
         `rollbook demo` needs none), `--config DIR` names another folder",
        folders.config.display()
    )))
}

/// Opens the application with the configuration in these folders.
pub async fn app(folders: &Folders, overlay: &Overlay) -> Result<App, Exit> {
    app_at(folders, overlay, Clock::system()).await
}

/// The same, by another clock.
pub async fn app_at(folders: &Folders, overlay: &Overlay, clock: Clock) -> Result<App, Exit> {
    let setup = Setup::load(folders, overlay)?;
    refuse_in_cluster(folders, &setup)?;
    Ok(App::open(folders, setup, secrets(folders, overlay), clock).await?)
}

/// In a cluster a worker alone opens mirrors: another process would write to one, or to the vendor, without its lease.
fn refuse_in_cluster(folders: &Folders, setup: &Setup) -> Result<(), Exit> {
    match (&folders.source, &setup.config.cluster) {
        (Some(source), _) => Err(Exit::busy(format!(
            "rollbook: this worker does not have {source} any more; repeat the command"
        ))),
        (None, Some(_)) => Err(Exit::usage(
            "in a cluster only its workers open mirrors; `rollbook run` starts one",
        )),
        (None, None) => Ok(()),
    }
}

/// The same, on a copy of the mirror.
pub async fn rehearsal(folders: &Folders) -> Result<App, Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    refuse_in_cluster(folders, &setup)?;
    Ok(App::rehearse(folders, setup, secrets(folders, &overlay), Clock::system()).await?)
}

/// The same, on an empty mirror; the real one is not opened.
pub async fn with_empty_mirror(folders: &Folders) -> Result<App, Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    Ok(App::open_empty(folders, setup, secrets(folders, &overlay), Clock::system()).await?)
}

/// The daemon's runtime folder: systemd's, else one beside the mirror. A source of a cluster has one of its own in it.
pub fn runtime_folder(folders: &Folders, mirror: &Path) -> PathBuf {
    match systemd_runtime_folder() {
        Some(folder) => own_folder(folder, folders),
        None => beside(mirror),
    }
}

/// Possible runtime folders of a daemon that writes this mirror.
pub fn runtime_folders(folders: &Folders, mirror: &Path) -> Vec<PathBuf> {
    let usual = PathBuf::from(USUAL_RUNTIME_FOLDER);
    systemd_runtime_folder()
        .map(|folder| own_folder(folder, folders))
        .into_iter()
        .chain([beside(mirror), own_folder(usual, folders)])
        .collect()
}

/// The part of a runtime folder that these folders have.
fn own_folder(folder: PathBuf, folders: &Folders) -> PathBuf {
    match &folders.source {
        Some(source) => folder.join(CLUSTER).join(source.as_str()),
        None => folder,
    }
}

fn beside(mirror: &Path) -> PathBuf {
    mirror.with_file_name("run")
}

/// The first folder in `RUNTIME_DIRECTORY`.
fn systemd_runtime_folder() -> Option<PathBuf> {
    let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
    std::env::split_paths(&folders).next()
}

/// The secrets that the configuration may refer to.
pub fn secrets(folders: &Folders, overlay: &Overlay) -> Secrets {
    if overlay.secrets.is_empty() {
        Secrets::new(
            &folders.config,
            std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        )
        .with_opened(credentials::opened())
    } else {
        overlay.secrets()
    }
}
