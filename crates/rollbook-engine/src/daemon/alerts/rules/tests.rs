//! Alerts for sequences of states of a job or a source.

use jiff::SignedDuration;

use super::*;
use rollbook_core::model::named;

const LIMITS: AlertLimits = AlertLimits {
    failures: 3,
    incomplete_runs: 3,
    stale: SignedDuration::from_hours(24),
};

fn time(hour: i64) -> Timestamp {
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
    start + SignedDuration::from_hours(hour)
}

fn failed(failures: u32) -> JobFacts {
    JobFacts {
        failures,
        message: Some("users: the vendor answered 500".into()),
        good: Some(time(0)),
        ..JobFacts::default()
    }
}

fn incomplete(incomplete_runs: u32) -> JobFacts {
    JobFacts {
        incomplete_runs,
        message: Some("users: 90 of 100 rows were received".into()),
        good: Some(time(0)),
        ..JobFacts::default()
    }
}

fn good(hour: i64) -> JobFacts {
    JobFacts {
        good: Some(time(hour)),
        ..JobFacts::default()
    }
}

/// Takes a job through its states, one an hour, and returns the alerts of each hour.
fn walk(states: &[JobFacts]) -> Vec<Vec<&'static str>> {
    let mut active = Vec::new();
    let hours = states.iter().zip(1..);
    hours
        .map(|(facts, hour)| {
            let plan = evaluate_job(&named("roster"), facts, &active, LIMITS, time(hour));
            active = plan.active;
            plan.send.iter().map(|(kind, _)| kind.as_str()).collect()
        })
        .collect()
}

#[test]
fn a_problem_and_its_end_are_alerted_once() {
    let parked = JobFacts {
        parked: true,
        due: Some(time(-100)),
        ..failed(5)
    };
    let stale = JobFacts {
        due: Some(time(-100)),
        ..good(-200)
    };
    let held = |run| JobFacts {
        held: Some(run),
        ..failed(1)
    };
    let none: Vec<&str> = vec![];
    for (name, states, expected) in [
        (
            "two failures are nothing",
            vec![failed(1), failed(2), good(3)],
            vec![none.clone(); 3],
        ),
        (
            "three are, once",
            vec![failed(3), failed(4), failed(50), good(4), good(5)],
            vec![vec!["failing"], vec![], vec![], vec!["recovered"], vec![]],
        ),
        (
            "two incomplete runs are nothing",
            vec![incomplete(1), incomplete(2), good(3)],
            vec![none.clone(); 3],
        ),
        (
            "three are, once, until a run that is not",
            vec![incomplete(3), incomplete(4), good(3), good(4)],
            vec![vec!["incomplete"], vec![], vec!["recovered"], vec![]],
        ),
        (
            "incomplete, then failing, then incomplete: each is alerted",
            vec![incomplete(3), failed(3), incomplete(3), good(4)],
            vec![
                vec!["incomplete"],
                vec!["failing"],
                vec!["incomplete"],
                vec!["recovered"],
            ],
        ),
        (
            "a new difference held each time is one alert",
            vec![held(7), held(8), good(3)],
            vec![vec!["held"], vec![], vec!["recovered"]],
        ),
        (
            "cleared by hand is not yet good",
            vec![held(7), good(0), held(8), good(4)],
            vec![vec!["held"], vec![], vec![], vec!["recovered"]],
        ),
        (
            "parked is alerted for the source, and nothing for the job meanwhile",
            vec![parked.clone(), parked.clone(), good(3)],
            vec![none.clone(); 3],
        ),
        (
            "failing, then parked: the source's alert replaces it",
            vec![failed(3), parked.clone(), parked.clone(), good(4)],
            vec![vec!["failing"], vec![], vec![], vec![]],
        ),
        (
            "stale, then parked: it is stale once, until a good run",
            vec![stale.clone(), parked, stale, good(4)],
            vec![vec!["stale"], vec![], vec![], vec!["recovered"]],
        ),
    ] {
        assert_eq!(walk(&states), expected, "{name}");
    }
}

const LOST: &str = "users: get a token for own: sign-in needed; run `rollbook login own`";

fn waits(job: &str, message: &str, reason: ParkReason) -> ParkedJob {
    ParkedJob {
        job: named(job),
        message: message.to_owned(),
        reason,
    }
}

/// A source of two jobs, of which these are parked; its last good run ended at this hour.
fn source(parked: &[&str], hour: i64) -> SourceFacts {
    let why = |job: &&str| waits(job, LOST, ParkReason::SignInNeeded);
    SourceFacts {
        jobs: vec![named("rosters"), named("lessons")],
        parked: parked.iter().map(why).collect(),
        good: Some(time(hour)),
    }
}

