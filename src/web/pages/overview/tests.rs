//! What needs an admin.

use super::*;
use crate::daemon::status::RefusedReload;
use crate::model::{Class, named};

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

fn job(runs: Vec<PastRun>) -> ReportJob {
    ReportJob {
        job: "rosters".parse().expect("a name"),
        runs: Some(JobRuns {
            job: named("rosters"),
            source: named("north"),
            last_good: None,
            runs,
        }),
        next: None,
        delayed: None,
        parked: None,
        held: None,
        failures: 0,
        is_running: false,
    }
}

#[test]
fn each_need_has_its_commands() {
    let parked = |reason| ReportJob {
        parked: Some(reason),
        failures: 9,
        ..job(Vec::new())
    };
    let held = |started| ReportJob {
        held: Some(7),
        ..job(vec![past(7, started, Outcome::Held)])
    };
    let failing = |failures| ReportJob {
        failures,
        ..job(Vec::new())
    };
    let backup = ReportJob {
        job: EntryName::Backup,
        runs: None,
        ..failing(3)
    };
    let rows: [(ReportJob, &[&str]); 11] = [
        (job(Vec::new()), &[]),
        (failing(2), &[]),
        (failing(3), &["rollbook runs rosters"]),
        (backup, &["rollbook backup"]),
        (parked(ParkReason::SignInNeeded), &["rollbook login north"]),
        (
            parked(ParkReason::CredentialRefused),
            &["rollbook check --online", "rollbook resume rosters"],
        ),
        (
            parked(ParkReason::PasswordRefused),
            &["rollbook resume rosters"],
        ),
        (parked(ParkReason::VaultShut), &["rollbook resume rosters"]),
        (parked(ParkReason::Unready), &["rollbook check"]),
        (
            held("2026-03-01T12:00:00.000Z"),
            &["rollbook runs show 7 --rows", "rollbook approve 7"],
        ),
        (held("2026-03-01T11:58:59.000Z"), &["rollbook sync rosters"]),
    ];
    for (job, expected) in rows {
        let found = needs(None, &[job], now());
        let commands: Vec<&String> = found.iter().flat_map(|need| &need.commands).collect();
        assert_eq!(commands, expected, "{found:?}");
    }
}

#[test]
fn the_daemon_is_first_and_its_messages_are_not_shown() {
    let mut daemon = Status::default();
    assert!(needs(Some(&daemon), &[], now()).is_empty());
    daemon.configuration.refused = Some(RefusedReload {
        at: String::new(),
        problems: 2,
        first: "rollbook.toml:3: password = \"x\"".to_owned(),
        places: Vec::new(),
    });
    daemon.disk = Some("full".to_owned());
    let failing = ReportJob {
        failures: 5,
        ..job(Vec::new())
    };
    let found = needs(Some(&daemon), &[failing], now());
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
    assert_eq!(job(Vec::new()).state(), ("never ran", Mood::Doubtful));
    let good = job(vec![past(1, at, Outcome::Ok), one_stream]);
    assert_eq!(good.state(), ("ok", Mood::Good));
    let running = ReportJob {
        is_running: true,
        ..good.clone()
    };
    assert_eq!(running.state(), ("running", Mood::Good));
    let held = ReportJob {
        held: Some(1),
        ..running
    };
    assert_eq!(held.state(), ("held", Mood::Held));
    assert_eq!(
        job(vec![past(1, at, failed)]).state(),
        ("failed", Mood::Bad)
    );
}

#[test]
fn a_strip_is_said_in_words() {
    let at = "2026-03-02T06:00:00.000Z";
    let runs = [
        past(1, at, Outcome::Failed(Class::Auth)),
        past(2, at, Outcome::Failed(Class::Transient)),
        past(3, at, Outcome::Held),
        past(4, at, Outcome::Ok),
    ];
    assert_eq!(
        strip_text(&runs),
        "4 runs: 1 ok, 1 held, 2 failed; the last ok"
    );
    assert_eq!(strip_text(&runs[..1]), "1 run: 1 failed; the last failed");
    assert_eq!(strip_text(&[]), "no run is recorded");
}
