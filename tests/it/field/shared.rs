//! S12: what a server may do with a request for several series, in every order of its rows.
//!
//! The rule of all tests: what is stored is what the vendor has, or the run says that it is not whole.

mod late;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::server::{Fault, Malformed, Oddity, Order, Points, World, hours, id, reply, time};
use super::harness::{Config, Harness, RunRecord, START, each};
use super::server::{LoggedRequest, Reply};
use crate::queries;

/// Meters, their series, and points of up to so many series a request.
fn config(most: usize) -> Config {
    Config::of(&format!(
        "[streams.meters]\npath = \"/meters\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.meters.columns]\nid = \"id : text\"\n\
         points_count = \"count : integer\"\n\
         [streams.series]\npath = \"/series\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.series.columns]\n\
         id = \"id : integer\"\nmeter = \"meter : text\"\nfirst = \"first : timestamp\"\nlast = \"last : timestamp\"\n\
         moved = \"moved : integer\"\n\
         [streams.points]\npath = \"/points/{{s}}\"\nrows = \"rows\"\nkey = [\"s\", \"t\"]\nhistory = \"off\"\n\
         for_each = {{ stream = \"series\", take = {{ s = \"id\", first = \"first\", last = \"last\", moved = \"moved\" }}, \
         skip_while_same = [\"moved\"], several = {{ most = {most}, id = \"d\" }}, \
         count = {{ stream = \"meters\", column = \"points_count\", by = \"meter\" }} }}\n\
         window = {{ from = \"from\", to = \"to\", column = \"t\", start = \"{{first}}\", end = \"{{last}}\", step = \"7d\", \
         reread = {{ every = \"7d\", span = \"35d\" }}, format = \"%Y-%m-%dT%H:%M:%SZ\" }}\n\
         [streams.points.columns]\ns = \"= {{s}} : integer\"\nt = \"t : timestamp\"\nv = \"v : real\"\nx = \"x : text\"\n"
    ))
}

fn start(world: &World, most: usize) -> Harness {
    let harness = Harness::new(&config(most));
    serve(&harness, world);
    harness
}

fn serve(harness: &Harness, world: &World) {
    let world = world.clone();
    harness
        .vendor
        .respond_with(move |request| world.respond(request));
}

/// The requests for points: how many series each names, and the status of its response.
fn asked(harness: &Harness) -> Vec<(usize, u16)> {
    let ids = |one: &LoggedRequest| {
        let (_, ids) = one.path.split_once("/points/")?;
        Some((ids.split(',').count(), one.status))
    };
    harness.vendor.log().iter().filter_map(ids).collect()
}

/// A day later each series has another point.
fn next_day(harness: &Harness, world: &World, day: i64) {
    harness.advance(Duration::from_secs(24 * 3600));
    for (index, series) in world.points().keys().enumerate() {
        world.add(
            series,
            time(START) + hours(24 * day - 4),
            index as i64 + day,
        );
    }
}

fn mirrored(harness: &Harness) -> Points {
    let mirror = harness.installation.mirror();
    let rows = queries::one::<String>(
        &mirror,
        "SELECT json_group_array(json_array(CAST(s AS TEXT), t, CAST(v AS INTEGER))) FROM own_points",
    );
    let rows: Vec<(String, String, Option<i64>)> = serde_json::from_str(&rows).expect("rows");
    let mut found = Points::new();
    for (series, at, value) in rows {
        let times = found.entry(series).or_default();
        times.insert(time(&at), value.unwrap_or(-1));
    }
    found
}

/// How many rows are not in the mirror as the vendor has them, or in the mirror alone.
fn differences(harness: &Harness, world: &World) -> usize {
    let flat = |points: &Points| -> BTreeSet<(String, Timestamp, i64)> {
        let rows = points.iter().flat_map(|(series, times)| {
            times
                .iter()
                .map(|(at, value)| (series.clone(), *at, *value))
        });
        rows.collect()
    };
    let (ours, theirs) = (flat(&mirrored(harness)), flat(&world.points()));
    ours.symmetric_difference(&theirs).count()
}