#[test]
fn a_source_without_a_sign_in_is_one_alert_for_all_its_jobs() {
    let both = ["rosters", "lessons"];
    for (name, states, expected) in [
        (
            "one job after the other",
            vec![source(&["rosters"], 0), source(&both, 0), source(&both, 0)],
            vec![vec!["parked"], vec![], vec![]],
        ),
        (
            "signed in again, and one job has run",
            vec![
                source(&both, 0),
                source(&[], 0),
                source(&[], 3),
                source(&[], 4),
            ],
            vec![vec!["parked"], vec![], vec!["recovered"], vec![]],
        ),
        (
            "a job that runs well while another waits ends nothing",
            vec![source(&both, 0), source(&["lessons"], 2), source(&[], 3)],
            vec![vec!["parked"], vec![], vec!["recovered"]],
        ),
        (
            "lost again before anything ran",
            vec![
                source(&both, 0),
                source(&[], 0),
                source(&both, 0),
                source(&[], 4),
            ],
            vec![vec!["parked"], vec![], vec![], vec!["recovered"]],
        ),
    ] {
        let mut active = Vec::new();
        let kinds: Vec<Vec<&str>> = (states.iter().zip(1..))
            .map(|(facts, hour)| {
                let plan = evaluate_source(&named("own"), facts, &active, time(hour));
                active = plan.active;
                plan.send.iter().map(|(kind, _)| kind.as_str()).collect()
            })
            .collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn the_message_of_a_parked_source_names_the_commands() {
    let say = |facts: &SourceFacts| {
        evaluate_source(&named("own"), facts, &[], time(1))
            .send
            .remove(0)
            .1
    };
    assert_eq!(
        say(&source(&["lessons"], 0)),
        "sign-in needed: own has no valid sign-in; run `rollbook login own`, then rosters and lessons resume at the next tick"
    );
    let refused = |jobs: &[&str]| SourceFacts {
        parked: (jobs.iter())
            .map(|job| {
                waits(
                    job,
                    "the vendor refused the credential",
                    ParkReason::CredentialRefused,
                )
            })
            .collect(),
        ..source(&[], 0)
    };
    let unready = SourceFacts {
        parked: vec![waits(
            "lessons",
            "secret file `x` is missing",
            ParkReason::Unready,
        )],
        ..source(&[], 0)
    };
    assert_eq!(
        say(&unready),
        "own needs a person: secret file `x` is missing; then rosters and lessons resume at the next tick"
    );
    assert_eq!(
        say(&refused(&["lessons"])),
        "own needs a person: the vendor refused the credential; then `rollbook resume lessons`"
    );
    assert_eq!(
        say(&refused(&["lessons", "rosters"])),
        "own needs a person: the vendor refused the credential; then `rollbook resume lessons` and \
         `rollbook resume rosters`"
    );
}

#[test]
fn a_job_is_stale_long_after_a_tick_without_a_good_run() {
    let facts = |due: Option<i64>| JobFacts {
        due: due.map(time),
        ..good(0)
    };
    for (due, hour, expected) in [
        (Some(1), 25, false),
        (Some(1), 26, true),
        (Some(60), 80, false),
        (None, 1000, false),
    ] {
        let plan = evaluate_job(&named("roster"), &facts(due), &[], LIMITS, time(hour));
        assert_eq!(plan.send.len() == 1, expected, "{due:?} {hour}");
    }
}

#[test]
fn an_alert_of_a_clock_that_was_ahead_ends_with_the_next_good_run() {
    let evaluate = |facts: &JobFacts, active: &[_], hour| {
        evaluate_job(&named("roster"), facts, active, LIMITS, time(hour))
    };
    let year = 365 * 24;
    let ahead = evaluate(&failed(3), &[], year);
    assert_eq!(ahead.active, [(AlertKind::Failing, time(year))]);
    let waits = evaluate(&good(0), &ahead.active, 5);
    assert_eq!(waits.active, [(AlertKind::Failing, time(5))]);
    let over = evaluate(&good(6), &waits.active, 7);
    assert_eq!(over.send[0].0, AlertKind::Recovered);
    assert_eq!(over.active, []);
}

#[test]
fn a_clock_that_is_set_back_repeats_no_alert() {
    let due = |failures, hour| JobFacts {
        due: Some(time(hour)),
        ..failed(failures)
    };
    let first = |facts: &JobFacts, hour| {
        evaluate_job(&named("roster"), facts, &[], LIMITS, time(hour)).active
    };
    let active = first(&due(3, 1), 30);
    assert_eq!(active.len(), 2, "failing and stale");
    let evaluate =
        |active: &[_], hour| evaluate_job(&named("roster"), &due(4, 1), active, LIMITS, time(hour));
    let back = evaluate(&active, 10);
    let again = evaluate(&back.active, 40);
    assert_eq!((back.send, again.send), (vec![], vec![]));
}

#[test]
fn messages_name_the_problem_and_the_command() {
    let mut facts = failed(3);
    let say = |facts: &JobFacts| {
        evaluate_job(&named("roster"), facts, &[], LIMITS, time(1))
            .send
            .remove(0)
            .1
    };
    assert_eq!(
        say(&facts),
        "3 runs of roster in a row failed: users: the vendor answered 500"
    );
    facts.held = Some(42);
    assert_eq!(
        say(&facts),
        "run 42 of roster was held back; `rollbook runs show 42` shows why, `rollbook approve 42` accepts it"
    );
    facts.in_source = Some(named("north"));
    assert_eq!(
        say(&facts),
        "run 42 of roster was held back; `rollbook runs show 42 --in north` shows why, `rollbook approve 42 --in north` accepts it"
    );
}

#[test]
fn every_kind_parses_back() {
    for kind in AlertKind::ALL {
        assert_eq!(AlertKind::of(kind.as_str()), Some(kind));
    }
    assert_eq!(AlertKind::of("else"), None);
}

#[test]
fn a_paused_job_is_not_overdue_and_afterwards_only_from_the_end_of_the_pause() {
    let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
    let pause = |until: Option<&str>| Pause {
        since: at("2026-12-20T10:00:00Z"),
        until: until.map(|until| at(until).to_zoned(jiff::tz::TimeZone::UTC)),
    };
    let (good, end) = ("2026-12-20T06:00:00Z", "2027-01-07T00:00:00Z");
    let own = [pause(Some(end)), pause(Some("2026-12-24T00:00:00Z"))];
    let open = [pause(None)];
    for (name, last, pauses, now, expected) in [
        (
            "not paused",
            Some(good),
            &[][..],
            "2027-01-01T00:00:00Z",
            Some(good),
        ),
        ("paused", Some(good), &own[..], "2027-01-06T23:59:59Z", None),
        (
            "paused without an end",
            Some(good),
            &open[..],
            "2027-01-06T23:59:59Z",
            None,
        ),
        ("just over", Some(good), &own[..], end, Some(end)),
        (
            "later",
            Some(good),
            &own[..],
            "2027-01-09T00:00:00Z",
            Some(end),
        ),
        (
            "a good run since",
            Some("2027-01-08T06:00:00Z"),
            &own[..],
            "2027-01-09T00:00:00Z",
            Some("2027-01-08T06:00:00Z"),
        ),
        ("never ran", None, &own[..], "2027-01-09T00:00:00Z", None),
    ] {
        let from = overdue_from(last.map(at), pauses, at(now));
        assert_eq!(from, expected.map(at), "{name}");
    }
}

#[test]
fn a_copy_that_cannot_be_written_is_alerted_once_until_it_is_written_again() {
    let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
    let (seven, eight, nine) = (
        at("2026-03-02T07:00:00Z"),
        at("2026-03-02T08:00:00Z"),
        at("2026-03-02T09:00:00Z"),
    );
    let facts = |message: Option<&str>, good| {
        let name = "the copy /srv/rollbook/mirror.db";
        OutputFacts::of_file("the copy of the mirror", name, message, good)
    };
    let full = facts(Some("there is no room"), Some(seven));
    let plan = evaluate_output(&full, &[], eight);
    let text = "the copy of the mirror is of 2026-03-02 07:00 UTC: there is no room";
    assert_eq!(plan.send, [(AlertKind::Failing, text.to_owned())]);
    let again = evaluate_output(&full, &plan.active, nine);
    assert_eq!((again.send.len(), again.active.len()), (0, 1));
    let over = evaluate_output(&facts(None, Some(nine)), &plan.active, nine);
    let text = "the copy /srv/rollbook/mirror.db is written again";
    assert_eq!(over.send, [(AlertKind::Recovered, text.to_owned())]);
    let never = evaluate_output(&facts(Some("there is no room"), None), &[], eight);
    let text = "the copy of the mirror was never written: there is no room";
    assert_eq!(never.send, [(AlertKind::Failing, text.to_owned())]);
}
