//! What the status shows after what the loop told.

use std::time::Duration;

use super::*;
use crate::daemon::{Dropped, Refusal, Waiting};
use crate::model::{Cause, Class, Outcome};

const NOW: &str = "2026-03-02T06:20:00.000Z";

fn next(job: &str, due: &str) -> Next {
    Next {
        job: job.to_owned(),
        zone: "Europe/Vienna".to_owned(),
        due: due.parse().ok(),
    }
}

fn two_jobs() -> Event {
    Event::Planned(vec![
        next("grades", "2026-03-02T08:00:00Z"),
        next("rosters", "2026-03-02T07:00:00Z"),
    ])
}

fn page(rows: u64) -> Event {
    Event::RunMoved {
        job: "rosters".to_owned(),
        progress: Progress::Page {
            source: "north".to_owned(),
            stream: "users".to_owned(),
            rows,
            total: None,
        },
    }
}

fn started() -> Event {
    let job = "rosters".to_owned();
    Event::RunStarted {
        job,
        cause: Cause::Schedule,
    }
}

fn after(events: &[Event]) -> Status {
    let mut status = Status::default();
    let now = NOW.parse().expect("a time");
    for event in events {
        take(&mut status, event, now);
    }
    status
}

#[test]
fn the_line_says_what_is_wrong_what_goes_on_what_comes_and_what_was() {
    let rosters = || "rosters".to_owned();
    let refused = Event::ReloadRefused(Refusal {
        problems: 2,
        first: "rollbook.toml:3:1: there is no key `sorces`".to_owned(),
        text: String::new(),
    });
    let failed = Event::RunEnded {
        job: rosters(),
        outcome: Outcome::Failed(Class::Transient),
    };
    let next = "next tick rosters at 2026-03-02 07:00 UTC";
    let rows = [
        (vec![Event::Ready], "no job ticks".to_owned()),
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
                "the configuration on disk is refused, the old one stays: \
                 rollbook.toml:3:1: there is no key `sorces`; {next}"
            ),
        ),
        (vec![two_jobs(), refused, Event::Reloaded], next.to_owned()),
        (
            vec![two_jobs(), Event::Stuck("the run of rosters".to_owned())],
            format!("the run of rosters does not get on; {next}"),
        ),
        (
            vec![two_jobs(), Event::Stuck(rosters()), Event::Alive],
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
fn a_run_is_followed_and_a_reload_keeps_what_is_known() {
    let quiet = Event::RunMoved {
        job: "rosters".to_owned(),
        progress: Progress::Quiet(Duration::from_secs(9)),
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
fn a_tick_that_was_passed_over_is_shown_until_the_next_run() {
    let dropped = Event::TickDropped {
        job: "rosters".to_owned(),
        reason: Dropped::Parked,
    };
    let shown = |events: &[Event]| {
        after(events)
            .jobs
            .last()
            .and_then(|job| job.passed_over.clone())
    };
    let passed_over = shown(&[two_jobs(), dropped.clone()]).expect("shown");
    assert_eq!(passed_over.reason, "the job is parked and tried once a day");
    assert_eq!(shown(&[two_jobs(), dropped, started()]), None);
}

#[test]
fn only_what_changes_something_is_worth_writing() {
    let mut status = after(&[two_jobs(), started()]);
    let now = NOW.parse().expect("a time");
    assert_eq!(take(&mut status, &Event::Alive, now), Change::None);
    assert_eq!(take(&mut status, &page(5), now), Change::Progress);
    let stream = Event::RunMoved {
        job: "rosters".to_owned(),
        progress: Progress::Start {
            source: "north".to_owned(),
            stream: "users".to_owned(),
        },
    };
    assert_eq!(take(&mut status, &stream, now), Change::State);
    assert_eq!(take(&mut status, &Event::Stopping, now), Change::State);
}

#[test]
fn who_waits_for_a_person_is_shown_until_nobody_does() {
    let waits = |parked, held| {
        let job = "rosters".to_owned();
        Event::Waiting(vec![Waiting { job, parked, held }])
    };
    for (event, line) in [
        (
            waits(true, None),
            Some("rosters is parked and waits for a person; "),
        ),
        (waits(false, Some(12)), Some("rosters holds run 12 back; ")),
        (Event::Waiting(Vec::new()), None),
    ] {
        let status = after(&[two_jobs(), waits(true, Some(3)), event]);
        let said = status.line();
        let rest = said
            .strip_prefix(line.unwrap_or_default())
            .unwrap_or_else(|| panic!("{said}"));
        assert!(rest.starts_with("next tick rosters at "), "{said}");
    }
}
