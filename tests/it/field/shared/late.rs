//! S12: rows that arrive late, values that are corrected, and writes that fail while responses for several series are compared.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::server::{Fault, Order, World, hours, id, time};
use super::{asked, assert_whole, differences, next_day, serve, start};
use crate::field::harness::{Harness, RunRecord, START, each};

/// What is not there at first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Late {
    /// The last row that the list of series states.
    DeclaredLast,
    /// The last day of each series: their logger sends it at once.
    Batch,
    /// All rows of a series' first week.
    FirstWeek,
    /// One value of the first week, which is not the newest, is another one.
    Value,
}

/// The point of a series that is so many days after its first one.
fn day(days: i64) -> Timestamp {
    time(START) - hours(24 * (28 - days))
}

/// The same world without these rows.
fn before(world: &World, late: Late) -> World {
    let mut points = world.points();
    for (series, times) in &mut points {
        match late {
            Late::Batch => times.retain(|at, _| *at < day(27)),
            _ if *series != id(1) => {}
            Late::DeclaredLast => drop(times.pop_last()),
            Late::FirstWeek => times.retain(|at, _| *at > day(7)),
            Late::Value => drop(times.insert(day(6), -7)),
        }
    }
    World {
        points: Arc::new(Mutex::new(points)),
        ..world.clone()
    }
}

/// Serves rows that are visible from this request for points on, the first being 1; the lists state them before.
fn serve_late(harness: &Harness, world: &World, late: Late, visible_from: usize) {
    let (earlier, later) = (before(world, late), world.clone());
    let requests = AtomicUsize::new(0);
    harness.vendor.respond_with(move |request| {
        let is_list = matches!(request.list(), "meters" | "series");
        let is_visible = is_list || requests.fetch_add(1, Ordering::Relaxed) + 1 >= visible_from;
        match is_visible {
            true => later.respond(request),
            false => earlier.respond(request),
        }
    });
}

fn is_blamed(run: &RunRecord) -> bool {
    run.reported.contains("for a week") || run.reported.contains("read again from their start")
}

/// S12: rows that arrive between two requests, and a value that is corrected between them, are no fault of the server: one
/// more request shows that. Without them there are 9 requests, and 10 in `ByTimeBack`.
#[test]
fn s12_rows_that_arrive_late_are_no_difference() {
    each(
        &[
            (Order::Asked, Late::DeclaredLast, 10, 11),
            (Order::Asked, Late::Batch, 10, 15),
            (Order::Asked, Late::FirstWeek, 2, 12),
            (Order::Asked, Late::FirstWeek, 3, 12),
            (Order::Asked, Late::FirstWeek, 4, 13),
            (Order::Asked, Late::FirstWeek, 5, 13),
            (Order::Asked, Late::Value, 2, 10),
            (Order::Asked, Late::Value, 3, 10),
            // What may be cut is requested for fewer series.
            (Order::ByTime, Late::DeclaredLast, 10, 12),
            (Order::ByTime, Late::DeclaredLast, 11, 12),
            (Order::ByTime, Late::Batch, 11, 16),
            (Order::ByTimeBack, Late::FirstWeek, 3, 13),
            (Order::ByTimeBack, Late::Value, 2, 11),
        ],
        |row| format!("{row:?}"),
        |(order, late, visible_from, most)| {
            let world = World::with(*order, Fault::None, 5);
            let mut harness = start(&world, 20);
            serve_late(&harness, &world, *late, *visible_from);
            for (day, most) in [(1, *most), (2, 2)] {
                let run = harness.sync();
                assert_whole(&run, &harness, &world, "late rows");
                assert!(!is_blamed(&run), "{run:?}");
                let requests = asked(&harness);
                assert!(requests.len() <= most, "{requests:?}");
                next_day(&harness, &world, day);
            }
        },
    );
}

fn write(harness: &Harness, sql: &str) {
    let mirror = rusqlite::Connection::open(harness.installation.mirror()).expect("open");
    mirror.execute_batch(sql).expect("written");
}

/// S12: that a server leaves rows out is not forgotten where the mirror cannot be written at that moment.
#[test]
fn s12_a_fault_is_not_forgotten_with_a_failed_write() {
    let points = &["points"][..];
    let both = &["points", "checkpoints"][..];
    each(
        &[(points, false), (points, true), (both, false), (both, true)],
        |row| format!("{row:?}"),
        |(unwritable, is_new_process)| {
            let world = World::with(Order::Asked, Fault::Hides, 5);
            let mut harness = start(&world, 20);
            assert!(harness.sync().outcome.starts_with("ok"));
            assert_eq!(differences(&harness, &world), 1, "one row is hidden");
            let leaves_out = World {
                fault: Fault::First,
                ..world.clone()
            };
            serve(&harness, &leaves_out);
            next_day(&harness, &world, 1);
            for table in *unwritable {
                let (event, table) = match *table {
                    "points" => ("INSERT", "own_points"),
                    _ => ("UPDATE", "rollbook_checkpoints"),
                };
                write(
                    &harness,
                    &format!(
                        "CREATE TRIGGER {table}_full BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END"
                    ),
                );
            }
            let run = harness.sync();
            assert!(!run.outcome.starts_with("ok"), "{run:?}");
            for table in ["own_points", "rollbook_checkpoints"] {
                write(&harness, &format!("DROP TRIGGER IF EXISTS {table}_full"));
            }
            if *is_new_process {
                harness.close();
            }
            assert_whole(&harness.sync(), &harness, &world, "it can be written");
            next_day(&harness, &world, 2);
            let run = harness.sync();
            assert_whole(&run, &harness, &world, "a day later");
            assert!(!is_blamed(&run), "{run:?}");
        },
    );
}
