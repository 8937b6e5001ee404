//! The clock of simulated tokens: real time plus what a test adds.
//!
//! Separate from the daemon's clock, because vendor and client never share one.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time since a sandbox started, adjustable from outside.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    added: Mutex<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            added: Mutex::new(Duration::ZERO),
        }
    }
}

impl Clock {
    /// Time since the start, plus what was added.
    pub fn now(&self) -> Duration {
        self.started.elapsed() + self.added()
    }

    /// What `advance` added to real time.
    pub fn added(&self) -> Duration {
        self.added.lock().map(|added| *added).unwrap_or_default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        if let Ok(mut added) = self.added.lock() {
            *added += by;
        }
    }
}
