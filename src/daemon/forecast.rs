//! Which tick of a job starts its next run, if the job is deferred, parked or backing off. Arithmetic only.
//!
//! It asks [`may_run`], which decides at the tick itself, so that what is shown is what happens.

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp};

use super::engine::SkipReason;
use super::next_run::may_run;
use crate::model::scalar::saturating_add;
use crate::store::runs::JobState;

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
    use crate::model::ParkReason;
    use crate::setup::files::schedule::{Schedule, Zone};
    use crate::store::runs::Parked;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-{text}Z").parse().expect("a time")
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
            let next =
                |after| crate::model::schedule::next_tick(schedule.cron(), zone.zone(), after);
            let (found, why) = forecast(&state, || "same".to_owned(), at("02T10:20"), next);
            assert_eq!(found, Some(at(expected)), "{name}");
            assert_eq!(why.map(|why| why.to_string()).as_deref(), reason, "{name}");
        }
    }
}
