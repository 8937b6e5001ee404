//! Retry arithmetic: how long to wait, when to stop, what `Retry-After` means.
//!
//! Not the loop: that is in `http/session.rs`, once. Nothing here reads a clock or draws random numbers; both are
//! parameters. `Retry-After: 0` does not shorten our own wait, or such a server would receive five requests in a
//! millisecond.

use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How often a failure of one kind is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryLimit {
    /// The same again would give the same, or do harm.
    Never,
    /// Once, in case the response was damaged on its way.
    Once,
    /// As many as the policy and the budget allow.
    Policy,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Wait this long, then try again.
    Wait(Duration),
    /// Give the failure to the caller.
    Stop,
    /// The server asked for a longer wait than the run has left: stop, and defer the job.
    Defer(Duration),
}

/// What is known about a failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How many of the attempts so far were limit [`RetryLimit::Once`], this one included.
    pub once_failures: u32,
    /// How often this kind of failure is retried.
    pub limit: RetryLimit,
    /// The wait that the server asked for.
    pub retry_after: Option<Duration>,
    /// What is left of the run's time.
    pub time_left: Duration,
}

/// How attempts are bounded and spread (reliability.md 2.2).
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Attempts for one request, the first one included.
    pub attempts: u32,
    /// Upper end of the first wait; it doubles with each attempt.
    pub first: Duration,
    /// Upper end of any wait that the server did not ask for.
    pub longest: Duration,
}

/// Five attempts with waits of up to 1, 2, 4 and 8 seconds.
pub const DEFAULT_LIMITS: RetryPolicy = RetryPolicy {
    attempts: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
};

impl RetryPolicy {
    /// What to do after a failure; `jitter` is uniform in `[0, 1)`.
    ///
    /// The wait is uniform between zero and the step's upper end (full jitter), and never shorter
    /// than the server asked for.
    pub fn after(&self, failed: Failed, jitter: f64) -> RetryDecision {
        let last = match failed.limit {
            RetryLimit::Never => true,
            RetryLimit::Once => failed.once_failures >= 2 || failed.attempt >= self.attempts,
            RetryLimit::Policy => failed.attempt >= self.attempts,
        };
        let asked = failed.retry_after.unwrap_or_default();
        if failed.limit != RetryLimit::Never && asked > failed.time_left {
            return RetryDecision::Defer(asked);
        }
        let wait = self
            .ceiling(failed.attempt)
            .mul_f64(jitter.clamp(0.0, 1.0))
            .max(asked);
        if last || wait > failed.time_left {
            RetryDecision::Stop
        } else {
            RetryDecision::Wait(wait)
        }
    }

