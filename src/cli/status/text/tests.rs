//! What the status shows of a job.

use super::*;
use crate::cli::status::*;
use crate::cli::table::snapshots;
use rollbook_core::model::run_history::HistoryDay;
use rollbook_core::model::{Cause, Class, Outcome, named};
use rollbook_core::store::runs::Parked;

fn now() -> Timestamp {
    "2026-02-02T06:00:00Z".parse().expect("a time")
}

fn run(ended: &str, outcome: Outcome, message: &str) -> RunLine {
    RunLine {
        run: 7,
        job: named("rosters"),
        source: named("north"),
        only: None,
        cause: Cause::Schedule,
        started: ended.to_owned(),
        ended: Some(ended.to_owned()),
        outcome: Some(outcome),
        running: false,
        message: (!message.is_empty()).then(|| message.to_owned()),
        new: 0,
        changed: 0,
        removed: 0,
    }
}

fn job(last_run: Option<RunLine>, held: Option<RunLine>, state: JobState) -> JobView {
    let tried = last_run.as_ref().and_then(|run| run.ended.as_deref());
    JobView {
        job: named("rosters"),
        source: named("north"),
        failures_in_a_row: state.failures,
        incomplete_in_a_row: state.incomplete_runs,
        rejects: Vec::new(),
        waits: wait_reasons(&state),
        needs: parked_job_needs(&state, tried, Some("2026-02-02T05:30:00.000Z")),
        park_reason: None,
        parked: state.parked.map(|parked| parked.message),
        deferred_until: None,
        paused: None,
        held: held.map(|run| held_line(&named("rosters"), run, now())),
        last_run,
        last_runs: Vec::new(),
        next_tick: None,
        delayed: None,
        loaded: None,
    }
}

fn wants_sign_in() -> JobState {
    JobState {
        parked: Some(Parked {
            reason: ParkReason::SignInNeeded,
            message: "run `rollbook login north`".to_owned(),
            config_fingerprint: None,
        }),
        ..JobState::default()
    }
}

#[test]
fn what_waits_for_an_admin_is_said_with_the_command() {
    let soon = "2026-02-02T05:00:00.000Z";
    let old = "2026-02-01T05:00:00.000Z";
    let plain = JobState::default;
    let rows: [(&str, JobView, &[&str]); 10] = [
        ("never", job(None, None, plain()), &[]),
        (
            "well",
            job(Some(run(soon, Outcome::Ok, "")), None, plain()),
            &[],
        ),
        (
            "failing",
            job(
                Some(run(
                    soon,
                    Outcome::Failed(Class::Transient),
                    "users: timed out",
                )),
                None,
                JobState {
                    failures: 6,
                    ..plain()
                },
            ),
            &[
                "rosters: users: timed out",
                "rosters: 6 runs in a row failed",
            ],
        ),
        (
            "incomplete",
            job(
                Some(run(
                    soon,
                    Outcome::Incomplete,
                    "users: received 90 of 100 rows",
                )),
                None,
                JobState {
                    incomplete_runs: 2,
                    ..plain()
                },
            ),
            &[
                "rosters: users: received 90 of 100 rows",
                "rosters: 2 runs in a row were incomplete",
            ],
        ),
        (
            "some values could not be read",
            JobView {
                rejects: vec![RejectLine {
                    stream: named("users"),
                    path: "email".to_owned(),
                    reason: "expected text, found an array".to_owned(),
                    rows: 3,
                }],
                ..job(Some(run(soon, Outcome::OkWithRejects, "")), None, plain())
            },
            &["rosters: users: could not read `email`: expected text, found an array (3 rows)"],
        ),
        (
            "held",
            job(
                Some(run(
                    soon,
                    Outcome::Held,
                    "users: 9 of 20 rows would be removed",
                )),
                Some(run(soon, Outcome::Held, "")),
                plain(),
            ),
            &[
                "rosters: users: 9 of 20 rows would be removed",
                "rosters: to see the rows of held run 7: rollbook runs show 7 --rows; to accept: rollbook approve 7",
            ],
        ),
        (
            "held long ago",
            job(None, Some(run(old, Outcome::Held, "")), plain()),
            &[
                "rosters: run 7 was held more than a day ago and can no longer be approved; \
                 to run again: rollbook sync rosters",
            ],
        ),
        (
            "parked",
            job(
                Some(run(
                    soon,
                    Outcome::Parked,
                    "the vendor refused the credential",
                )),
                None,
                JobState {
                    parked: Some(Parked {
                        reason: ParkReason::CredentialRefused,
                        message: "the vendor refused the credential".to_owned(),
                        config_fingerprint: None,
                    }),
                    failures: 1,
                    ..plain()
                },
            ),
            &["rosters: parked: the vendor refused the credential; \
                 when that is fixed: rollbook resume rosters"],
        ),
        (
            "no sign-in",
            job(
                Some(run("2026-02-02T05:40:00.000Z", Outcome::Parked, "")),
                None,
                wants_sign_in(),
            ),
            &["rosters: parked: run `rollbook login north`; then it resumes by itself"],
        ),
        (
            "a sign-in since",
            job(
                Some(run("2026-02-02T05:20:00.000Z", Outcome::Parked, "")),
                None,
                wants_sign_in(),
            ),
            &[
                "rosters: there was a sign-in to north since its last run; it resumes at its next tick",
            ],
        ),
    ];
    for (name, job, expected) in rows {
        assert_eq!(remarks(&job), expected, "{name}");
    }
}

