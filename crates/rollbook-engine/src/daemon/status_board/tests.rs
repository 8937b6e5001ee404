//! The status after events of the loop.

use std::time::Duration;

use super::*;
use crate::daemon::{Conditions, JobCondition, Refusal, SkipReason};
use rollbook_core::model::{Cause, Class, Outcome, ParkReason, RunStart, named};

const NOW: &str = "2026-03-02T06:20:00.000Z";

fn next(job: &str, due: &str) -> NextTick {
    NextTick {
        job: named(job),
        zone: "Europe/Vienna".to_owned(),
        due: due.parse().ok(),
        delayed: None,
        pause: None,
    }
}

fn two_jobs() -> Event {
    Event::Planned(vec![
        next("grades", "2026-03-02T08:00:00Z"),
        next("rosters", "2026-03-02T07:00:00Z"),
    ])
}

fn page(rows: u64) -> Event {
    Event::RunProgress {
        job: named("rosters"),
        progress: Progress::Page {
            source: named("north"),
            stream: named("users"),
            rows,
            total: None,
        },
    }
}

fn started() -> Event {
    let job = named("rosters");
    Event::RunStarted {
        job,
        start: Cause::Schedule.into(),
    }
}

fn after(events: &[Event]) -> Status {
    let mut status = Status::default();
    let now = NOW.parse().expect("a time");
    for event in events {
        apply(&mut status, event, now);
    }
    status
}

#[test]
fn the_line_has_problems_active_runs_the_next_tick_and_the_last_run() {
    let rosters = || named("rosters");
    let refused = Event::ReloadRefused(Refusal {
        problems: 2,
        first: "rollbook.toml:3:1: there is no key `sorces`".to_owned(),
        places: Vec::new(),
        text: String::new(),
    });
    let failed = Event::RunEnded {
        job: rosters(),
        outcome: Outcome::Failed(Class::Transient),
    };
    let next = "next tick rosters at 2026-03-02 07:00 UTC";
    let rows = [
        (vec![Event::Ready], "no job is scheduled".to_owned()),
        (vec![Event::Ready, two_jobs()], next.to_owned()),
        (vec![two_jobs(), started()], format!("rosters runs; {next}")),
        (
            vec![two_jobs(), started(), failed],
            format!("{next}; last rosters failed at 2026-03-02 06:20 UTC"),
        ),
        (
            vec![two_jobs(), started(), Event::RunCrashed { job: rosters() }],
            format!("{next}; last rosters crashed at 2026-03-02 06:20 UTC"),
        ),
        (
            vec![two_jobs(), refused.clone()],
            format!(
                "the configuration on disk was refused, the old one stays in force: \
                 rollbook.toml:3:1: there is no key `sorces`; {next}"
            ),
        ),
        (vec![two_jobs(), refused, Event::Reloaded], next.to_owned()),
        (
            vec![two_jobs(), Event::Stuck("the run of rosters".to_owned())],
            format!("the run of rosters made no progress; {next}"),
        ),
        (
            vec![two_jobs(), Event::Stuck("rosters".to_owned()), Event::Alive],
            next.to_owned(),
        ),
        (
            vec![
                two_jobs(),
                Event::ClockUnset("1970-01-01T00:00:09Z".parse().expect("a time")),
                Event::ClockSet,
            ],
            next.to_owned(),
        ),
    ];
    for (events, line) in rows {
        assert_eq!(after(&events).line(), line, "{events:?}");
    }
}

#[test]
fn progress_is_counted_and_a_reload_keeps_it() {
    let quiet = Event::RunProgress {
        job: named("rosters"),
        progress: Progress::ExpectSilence(Duration::from_secs(9)),
    };
    let planned = Event::Planned(vec![next("rosters", "2026-03-02T09:00:00Z")]);
    let status = after(&[two_jobs(), started(), page(1000), quiet, page(17), planned]);
    let [job] = status.jobs.as_slice() else {
        panic!("one job is left: {status:?}");
    };
    let running = job.running.as_ref().expect("it still runs");
    assert_eq!(
        (running.pages, running.rows, running.cause.as_str()),
        (2, 1017, "schedule")
    );
    assert_eq!(job.next_tick.as_deref(), Some("2026-03-02T09:00:00.000Z"));
}

#[test]
fn a_skipped_tick_is_shown_until_the_next_run() {
    let event = Event::TickSkipped {
        job: named("rosters"),
        reason: SkipReason::Parked,
    };
    let shown = |events: &[Event]| {
        after(events)
            .jobs
            .last()
            .and_then(|job| job.skipped.clone())
    };
    let skipped = shown(&[two_jobs(), event.clone()]).expect("shown");
    assert_eq!(skipped.reason, "the job is parked; it is retried later");
    assert_eq!(shown(&[two_jobs(), event, started()]), None);
}