    /// Upper end of the wait after this attempt.
    fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// Whether a run that sent `requests` and repeated `retries` of them may repeat one more:
/// a fifth on top, and ten for short runs.
pub fn within_retry_budget(requests: u64, retries: u64) -> bool {
    retries < requests / 5 + 10
}

/// A longer `Retry-After` is cut to this: a server that names the year 9999 is asked again after a day.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Clocks that differ by less than this are both right enough.
const SIMILAR_CLOCKS: SignedDuration = SignedDuration::from_hours(1);

/// Longer `Retry-After` and `Date` headers are ignored; real ones have 29 characters.
const MAX_HEADER: usize = 64;

/// Reads a `Retry-After` header: seconds, or an HTTP date.
///
/// A date is compared with `server_now`, the `Date` of the same response, if there is one, else with our own time.
/// Negative and past values are zero; values above [`MAX_RETRY_AFTER`] are cut to it; any other text is `None`, as if the
/// header were missing.
pub fn retry_after(text: &str, server_now: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_HEADER {
        return None;
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // Also takes "1.5", which some gateways send.
        let longest = MAX_RETRY_AFTER.as_secs_f64();
        return seconds
            .is_finite()
            .then(|| Duration::from_secs_f64(seconds.clamp(0.0, longest)));
    }
    let wait = wait_until(http_date(text)?, server_now, now);
    Some(
        Duration::try_from(wait)
            .unwrap_or_default()
            .min(MAX_RETRY_AFTER),
    )
}

/// The wait by the server's clock. If the clocks differ by hours, one of them is wrong and makes the wait too long or
/// negative: then the shorter one that is neither counts.
fn wait_until(until: Timestamp, server_now: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    let by_ours = until.duration_since(now);
    let Some(server_now) = server_now else {
        return by_ours;
    };
    let by_theirs = until.duration_since(server_now);
    if now.duration_since(server_now).abs() <= SIMILAR_CLOCKS {
        return by_theirs;
    }
    let longest = SignedDuration::try_from(MAX_RETRY_AFTER).unwrap_or(SignedDuration::MAX);
    let possible = [by_theirs, by_ours].into_iter();
    let possible = possible.filter(|wait| !wait.is_negative() && *wait <= longest);
    possible.min().unwrap_or(by_theirs)
}

/// Reads an HTTP date in any of the three forms of RFC 9110 5.6.7, without recursion or backtracking.
pub fn http_date(text: &str) -> Option<Timestamp> {
    if text.len() > MAX_HEADER {
        return None;
    }
    let words: Vec<&str> = text
        .split([' ', ',', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT" | "UTC" | "Z"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let date = civil::Date::new(full_year(year)?, month_number(month)?, day.parse().ok()?).ok()?;
    // A leap second is the last second before it.
    let time = civil::Time::new(hour, minute, second.min(59), 0).ok()?;
    Some(
        date.to_datetime(time)
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp(),
    )
}

fn full_year(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 if year < 70 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

fn month_number(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let name = name.to_ascii_lowercase();
    MONTHS
        .iter()
        .zip(1..)
        .find_map(|(month, number)| (*month == name).then_some(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-02T06:00:00Z".parse().expect("a time")
    }

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let nested = "(".repeat(10_000);
        for (text, wait) in [
            ("120", seconds(120)),
            (" 0 ", seconds(0)),
            ("-5", seconds(0)),
            ("1.5", Some(Duration::from_millis(1500))),
            ("99999999999999999999999999", Some(MAX_RETRY_AFTER)),
            ("Mon, 02 Mar 2026 06:02:00 GMT", seconds(120)),
            ("Monday, 02-Mar-26 06:02:00 GMT", seconds(120)),
            ("Mon Mar  2 06:02:00 2026", seconds(120)),
            ("Sun, 01 Mar 2026 06:02:00 GMT", seconds(0)),
            ("Mon, 02 Mar 2026 06:02:60 GMT", seconds(179)),
            ("Thu, 30 Dec 9999 12:00:00 GMT", Some(MAX_RETRY_AFTER)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
            ("Mon, 31 Feb 2026 06:02:00 GMT", None),
            ("Mon, 02 Mar 2026 25:02:00 GMT", None),
            ("Mon, 02 Mar 2026 06:02:00 +0100", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
            (&nested, None),
        ] {
            let shown = &text[..text.len().min(40)];
            assert_eq!(retry_after(text, None, now()), wait, "{shown}");
        }
    }

    #[test]
    fn a_wrong_clock_makes_no_wait_longer() {
        let time = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let until = "Mon, 02 Mar 2026 06:02:00 GMT";
        // The server's and our time.
        for (server_now, ours, wait) in [
            ("2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z", 120),
            ("2026-03-02T06:00:00Z", "2026-03-02T06:01:00Z", 120),
            ("2026-03-02T06:00:00Z", "2026-03-02T05:10:00Z", 120),
            // Ours is wrong.
            ("2026-03-02T06:00:00Z", "2026-03-02T01:00:00Z", 120),
            ("2026-03-02T06:00:00Z", "2026-03-02T11:00:00Z", 120),
            ("2026-03-02T06:00:00Z", "1970-01-01T00:00:00Z", 120),
            // That of the response's `Date` is wrong.
            ("2026-03-02T01:00:00Z", "2026-03-02T06:00:00Z", 120),
            ("2026-03-02T11:00:00Z", "2026-03-02T06:00:00Z", 120),
            ("1970-01-01T00:00:00Z", "2026-03-02T06:00:00Z", 120),
        ] {
            assert_eq!(
                retry_after(until, Some(time(server_now)), time(ours)),
                seconds(wait),
                "{server_now} {ours}"
            );
        }
    }

    #[test]
    fn the_policy_by_rows() {
        let long = Duration::from_secs(1800);
        let one = |attempt, limit, asked: Option<u64>, left, jitter| {
            let asked = asked.map(Duration::from_secs);
            DEFAULT_LIMITS.after(
                Failed {
                    attempt,
                    once_failures: attempt.min(2),
                    limit,
                    retry_after: asked,
                    time_left: left,
                },
                jitter,
            )
        };
        let wait = |millis| RetryDecision::Wait(Duration::from_millis(millis));
        for (name, is, should) in [
            (
                "first wait",
                one(1, RetryLimit::Policy, None, long, 0.5),
                wait(500),
            ),
            (
                "second wait",
                one(2, RetryLimit::Policy, None, long, 0.5),
                wait(1000),
            ),
            (
                "fourth wait",
                one(4, RetryLimit::Policy, None, long, 0.5),
                wait(4000),
            ),
            (
                "fifth attempt",
                one(5, RetryLimit::Policy, None, long, 0.5),
                RetryDecision::Stop,
            ),
            (
                "never retried",
                one(1, RetryLimit::Never, Some(9), long, 0.5),
                RetryDecision::Stop,
            ),
            (
                "one more",
                one(1, RetryLimit::Once, None, long, 0.5),
                wait(500),
            ),
            (
                "no third",
                one(2, RetryLimit::Once, None, long, 0.5),
                RetryDecision::Stop,
            ),
            (
                "a Retry-After wins",
                one(1, RetryLimit::Policy, Some(120), long, 0.5),
                wait(120_000),
            ),
            (
                "a Retry-After of 0 does not",
                one(1, RetryLimit::Policy, Some(0), long, 0.5),
                wait(500),
            ),
            (
                "our wait wins when longer",
                one(4, RetryLimit::Policy, Some(1), long, 0.5),
                wait(4000),
            ),
            (
                "a Retry-After beyond the run",
                one(1, RetryLimit::Policy, Some(3600), long, 0.5),
                RetryDecision::Defer(Duration::from_secs(3600)),
            ),
            (
                "a Retry-After beyond the run, on the last attempt",
                one(5, RetryLimit::Policy, Some(3600), long, 0.5),
                RetryDecision::Defer(Duration::from_secs(3600)),
            ),
            (
                "damaged for the first time after other failures",
                DEFAULT_LIMITS.after(
                    Failed {
                        attempt: 3,
                        once_failures: 1,
                        limit: RetryLimit::Once,
                        retry_after: None,
                        time_left: long,
                    },
                    0.5,
                ),
                wait(2000),
            ),
            (
                "no time left",
                one(1, RetryLimit::Policy, None, Duration::ZERO, 0.5),
                RetryDecision::Stop,
            ),
        ] {
            assert_eq!(is, should, "{name}");
        }
    }

    #[test]
    fn the_bucket_gives_a_fifth_and_ten() {
        for (requests, retries, may) in [
            (0, 0, true),
            (1, 9, true),
            (1, 10, false),
            (100, 29, true),
            (100, 30, false),
        ] {
            assert_eq!(
                within_retry_budget(requests, retries),
                may,
                "{requests} {retries}"
            );
        }
    }

    proptest! {
        #[test]
        fn waits_are_bounded_and_never_early(attempt in 1u32..40, asked in proptest::option::of(0u64..1000), jitter in 0.0f64..1.0) {
            let policy = RetryPolicy { attempts: 100, ..DEFAULT_LIMITS };
            let asked = asked.map(Duration::from_secs);
            let failed = Failed { attempt, once_failures: 0, limit: RetryLimit::Policy, retry_after: asked, time_left: Duration::from_secs(1800) };
            let RetryDecision::Wait(wait) = policy.after(failed, jitter) else { panic!("no wait") };
            prop_assert!(wait >= asked.unwrap_or_default());
            prop_assert!(wait <= asked.unwrap_or_default().max(policy.longest));
        }

        #[test]
        fn any_header_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = retry_after(&text, None, now());
            let _ = http_date(&text);
        }
    }
}
