//! L7, L11, L12, L13: lists that move while they are read.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, Plan, each, id, person, persons};
use super::server::{Ask, PAGED, Pages, Reply, Seen, Shared, Style, Total, pages};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Plan {
    Plan::people(&style.toml(), NAMES)
}

/// Every style, and the ones that can state a total with one.
fn styles(size: usize, totals: &[Total]) -> Vec<Pages> {
    let one = |style| {
        totals
            .iter()
            .map(move |total| pages(style, size).with(*total))
    };
    PAGED.into_iter().flat_map(one).collect()
}

/// A change of the list when a reading asks for a page for the first time: reading, first row of the page, list.
type Move = fn(usize, usize, &mut Vec<Value>);

/// Gives a list out that changes before the answer to a page is made.
fn moving(style: Pages, list: &Shared, change: Move) -> impl FnMut(&Ask) -> Reply + Send + use<> {
    let list = list.clone();
    let mut reading = 0;
    move |ask| {
        let start = style.start(ask);
        reading += usize::from(start == 0);
        list.edit(|rows| change(reading, start, rows));
        style.page(ask, &list.rows())
    }
}

/// L7: a list that moves in the first readings of a run and then stands still is complete.
#[test]
fn l7_a_list_that_comes_to_rest() {
    let once: Move = |reading, start, rows| {
        if reading == 1 && start == 20 {
            rows.insert(0, person(900));
        }
    };
    let twice: Move = |reading, start, rows| {
        if reading <= 2 && start == 20 {
            rows.insert(0, person(900 + 10 * reading + rows.len() % 7));
        }
    };
    let everywhere: Move = |reading, start, rows| {
        if reading == 1 && (1..=40).contains(&start) {
            rows.insert(0, person(900 + start));
        }
    };
    let kinds = [
        ("once", once),
        ("in two readings", twice),
        ("at each page", everywhere),
    ];
    each(
        &styles(10, &[Total::Unsaid, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let list = Shared::of(persons(45));
            let mut bench = Bench::new(&plan(*style));
            for (name, change) in kinds {
                bench.vendor.answers(moving(*style, &list, change));
                bench.sync().ended("ok", name);
                assert_eq!(bench.ids(), listed(&list), "{name}");
            }
        },
    );
}

/// The keys that the vendor lists, in order.
fn listed(list: &Shared) -> Vec<String> {
    let rows = list.rows();
    let keys = rows.iter().map(|row| row["id"].as_str().expect("an id"));
    let mut keys: Vec<String> = keys.map(str::to_owned).collect();
    keys.sort();
    keys
}

/// L7: a list that never stands still: three readings at most, what came is there, and the run says what may be missing.
#[test]
fn l7_a_list_that_never_stands_still() {
    let insert: Move = |_, start, rows| {
        // Not behind the end, which would move on for ever.
        if (1..=40).contains(&start) {
            rows.insert(0, person(5000 + rows.len()));
        }
    };
    let turn: Move = |_, start, rows| {
        if start > 0 {
            rows.rotate_right(4);
        }
    };
    let shuffle: Move = |reading, start, rows| {
        let length = rows.len();
        (0..length).for_each(|at| rows.swap(at, (at * 7 + reading * 5 + start) % length));
    };
    let kinds = [("insert", insert), ("turn", turn), ("shuffle", shuffle)];
    each(
        &styles(10, &[Total::Unsaid, Total::InHeader, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let style = *style;
            let list = Shared::of(persons(45));
            let mut bench = Bench::new(&plan(style));
            for (name, change) in kinds {
                bench.vendor.answers(moving(style, &list, change));
                bench
                    .sync()
                    .ended("incomplete", name)
                    .says(&["missing"], name);
                let readings = bench
                    .vendor
                    .log()
                    .iter()
                    .filter(|seen| is_first(seen))
                    .count();
                assert_eq!(readings, 3, "{name}: one reading and two more");
                // Over a mirror that has them all nothing is removed.
                let ours = list.clone();
                bench
                    .vendor
                    .answers(move |ask| style.page(ask, &ours.rows()));
                bench.sync().ended("ok", "at rest");
                let all = bench.ids().len();
                bench.vendor.answers(moving(style, &list, change));
                for reading in 1..=3 {
                    bench
                        .sync()
                        .ended("incomplete", (name, reading))
                        .removed_none(name);
                }
                assert!(bench.ids().len() >= all, "{name}");
                bench.vendor.log();
            }
        },
    );
}

/// Whether a request is for the first page of a reading.
fn is_first(seen: &Seen) -> bool {
    let at = |name: &str| seen.query.get(name).map(String::as_str);
    matches!(at("offset"), None | Some("0"))
        && matches!(at("page"), None | Some("1"))
        && matches!(at("after"), None | Some("0"))
}

/// How one row leaves while a list is read, and perhaps another joins.
struct Leaving {
    name: &'static str,
    /// The row that is asked for first when it happens.
    at: usize,
    /// Who leaves: a row that was read already.
    leaver: usize,
    /// Whether another one joins behind, so that a total stays what it was.
    joins: bool,
}

const LEAVING: [Leaving; 6] = [
    Leaving {
        name: "a row of the first page, before the second",
        at: 10,
        leaver: 3,
        joins: false,
    },
    Leaving {
        name: "the first row, before the third page",
        at: 20,
        leaver: 0,
        joins: false,
    },
    Leaving {
        name: "the last row of a page, before the next",
        at: 20,
        leaver: 19,
        joins: false,
    },
    Leaving {
        name: "one leaves, one joins",
        at: 10,
        leaver: 3,
        joins: true,
    },
    Leaving {
        name: "one leaves late, one joins",
        at: 30,
        leaver: 12,
        joins: true,
    },
    Leaving {
        name: "the first leaves, one joins",
        at: 20,
        leaver: 0,
        joins: true,
    },
];

/// L11, L12: one row that was read leaves, so the row on the border is not received: it was always listed, so it stays.
#[test]
fn l11_l12_the_row_on_the_border_is_never_removed() {
    each(
        &styles(10, &[Total::Unsaid, Total::InHeader, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let (mut bench, list) = Bench::of_list(*style, &plan(*style), persons(45));
            bench.sync().ended("ok", "first");
            for leaving in &LEAVING {
                border(&mut bench, &list, *style, leaving);
                list.edit(|rows| *rows = persons(45));
                (0..3).for_each(|_| drop(bench.sync()));
                assert_eq!(bench.ids(), listed(&list), "all are back");
            }
        },
    );
}

/// One row leaves while the list is read; four readings later the mirror is the list, and nobody else was ever away.
fn border(bench: &mut Bench, list: &Shared, style: Pages, leaving: &Leaving) {
    let (name, at, leaver, joins) = (leaving.name, leaving.at, leaving.leaver, leaving.joins);
    let (ours, mut has_left) = (list.clone(), false);
    bench.vendor.answers(move |ask| {
        if style.start(ask) == at && !has_left {
            has_left = true;
            ours.edit(|rows| {
                rows.remove(leaver);
                if joins {
                    rows.push(person(50));
                }
            });
        }
        style.page(ask, &ours.rows())
    });
    let first = bench.sync().removed_none(name).run;
    for reading in 0..4 {
        if reading > 0 {
            bench.sync().ended("ok", (name, reading));
        }
        let there = bench.ids();
        let lost: Vec<String> = listed(list)
            .into_iter()
            .filter(|key| *key != id(50) && !there.contains(key))
            .collect();
        assert!(
            lost.is_empty(),
            "{name}, reading {reading}: {lost:?} were always listed"
        );
    }
    assert_eq!(
        bench.ids(),
        listed(list),
        "{name}: in the end the mirror is what is listed"
    );
    let others = format!(
        "SELECT count(*) FROM own_people_history WHERE _ended_run >= {first} AND id <> '{}'",
        id(leaver)
    );
    let others: u64 = crate::queries::one(&bench.place.mirror(), &others);
    assert_eq!(others, 0, "{name}: nobody else ever left");
}

const CHANGES: &str = "name = \"name : text\"\nchanged = \"changed : timestamp\"\n";

/// A stream that is asked for its changes.
fn changes(style: Pages) -> Plan {
    let mut plan = Plan::people(&style.toml(), CHANGES);
    plan.streams = plan.streams.replace(
        "removed = ",
        "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"90d\" }\nremoved = ",
    );
    plan
}

/// A person who changed on this minute of the second of March.
fn changed(number: usize, minute: usize, name: &str) -> Value {
    json!({"id": id(number), "name": name, "changed": format!("2026-03-02T{:02}:{:02}:00.000Z", minute / 60, minute % 60)})
}

/// Those that changed since the time that is asked for, oldest first.
fn since(ask: &Ask, rows: &[Value]) -> Vec<Value> {
    let since = ask.query.get("since").cloned().unwrap_or_default();
    let stamp = |row: &Value| row["changed"].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<Value> = rows
        .iter()
        .filter(|row| stamp(row) >= since)
        .cloned()
        .collect();
    rows.sort_by_key(stamp);
    rows
}

/// L13: what shrinks while changes are read passes over a row; the checkpoint does not pass it, so it arrives later.
#[test]
fn l13_changes_that_shrink_while_they_are_read() {
    type Change = fn(&mut Vec<Value>);
    // What happens to a row that was read already, before the second page of changes is answered.
    let cases: [(&str, Change); 3] = [
        ("one is deleted", |rows| drop(rows.remove(2))),
        ("one changes again and goes to the end", |rows| {
            rows[2] = changed(2, 359, "again")
        }),
        ("three are deleted", |rows| drop(rows.drain(2..5))),
    ];
    let with_total = pages(Style::Offset, 10).with(Total::InBody);
    let rows: Vec<(Pages, &str, Change)> = styles(10, &[Total::Unsaid])
        .into_iter()
        .chain([with_total])
        .flat_map(|style| cases.map(|(name, change)| (style, name, change)))
        .collect();
    each(
        &rows,
        |(style, name, _)| format!("{style:?} {name}"),
        |(style, name, change)| {
            let (style, change) = (*style, *change);
            let list = Shared::of(
                (0..40)
                    .map(|number| changed(number, 1 + number, "first"))
                    .collect(),
            );
            let mut bench = Bench::new(&changes(style));
            let ours = list.clone();
            bench
                .vendor
                .answers(move |ask| style.page(ask, &since(ask, &ours.rows())));
            bench.sync().ended("ok", "first");
            bench.pass(Duration::from_secs(3600));
            // 25 of them change, each in a minute of its own.
            list.edit(|rows| {
                (0..25).for_each(|number| rows[number] = changed(number, 300 + number, "second"))
            });
            let (ours, mut has_moved) = (list.clone(), false);
            bench.vendor.answers(move |ask| {
                if style.start(ask) == 10 && !has_moved {
                    has_moved = true;
                    ours.edit(change);
                }
                style.page(ask, &since(ask, &ours.rows()))
            });
            assert_eq!(bench.sync().people().reading, "incremental");
            bench.pass(Duration::from_secs(600));
            bench.sync();
            bench.pass(Duration::from_secs(600));
            bench.sync().ended("ok", "at rest");
            for row in list.rows() {
                let key = row["id"].as_str().expect("an id");
                let name_there = bench.cell(key, "name");
                assert_eq!(
                    name_there.as_deref(),
                    row["name"].as_str(),
                    "{name}: {key} is stale"
                );
            }
        },
    );
}

/// L13: without a `Date` header the checkpoint never passes our own start, with one never the server's time.
#[test]
fn l13_a_stamp_of_the_future_moves_no_checkpoint_there() {
    for date in [None, Some("Mon, 02 Mar 2026 06:00:00 GMT")] {
        for days in [1, 3, 400] {
            let style = pages(Style::Offset, 10);
            let list = Shared::of(
                (0..25)
                    .map(|number| changed(number, 1 + number, "first"))
                    .collect(),
            );
            let ahead = super::bench::after(Duration::from_secs(86_400 * days)).to_string();
            list.edit(|rows| rows[3]["changed"] = json!(ahead));
            let mut bench = Bench::new(&changes(style));
            let ours = list.clone();
            bench.vendor.answers(move |ask| {
                let reply = style.page(ask, &since(ask, &ours.rows()));
                match date {
                    Some(date) => reply.header("date", date),
                    None => reply,
                }
            });
            bench.sync().ended("ok", "first");
            bench.pass(Duration::from_secs(3600));
            list.edit(|rows| rows[5] = changed(5, 365, "second"));
            bench.sync().ended("ok", "a normal change");
            assert_eq!(
                bench.cell(&id(5), "name").as_deref(),
                Some("second"),
                "{days} days, {date:?}"
            );
        }
    }
}

/// Design: an answer out of a cache brings an older version, which never replaces a newer one.
#[test]
fn l13_a_stale_answer_never_replaces_a_newer_version() {
    for style in [
        pages(Style::None, 0),
        pages(Style::Offset, 10),
        pages(Style::Cursor, 10),
    ] {
        let mut plan = Plan::people(&style.toml(), CHANGES);
        plan.streams = plan
            .streams
            .replace("removed = ", "newest = \"changed\"\nremoved = ");
        let fresh: Vec<Value> = (0..25).map(|number| changed(number, 100, "new")).collect();
        let stale: Vec<Value> = (0..25).map(|number| changed(number, 50, "old")).collect();
        let (mut bench, list) = Bench::of_list(style, &plan, fresh.clone());
        bench.sync().ended("ok", "first");
        list.edit(|rows| *rows = stale);
        bench.sync().removed_none(style);
        assert_eq!(
            bench.cell(&id(3), "name").as_deref(),
            Some("new"),
            "{style:?}"
        );
        assert_eq!(bench.history(), 0, "{style:?}");
        list.edit(|rows| *rows = fresh);
        assert_eq!(bench.sync().ended("ok", style).people().changed, 0);
    }
}

/// Stops and changes anywhere in a reading leave nothing half: a page fails for good at each place in turn.
#[test]
fn l7_a_reading_that_fails_in_its_middle_removes_nothing() {
    each(
        &styles(10, &[Total::Unsaid, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let style = *style;
            let (mut bench, list) = Bench::of_list(style, &plan(style), persons(45));
            bench.sync().ended("ok", "first");
            list.edit(|rows| drop(rows.remove(3)));
            for at in [0, 10, 40] {
                for status in [400, 500] {
                    let ours = list.clone();
                    bench
                        .vendor
                        .answers(move |ask| match style.start(ask) == at {
                            true => Reply::status(status),
                            false => style.page(ask, &ours.rows()),
                        });
                    bench.sync().ended("failed", (at, status)).removed_none(at);
                    assert_eq!(bench.ids().len(), 45);
                }
            }
        },
    );
}