#[test]
fn only_what_changes_something_is_worth_writing() {
    let mut status = after(&[two_jobs(), started()]);
    let now = NOW.parse().expect("a time");
    assert_eq!(apply(&mut status, &Event::Alive, now), Change::None);
    assert_eq!(apply(&mut status, &page(5), now), Change::Progress);
    let stream = Event::RunProgress {
        job: named("rosters"),
        progress: Progress::Start {
            source: named("north"),
            stream: named("users"),
        },
    };
    assert_eq!(apply(&mut status, &stream, now), Change::State);
    assert_eq!(apply(&mut status, &Event::Stopping, now), Change::State);
}

fn condition(job: &str, parked: bool, held: Option<i64>, failures: u32) -> JobCondition {
    JobCondition {
        job: named(job),
        source: Some(named("north")),
        parked: parked.then_some(ParkReason::SignInNeeded),
        held,
        held_streams: Vec::new(),
        stale_at: None,
        failures,
    }
}

fn of_jobs(jobs: Vec<JobCondition>) -> Event {
    Event::Conditions(Conditions {
        jobs,
        ..Conditions::default()
    })
}

/// What needs a person, before everything else in the line.
#[test]
fn the_line_begins_with_what_needs_a_person() {
    let waiting = |name: &str, parked, held, failures| condition(name, parked, held, failures);
    let all = |jobs: &[JobCondition]| of_jobs(jobs.to_vec());
    let full = || Event::DiskFull(true);
    let jobs = ["a", "b", "c", "d"];
    let four = || Event::Planned(jobs.map(|job| next(job, "2026-03-02T07:00:00Z")).to_vec());
    let parked = |count: usize| {
        let jobs = jobs.iter().take(count);
        jobs.map(|job| waiting(job, true, None, 1))
            .collect::<Vec<_>>()
    };
    let disk = "the disk or a quota is full; runs fail until there is space; ";
    let rows = [
        (vec![two_jobs(), full()], disk.to_owned()),
        (
            vec![two_jobs(), full(), started()],
            format!("{disk}rosters runs; "),
        ),
        (
            vec![two_jobs(), full(), Event::DiskFull(false)],
            String::new(),
        ),
        (
            vec![two_jobs(), full(), Event::FatalError("damaged".to_owned())],
            format!("exiting: damaged; {disk}"),
        ),
        (
            vec![two_jobs(), all(&[waiting("grades", false, None, 2)])],
            String::new(),
        ),
        (
            vec![two_jobs(), all(&[waiting("grades", false, None, 3)])],
            "grades failed 3 times in a row; ".to_owned(),
        ),
        (
            vec![
                two_jobs(),
                started(),
                all(&[waiting("grades", false, Some(7), 3)]),
            ],
            "run 7 of grades needs approval; rosters runs; ".to_owned(),
        ),
        (
            vec![two_jobs(), all(&[waiting("grades", true, None, 9)]), full()],
            format!("{disk}grades is parked and needs a person; "),
        ),
        (
            vec![four(), all(&parked(3))],
            "a is parked and needs a person; b is parked and needs a person; \
             c is parked and needs a person; "
                .to_owned(),
        ),
        (
            vec![four(), all(&parked(4))],
            "4 jobs need a person: see `rollbook status`; ".to_owned(),
        ),
    ];
    for (events, expected) in rows {
        let line = after(&events).line();
        let (found, _) = line.split_once("next tick ").expect("the next tick");
        assert_eq!(found, expected, "{events:?}");
    }
}

#[test]
fn waiting_jobs_are_shown_until_none_waits() {
    let waits = |parked, held| of_jobs(vec![condition("rosters", parked, held, 0)]);
    for (event, line) in [
        (
            waits(true, None),
            Some("rosters is parked and needs a person; "),
        ),
        (
            waits(false, Some(12)),
            Some("run 12 of rosters needs approval; "),
        ),
        (waits(false, None), None),
    ] {
        let status = after(&[two_jobs(), waits(true, Some(3)), event]);
        let text = status.line();
        let rest = text
            .strip_prefix(line.unwrap_or_default())
            .unwrap_or_else(|| panic!("{text}"));
        assert!(rest.starts_with("next tick rosters at "), "{text}");
    }
}

#[test]
fn a_run_of_one_stream_is_shown_and_is_not_the_last_run_of_the_job() {
    let start = RunStart {
        only: Some(named("users")),
        ..Cause::Command.into()
    };
    let begun = Event::RunStarted {
        job: named("rosters"),
        start,
    };
    let ended = Event::RunEnded {
        job: named("rosters"),
        outcome: Outcome::Ok,
    };
    let only = |status: &Status| status.jobs[1].running.as_ref().map(|run| run.only.clone());
    let running = after(&[two_jobs(), begun.clone()]);
    assert_eq!(only(&running), Some(Some(named("users"))));
    let status = after(&[two_jobs(), begun, ended]);
    assert_eq!((only(&status), &status.jobs[1].last), (None, &None));
}
