//! Stops a copy from another thread: between two tables, or inside SQLite.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::InterruptHandle;

/// What stops a copy; clones stop the same one.
#[derive(Clone, Default)]
pub struct CopyStop(Arc<StopState>);

#[derive(Default)]
struct StopState {
    is_stopped: AtomicBool,
    handle: Mutex<Option<InterruptHandle>>,
}

impl CopyStop {
    /// Stops it, also if it has not begun.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::SeqCst);
        let handle = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*handle {
            handle.interrupt();
        }
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::SeqCst)
    }

    pub(super) fn begin(&self, handle: InterruptHandle) {
        let mut kept = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(handle);
    }
}