fn assert_whole(run: &RunRecord, harness: &Harness, world: &World, what: &str) {
    assert!(run.outcome.starts_with("ok"), "{what}: {run:?}");
    assert_eq!(differences(harness, world), 0, "{what}: rows differ");
}

/// S12: a list that is too long is refused once; the length that worked is kept for the steps, runs and programs that
/// follow, and reported once.
#[test]
fn s12_a_list_that_is_too_long_is_not_halved_again() {
    let faults = [
        (Fault::RefusesMore(7, 400), 5),
        (Fault::RefusesMore(7, 404), 5),
        (Fault::RefusesMore(10, 414), 10),
        (Fault::RefusesMore(1, 400), 1),
        // 20 ids of 3 characters and their commas are 79.
        (Fault::RefusesLong(26, 400), 5),
        (Fault::RefusesLong(60, 404), 10),
    ];
    each(
        &faults,
        |(fault, _)| format!("{fault:?}"),
        |(fault, most)| {
            let what = format!("{fault:?}");
            let world = World::with(Order::Asked, *fault, 20);
            let mut harness = start(&world, 20);
            let run = harness.sync();
            assert_whole(&run, &harness, &world, &what);
            let requests = asked(&harness);
            let refused = requests.iter().filter(|(_, status)| *status >= 400).count();
            assert!(refused <= 19, "{what}: {refused} refused");
            let first_refused = requests.iter().rposition(|(_, status)| *status >= 400);
            assert!(first_refused < Some(50), "{what}: {requests:?}");
            let is_reported = |run: &RunRecord| run.reported.contains("for a week");
            assert!(is_reported(&run), "{what}: {run:?}");
            for day in 1..3 {
                next_day(&harness, &world, day);
                if day == 2 {
                    harness.close();
                }
                let run = harness.sync();
                assert_whole(&run, &harness, &world, &what);
                let requests = asked(&harness);
                let longest = requests.iter().map(|(ids, _)| *ids).max();
                assert_eq!(longest, Some(*most), "{what}: {requests:?}");
                let refused = requests.iter().any(|(_, status)| *status >= 400);
                assert!(!refused, "{what}: {requests:?}");
                assert!(!is_reported(&run), "{what}: {run:?}");
            }
        },
    );
}

/// S12: one series that is gone makes no list too long.
#[test]
fn s12_a_series_that_is_refused_makes_no_list_too_long() {
    let world = World::new(20);
    let mut harness = start(&world, 20);
    let ours = world.clone();
    harness.vendor.respond_with(move |request| {
        match request.path.contains("/points/") && request.list().contains("107") {
            true => Reply::status(404),
            false => ours.respond(request),
        }
    });
    let run = harness.sync();
    assert!(!run.reported.contains("for a week"), "{run:?}");
    let longest = asked(&harness).iter().skip(10).map(|(ids, _)| *ids).max();
    assert_eq!(longest, Some(19), "the others are asked for together");
}

/// S12: a value that had to be repaired costs its own series, or its own response, one request each at most.
#[test]
fn s12_a_repaired_value_ends_no_sharing() {
    for what in [Oddity::Value, Oddity::Text, Oddity::Id, Oddity::TwoIds] {
        let mut world = World::new(20);
        world.malformed = vec![Malformed {
            series: 7,
            behind: "2026-02-06T00:00:00Z",
            what,
        }];
        let mut whole = start(&World::new(20), 20);
        assert!(whole.sync().outcome.starts_with("ok"));
        let whole = asked(&whole).len();
        let mut harness = start(&world, 20);
        let run = harness.sync();
        let requests = asked(&harness);
        assert!(run.outcome.starts_with("ok"), "{what:?}: {run:?}");
        assert!(
            requests.len() <= whole + 20,
            "{what:?}: {} requests, not {whole}",
            requests.len()
        );
        assert!(!run.reported.contains("for a week"), "{what:?}: {run:?}");
        let is_noted = run.reported.contains("stored as null") || run.reported.contains("U+FFFD");
        assert_eq!(
            is_noted,
            matches!(what, Oddity::Value | Oddity::Text),
            "{what:?}: {run:?}"
        );
        println!("{what:?}: {} requests instead of {whole}", requests.len());
        next_day(&harness, &world, 1);
        let run = harness.sync();
        assert!(run.outcome.starts_with("ok"), "{what:?}: {run:?}");
        assert_eq!(asked(&harness), [(20, 200)], "{what:?}");
        match what {
            Oddity::Value | Oddity::Text => {}
            Oddity::Id | Oddity::TwoIds => assert_eq!(differences(&harness, &world), 0, "{what:?}"),
        }
    }
}