#[test]
fn a_broken_configuration_and_a_missing_mirror_are_said() {
    let view = StatusView {
        tables_without_a_job: Vec::new(),
        removals: Vec::new(),
        mirror: MirrorView {
            path: "mirror.db".to_owned(),
            bytes: None,
            log_held_by: Vec::new(),
        },
        sharing: Default::default(),
        daemon: None,
        configuration: Some("2 problems".to_owned()),
        reload_needed: false,
        jobs: Vec::new(),
        gaps: Vec::new(),
        unfinished_erasure: false,
        streams: None,
        today: last_day(now()),
        sources: Vec::new(),
    };
    let text = status_text(&view, None);
    assert!(
        text.starts_with("The configuration on disk has 2 problems (`rollbook check` shows all);"),
        "{text}"
    );
    assert!(
        text.ends_with("There is no mirror at mirror.db yet; `rollbook sync` creates it.\n"),
        "{text}"
    );
    assert_eq!(size(3_670_016), "3.5 MiB");
}

#[test]
fn a_snapshot_of_the_shipped_jobs() {
    let of_job = |(name, zone, next): (&str, &str, &str)| {
        let config = serde_json::json!({
            "source": "north", "streams": ["users"], "schedule": next, "time_zone": zone,
        });
        let config = serde_json::from_value(config).expect("a job");
        let run = run("2026-02-02T05:41:42.250Z", Outcome::Ok, "");
        JobView {
            job: named(name),
            next_tick: ticks_unless_paused(&config, now(), None, 1).pop(),
            ..job(Some(run), None, JobState::default())
        }
    };
    let mut jobs: Vec<JobView> = [
        ("wapi_reference", "Europe/Paris", "50 4 * * *"),
        ("wapi_telemetry", "Europe/Paris", "*/15 * * * *"),
        ("webuntis", "Europe/Vienna", "*/20 6-18 * * Mon-Fri"),
        ("wisenet_combos", "Australia/Sydney", "40 4 * * *"),
        (
            "wisenet_enrolments",
            "Australia/Sydney",
            "*/30 7-19 * * Mon-Fri",
        ),
    ]
    .map(of_job)
    .into();
    jobs[2].incomplete_in_a_row = 2;
    if let Some(run) = &mut jobs[2].last_run {
        run.outcome = Some(Outcome::Incomplete);
        run.message =
            Some("users: received 90 of 100 rows, so that no missing row is removed".to_owned());
    }
    for job in &mut jobs {
        let past = |number: i64| PastRun {
            run: number,
            started: "2026-02-02T05:41:42.250Z".to_owned(),
            outcome: Outcome::Ok,
            duration_ms: 900,
            only: None,
        };
        job.last_runs = (1..=30).map(past).collect();
    }
    for (number, outcome) in [
        (7, Outcome::Failed(Class::Transient)),
        (8, Outcome::Held),
        (28, Outcome::Interrupted),
        (29, Outcome::Incomplete),
    ] {
        jobs[2].last_runs[number].outcome = outcome;
    }
    jobs[4].last_runs.truncate(3);
    let source = |(name, rows): (&str, u64)| SourceView {
        source: named(name),
        connector: Some(name.to_owned()),
        tables: 13,
        rows,
        history_rows: rows / 100,
    };
    let mut view = StatusView {
        tables_without_a_job: Vec::new(),
        removals: Vec::new(),
        mirror: MirrorView {
            path: "/var/lib/rollbook/mirror.db".to_owned(),
            bytes: Some(27_682_406),
            log_held_by: vec![LogHolder {
                pid: 4711,
                program: "python3".to_owned(),
            }],
        },
        sharing: Default::default(),
        daemon: None,
        configuration: None,
        reload_needed: false,
        jobs,
        gaps: Vec::new(),
        unfinished_erasure: false,
        streams: None,
        today: last_day(now()),
        sources: [("wapi", 55_399), ("webuntis", 6_057), ("wisenet", 15_645)]
            .map(source)
            .into(),
    };
    snapshots::check("status", |width| {
        let text = status_text(&view, width);
        assert!(text.lines().count() < 24, "{text}");
        text
    });
    view.streams = Some(
        [
            ("webuntis", "users", Some(850)),
            ("webuntis", "classes", Some(192)),
            ("wapi", "points", None),
        ]
        .map(days_of)
        .into(),
    );
    snapshots::check("status-streams", |width| status_text(&view, width));
}

/// Rows that grow by one a day, without a run on one of them.
fn days_of((source, stream, rows): (&str, &str, Option<u64>)) -> StreamDays {
    let day = |number: u64| HistoryDay {
        runs: 1,
        rows: rows.map(|rows| rows + number),
        ..HistoryDay::new(
            jiff::civil::date(2026, 1, 13).saturating_add(Span::new().days(number as i64)),
        )
    };
    StreamDays {
        source: named(source),
        stream: named(stream),
        days: (0..21).filter(|number| *number != 9).map(day).collect(),
    }
}
