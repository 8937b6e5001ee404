//! Socket timeouts: the only module besides `clock.rs` that uses the runtime's timer.
//!
//! A test clock ends every wait at once, and would end a socket's timeout before the peer can send a byte.
//! Therefore waits of our own use the clock, and limits on a peer use this module.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::error::{HttpErrorKind, Slow};
use super::rules::Timeouts;

/// The result of a future, or `None` after this time.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// The time limits of one request, from its start.
pub(crate) struct Deadline {
    started: Instant,
    whole: Duration,
    timeouts: Timeouts,
    window_end: Instant,
    window_bytes: u64,
}

impl Deadline {
    pub fn start(timeouts: &Timeouts, whole: Duration) -> Self {
        let started = Instant::now();
        let window_end = started + timeouts.pace_after + timeouts.pace_window;
        Self {
            started,
            whole,
            timeouts: *timeouts,
            window_end,
            window_bytes: 0,
        }
    }

    /// Waits for the response headers; the pace of the body is measured from then.
    pub async fn first_byte<T>(
        &mut self,
        response: impl Future<Output = T>,
    ) -> Result<T, HttpErrorKind> {
        let (limit, slow) = if self.timeouts.first_byte < self.whole {
            (self.timeouts.first_byte, Slow::FirstByte)
        } else {
            (self.whole, Slow::Whole)
        };
        let response = tokio::time::timeout_at(self.started + limit, response)
            .await
            .map_err(|_| HttpErrorKind::TooSlow(slow, limit))?;
        self.window_end = Instant::now() + self.timeouts.pace_after + self.timeouts.pace_window;
        Ok(response)
    }

    /// Waits for the next chunk of a body; `size` returns its number of bytes, 0 at the end.
    ///
    /// Costs no task and no allocation: a timer is registered only when the chunk has not arrived yet.
    pub async fn chunk<T>(
        &mut self,
        next: impl Future<Output = T>,
        size: impl Fn(&T) -> usize,
    ) -> Result<T, HttpErrorKind> {
        let silent = Instant::now() + self.timeouts.idle;
        let end = self.started + self.whole;
        let mut next = std::pin::pin!(next);
        loop {
            let timer = silent.min(end).min(self.window_end);
            if let Ok(chunk) = tokio::time::timeout_at(timer, next.as_mut()).await {
                let received = size(&chunk);
                self.window_bytes += received as u64;
                if received > 0 {
                    self.check(end)?;
                }
                return Ok(chunk);
            }
            if timer == silent {
                return Err(HttpErrorKind::TooSlow(Slow::Idle, self.timeouts.idle));
            }
            self.check(end)?;
        }
    }

    /// Moves all limits, because the program did something else meanwhile.
    pub fn postpone(&mut self, by: Duration) {
        self.started += by;
        self.window_end += by;
    }

    /// Also runs after each chunk: when data is always ready, the timer never fires.
    fn check(&mut self, end: Instant) -> Result<(), HttpErrorKind> {
        let now = Instant::now();
        if now >= end {
            return Err(HttpErrorKind::TooSlow(Slow::Whole, self.whole));
        }
        if now >= self.window_end {
            if self.window_bytes < self.timeouts.pace_bytes {
                return Err(HttpErrorKind::TooSlow(
                    Slow::Pace,
                    self.timeouts.pace_window,
                ));
            }
            self.window_end = now + self.timeouts.pace_window;
            self.window_bytes = 0;
        }
        Ok(())
    }
}