/// S12: of a response whose window is wider than a walk's own, the other rows are not taken.
#[test]
fn s12_rows_outside_of_a_walk_are_not_taken() {
    let world = World::new(3);
    {
        // The first series is four days behind.
        let mut points = world.points.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = time(START) - hours(4 * 24);
        let first = points.entry(id(0)).or_default();
        first.retain(|at, _| *at < silent);
    }
    let mut harness = start(&world, 20);
    assert_whole(&harness.sync(), &harness, &world, "at first");
    let late = time(START) - hours(3 * 24 + 3);
    world.add(&id(1), late, 7);
    for series in 0..3 {
        world.add(&id(series), time(START) + hours(1), 7);
    }
    harness.advance(Duration::from_secs(24 * 3600));
    let run = harness.sync();
    assert_eq!(run.outcome, "ok", "{run:?}");
    let requests = asked(&harness);
    assert!(requests.contains(&(3, 200)), "{requests:?}");
    let found = mirrored(&harness);
    assert!(!found[&id(1)].contains_key(&late), "it was not asked for");
    assert_eq!(differences(&harness, &world), 1, "the others are there");
}

const ORDERS: [Order; 6] = [
    Order::Asked,
    Order::ById,
    Order::ByIdBack,
    Order::ByTime,
    Order::ByTimeBack,
    Order::Mixed,
];

/// Kinds of servers. Limits are prime numbers, so that no whole response has as many rows by chance.
const FAULTS: [Fault; 37] = [
    Fault::None,
    Fault::IsExclusive,
    Fault::DropsLast,
    Fault::DropsFirst,
    Fault::DropsMiddle,
    Fault::DropsEvery(7),
    Fault::DropsLastOfMore(53),
    Fault::DropsLastOfEach,
    Fault::DropsFirstOfEach,
    Fault::Cuts(5),
    Fault::Cuts(101),
    Fault::KeepsLast(101),
    Fault::KeepsNewest(101),
    Fault::CutsEach(17),
    Fault::KeepsNewestOfEach(17),
    Fault::DividesBudget(53),
    Fault::DividesBudget(84),
    Fault::RefusesMore(5, 400),
    Fault::RefusesMore(5, 404),
    Fault::RefusesMore(5, 413),
    Fault::RefusesMore(5, 414),
    Fault::RefusesMore(1, 500),
    Fault::RefusesLong(26, 400),
    Fault::EmptyForMore(3),
    Fault::RepeatsAll,
    Fault::RepeatsLast,
    Fault::Rotates,
    Fault::Swaps,
    Fault::NamesFirst,
    Fault::NamesNone,
    Fault::NamesOthers,
    Fault::First,
    Fault::Last,
    Fault::EveryOther,
    Fault::IgnoresEnd,
    Fault::CutsEach(5),
    Fault::KeepsLast(11),
];

/// A small generator: the same seed makes the same servers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Series that begin, pause and end at times of their own.
fn random_world(random: &mut Random, order: Order, fault: Fault) -> World {
    let mut world = World::with(order, fault, 2 + random.below(11));
    world.states_last = random.below(2) == 0;
    world.counts = (random.below(3) == 0).then(|| random.below(2) * 10);
    let mut points = world.points.lock().unwrap_or_else(PoisonError::into_inner);
    for times in points.values_mut() {
        let first = time(START) - hours(6 * (9 + random.below(100)) as i64);
        let last = time(START) - hours(6 * (random.below(8) * random.below(2)) as i64);
        let pause = time(START) - hours(6 * random.below(110) as i64);
        let pause_ends = pause + hours(6 * random.below(20) as i64);
        times.retain(|at, _| {
            first <= *at && *at < last && (*at < pause || pause_ends <= *at) || *at == first
        });
    }
    drop(points);
    world
}

