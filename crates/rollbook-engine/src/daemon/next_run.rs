//! Whether a tick may become a run: paused, deferred, parked and failing jobs wait.
//!
//! Arithmetic only. All pauses are measured between due times, because the last due time is in the database: restarts
//! do not make a waiting job run sooner. A time that only a wrong clock can have written is ignored; otherwise a clock
//! set a year ahead would stop a job for a year.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::clock_rule::plausible;
use super::engine::SkipReason;
use rollbook_core::model::park::{PARKED_RETRY, PARKS_AT, ParkReason, refused_retry};
use rollbook_core::model::retry::MAX_RETRY_AFTER;
use rollbook_core::model::scalar;
use rollbook_core::store::runs::JobState;

/// Failures in a row, and the pause in seconds before the next run (reliability.md 2.2).
const BACK_OFF: [(u32, u64); 7] = [
    (11, 6 * 3600),
    (10, 3 * 3600),
    (9, 2 * 3600),
    (8, 3600),
    (7, 30 * 60),
    (6, 20 * 60),
    (5, 10 * 60),
];

/// The pause after this many failed runs in a row: none below five, at most six hours.
pub fn back_off(failures: u32) -> Duration {
    let step = BACK_OFF.iter().find(|(least, _)| failures >= *least);
    Duration::from_secs(step.map_or(0, |(_, seconds)| *seconds))
}

/// Whether the tick that was due at `due` may run now.
pub(super) fn may_run(
    state: &JobState,
    config_fingerprint: impl FnOnce() -> String,
    due: Timestamp,
    now: Timestamp,
) -> Result<(), SkipReason> {
    if let Some(pause) = state.paused(now) {
        return Err(SkipReason::Paused(pause.clone()));
    }
    let longest = SignedDuration::try_from(MAX_RETRY_AFTER).unwrap_or(SignedDuration::MAX);
    if let Some(until) = state.deferred_until
        && until > now
        && until.duration_since(now) <= longest
    {
        return Err(SkipReason::Deferred(until));
    }
    let Some(last) = plausible(state.last_due, now) else {
        return Ok(());
    };
    let refused = refused_retry(state.refused_runs);
    if let Some(parked) = &state.parked
        && !parked.reason.costs_nothing_to_try()
    {
        let is_refused = parked.reason == ParkReason::CredentialRefused && state.has_worked;
        let retry = if is_refused { refused } else { PARKED_RETRY };
        if due < scalar::saturating_add(last, signed(retry)) {
            let is_same = parked.config_fingerprint == Some(config_fingerprint());
            return if is_same {
                Err(SkipReason::Parked)
            } else {
                Ok(())
            };
        }
    }
    let pause = match state.parked {
        // Later ones have parked the job; what fails since then is not the credential.
        None if state.refused_runs < PARKS_AT => signed(back_off(state.failures).max(refused)),
        _ => signed(back_off(state.failures)),
    };
    let again = scalar::saturating_add(last, pause);
    if !pause.is_zero() && due < again {
        return Err(SkipReason::BackOff(again));
    }
    Ok(())
}

