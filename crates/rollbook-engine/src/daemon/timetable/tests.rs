//! What is due when, in short stories: with a clock that runs, jumps and is set back.

use super::*;
use rollbook_core::model::named;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn entry(name: &str, schedule: &str, catch_up: bool) -> Entry {
    Entry {
        name: named(name),
        schedule: schedule.parse().expect("a schedule"),
        zone: "Europe/Vienna".parse().expect("a zone"),
        catch_up,
    }
}

/// A clock on the wall and one that only runs.
struct Story {
    table: Timetable,
    now: Timestamp,
    running: Duration,
}

impl Story {
    /// Begins at a time with one job; its last tick may be known. Times are UTC of March 2026: `02T10:00`.
    fn begin(now: &str, schedule: &str, catch_up: bool, last_due: Option<&str>) -> Self {
        let mut table = Timetable::new("a server".to_owned());
        let now = at(now);
        let jobs = vec![entry("job", schedule, catch_up)];
        table.load(jobs, |_| last_due.map(at), LoadReason::Start, now);
        let mut story = Self {
            table,
            now,
            running: Duration::ZERO,
        };
        assert_eq!(story.advance(), [] as [String; 0], "nothing runs at once");
        story
    }

    /// Sleeps as the loop does until a time; returns what ran.
    fn until(&mut self, end: &str) -> Vec<String> {
        let end = at(end);
        let mut ran = Vec::new();
        while self.now < end {
            let left = Duration::try_from(end.duration_since(self.now)).expect("a length");
            let nap = self.table.time_to_next(self.now).min(left);
            assert!(!nap.is_zero(), "a loop without naps at {}", self.now);
            self.running += nap;
            self.now += nap;
            ran.extend(self.advance());
        }
        ran
    }

    /// The wall clock is set.
    fn set(&mut self, now: &str) -> Vec<String> {
        self.now = at(now);
        self.advance()
    }

    /// `due cause` of what runs now, and `skipped` for a tick that is lost.
    fn advance(&mut self) -> Vec<String> {
        let advance = self.table.advance(self.now, self.running, |_| None);
        let mut found: Vec<String> = advance
            .skipped
            .iter()
            .map(|_| "skipped".to_owned())
            .collect();
        for tick in advance.due {
            assert_eq!((tick.job.as_str(), tick.now), ("job", self.now));
            found.push(format!(
                "{} {}",
                tick.due.strftime("%dT%H:%M"),
                tick.start.cause
            ));
        }
        found
    }
}

fn at(text: &str) -> Timestamp {
    time(&format!("2026-03-{text}Z"))
}

const EVERY_20_MIN: &str = "*/20 * * * *";
/// 07:30 UTC while it is winter in Vienna.
const DAILY: &str = "30 8 * * *";

#[test]
fn an_ordinary_day() {
    let mut story = Story::begin("02T06:00", DAILY, false, None);
    assert_eq!(
        story.until("04T12:00"),
        [
            "02T07:30 schedule",
            "03T07:30 schedule",
            "04T07:30 schedule"
        ]
    );
}

/// The cells of a table's rows.
fn rows<const CELLS: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; CELLS]> {
    table.trim().lines().map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        cells.try_into().expect("a row with all its cells")
    })
}

fn pattern(name: &str) -> &str {
    match name {
        "daily" => DAILY,
        "every 20 min" => EVERY_20_MIN,
        other => other,
    }
}

/// Schedule, whether it catches up, last due, and what runs within an hour after 12:00.
const STARTS: &str = "
daily     | yes | nothing  |
daily     | yes | 27T07:30 |
daily     | yes | 01T07:30 | 02T07:30 catch_up
daily     | no  | 01T07:30 |
daily     | yes | 02T07:30 |
0 14 * * * | yes | 01T07:30 | 01T13:00 catch_up, 02T13:00 schedule
0 * * * * | yes | 02T10:00 | 02T12:00 schedule, 02T13:00 schedule
";

#[test]
fn a_start_of_the_loop() {
    for [schedule, catch_up, last_due, expected] in rows(STARTS) {
        let last_due = Some(last_due).filter(|known| *known != "nothing");
        let mut story = Story::begin("02T12:00", pattern(schedule), catch_up == "yes", last_due);
        let ran = story.until("02T13:00:30").join(", ");
        assert_eq!(ran, expected, "{schedule}, {last_due:?}");
    }
}

#[test]
fn a_tick_within_its_spread_survives_a_restart() {
    // Vienna's 13:00 is 12:00; the job's own offset is some of the 20 seconds after it.
    let schedule = "0 13 * * *";
    let offset = Duration::try_from(start_of(schedule).duration_since(at("02T12:00")));
    assert!(
        offset.expect("an offset") > Duration::from_secs(2),
        "pick another name for the host"
    );
    let mut story = Story::begin("02T12:00:01", schedule, false, Some("01T12:00"));
    assert_eq!(story.until("02T12:30"), ["02T12:00 schedule"]);
    let mut story = Story::begin("02T12:00:01", schedule, false, Some("02T12:00"));
    assert_eq!(story.until("02T12:30"), [] as [String; 0], "it ran already");
}

