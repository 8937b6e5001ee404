//! What needs an admin, and the state of a job.

use super::*;
use crate::web::pages::links::Links;
use crate::web::pages::mood::Mood;
use rollbook_core::model::run_history::{JobRuns, RunHistory};
use rollbook_core::model::{Class, Outcome, named};
use rollbook_engine::daemon::status::{BundleStatus, HookStatus, PublishStatus, RefusedReload};

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("a time")
}

fn past(run: i64, started: &str, outcome: Outcome) -> PastRun {
    PastRun {
        run,
        started: started.to_owned(),
        outcome,
        duration_ms: 60_000,
        only: None,
    }
}

fn status() -> JobStatus {
    JobStatus {
        source: Some(named("north")),
        ..JobStatus::new("rosters".parse().expect("a name"))
    }
}

fn history(runs: Vec<PastRun>) -> RunHistory {
    RunHistory {
        jobs: vec![JobRuns {
            job: named("rosters"),
            source: named("north"),
            last_good: None,
            runs,
            streams: Vec::new(),
        }],
        ..RunHistory::default()
    }
}

fn facts<'a>(
    daemon: Option<&'a Status>,
    jobs: &'a [JobStatus],
    history: &'a RunHistory,
) -> SiteFacts<'a> {
    SiteFacts {
        daemon,
        jobs,
        outputs: None,
        history: Some(history),
        now: now(),
        links: Links::Pages,
    }
}

#[test]
fn each_need_has_its_commands() {
    let parked = |reason| JobStatus {
        parked: true,
        park_reason: Some(reason),
        failures: 9,
        ..status()
    };
    let held = || JobStatus {
        held: Some(7),
        ..status()
    };
    let failing = |failures| JobStatus {
        failures,
        ..status()
    };
    let backup = JobStatus {
        failures: 3,
        ..JobStatus::new(EntryName::Backup)
    };
    let stale = |at: &str| JobStatus {
        stale_at: Some(at.to_owned()),
        ..status()
    };
    let at = "2026-03-01T12:00:00.000Z";
    let rows: [(JobStatus, &str, &[&str]); 13] = [
        (status(), at, &[]),
        (failing(2), at, &[]),
        (failing(3), at, &["rollbook runs rosters"]),
        (backup, at, &["rollbook backup"]),
        (
            parked(ParkReason::SignInNeeded),
            at,
            &["rollbook login north"],
        ),
        (
            parked(ParkReason::CredentialRefused),
            at,
            &["rollbook check --online", "rollbook resume rosters"],
        ),
        (
            parked(ParkReason::PasswordRefused),
            at,
            &["rollbook resume rosters"],
        ),
        (
            parked(ParkReason::VaultShut),
            at,
            &["rollbook resume rosters"],
        ),
        (parked(ParkReason::Unready), at, &["rollbook check"]),
        (
            held(),
            at,
            &["rollbook runs show 7 --rows", "rollbook approve 7"],
        ),
        (
            held(),
            "2026-03-01T11:58:59.000Z",
            &["rollbook sync rosters"],
        ),
        (
            stale("2026-03-02T12:00:00.000Z"),
            at,
            &["rollbook runs rosters"],
        ),
        (stale("2026-03-02T12:00:01.000Z"), at, &[]),
    ];
    for (job, started, expected) in rows {
        let (jobs, history) = ([job], history(vec![past(7, started, Outcome::Held)]));
        let found = needs(&facts(None, &jobs, &history));
        let commands: Vec<&String> = found.iter().flat_map(|need| &need.commands).collect();
        assert_eq!(commands, expected, "{found:?}");
    }
}

#[test]
fn outputs_need_an_approval_or_a_look() {
    let bundle = |state| BundleStatus {
        bundle: named("moodle"),
        state,
        written: None,
        rows: 812,
        left_out: 0,
        failed_since: Some("2026-03-01T12:00:00.000Z".to_owned()),
    };
    let hook = |state| HookStatus {
        hook: named("library"),
        follows: "job rosters".to_owned(),
        state,
        told: None,
        failed_since: None,
        next_attempt: None,
    };
    let dry = "rollbook export moodle --dry-run";
    let rows: [(OutputState, &[&str], &[&str]); 5] = [
        (OutputState::Pending, &[], &[]),
        (OutputState::Ok, &[], &[]),
        (OutputState::Waiting, &[], &[]),
        (
            OutputState::Held,
            &[dry, "rollbook export moodle --approve"],
            &[],
        ),
        (
            OutputState::Failed,
            &["rollbook status", dry],
            &["rollbook status"],
        ),
    ];
    for (state, of_bundle, of_hook) in rows {
        let outputs = Outputs {
            bundles: vec![bundle(state)],
            hooks: vec![hook(state)],
            ..Outputs::default()
        };
        let history = history(Vec::new());
        let facts = SiteFacts {
            outputs: Some(&outputs),
            ..facts(None, &[], &history)
        };
        let found = needs(&facts);
        let commands: Vec<&String> = found.iter().flat_map(|need| &need.commands).collect();
        assert_eq!(commands, [of_bundle, of_hook].concat(), "{found:?}");
    }
}