/// Whether a webhook may start a run now. It overrides nothing: a job that is parked, or whose last runs failed so often that it
/// backs off, is left to its schedule.
pub(super) fn may_run_early(state: &JobState, now: Timestamp) -> Result<(), SkipReason> {
    may_run(state, String::new, now, now)?;
    if state.parked.is_some() {
        return Err(SkipReason::Parked);
    }
    let pause = back_off(state.failures).max(refused_retry(state.refused_runs));
    if pause.is_zero() {
        return Ok(());
    }
    let again = scalar::saturating_add(state.last_due.unwrap_or(now), signed(pause));
    Err(SkipReason::BackOff(again))
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use rollbook_core::model::Pause;
    use rollbook_core::store::runs::Parked;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_pause_grows_to_six_hours() {
        for (failures, minutes) in [
            (0, 0),
            (4, 0),
            (5, 10),
            (6, 20),
            (7, 30),
            (8, 60),
            (9, 120),
            (10, 180),
            (11, 360),
            (12, 360),
            (u32::MAX, 360),
        ] {
            assert_eq!(
                back_off(failures),
                Duration::from_secs(minutes * 60),
                "{failures}"
            );
        }
    }

    /// Whether the tick of 2026-03-02T10:00Z, looked at nine seconds later, runs.
    fn check(name: &str, state: JobState, expected: Result<(), SkipReason>) {
        let (due, now) = (time("2026-03-02T10:00:00Z"), time("2026-03-02T10:00:09Z"));
        assert_eq!(
            may_run(&state, || "same".to_owned(), due, now),
            expected,
            "{name}"
        );
    }

    #[test]
    fn ticks_that_may_run_and_ticks_that_may_not() {
        let at = |text: &str| Some(time(&format!("{text}:00Z")));
        let deferred = |until: &str| JobState {
            deferred_until: at(until),
            ..JobState::default()
        };
        check("a new job", JobState::default(), Ok(()));
        let pause = |until: Option<&str>| Pause {
            since: time("2026-02-20T10:00:00Z"),
            until: until.map(|until| time(until).to_zoned(TimeZone::UTC)),
        };
        let paused = |pauses: &[Pause]| JobState {
            pauses: pauses.to_vec(),
            ..JobState::default()
        };
        let (over, long) = (
            pause(Some("2026-03-02T10:00:09Z")),
            pause(Some("2027-03-02T10:00:00Z")),
        );
        check("paused, over", paused(std::slice::from_ref(&over)), Ok(()));
        for pauses in [[over.clone(), long.clone()], [over, pause(None)]] {
            let expected = Err(SkipReason::Paused(pauses[1].clone()));
            check("paused", paused(&pauses), expected);
        }
        check("deferred, over", deferred("2026-03-02T10:00"), Ok(()));
        let until = time("2026-03-02T10:01:00Z");
        check(
            "deferred",
            deferred("2026-03-02T10:01"),
            Err(SkipReason::Deferred(until)),
        );
        check(
            "deferred by a clock a year ahead",
            deferred("2027-03-02T10:00"),
            Ok(()),
        );

        let parked_for = |last_due: &str, fingerprint: &str, reason| JobState {
            last_due: at(last_due),
            parked: Some(Parked {
                reason,
                message: "sign in again".to_owned(),
                config_fingerprint: Some(fingerprint.to_owned()),
            }),
            ..JobState::default()
        };
        let parked = |last_due: &str, fingerprint: &str| {
            parked_for(last_due, fingerprint, ParkReason::SignInNeeded)
        };
        check(
            "parked because something on this machine is missing",
            parked_for("2026-03-02T06:00", "same", ParkReason::Unready),
            Ok(()),
        );
        check(
            "parked for a password, which rests by itself",
            parked_for("2026-03-02T06:00", "same", ParkReason::PasswordRefused),
            Ok(()),
        );
        let refused = |last_due: &str, refused_runs, has_worked| JobState {
            refused_runs,
            has_worked,
            ..parked_for(last_due, "same", ParkReason::CredentialRefused)
        };
        for (name, state, expected) in [
            (
                "never worked",
                refused("2026-03-02T08:00", 4, false),
                Err(SkipReason::Parked),
            ),
            (
                "59 minutes",
                refused("2026-03-02T09:01", 4, true),
                Err(SkipReason::Parked),
            ),
            ("an hour", refused("2026-03-02T09:00", 4, true), Ok(())),
            ("six hours", refused("2026-03-02T04:00", 6, true), Ok(())),
            (
                "22 hours",
                refused("2026-03-01T12:00", 7, true),
                Err(SkipReason::Parked),
            ),
            ("a day", refused("2026-03-01T10:00", 7, true), Ok(())),
        ] {
            check(name, state, expected);
        }
        let refused = |last_due: &str, refused_runs| JobState {
            parked: None,
            ..refused(last_due, refused_runs, true)
        };
        check("two minutes", refused("2026-03-02T09:58", 1), Ok(()));
        check(
            "a minute",
            refused("2026-03-02T09:59", 1),
            Err(SkipReason::BackOff(time("2026-03-02T10:01:00Z"))),
        );
        check(
            "a timeout after a week",
            refused("2026-03-02T09:59", 9),
            Ok(()),
        );
        check(
            "nine minutes",
            refused("2026-03-02T09:51", 2),
            Err(SkipReason::BackOff(time("2026-03-02T10:01:00Z"))),
        );
        check(
            "parked this morning",
            parked("2026-03-02T06:00", "same"),
            Err(SkipReason::Parked),
        );
        check(
            "parked, tried 22 hours and 59 minutes ago",
            parked("2026-03-01T11:01", "same"),
            Err(SkipReason::Parked),
        );
        check(
            "parked, tried on the short day before",
            parked("2026-03-01T11:00", "same"),
            Ok(()),
        );
        check(
            "parked, changed since",
            parked("2026-03-02T09:40", "other"),
            Ok(()),
        );
        check(
            "parked by a clock a year ahead",
            parked("2027-03-02T10:00", "same"),
            Ok(()),
        );

        let failing = |last_due: &str, failures| JobState {
            last_due: at(last_due),
            failures,
            ..JobState::default()
        };
        check("four failures", failing("2026-03-02T09:59", 4), Ok(()));
        check("five, ten minutes", failing("2026-03-02T09:50", 5), Ok(()));
        let until = time("2026-03-02T10:01:00Z");
        check(
            "five, nine minutes",
            failing("2026-03-02T09:51", 5),
            Err(SkipReason::BackOff(until)),
        );
        let until = time("2026-03-02T15:40:00Z");
        check(
            "fifty",
            failing("2026-03-02T09:40", 50),
            Err(SkipReason::BackOff(until)),
        );
    }
}
