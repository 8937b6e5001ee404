//! The daemon as seen from outside: hears what the loop tells, and passes it on to systemd and the status file.
//!
//! Hearing never blocks: the file is written by a task that sleeps until something has changed, and how far
//! runs are is written once a second at most. While nothing changes, nothing wakes up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::board::{self, Change};
use super::engine::Event;
use super::service::Service;
use super::status::{Configuration, SCHEMA, Status};
use super::status_file::{StatusFile, this_process};
use crate::clock::Clock;
use crate::model::scalar;

/// Progress is shown this often at most.
const PROGRESS: Duration = Duration::from_secs(1);

/// The daemon's front.
#[derive(Debug)]
pub struct Front {
    clock: Clock,
    file: StatusFile,
    /// Whether the file was taken away for good; held while it is written, so that no write comes after that.
    closed: Arc<Mutex<bool>>,
    changed: Notify,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    status: Status,
    service: Service,
    written: Duration,
}

impl Front {
    /// Of a daemon that starts now, writes this mirror, and has this folder for what lasts as long as it runs.
    pub fn new(mirror: &Path, folder: &Path, clock: Clock) -> Self {
        let since = scalar::written(clock.now());
        let status = Status {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: this_process(),
            mirror: absolute(mirror).display().to_string(),
            configuration: Configuration {
                since: since.clone(),
                refused: None,
            },
            since,
            ..Status::default()
        };
        Self {
            clock,
            file: StatusFile::in_folder(folder),
            closed: Arc::default(),
            changed: Notify::new(),
            shown: Mutex::new(Shown {
                status,
                service: Service::of_environment(),
                written: Duration::ZERO,
            }),
        }
    }

    /// How often systemd wants a sign of life at least; nothing when it wants none.
    pub fn alive_every(&self) -> Option<Duration> {
        self.shown().service.alive_every()
    }

    /// Hears what the loop tells.
    pub fn hear(&self, event: &Event) {
        let mut shown = self.shown();
        let shown = &mut *shown;
        let change = board::take(&mut shown.status, event, self.clock.now());
        shown.service.tell(event, &shown.status.line());
        let running = self.clock.running();
        let is_worth_it = match change {
            Change::None => false,
            Change::Progress => running.saturating_sub(shown.written) >= PROGRESS,
            Change::State => true,
        };
        if is_worth_it {
            shown.written = running;
            self.changed.notify_one();
        }
    }

    /// Keeps the file as the status is, until it is dropped.
    pub async fn keep_file(&self) {
        let mut is_told = false;
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
                Ok(Ok(())) => is_told = false,
                Ok(Err(error)) if !std::mem::replace(&mut is_told, true) => {
                    tracing::warn!("the status file cannot be written: {error}");
                }
                _ => {}
            }
        }
    }

    /// The daemon has ended: no file says otherwise.
    pub fn close(&self) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = true;
        self.file.remove();
    }

    fn status(&self) -> Status {
        let mut status = self.shown().status.clone();
        status.written = scalar::written(self.clock.now());
        status
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A path that means the same in every folder.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
