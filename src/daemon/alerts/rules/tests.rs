//! A job's life as states, and what is told of it.

use jiff::SignedDuration;

use super::*;

const LIMITS: Limits = Limits {
    failures: 3,
    incomplete_runs: 3,
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

fn incomplete(incomplete_runs: u32) -> Facts {
    Facts {
        incomplete_runs,
        sentence: Some("users: 90 of 100 rows were received".into()),
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
        parked: true,
        due: Some(time(-100)),
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
            "incomplete, then failing, then incomplete: each is told",
            vec![incomplete(3), failed(3), incomplete(3), good(4)],
            vec![
                vec!["incomplete"],
                vec!["failing"],
                vec!["incomplete"],
                vec!["recovered"],
            ],
        ),
        (
            "a new plan held each time is one story",
            vec![held(7), held(8), good(3)],
            vec![vec!["held"], vec![], vec!["recovered"]],
        ),
        (
            "cleared by hand is not yet good",
            vec![held(7), good(0), held(8), good(4)],
            vec![vec!["held"], vec![], vec![], vec!["recovered"]],
        ),
        (
            "parked is told of the source, and nothing else of the job meanwhile",
            vec![parked.clone(), parked.clone(), good(3)],
            vec![none.clone(); 3],
        ),
        (
            "failing, then parked: the source's story ends it",
            vec![failed(3), parked.clone(), parked, good(4)],
            vec![vec!["failing"], vec![], vec![], vec![]],
        ),
    ] {
        assert_eq!(walk(&states), expected, "{name}");
    }
}

const LOST: &str = "users: get a token for own: sign-in needed; run `rollbook login own`";

fn waits(job: &str, why: &str, reason: ParkReason) -> ParkedJob {
    ParkedJob {
        job: job.to_owned(),
        why: why.to_owned(),
        reason,
    }
}

/// A source of two jobs, of which these are parked, and whose last good run ended at this hour.
fn source(parked: &[&str], hour: i64) -> SourceFacts {
    let why = |job: &&str| waits(job, LOST, ParkReason::SignInNeeded);
    SourceFacts {
        jobs: vec!["rosters".into(), "lessons".into()],
        parked: parked.iter().map(why).collect(),
        good: Some(time(hour)),
    }
}

#[test]
fn a_source_that_lets_nobody_in_is_one_story_of_all_its_jobs() {
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
        let mut told = Vec::new();
        let kinds: Vec<Vec<&str>> = (states.iter().zip(1..))
            .map(|(facts, hour)| {
                let judged = judge_source("own", facts, &told, time(hour));
                told = judged.told;
                judged.tell.iter().map(|(kind, _)| kind.word()).collect()
            })
            .collect();
        assert_eq!(kinds, expected, "{name}");
    }
}

#[test]
fn the_way_back_is_said_as_it_is() {
    let say = |facts: &SourceFacts| judge_source("own", facts, &[], time(1)).tell.remove(0).1;
    assert_eq!(
        say(&source(&["lessons"], 0)),
        "sign in needed: nobody is signed in to own, or the sign-in no longer works; run `rollbook login own`, \
         and rosters and lessons will go on"
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
        "own waits for a person: secret file `x` is missing; afterwards rosters and lessons will go on"
    );
    assert_eq!(
        say(&refused(&["lessons"])),
        "own waits for a person: the vendor refused the credential; afterwards `rollbook resume lessons`"
    );
    assert_eq!(
        say(&refused(&["lessons", "rosters"])),
        "own waits for a person: the vendor refused the credential; afterwards `rollbook resume lessons` and \
         `rollbook resume rosters`"
    );
}

#[test]
fn a_source_and_a_job_of_one_name_are_two() {
    for about in [
        About::Job("own"),
        About::Source("own"),
        About::Job("store.backup"),
    ] {
        assert_eq!(About::of(&about.key()), about);
    }
    assert_ne!(About::Job("own").key(), About::Source("own").key());
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
}

#[test]
fn every_kind_has_its_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.word()), Some(kind));
    }
    assert_eq!(Kind::of("else"), None);
}
