//! The clock by which simulated tokens grow old: real time, plus what a test adds.
//!
//! Apart from the daemon's own clock on purpose: vendor and client never share one.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time since a sandbox started, adjustable from outside.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    ahead: Mutex<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            ahead: Mutex::new(Duration::ZERO),
        }
    }
}

impl Clock {
    /// Time since the start, with everything that was added.
    pub fn now(&self) -> Duration {
        self.started.elapsed() + self.ahead()
    }

    /// What was added to real time.
    pub fn ahead(&self) -> Duration {
        self.ahead.lock().map(|ahead| *ahead).unwrap_or_default()
    }

    /// Lets time pass at once.
    pub fn advance(&self, by: Duration) {
        if let Ok(mut ahead) = self.ahead.lock() {
            *ahead += by;
        }
    }
}
