//! Limits and accidents: what a call gets instead of its answer (wisenet.md 3.7, wisenet.md 13).
//!
//! Counting is by call, so a fault strikes at the same place every time.

use std::sync::Mutex;
use std::time::Instant;

use super::switches::Switches;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It is answered, but the JSON ends in the middle.
    Truncated,
    /// This status instead.
    Failed(u16),
    /// 429 with this message.
    TooMany(&'static str),
}

/// How many calls there were, and how many are allowed still.
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
    /// Counts a call of a simulated day and says what happens to it.
    pub fn fate(&self, switches: &Switches, day: u64) -> Fate {
        let Ok(mut counts) = self.0.lock() else {
            return Fate::Failed(500);
        };
        counts.calls += 1;
        if counts.day != day {
            (counts.day, counts.of_day) = (day, 0);
        }
        counts.of_day += 1;
        if switches.quota_per_day > 0 && counts.of_day > switches.quota_per_day {
            return Fate::TooMany("Limit Exceeded");
        }
        if !counts.within_rate(switches.rate_per_second) {
            return Fate::TooMany("Too Many Requests");
        }
        match counts.calls {
            call if call == switches.fail_call => Fate::Failed(switches.fail_status),
            call if call == switches.truncate_call => Fate::Truncated,
            _ => Fate::Answered,
        }
    }
}

impl Counts {
    /// A bucket that holds one second's worth and fills steadily.
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