/// S12: whatever a server does with a request for several series, what is stored is what it has, or the run says that it is
/// not whole. `ROLLBOOK_SEED` repeats or varies it.
#[test]
fn s12_no_server_loses_rows_unsaid() {
    let seed = std::env::var("ROLLBOOK_SEED").ok();
    let seed: u64 = seed.and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("ROLLBOOK_SEED={seed}");
    let mut random = Random(seed);
    let servers: Vec<(Fault, World)> = FAULTS
        .into_iter()
        .map(|fault| {
            let order = ORDERS[random.below(ORDERS.len())];
            (fault, random_world(&mut random, order, fault))
        })
        .collect();
    each(
        &servers,
        |(fault, world)| format!("{fault:?} {:?}", world.order),
        |(fault, world)| {
            let what = format!("seed {seed}, {fault:?}, {:?}", world.order);
            let mut harness = start(world, 7);
            for day in 1..4 {
                let run = harness.sync();
                let differ = differences(&harness, world);
                let is_said = !run.outcome.starts_with("ok");
                assert!(
                    differ == 0 || is_said,
                    "{what}, day {day}: {differ} differ, {run:?}"
                );
                next_day(&harness, world, day);
            }
        },
    );
}

/// S12: a whole response costs little to be known as whole, in each order.
#[test]
fn s12_what_a_comparison_costs() {
    for (order, first) in [
        (Order::Asked, 9),
        (Order::ById, 9),
        (Order::ByIdBack, 10),
        (Order::ByTime, 9),
        (Order::ByTimeBack, 10),
    ] {
        let world = World::with(order, Fault::None, 20);
        let mut harness = start(&world, 20);
        assert_whole(&harness.sync(), &harness, &world, "first");
        assert_eq!(asked(&harness).len(), first, "{order:?}");
        for day in 1..3 {
            next_day(&harness, &world, day);
            assert_whole(&harness.sync(), &harness, &world, "a day later");
            assert!(asked(&harness).len() <= 2, "{order:?}");
        }
    }
}

/// S12: what no comparison finds, the vendor's number of rows does: before a first difference counts as usual, the series are
/// read one by one, also over several runs, and once.
#[test]
fn s12_a_first_difference_is_not_settled_unread() {
    for (more, timeout) in [(0, false), (10, false), (0, true), (10, true)] {
        let what = format!("{more} more, timeout {timeout}");
        let mut world = World::with(Order::Asked, Fault::Hides, 5);
        world.counts = Some(more);
        let plan = match timeout {
            true => config(20).job("timeout = \"8m\"\n"),
            false => config(20),
        };
        let mut harness = Harness::new(&plan);
        let (ours, clock) = (world.clone(), harness.clock.clone());
        harness.vendor.respond_with(move |request| {
            clock.pass(Duration::from_secs(if timeout { 20 } else { 0 }));
            ours.respond(request)
        });
        let mut runs = 1;
        let mut run = harness.sync();
        while run.outcome != "ok" {
            assert!(runs < 10, "{what}: it does not end");
            runs += 1;
            run = harness.sync();
        }
        assert_eq!(runs > 1, timeout, "{what}: {runs} runs");
        assert_whole(&run, &harness, &world, &what);
        let requests = asked(&harness);
        let counted: Vec<_> = requests
            .iter()
            .rev()
            .take_while(|(ids, _)| *ids == 1)
            .collect();
        assert!(
            counted.len() >= 20 && counted.len() <= 40,
            "{what}: {requests:?}"
        );
        next_day(&harness, &world, 1);
        assert_whole(&harness.sync(), &harness, &world, &what);
        let requests = asked(&harness);
        assert!(
            requests.len() <= 4 && requests[0] == (5, 200),
            "{what}: {requests:?}"
        );
    }
}

