//! Alerts that were sent or given up and are still in the outbox, because it could not be written, such as on a full disk.
//!
//! They are not sent again; after a restart they are, because the daemon does not know them any more.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Their numbers and times.
#[derive(Default)]
pub(super) struct UnrecordedAlerts(Mutex<BTreeSet<(i64, String)>>);

impl UnrecordedAlerts {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(i64, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_over(&self, alert: &(i64, String)) -> bool {
        self.lock().contains(alert)
    }

    /// Whether this alert is one of them now.
    pub fn note(&self, alert: (i64, String), is_unrecorded: bool) {
        match is_unrecorded {
            true => self.lock().insert(alert),
            false => self.lock().remove(&alert),
        };
    }
}