/// Sources of a database are one need, and what only waits is none before it is late.
#[test]
fn a_database_needs_an_admin_where_sources_fail_or_are_late() {
    let at = "2026-03-02T06:00:00.000Z";
    let failing = |source: &str, problem: &str| PublishStatus {
        state: OutputState::Failed,
        lag_since: Some(at.to_owned()),
        problem: Some(problem.to_owned()),
        ..PublishStatus::up_to_date("district", source, at)
    };
    let late_at = |at: &str| PublishStatus {
        lag_runs: 1,
        lag_since: Some(at.to_owned()),
        late_at: Some(at.to_owned()),
        ..PublishStatus::up_to_date("ministry", "north", at)
    };
    let refused = "no connection to the database";
    let rows: [(Vec<PublishStatus>, &[&str]); 3] = [
        (
            vec![
                PublishStatus::up_to_date("district", "north", at),
                late_at("2100-01-01T00:00:00.000Z"),
            ],
            &[],
        ),
        (
            vec![failing("north", refused), failing("south", refused)],
            &[
                "north and south cannot be published to district, since 2026-03-02 06:00 UTC.",
                refused,
            ],
        ),
        (
            vec![failing("north", refused), late_at(at)],
            &[
                "north cannot be published to district, since 2026-03-02 06:00 UTC.",
                refused,
                "north cannot be published to ministry, since 2026-03-02 06:00 UTC.",
            ],
        ),
    ];
    for (published, expected) in rows {
        let outputs = Outputs {
            published,
            ..Outputs::default()
        };
        let history = history(Vec::new());
        let facts = SiteFacts {
            outputs: Some(&outputs),
            ..facts(None, &[], &history)
        };
        let found = needs(&facts);
        let lines = found
            .iter()
            .flat_map(|need| std::iter::once(&need.what).chain(&need.details));
        let lines: Vec<&String> = lines.collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_held_run_is_explained_in_numbers() {
    let held = |rows, rule| HeldStream {
        stream: named("users"),
        rule,
        rows,
        new: 1_200,
        changed: 0,
        would_be_removed: 512,
    };
    let rows = [
        (
            held(Some(866), Some(HoldRule::Removals)),
            "users: 512 of 866 rows would be removed, 1,200 added (too large a share of the rows)",
        ),
        (
            held(None, None),
            "users: 512 rows would be removed, 1,200 added",
        ),
    ];
    for (held, expected) in rows {
        assert_eq!(held_line(&held), expected);
    }
}

#[test]
fn the_daemon_is_first_and_its_messages_are_not_shown() {
    let mut daemon = Status::default();
    let empty = RunHistory::default();
    assert!(needs(&facts(Some(&daemon), &[], &empty)).is_empty());
    daemon.configuration.refused = Some(RefusedReload {
        problems: 2,
        first: "rollbook.toml:3: password = \"x\"".to_owned(),
        ..RefusedReload::default()
    });
    daemon.disk = Some("full".to_owned());
    let failing = [JobStatus {
        failures: 5,
        ..status()
    }];
    let found = needs(&facts(Some(&daemon), &failing, &empty));
    let commands: Vec<&str> = found.iter().map(|need| need.commands[0].as_str()).collect();
    assert_eq!(
        commands,
        ["df -h", "rollbook check", "rollbook runs rosters"]
    );
    assert!(
        found.iter().all(|need| !need.what.contains("password")),
        "{found:?}"
    );
}

#[test]
fn the_state_is_that_of_the_last_run_of_all_streams() {
    let failed = Outcome::Failed(Class::Transient);
    let at = "2026-03-02T06:00:00.000Z";
    let one_stream = PastRun {
        only: Some(named("users")),
        ..past(2, at, failed)
    };
    let running = JobStatus {
        running: Some(rollbook_engine::daemon::status::Running::default()),
        ..status()
    };
    let held = JobStatus {
        held: Some(1),
        ..running.clone()
    };
    let good = || vec![past(1, at, Outcome::Ok), one_stream.clone()];
    let rows = [
        (status(), Vec::new(), ("never ran", Mood::Doubtful)),
        (status(), good(), ("ok", Mood::Good)),
        (running, good(), ("running", Mood::Good)),
        (held, good(), ("held", Mood::Held)),
        (status(), vec![past(1, at, failed)], ("failed", Mood::Bad)),
    ];
    for (job, runs, expected) in rows {
        let (jobs, history) = ([job], history(runs));
        assert_eq!(facts(None, &jobs, &history).jobs()[0].state(), expected);
    }
}
