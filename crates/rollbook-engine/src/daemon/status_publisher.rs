//! Publishes the daemon's status: turns events of the loop into systemd notifications and the status file.
//!
//! Handling an event never blocks: a task writes the file when something has changed, and progress of runs once a
//! second at most. While nothing changes, nothing wakes up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::engine::Event;
use super::health::is_healthy;
use super::loaded_files::LoadedFiles;
use super::running_lock::RunningLock;
use super::service::Service;
use super::status::{Configuration, SCHEMA, Status};
use super::status_board::{self, Change};
use super::status_file::{StatusFile, this_process};
use rollbook_core::clock::Clock;
use rollbook_core::model::health::HealthMeaning;
use rollbook_core::model::scalar;

/// The shortest time between two writes of mere progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Publishes the status of one daemon.
#[derive(Debug)]
pub struct StatusPublisher {
    clock: Clock,
    loaded: Arc<LoadedFiles>,
    file: StatusFile,
    /// Free at the end of the process or of this; without it, readers of another user take the daemon for stopped.
    _lock: Option<RunningLock>,
    /// Whether the file was removed for good; locked during a write, so that none follows the removal.
    closed: Arc<Mutex<bool>>,
    changed: Notify,
    state: Mutex<PublisherState>,
}

#[derive(Debug)]
struct PublisherState {
    status: Status,
    service: Service,
    written: Duration,
}

impl StatusPublisher {
    /// For a daemon that starts now and writes this mirror; `folder` is its runtime folder.
    pub fn new(mirror: &Path, folder: &Path, loaded: Arc<LoadedFiles>, clock: Clock) -> Self {
        let lock = RunningLock::take(folder).inspect_err(|error| {
            tracing::warn!("cannot tell the status page that the daemon runs: {error}");
        });
        let since = scalar::to_canonical(clock.now());
        let status = Status {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: this_process(),
            mirror: absolute(mirror).display().to_string(),
            configuration: Configuration {
                since: since.clone(),
                content: loaded.in_force(),
                refused: None,
            },
            since,
            ..Status::default()
        };
        Self {
            clock,
            loaded,
            file: StatusFile::in_folder(folder),
            _lock: lock.ok(),
            closed: Arc::default(),
            changed: Notify::new(),
            state: Mutex::new(PublisherState {
                status,
                service: Service::of_environment(),
                written: Duration::ZERO,
            }),
        }
    }

    /// The same without a word to systemd.
    pub fn without_service(self) -> Self {
        self.state().service = Service::none();
        self
    }

    /// The longest time between two watchdog notifications; `None` without a watchdog.
    pub fn alive_every(&self) -> Option<Duration> {
        self.state().service.alive_every()
    }

    /// Handles an event of the loop.
    pub fn on_event(&self, event: &Event) {
        let mut state = self.state();
        let state = &mut *state;
        let change = status_board::apply(&mut state.status, event, self.clock.now());
        state.status.configuration.content = self.loaded.in_force();
        state.service.notify(event, &state.status.line());
        let running = self.clock.running();
        let must_write = match change {
            Change::None => false,
            Change::Progress => running.saturating_sub(state.written) >= PROGRESS_INTERVAL,
            Change::State => true,
        };
        if must_write {
            state.written = running;
            self.changed.notify_one();
        }
    }

    /// Writes the file whenever the status has changed, until it is dropped.
    pub async fn keep_file(&self) {
        let mut is_logged = false;
        loop {
            self.changed.notified().await;
            let (file, status) = (self.file.clone(), self.status());
            let closed = Arc::clone(&self.closed);
            let write = move || match *closed.lock().unwrap_or_else(PoisonError::into_inner) {
                true => Ok(()),
                false => file.write(&status),
            };
            let written = tokio::task::spawn_blocking(write).await;
            match written {
                Ok(Ok(())) => is_logged = false,
                Ok(Err(error)) if !std::mem::replace(&mut is_logged, true) => {
                    tracing::warn!("cannot write the status file: {error}");
                }
                _ => {}
            }
        }
    }

    /// Whether all is well now.
    pub fn is_healthy(&self, meaning: HealthMeaning) -> bool {
        is_healthy(meaning, Some(&self.state().status), self.clock.now())
    }

    /// Removes the file: the daemon has ended.
    pub fn close(&self) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = true;
        self.file.remove();
    }

    fn status(&self) -> Status {
        let mut status = self.state().status.clone();
        status.written = scalar::to_canonical(self.clock.now());
        status
    }

    fn state(&self) -> MutexGuard<'_, PublisherState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The absolute path, without resolving links.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
