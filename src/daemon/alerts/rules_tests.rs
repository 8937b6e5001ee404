//! A job's life as states, and what is told of it.

use jiff::SignedDuration;

use super::*;

const LIMITS: Limits = Limits {
    failures: 3,
    stale: SignedDuration::from_hours(24),
};

fn time(hour: i64) -> Timestamp {
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
    start + SignedDuration::from_hours(hour)
}

fn failed(failures: u32) -> Facts {
    Facts {
        failures,
        sentence: Some("users: the vendor answered 500".into()),
        good: Some(time(0)),
        ..Facts::default()
    }
}

fn good(hour: i64) -> Facts {
    Facts {
        good: Some(time(hour)),
        ..Facts::default()
    }
}

/// Walks a job through its states, an hour each, and gives the kinds that each hour tells.
fn walk(states: &[Facts]) -> Vec<Vec<&'static str>> {
    let mut told = Vec::new();
    let hours = states.iter().zip(1..);
    hours
        .map(|(facts, hour)| {
            let judged = judge("roster", facts, &told, LIMITS, time(hour));
            told = judged.told;
            judged.tell.iter().map(|(kind, _)| kind.word()).collect()
        })
        .collect()
}

#[test]
fn a_problem_is_told_once_and_its_end_once() {
    let parked = Facts {
        parked: Some("sign in again".into()),
        ..failed(5)
    };
    let held = |run| Facts {
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
            "a new plan held each time is one story",
            vec![held(7), held(8), good(3)],
            vec![vec!["held"], vec![], vec!["recovered"]],
        ),
        (
            "failing, then parked, then good",
            vec![failed(3), parked.clone(), parked.clone(), good(4)],
            vec![vec!["failing"], vec!["parked"], vec![], vec!["recovered"]],
        ),
        (
            "cleared by hand is not yet good",
            vec![parked.clone(), good(0), parked, good(4)],
            vec![vec!["parked"], vec![], vec![], vec!["recovered"]],
        ),
    ] {
        assert_eq!(walk(&states), expected, "{name}");
    }
}

#[test]
fn a_job_is_stale_so_long_after_a_tick_that_brought_nothing_good() {
    let facts = |due: Option<i64>| Facts {
        due: due.map(time),
        ..good(0)
    };
    for (due, hour, expected) in [
        (Some(1), 25, false),
        (Some(1), 26, true),
        (Some(60), 80, false),
        (None, 1000, false),
    ] {
        let judged = judge("roster", &facts(due), &[], LIMITS, time(hour));
        assert_eq!(judged.tell.len() == 1, expected, "{due:?} {hour}");
    }
}

#[test]
fn sentences_say_what_to_do() {
    let mut facts = failed(3);
    let say = |facts: &Facts| {
        judge("roster", facts, &[], LIMITS, time(1))
            .tell
            .remove(0)
            .1
    };
    assert_eq!(
        say(&facts),
        "3 runs of roster in a row did not end well: users: the vendor answered 500"
    );
    facts.held = Some(42);
    assert_eq!(
        say(&facts),
        "run 42 of roster was held back; `rollbook runs show 42` says why, `rollbook approve 42` accepts it"
    );
    facts.parked = Some("the vendor refused the credential".into());
    assert_eq!(
        say(&facts),
        "roster waits for a person: the vendor refused the credential; afterwards `rollbook resume roster`"
    );
}

#[test]
fn every_kind_has_its_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.word()), Some(kind));
    }
    assert_eq!(Kind::of("else"), None);
}