/// S12: a fault that begins after steps that were believed: what these lack is found by the vendor's number of rows where
/// a refusal ends the sharing, and without a number where a response that lacks rows does. A server that is known to leave
/// rows out costs no further reading.
#[test]
fn s12_steps_before_a_fault_are_read_again() {
    for (counts, later) in [
        (Some(0), Fault::RefusesMore(1, 400)),
        (Some(10), Fault::RefusesMore(1, 400)),
        (Some(0), Fault::First),
        (None, Fault::First),
    ] {
        let what = format!("{counts:?}, {later:?}");
        let mut world = World::with(Order::Asked, Fault::Hides, 5);
        world.counts = counts;
        world.later = Some((time(START) - hours(8 * 24), later));
        let mut harness = start(&world, 20);
        let run = harness.sync();
        assert_whole(&run, &harness, &world, &what);
        let is_said = run.reported.contains("read again from their start");
        assert_eq!(is_said, later == Fault::First, "{what}: {run:?}");
        assert!(run.reported.contains("for a week"), "{what}: {run:?}");
        let requests = asked(&harness).len();
        assert!(requests < 50, "{what}: {requests} requests");
        for day in 1..5 {
            next_day(&harness, &world, day);
            let run = harness.sync();
            assert_whole(&run, &harness, &world, &what);
            let is_said = run.reported.contains("read again from their start");
            assert!(!is_said, "{what}, day {day}: {run:?}");
        }
    }
}

/// S12: a server that is known to leave rows out is tried again each week, and costs no further reading of what it has.
#[test]
fn s12_a_server_that_is_known_is_not_read_again() {
    let world = World::with(Order::Asked, Fault::First, 5);
    let mut harness = start(&world, 20);
    assert_whole(&harness.sync(), &harness, &world, "first");
    let shared = |requests: &[(usize, u16)]| requests.iter().filter(|(ids, _)| *ids > 1).count();
    let first = shared(&asked(&harness));
    let mut tried = 0;
    for day in 1..24 {
        next_day(&harness, &world, day);
        let run = harness.sync();
        assert_whole(&run, &harness, &world, "later");
        let is_said = run.reported.contains("read again from their start");
        assert!(!is_said, "day {day}: {run:?}");
        tried += shared(&asked(&harness));
    }
    assert_eq!(tried, 3 * first, "requests for several series");
}

/// S12: a number of rows that a server divides among the series is found with the first response for more of them, although
/// it has fewer rows than others that were whole.
#[test]
fn s12_a_number_of_rows_divided_among_the_series() {
    for order in [Order::Asked, Order::ById, Order::ByTime] {
        let what = format!("{order:?}");
        let mut world = World::with(order, Fault::DividesBudget(84), 3);
        world.states_last = false;
        let mut harness = start(&world, 20);
        assert_whole(&harness.sync(), &harness, &world, &what);
        for series in 3..7 {
            // Of the last one a response has few rows.
            let every = if series == 6 { 6 } else { 1 };
            for at in (29..56).step_by(every) {
                world.add(&id(series), time(START) - hours(6 * at), at);
            }
        }
        harness.advance(Duration::from_secs(24 * 3600));
        assert_whole(&harness.sync(), &harness, &world, &what);
    }
}

/// S12: rows behind the end of a request say nothing of a response that has only those within.
#[test]
fn s12_rows_outside_of_a_step_are_no_difference() {
    let mut world = World::new(5);
    world.states_last = false;
    {
        let mut points = world.points.lock().unwrap_or_else(PoisonError::into_inner);
        let paused = time(START) - hours(20 * 24)..time(START) - hours(6 * 24);
        let of_it = points.entry(id(2)).or_default();
        of_it.retain(|at, _| !paused.contains(at));
    }
    let mut harness = start(&world, 20);
    let ours = world.clone();
    harness.vendor.respond_with(move |request| {
        let list = request.list();
        match matches!(list, "meters" | "series") || list.contains(',') {
            true => ours.respond(request),
            false => {
                let bounds = (time(&request.query["from"]), time("2026-12-31T00:00:00Z"));
                reply(&ours.rows(&[list], bounds, Fault::None), false)
            }
        }
    });
    let run = harness.sync();
    assert_whole(&run, &harness, &world, "the end is ignored");
    assert!(!run.reported.contains("for a week"), "{run:?}");
    let requests = asked(&harness);
    assert!(requests.len() <= 17, "{requests:?}");
}

