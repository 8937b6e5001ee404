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
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// The time limits of one request, from its start.
pub(crate) struct Deadline {
    started: Instant,
    whole: Duration,
    timeouts: Timeouts,
    window_end: Instant,
    window_bytes: u64,
    /// How long what has arrived is still read after a limit.
    grace: Duration,
    /// The end of the grace; there is no other limit any more.
    last: Option<Instant>,
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
            grace: Duration::ZERO,
            last: None,
        }
    }

    /// Reads on for this long after a limit: when this program was stopped, the timer and the response are ready at the same time
    /// (cluster-protocol.md 6 rule 27).
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
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
        let mut response = std::pin::pin!(response);
        let mut timer = self.started + limit;
        let response = loop {
            match tokio::time::timeout_at(timer, response.as_mut()).await {
                Ok(response) => break response,
                Err(_) => timer = self.exceeded(HttpErrorKind::TooSlow(slow, limit))?,
            }
        };
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
            let limit = silent.min(end).min(self.window_end);
            let timer = self.last.unwrap_or(limit);
            if let Ok(chunk) = tokio::time::timeout_at(timer, next.as_mut()).await {
                let received = size(&chunk);
                self.window_bytes += received as u64;
                if received > 0 {
                    self.check(end)?;
                }
                return Ok(chunk);
            }
            if limit == silent {
                self.exceeded(HttpErrorKind::TooSlow(Slow::Idle, self.timeouts.idle))?;
            }
            self.check(end)?;
        }
    }

    /// A limit has passed: the end of the grace, or the error after it.
    fn exceeded(&mut self, error: HttpErrorKind) -> Result<Instant, HttpErrorKind> {
        let now = Instant::now();
        let last = *self.last.get_or_insert(now + self.grace);
        if now >= last { Err(error) } else { Ok(last) }
    }

    /// Moves all limits, because the program did something else meanwhile.
    pub fn postpone(&mut self, by: Duration) {
        self.started += by;
        self.window_end += by;
    }

    /// Also runs after each chunk: when data is always ready, the timer never fires.
    fn check(&mut self, end: Instant) -> Result<(), HttpErrorKind> {
        let now = Instant::now();
        if now >= end || self.last.is_some() {
            let slow = HttpErrorKind::TooSlow(Slow::Whole, self.whole);
            return self.exceeded(slow).map(drop);
        }
        if now >= self.window_end {
            if self.window_bytes < self.timeouts.pace_bytes {
                let slow = HttpErrorKind::TooSlow(Slow::Pace, self.timeouts.pace_window);
                return self.exceeded(slow).map(drop);
            }
            self.window_end = now + self.timeouts.pace_window;
            self.window_bytes = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);
    const GRACE: Duration = Duration::from_secs(5);

    /// The headers and three chunks of a body, each after this many seconds.
    async fn read(grace: Duration, waits: [u64; 4]) -> Result<(), HttpErrorKind> {
        let mut deadline = Deadline::start(&Timeouts::default(), LIMIT).with_grace(grace);
        let after = |wait| sleep(Duration::from_secs(wait));
        deadline.first_byte(after(waits[0])).await?;
        for wait in &waits[1..] {
            deadline.chunk(after(*wait), |()| 1).await?;
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn what_arrives_within_the_grace_is_read_and_nothing_later() {
        for (name, waits, without, with) in [
            ("in time", [29, 0, 0, 0], true, true),
            ("the headers", [34, 0, 0, 0], false, true),
            ("the body", [20, 5, 9, 0], false, true),
            ("all", [32, 1, 1, 0], false, true),
            ("headers too late", [36, 0, 0, 0], false, false),
            ("body too late", [34, 0, 0, 2], false, false),
            ("one byte after the other", [29, 2, 2, 4], false, false),
        ] {
            assert_eq!(read(Duration::ZERO, waits).await.is_ok(), without, "{name}");
            assert_eq!(read(GRACE, waits).await.is_ok(), with, "{name}");
        }
    }
}
