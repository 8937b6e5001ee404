//! Which tick of a job starts its next run, if the job is paused, deferred, parked or backing off. Arithmetic only.
//!
//! It asks [`may_run`], which decides at the tick itself, so that what is shown is what happens.

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp, Zoned};

use super::engine::SkipReason;
use super::next_run::may_run;
use rollbook_core::model::scalar::saturating_add;
use rollbook_core::store::runs::JobState;

/// Longer than every pause, in seconds.
const LONGEST_PAUSE: i64 = 32 * 86_400;

/// The first tick from `planned` on that starts a run, and why earlier ones are skipped. `next` is the first tick after a
/// time.
pub(super) fn forecast(
    state: &JobState,
    config_fingerprint: impl Fn() -> String,
    planned: Timestamp,
    next: impl Fn(Timestamp) -> Option<Timestamp>,
) -> (Option<Timestamp>, Option<SkipReason>) {
    if let Some(pause) = state.paused(planned) {
        let reason = Some(SkipReason::Paused(pause.clone()));
        let until = pause.until.as_ref().map(Zoned::timestamp);
        let first =
            until.and_then(|until| next(saturating_add(until, -SignedDuration::from_nanos(1))));
        let Some(first) = first else {
            return (None, reason);
        };
        let (due, _) = forecast(state, config_fingerprint, first, next);
        return (due, reason);
    }
    let after = |seconds| saturating_add(planned, SignedDuration::from_secs(seconds));
    // It may read files.
    let fingerprint = OnceCell::new();
    let known = || fingerprint.get_or_init(&config_fingerprint).clone();
    let check = |due| may_run(state, known, due, due);
    let Err(reason) = check(planned) else {
        return (Some(planned), None);
    };
    // A pause that is over stays over.
    let (mut blocked, mut free) = (0, LONGEST_PAUSE);
    if check(after(free)).is_err() {
        return (None, Some(reason));
    }
    while free - blocked > 1 {
        let middle = blocked + (free - blocked) / 2;
        match check(after(middle)) {
            Ok(()) => free = middle,
            Err(_) => blocked = middle,
        }
    }
    (next(after(blocked)), Some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::files::schedule::{Schedule, Zone};
    use rollbook_core::model::{ParkReason, Pause};
    use rollbook_core::store::runs::Parked;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-{text}Z").parse().expect("a time")
    }

    #[test]
    fn a_paused_job_runs_at_the_first_tick_from_the_end_on() {
        let schedule: Schedule = "0 6 * * Mon-Fri".parse().expect("a schedule");
        let zone: Zone = "Europe/Vienna".parse().expect("a zone");
        let next =
            |after| rollbook_core::model::schedule::next_tick(schedule.cron(), zone.zone(), after);
        for (until, expected) in [
            (Some("2026-09-06T22:00:00Z"), Some("2026-09-07T04:00:00Z")),
            (Some("2026-09-07T04:00:00Z"), Some("2026-09-07T04:00:00Z")),
            (Some("2026-09-07T04:00:01Z"), Some("2026-09-08T04:00:00Z")),
            (None, None),
        ] {
            let pause = Pause {
                since: at("02T07:00:00"),
                until: until.map(|until| {
                    let until: Timestamp = until.parse().expect("a time");
                    until.to_zoned(zone.zone().clone())
                }),
            };
            let state = JobState {
                pauses: vec![pause.clone()],
                ..JobState::default()
            };
            let (due, reason) = forecast(&state, || "same".to_owned(), at("03T05:00:00"), next);
            let expected: Option<Timestamp> = expected.map(|due| due.parse().expect("a time"));
            assert_eq!(due, expected, "{until:?}");
            assert_eq!(reason, Some(SkipReason::Paused(pause)));
        }
    }

    #[test]
    fn the_next_run_is_the_first_tick_after_the_pause() {
        let deferred = |until| JobState {
            deferred_until: Some(at(until)),
            ..JobState::default()
        };
        let failing = JobState {
            last_due: Some(at("02T10:00")),
            failures: 11,
            ..JobState::default()
        };
        let parked = JobState {
            last_due: Some(at("02T09:40")),
            parked: Some(Parked {
                reason: ParkReason::SignInNeeded,
                message: "sign in again".to_owned(),
                config_fingerprint: Some("same".to_owned()),
            }),
            ..JobState::default()
        };
        for (name, state, expected, reason) in [
            ("nothing", JobState::default(), "02T10:20", None),
            ("over", deferred("02T10:20"), "02T10:20", None),
            (
                "deferred",
                deferred("02T10:21"),
                "02T10:40",
                Some("deferred until 2026-03-02 10:21:00 UTC"),
            ),
            (
                "backing off",
                failing,
                "02T16:00",
                Some("too many runs in a row failed; backing off until 2026-03-02 16:00:00 UTC"),
            ),
            (
                "parked",
                parked,
                "03T08:40",
                Some("the job is parked; it is retried later"),
            ),
        ] {
            let schedule: Schedule = "*/20 * * * *".parse().expect("a schedule");
            let zone: Zone = "Europe/Vienna".parse().expect("a zone");
            let next = |after| {
                rollbook_core::model::schedule::next_tick(schedule.cron(), zone.zone(), after)
            };
            let (found, why) = forecast(&state, || "same".to_owned(), at("02T10:20"), next);
            assert_eq!(found, Some(at(expected)), "{name}");
            assert_eq!(why.map(|why| why.to_string()).as_deref(), reason, "{name}");
        }
    }
}
