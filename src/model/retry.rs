//! The arithmetic of trying again: how long to wait, when to stop, what a server's wish means.
//!
//! Not the loop: that is in `http/session.rs`, once. Nothing here looks at a clock or rolls dice;
//! both come in as numbers. The surprise: a wish for no wait at all (`Retry-After: 0`) does not
//! shorten ours, or a server that says so would be hit five times in a millisecond.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// How often a failure of one kind is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// The same again would give the same, or do harm.
    Nothing,
    /// One more attempt, in case the answer was mangled on its way.
    OneMore,
    /// As many as the policy and the budget allow.
    Several,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Wait this long, then try again.
    Wait(Duration),
    /// Give the failure to the caller.
    Stop,
    /// The server asked for a longer wait than the run has: stop, and come back after it.
    Defer(Duration),
}

/// What is known about a failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How many of the attempts so far were worth [`Worth::OneMore`], this one included.
    pub mangled: u32,
    /// How often this kind of failure is worth another one.
    pub worth: Worth,
    /// The wait that the server asked for.
    pub asked: Option<Duration>,
    /// What is left of the run's time.
    pub left: Duration,
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
pub const POLITE: RetryPolicy = RetryPolicy {
    attempts: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
};

impl RetryPolicy {
    /// What to do after a failure; `dice` is uniform in `[0, 1)`.
    ///
    /// The wait is uniform between zero and the step's upper end (full jitter), and never shorter
    /// than the server asked for.
    pub fn after(&self, failed: Failed, dice: f64) -> Then {
        let last = match failed.worth {
            Worth::Nothing => true,
            Worth::OneMore => failed.mangled >= 2 || failed.attempt >= self.attempts,
            Worth::Several => failed.attempt >= self.attempts,
        };
        let asked = failed.asked.unwrap_or_default();
        if failed.worth != Worth::Nothing && asked > failed.left {
            return Then::Defer(asked);
        }
        let wait = self
            .ceiling(failed.attempt)
            .mul_f64(dice.clamp(0.0, 1.0))
            .max(asked);
        if last || wait > failed.left {
            Then::Stop
        } else {
            Then::Wait(wait)
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
pub fn within_bucket(requests: u64, retries: u64) -> bool {
    retries < requests / 5 + 10
}

/// No wish keeps us away for longer: a server that names the year 9999 is asked again after a day.
pub const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);

/// Longest `Retry-After` or `Date` that is looked at; real ones have 29 characters.
const LONGEST_HEADER: usize = 64;

/// Reads a `Retry-After` header: seconds, or an HTTP date.
///
/// A date is compared with `server_now`, the `Date` of the same answer where there is one. Negative
/// and past ones are zero; a wish for longer than [`LONGEST_WISH`] is cut to it; text that is
/// neither is `None`, as if the header were not there.
pub fn retry_after(text: &str, server_now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_HEADER {
        return None;
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // Also takes "1.5", which some gateways send.
        let longest = LONGEST_WISH.as_secs_f64();
        return seconds
            .is_finite()
            .then(|| Duration::from_secs_f64(seconds.clamp(0.0, longest)));
    }
    let wait = http_date(text)?.duration_since(server_now);
    Some(
        Duration::try_from(wait)
            .unwrap_or_default()
            .min(LONGEST_WISH),
    )
}

/// Reads an HTTP date in any of the three forms of RFC 9110 5.6.7, without recursion or backtracking.
pub fn http_date(text: &str) -> Option<Timestamp> {
    if text.len() > LONGEST_HEADER {
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
    fn a_wish_is_read_in_every_form() {
        let nested = "(".repeat(10_000);
        for (text, wait) in [
            ("120", seconds(120)),
            (" 0 ", seconds(0)),
            ("-5", seconds(0)),
            ("1.5", Some(Duration::from_millis(1500))),
            ("99999999999999999999999999", Some(LONGEST_WISH)),
            ("Mon, 02 Mar 2026 06:02:00 GMT", seconds(120)),
            ("Monday, 02-Mar-26 06:02:00 GMT", seconds(120)),
            ("Mon Mar  2 06:02:00 2026", seconds(120)),
            ("Sun, 01 Mar 2026 06:02:00 GMT", seconds(0)),
            ("Mon, 02 Mar 2026 06:02:60 GMT", seconds(179)),
            ("Thu, 30 Dec 9999 12:00:00 GMT", Some(LONGEST_WISH)),
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
            assert_eq!(retry_after(text, now()), wait, "{shown}");
        }
    }

    #[test]
    fn the_policy_by_rows() {
        let long = Duration::from_secs(1800);
        let one = |attempt, worth, asked: Option<u64>, left, dice| {
            let asked = asked.map(Duration::from_secs);
            POLITE.after(
                Failed {
                    attempt,
                    mangled: attempt.min(2),
                    worth,
                    asked,
                    left,
                },
                dice,
            )
        };
        let wait = |millis| Then::Wait(Duration::from_millis(millis));
        for (name, is, should) in [
            (
                "first wait",
                one(1, Worth::Several, None, long, 0.5),
                wait(500),
            ),
            (
                "second wait",
                one(2, Worth::Several, None, long, 0.5),
                wait(1000),
            ),
            (
                "fourth wait",
                one(4, Worth::Several, None, long, 0.5),
                wait(4000),
            ),
            (
                "fifth attempt",
                one(5, Worth::Several, None, long, 0.5),
                Then::Stop,
            ),
            (
                "worth nothing",
                one(1, Worth::Nothing, Some(9), long, 0.5),
                Then::Stop,
            ),
            (
                "one more",
                one(1, Worth::OneMore, None, long, 0.5),
                wait(500),
            ),
            (
                "no third",
                one(2, Worth::OneMore, None, long, 0.5),
                Then::Stop,
            ),
            (
                "a wish wins",
                one(1, Worth::Several, Some(120), long, 0.5),
                wait(120_000),
            ),
            (
                "a wish for nothing does not",
                one(1, Worth::Several, Some(0), long, 0.5),
                wait(500),
            ),
            (
                "our wait wins when longer",
                one(4, Worth::Several, Some(1), long, 0.5),
                wait(4000),
            ),
            (
                "a wish beyond the run",
                one(1, Worth::Several, Some(3600), long, 0.5),
                Then::Defer(Duration::from_secs(3600)),
            ),
            (
                "a wish beyond the run, on the last attempt",
                one(5, Worth::Several, Some(3600), long, 0.5),
                Then::Defer(Duration::from_secs(3600)),
            ),
            (
                "mangled for the first time after hiccups",
                POLITE.after(
                    Failed {
                        attempt: 3,
                        mangled: 1,
                        worth: Worth::OneMore,
                        asked: None,
                        left: long,
                    },
                    0.5,
                ),
                wait(2000),
            ),
            (
                "no time left",
                one(1, Worth::Several, None, Duration::ZERO, 0.5),
                Then::Stop,
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
                within_bucket(requests, retries),
                may,
                "{requests} {retries}"
            );
        }
    }

    proptest! {
        #[test]
        fn waits_are_bounded_and_never_early(attempt in 1u32..40, asked in proptest::option::of(0u64..1000), dice in 0.0f64..1.0) {
            let policy = RetryPolicy { attempts: 100, ..POLITE };
            let asked = asked.map(Duration::from_secs);
            let failed = Failed { attempt, mangled: 0, worth: Worth::Several, asked, left: Duration::from_secs(1800) };
            let Then::Wait(wait) = policy.after(failed, dice) else { panic!("no wait") };
            prop_assert!(wait >= asked.unwrap_or_default());
            prop_assert!(wait <= asked.unwrap_or_default().max(policy.longest));
        }

        #[test]
        fn any_header_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = retry_after(&text, now());
            let _ = http_date(&text);
        }
    }
}