/// When the first run after 2026-03-02T11:00Z really starts.
fn start_of(schedule: &str) -> Timestamp {
    let story = Story::begin("02T11:00", schedule, false, None);
    let planned = story.table.jobs["job"].planned;
    planned.expect("a planned tick").at
}

/// Schedule, whether it catches up, the clock set from and to, and what runs until when.
///
/// Forward by less than three hours: what was skipped runs once. By more: it counts as missed. Back: the job continues at
/// its next local time, and the tick that it ran last is not repeated.
const SETS: &str = "
every 20 min | no  | 02T10:05    | 02T12:05 | 02T12:15 | 02T12:00 schedule
daily        | no  | 02T10:05    | 02T12:05 | 02T13:00 |
every 20 min | no  | 02T10:05    | 02T16:05 | 02T16:25 | skipped, 02T16:20 schedule
every 20 min | yes | 02T10:05    | 02T16:05 | 02T16:25 | 02T16:00 catch_up, 02T16:20 schedule
daily        | yes | 02T10:05    | 05T10:05 | 06T10:00 | 05T07:30 catch_up, 06T07:30 schedule
every 20 min | yes | 02T16:05    | 02T06:05 | 02T06:45 | 02T06:20 schedule, 02T06:40 schedule
0 * * * *    | no  | 02T16:05    | 02T13:05 | 02T18:05 | 02T14:00 schedule, 02T15:00 schedule, 02T17:00 schedule, 02T18:00 schedule
every 20 min | no  | 02T10:41    | 02T10:36 | 02T11:05 | 02T11:00 schedule
every 20 min | no  | 02T10:41    | 02T10:05 | 02T11:05 | 02T10:20 schedule, 02T11:00 schedule
every 20 min | no  | 02T10:59    | 02T10:41 | 02T11:05 | 02T11:00 schedule
every 20 min | no  | 05T10:05    | 02T10:05 | 02T10:25 | 02T10:20 schedule
daily        | yes | 02T10:05    | 02T04:05 | 03T10:00 | 03T07:30 schedule
daily        | no  | 05T10:05    | 02T10:05 | 06T10:00 | 03T07:30 schedule, 04T07:30 schedule, 06T07:30 schedule
every 20 min | no  | 02T10:05:01 | 02T10:05 | 02T10:25 | 02T10:20 schedule
";

#[test]
fn a_clock_that_is_set() {
    for [schedule, catch_up, from, to, until, expected] in rows(SETS) {
        let mut story = Story::begin("01T00:05", pattern(schedule), catch_up == "yes", None);
        story.until(from);
        let mut ran = story.set(to);
        ran.extend(story.until(until));
        assert_eq!(ran.join(", "), expected, "{schedule} from {from} to {to}");
    }
}

/// Schedule, what is recorded as the last tick, and what runs after a start at 02T12:00 until 13:05: the clock was ahead
/// and was set back while the daemon was stopped.
const STARTS_AFTER_A_CLOCK_AHEAD: &str = "
every 20 min | 02T12:20 | 02T12:40 schedule, 02T13:00 schedule
every 20 min | 02T22:00 | 02T12:20 schedule, 02T12:40 schedule, 02T13:00 schedule
every 20 min | 05T12:00 | 02T12:20 schedule, 02T12:40 schedule, 02T13:00 schedule
0 14 * * *   | 02T13:00 |
0 14 * * *   | 03T13:00 | 02T13:00 schedule
0 14 * * *   | 31T13:00 | 02T13:00 schedule
";

#[test]
fn a_clock_that_was_set_back_while_the_daemon_was_stopped() {
    for [schedule, last_due, expected] in rows(STARTS_AFTER_A_CLOCK_AHEAD) {
        for catch_up in [false, true] {
            let mut story = Story::begin("02T12:00", pattern(schedule), catch_up, Some(last_due));
            assert_eq!(story.table.latest_ahead(story.now), Some(at(last_due)));
            let ran = story.until("02T13:05").join(", ");
            assert_eq!(ran, expected, "{schedule} after {last_due}, {catch_up}");
        }
    }
}

