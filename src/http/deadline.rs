//! Timeouts of sockets: the one place besides `clock.rs` that looks at the runtime's timer.
//!
//! A test clock ends every nap at once, and a socket's timeout with it, before the peer could say a
//! word. So waits that we choose go through the clock, and limits on a peer go through here.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Kind, Slow};
use super::rules::Timeouts;

/// The limits of time of one request, from its start.
pub(super) struct Deadline {
    started: Instant,
    whole: Duration,
    timeouts: Timeouts,
    window_end: Instant,
    window_bytes: u64,
}

impl Deadline {
    /// Starts to count.
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

    /// Waits for an answer's headers; the pace of the body counts from then.
    pub async fn first_byte<T>(&mut self, answer: impl Future<Output = T>) -> Result<T, Kind> {
        let (limit, slow) = if self.timeouts.first_byte < self.whole {
            (self.timeouts.first_byte, Slow::FirstByte)
        } else {
            (self.whole, Slow::Whole)
        };
        let answer = tokio::time::timeout_at(self.started + limit, answer)
            .await
            .map_err(|_| Kind::TooSlow(slow, limit))?;
        self.window_end = Instant::now() + self.timeouts.pace_after + self.timeouts.pace_window;
        Ok(answer)
    }

    /// Waits for the next piece of a body; `size` says how many bytes it brought, 0 at the end.
    ///
    /// Costs no task and no allocation: a timer is only registered when the piece is not there yet.
    pub async fn piece<T>(
        &mut self,
        next: impl Future<Output = T>,
        size: impl Fn(&T) -> usize,
    ) -> Result<T, Kind> {
        let silent = Instant::now() + self.timeouts.idle;
        let end = self.started + self.whole;
        let mut next = std::pin::pin!(next);
        loop {
            let alarm = silent.min(end).min(self.window_end);
            if let Ok(piece) = tokio::time::timeout_at(alarm, next.as_mut()).await {
                let brought = size(&piece);
                self.window_bytes += brought as u64;
                if brought > 0 {
                    self.check(end)?;
                }
                return Ok(piece);
            }
            if alarm == silent {
                return Err(Kind::TooSlow(Slow::Idle, self.timeouts.idle));
            }
            self.check(end)?;
        }
    }

    /// Also after a piece: a drip that is always ready would never let the timer speak.
    fn check(&mut self, end: Instant) -> Result<(), Kind> {
        let now = Instant::now();
        if now >= end {
            return Err(Kind::TooSlow(Slow::Whole, self.whole));
        }
        if now >= self.window_end {
            if self.window_bytes < self.timeouts.pace_bytes {
                return Err(Kind::TooSlow(Slow::Pace, self.timeouts.pace_window));
            }
            self.window_end = now + self.timeouts.pace_window;
            self.window_bytes = 0;
        }
        Ok(())
    }
}
