//! How the loop is controlled from outside: by signals, by the control socket, by its caller.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::webhooks::PendingWebhooks;
use rollbook_core::model::{JobName, RunStart};

/// The path of the control socket in a runtime folder.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Controls the loop from outside.
#[derive(Clone, Debug, Default)]
pub struct ControlHandle {
    /// Stops the loop and all its runs.
    pub stop: CancellationToken,
    /// Requests a reload; several pending requests are one.
    pub reload: Arc<Notify>,
    /// Requests to run jobs now.
    pub run_now: Arc<RunNow>,
    /// Webhooks that ask for an early run.
    pub webhooks: Arc<PendingWebhooks>,
    /// The longest time between two turns of the loop, if a watchdog needs it.
    pub alive_every: Option<Duration>,
    /// Who may run, of all loops of this process; `None` for the loop's own rule.
    pub permits: Option<Arc<Semaphore>>,
    /// The longest time between two readings of the wall clock. Default 30 s; longer only where years pass in minutes.
    pub max_sleep: Option<Duration>,
}

/// A job that a person wants to run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRequest {
    /// The job.
    pub job: JobName,
    /// Why and how.
    pub start: RunStart,
}

/// Jobs to run now, independent of their schedules.
#[derive(Debug, Default)]
pub struct RunNow {
    jobs: Mutex<Vec<RunRequest>>,
    changed: Notify,
}

impl RunNow {
    /// Adds a job and wakes the loop.
    pub fn request(&self, request: RunRequest) {
        self.jobs().push(request);
        self.wake();
    }

    /// Wakes the loop, because something in the mirror has changed that it must see.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// One request of each job that is not active; the others wait until the active run has ended.
    pub(super) fn take(&self, is_active: impl Fn(&JobName) -> bool) -> Vec<RunRequest> {
        let mut taken: Vec<RunRequest> = Vec::new();
        self.jobs().retain(|request| {
            let is_taken = taken.iter().any(|other| other.job == request.job);
            let waits = is_taken || is_active(&request.job);
            if !waits {
                taken.push(request.clone());
            }
            waits
        });
        taken
    }

    /// Waits for a request.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<RunRequest>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