#[test]
fn a_year_back_and_forward_in_every_zone() {
    for zone in ["Europe/Vienna", "UTC", "Asia/Kolkata", "Pacific/Chatham"] {
        // Both days on which the clocks of Vienna change, and one of none.
        for day in ["2026-03-28", "2026-10-24", "2026-06-01"] {
            let mut table = Timetable::new("a server".to_owned());
            let start = time(&format!("{day}T12:00:00Z"));
            let mut job = entry("job", "30 8 * * *", false);
            job.zone = zone.parse().expect("a zone");
            table.load(vec![job], |_| None, LoadReason::Start, start);
            let mut running = Duration::ZERO;
            let mut dues = |from: Timestamp, days: i64| {
                let mut dues = Vec::new();
                for minute in 0..days * 24 * 60 {
                    let now = from + SignedDuration::from_mins(minute);
                    running += Duration::from_secs(60);
                    let advance = table.advance(now, running, |_| None);
                    dues.extend(advance.due.into_iter().map(|tick| tick.due));
                }
                dues
            };
            let ahead = start + SignedDuration::from_hours(24 * 365);
            let first = dues(start, 2);
            let wrong = dues(ahead, 2);
            let back = dues(start + SignedDuration::from_hours(48), 2);
            assert_eq!((first.len(), wrong.len()), (2, 2), "{zone} {day}");
            assert_eq!(back.len(), 2, "{zone} {day}: {back:?}");
            assert!(first[1] < back[0], "{zone} {day}");
        }
    }
}

#[test]
fn a_clock_that_was_wrong_at_start_misses_nothing() {
    // It shows 09:00 and is set to 06:00, before the tick of today that nothing has run for.
    let mut story = Story::begin("02T09:00", DAILY, false, Some("01T07:30"));
    assert_eq!(story.set("02T06:00"), [] as [String; 0]);
    assert_eq!(story.until("02T08:00"), ["02T07:30 schedule"]);
}

#[test]
fn what_waits_to_be_caught_up_survives_a_set_clock() {
    let begin = || Story::begin("02T12:00", DAILY, true, Some("01T07:30"));
    let mut story = begin();
    assert_eq!(story.set("02T08:00"), [] as [String; 0]);
    assert_eq!(story.until("02T08:10"), ["02T07:30 catch_up"]);
    let mut story = begin();
    story.set("02T07:00");
    assert_eq!(
        story.until("02T08:00"),
        ["02T07:30 schedule"],
        "it is not missed any more"
    );
    let mut story = begin();
    assert_eq!(story.set("02T17:00"), ["02T07:30 catch_up"]);
}

#[test]
fn a_loop_that_was_held_up_runs_what_is_due_once() {
    // Both clocks went on: the process was stopped.
    let mut story = Story::begin("02T10:05", EVERY_20_MIN, false, None);
    story.now = at("02T18:05");
    story.running += Duration::from_secs(8 * 3600);
    assert_eq!(story.advance(), ["02T18:00 schedule"]);
    assert_eq!(story.advance(), [] as [String; 0]);
}

#[test]
fn new_configuration() {
    let now = at("02T12:00");
    let mut table = Timetable::new(String::new());
    let last_due = |_: &EntryName| Some(at("01T07:30"));
    let jobs = ["stays", "removed", "changes"].map(|name| entry(name, DAILY, true));
    table.load(jobs.to_vec(), last_due, LoadReason::Start, now);
    let before = table.jobs["stays"].planned;
    assert_eq!(before.expect("a planned tick").cause, Cause::CatchUp);

    let changed = entry("changes", "0 20 * * *", true);
    let added = [("added", true), ("plain", false)].map(|(name, up)| entry(name, DAILY, up));
    let new = [&[jobs[0].clone(), changed], added.as_slice()].concat();
    let first_seen = table.load(new.to_vec(), |_| None, LoadReason::Reload, now);
    assert_eq!(
        table.jobs["stays"].planned, before,
        "a reload loses nothing"
    );
    assert!(!table.has(&named("removed")));
    let due = |name: &str| table.jobs[name].planned.expect("a planned tick").due;
    assert_eq!(
        due("changes"),
        at("02T19:00"),
        "a new time is not a missed one"
    );
    assert_eq!(due("added"), at("03T07:30"));
    let since = |name: &str| (named(name), at("02T07:30"));
    assert_eq!(first_seen, [since("added"), since("plain")]);
}

#[test]
fn jobs_due_together_start_apart_and_naps_stay_short() {
    let mut table = Timetable::new("a server".to_owned());
    let jobs = (0..200).map(|number| entry(&format!("school_{number}"), DAILY, false));
    let now = at("02T07:00");
    table.load(jobs.collect(), |_| None, LoadReason::Start, now);
    assert_eq!(table.time_to_next(now), MAX_SLEEP);
    let mut starts: Vec<_> = table
        .jobs
        .values()
        .map(|job| job.planned.expect("a planned tick").at)
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let range = at("02T07:30")..at("02T07:30:20");
    assert!(starts.iter().all(|at| range.contains(at)), "{starts:?}");
    assert!(starts.len() > 190, "{}", starts.len());
    assert_eq!(
        table.time_to_next(at("02T07:29:50")),
        Duration::try_from(starts[0].duration_since(at("02T07:29:50"))).expect("a length")
    );
    assert_eq!(
        Timetable::new(String::new()).time_to_next(now),
        MAX_SLEEP,
        "no jobs"
    );
}
