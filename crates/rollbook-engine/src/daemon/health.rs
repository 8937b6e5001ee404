//! Whether all is well, in one bit: for `/healthz`, which names nothing and needs no token, and for the heartbeat.

use super::status::{JobStatus, Status};
use jiff::Timestamp;
use rollbook_core::model::health::HealthMeaning;
use rollbook_core::model::scalar;

/// Whether it is well; `None` is a daemon that does not run.
pub fn is_healthy(meaning: HealthMeaning, status: Option<&Status>, now: Timestamp) -> bool {
    let Some(status) = status else {
        return false;
    };
    let is_alive = status.stuck.is_none() && status.fatal_error.is_none();
    is_alive
        && match meaning {
            HealthMeaning::Alive => true,
            HealthMeaning::Fresh => status.jobs.iter().all(|job| is_fresh(job, now)),
        }
}

fn is_fresh(job: &JobStatus, now: Timestamp) -> bool {
    if job.paused.is_some() {
        return true;
    }
    let stale_at = job.stale_at.as_deref().and_then(scalar::parse);
    let is_stale = stale_at.is_some_and(|stale_at: Timestamp| now >= stale_at);
    !job.parked && job.held.is_none() && !is_stale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::status::PauseStatus;
    use rollbook_core::model::named;

    #[test]
    fn alive_is_the_daemon_and_fresh_is_every_job() {
        let now = "2026-03-02T06:00:00Z".parse().expect("a time");
        let job = || JobStatus {
            stale_at: Some("2026-03-02T06:00:00.001Z".to_owned()),
            ..JobStatus::new(named("rosters"))
        };
        let with = |job: JobStatus| Status {
            jobs: vec![JobStatus::new(named("never_due")), job],
            ..Status::default()
        };
        let stale = || Some("2026-03-02T06:00:00.000Z".to_owned());
        let rows = [
            ("no daemon", None, (false, false)),
            ("no job", Some(Status::default()), (true, true)),
            ("in time", Some(with(job())), (true, true)),
            (
                "stale",
                Some(with(JobStatus {
                    stale_at: stale(),
                    ..job()
                })),
                (true, false),
            ),
            (
                "stale and paused",
                Some(with(JobStatus {
                    stale_at: stale(),
                    paused: Some(PauseStatus::default()),
                    ..job()
                })),
                (true, true),
            ),
            (
                "parked",
                Some(with(JobStatus {
                    parked: true,
                    ..job()
                })),
                (true, false),
            ),
            (
                "held",
                Some(with(JobStatus {
                    held: Some(7),
                    ..job()
                })),
                (true, false),
            ),
            (
                "stuck",
                Some(Status {
                    stuck: Some("rosters".to_owned()),
                    ..Status::default()
                }),
                (false, false),
            ),
            (
                "exiting",
                Some(Status {
                    fatal_error: Some("damaged".to_owned()),
                    ..Status::default()
                }),
                (false, false),
            ),
        ];
        for (what, status, expected) in rows {
            let is = |meaning| is_healthy(meaning, status.as_ref(), now);
            assert_eq!(
                (is(HealthMeaning::Alive), is(HealthMeaning::Fresh)),
                expected,
                "{what}"
            );
        }
    }
}