/// S12: a row that is new while a response is compared with others is no fault of the server.
#[test]
fn s12_rows_that_are_new_during_a_comparison_are_no_difference() {
    for order in [Order::Asked, Order::ByTime, Order::ByTimeBack] {
        let mut world = World::with(order, Fault::None, 5);
        world.states_last = false;
        let silent = [id(1), id(3)];
        {
            let mut points = world.points.lock().unwrap_or_else(PoisonError::into_inner);
            for series in &silent {
                let of_it = points.entry(series.clone()).or_default();
                of_it.retain(|at, _| *at < time(START) - hours(8 * 24));
            }
        }
        let mut harness = start(&world, 20);
        let (ours, clock) = (world.clone(), harness.clock.clone());
        harness.vendor.respond_with(move |request| {
            clock.pass(Duration::from_secs(20));
            let list = request.list();
            for series in (0..5).map(id) {
                // Series without a row in a response are requested alone, and have one then.
                if !silent.contains(&series)
                    || (series == list && time(&request.query["to"]) > time(START))
                {
                    let now = clock.clock().now() - SignedDuration::from_secs(10);
                    ours.add(&series, now, 7);
                }
            }
            ours.respond(request)
        });
        let run = harness.sync();
        assert!(run.outcome.starts_with("ok"), "{order:?}: {run:?}");
        assert!(!run.reported.contains("for a week"), "{order:?}: {run:?}");
        let requests = asked(&harness);
        assert!(requests.len() <= 17, "{order:?}: {requests:?}");
        let old = |points: Points| -> usize {
            let before = |times: &BTreeMap<Timestamp, i64>| times.range(..time(START)).count();
            points.values().map(before).sum()
        };
        assert_eq!(old(mirrored(&harness)), old(world.points()), "{order:?}");
    }
}

/// S12: a newest value may change, so it does not show of which series a row is.
#[test]
fn s12_series_with_one_row_are_not_mixed_up() {
    for fault in [Fault::Rotates, Fault::Swaps] {
        let world = World::with(Order::Asked, fault, 4);
        {
            let mut points = world.points.lock().unwrap_or_else(PoisonError::into_inner);
            for times in points.values_mut() {
                times.retain(|at, _| *at == time(START) - hours(6));
            }
        }
        let mut harness = start(&world, 20);
        assert_whole(&harness.sync(), &harness, &world, &format!("{fault:?}"));
    }
}

/// S12: a series that cannot be read is reported once, also where the response for several turns out to lack another one.
#[test]
fn s12_a_failure_beside_a_fault_is_reported_once() {
    for status in [400, 404, 500] {
        let mut world = World::with(Order::Asked, Fault::First, 5);
        world.states_last = false;
        let mut harness = start(&world, 20);
        let ours = world.clone();
        harness
            .vendor
            .respond_with(move |request| match request.list() {
                "101" => Reply::status(status),
                _ => ours.respond(request),
            });
        let run = harness.sync();
        let what = format!("{status}: {run:?}");
        assert!(run.reported.contains("for a week"), "{what}");
        let is_reported = run.reported.contains(": 101: read page 1 of points");
        assert!(is_reported, "{what}");
    }
}

/// S12: why requests name fewer series is said per cause.
#[test]
fn s12_a_note_names_its_cause() {
    for (order, fault, cause) in [
        (Order::Asked, Fault::First, "leaves rows out of responses"),
        (Order::Asked, Fault::NamesNone, "of which item each row is"),
        (Order::Mixed, Fault::None, "in no order"),
        (
            Order::Asked,
            Fault::RefusesMore(2, 400),
            "refuses requests for more items; for a week at most 2",
        ),
    ] {
        let world = World::with(order, fault, 5);
        let mut harness = start(&world, 20);
        let run = harness.sync();
        assert_whole(&run, &harness, &world, cause);
        assert!(run.reported.contains(cause), "{cause}: {run:?}");
        assert_eq!(
            run.reported.matches("points: the server").count(),
            1,
            "{run:?}"
        );
    }
}
