//! Limits and faults: what a call receives in place of its response (wisenet.md 3.7, wisenet.md 13).
//!
//! Faults are selected by call number, so they are reproducible.

use std::sync::Mutex;
use std::time::Instant;

use super::switches::Switches;

/// The outcome of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The response.
    Normal,
    /// The response, with JSON that ends in the middle.
    Truncated,
    /// An error with this status.
    Failed(u16),
    /// 429 with this message.
    TooMany(&'static str),
}

/// Counts calls against the limits.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    day: u64,
    of_day: u64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Meter {
    /// Counts a call on a simulated day and returns its outcome.
    pub fn outcome(&self, switches: &Switches, day: u64) -> CallOutcome {
        let Ok(mut counts) = self.0.lock() else {
            return CallOutcome::Failed(500);
        };
        counts.calls += 1;
        if counts.day != day {
            (counts.day, counts.of_day) = (day, 0);
        }
        counts.of_day += 1;
        if switches.quota_per_day > 0 && counts.of_day > switches.quota_per_day {
            return CallOutcome::TooMany("Limit Exceeded");
        }
        if !counts.within_rate(switches.rate_per_second) {
            return CallOutcome::TooMany("Too Many Requests");
        }
        match counts.calls {
            call if call == switches.fail_call => CallOutcome::Failed(switches.fail_status),
            call if call == switches.truncate_call => CallOutcome::Truncated,
            _ => CallOutcome::Normal,
        }
    }
}

impl Counts {
    /// A token bucket that holds one second's worth and fills steadily.
    fn within_rate(&mut self, per_second: u64) -> bool {
        if per_second == 0 {
            return true;
        }
        let (now, most) = (Instant::now(), per_second as f64);
        let gained = self
            .filled
            .map_or(most, |then| now.duration_since(then).as_secs_f64() * most);
        self.filled = Some(now);
        self.tokens = (self.tokens + gained).min(most);
        let within = self.tokens >= 1.0;
        if within {
            self.tokens -= 1.0;
        }
        within
    }
}
