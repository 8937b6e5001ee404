//! L7, L11, L12, L13: lists that change while they are read.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, person, persons};
use super::server::{
    LoggedRequest, PAGED, Pages, Reply, Shared, Style, Total, VendorRequest, pages,
};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Config {
    Config::people(&style.toml(), NAMES)
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

/// A change of the list when a reading requests a page for the first time: reading, first row of the page, list.
type Move = fn(usize, usize, &mut Vec<Value>);

/// Serves a list that changes before a page is answered.
fn moving(
    style: Pages,
    list: &Shared,
    change: Move,
) -> impl FnMut(&VendorRequest) -> Reply + Send + use<> {
    let list = list.clone();
    let mut reading = 0;
    move |request| {
        let start = style.start(request);
        reading += usize::from(start == 0);
        list.edit(|rows| change(reading, start, rows));
        style.page(request, &list.rows())
    }
}

/// L7: a list that changes in the first readings of a run only is complete.
#[test]
fn l7_a_list_that_stops_changing() {
    let once: Move = |reading, start, rows| {
        if reading == 1 && start == 20 {
            rows.insert(0, person(900));
        }
    };
    let two_readings: Move = |reading, start, rows| {
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
        ("in two readings", two_readings),
        ("at each page", everywhere),
    ];
    each(
        &styles(10, &[Total::Unsaid, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let list = Shared::of(persons(45));
            let mut harness = Harness::new(&plan(*style));
            for (name, change) in kinds {
                harness.vendor.respond_with(moving(*style, &list, change));
                harness.sync().ended("ok", name);
                assert_eq!(harness.ids(), listed(&list), "{name}");
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

/// L7: a list that always changes: three readings at most, received rows are stored, and the run reports what may be missing.
#[test]
fn l7_a_list_that_always_changes() {
    let insert: Move = |_, start, rows| {
        // Not after the end, which would move for ever.
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
            let mut harness = Harness::new(&plan(style));
            for (name, change) in kinds {
                harness.vendor.respond_with(moving(style, &list, change));
                harness
                    .sync()
                    .ended("incomplete", name)
                    .reports(&["missing"], name);
                let readings = harness
                    .vendor
                    .log()
                    .iter()
                    .filter(|seen| is_first(seen))
                    .count();
                assert_eq!(readings, 3, "{name}: one reading and two more");
                // On a mirror that has them all nothing is removed.
                let ours = list.clone();
                harness
                    .vendor
                    .respond_with(move |request| style.page(request, &ours.rows()));
                harness.sync().ended("ok", "at rest");
                let all = harness.ids().len();
                harness.vendor.respond_with(moving(style, &list, change));
                for reading in 1..=3 {
                    harness
                        .sync()
                        .ended("incomplete", (name, reading))
                        .removed_none(name);
                }
                assert!(harness.ids().len() >= all, "{name}");
                harness.vendor.log();
            }
        },
    );
}

/// Whether a request is for the first page of a reading.
fn is_first(seen: &LoggedRequest) -> bool {
    let at = |name: &str| seen.query.get(name).map(String::as_str);
    matches!(at("offset"), None | Some("0"))
        && matches!(at("page"), None | Some("1"))
        && matches!(at("after"), None | Some("0"))
}

/// A row is removed while a list is read, and possibly another is added.
struct Leaving {
    name: &'static str,
    /// The first row of the page request at which it happens.
    at: usize,
    /// The removed row, which was read before.
    leaver: usize,
    /// Whether a row is appended, so that the total stays the same.
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

/// L11, L12: a row that was read is removed, so the row on the page border is not received: it is still listed, so it stays.
#[test]
fn l11_l12_the_row_on_the_page_border_is_never_removed() {
    each(
        &styles(10, &[Total::Unsaid, Total::InHeader, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let (mut harness, list) = Harness::of_list(*style, &plan(*style), persons(45));
            harness.sync().ended("ok", "first");
            for leaving in &LEAVING {
                border(&mut harness, &list, *style, leaving);
                list.edit(|rows| *rows = persons(45));
                (0..3).for_each(|_| drop(harness.sync()));
                assert_eq!(harness.ids(), listed(&list), "all are back");
            }
        },
    );
}

/// One row is removed while the list is read; four readings later the mirror equals the list, and no other row was ever removed.
fn border(harness: &mut Harness, list: &Shared, style: Pages, leaving: &Leaving) {
    let (name, at, leaver, joins) = (leaving.name, leaving.at, leaving.leaver, leaving.joins);
    let (ours, mut has_left) = (list.clone(), false);
    harness.vendor.respond_with(move |request| {
        if style.start(request) == at && !has_left {
            has_left = true;
            ours.edit(|rows| {
                rows.remove(leaver);
                if joins {
                    rows.push(person(50));
                }
            });
        }
        style.page(request, &ours.rows())
    });
    let first = harness.sync().removed_none(name).run;
    for reading in 0..4 {
        if reading > 0 {
            harness.sync().ended("ok", (name, reading));
        }
        let there = harness.ids();
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
        harness.ids(),
        listed(list),
        "{name}: in the end the mirror is what is listed"
    );
    let others = format!(
        "SELECT count(*) FROM own_people_history WHERE _ended_run >= {first} AND id <> '{}'",
        id(leaver)
    );
    let others: u64 = crate::queries::one(&harness.installation.mirror(), &others);
    assert_eq!(others, 0, "{name}: no other row was ever removed");
}

const CHANGES: &str = "name = \"name : text\"\nchanged = \"changed : timestamp\"\n";

/// A stream that is read by its changes.
fn changes(style: Pages) -> Config {
    let mut plan = Config::people(&style.toml(), CHANGES);
    plan.streams = plan.streams.replace(
        "removed = ",
        "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"90d\" }\nremoved = ",
    );
    plan
}

/// A person who changed in this minute of the second of March.
fn changed(number: usize, minute: usize, name: &str) -> Value {
    json!({"id": id(number), "name": name, "changed": format!("2026-03-02T{:02}:{:02}:00.000Z", minute / 60, minute % 60)})
}

/// Those that changed since the requested time, oldest first.
fn since(request: &VendorRequest, rows: &[Value]) -> Vec<Value> {
    let since = request.query.get("since").cloned().unwrap_or_default();
    let stamp = |row: &Value| row["changed"].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<Value> = rows
        .iter()
        .filter(|row| stamp(row) >= since)
        .cloned()
        .collect();
    rows.sort_by_key(stamp);
    rows
}

/// L13: a list of changes that shrinks while it is read skips a row; the checkpoint does not pass it, so it is received later.
#[test]
fn l13_changes_that_shrink_while_they_are_read() {
    type Change = fn(&mut Vec<Value>);
    // A change of a row that was read before, before the second page of changes is answered.
    let cases: [(&str, Change); 3] = [
        ("one is deleted", |rows| drop(rows.remove(2))),
        ("one changes again and moves to the end", |rows| {
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
            let mut harness = Harness::new(&changes(style));
            let ours = list.clone();
            harness
                .vendor
                .respond_with(move |request| style.page(request, &since(request, &ours.rows())));
            harness.sync().ended("ok", "first");
            harness.advance(Duration::from_secs(3600));
            // 25 of them change, each in a different minute.
            list.edit(|rows| {
                (0..25).for_each(|number| rows[number] = changed(number, 300 + number, "second"))
            });
            let (ours, mut has_moved) = (list.clone(), false);
            harness.vendor.respond_with(move |request| {
                if style.start(request) == 10 && !has_moved {
                    has_moved = true;
                    ours.edit(change);
                }
                style.page(request, &since(request, &ours.rows()))
            });
            assert_eq!(harness.sync().people().reading, "incremental");
            harness.advance(Duration::from_secs(600));
            harness.sync();
            harness.advance(Duration::from_secs(600));
            harness.sync().ended("ok", "at rest");
            for row in list.rows() {
                let key = row["id"].as_str().expect("an id");
                let name_there = harness.cell(key, "name");
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
fn l13_a_future_change_time_does_not_move_the_checkpoint() {
    for date in [None, Some("Mon, 02 Mar 2026 06:00:00 GMT")] {
        for days in [1, 3, 400] {
            let style = pages(Style::Offset, 10);
            let list = Shared::of(
                (0..25)
                    .map(|number| changed(number, 1 + number, "first"))
                    .collect(),
            );
            let ahead = super::harness::after(Duration::from_secs(86_400 * days)).to_string();
            list.edit(|rows| rows[3]["changed"] = json!(ahead));
            let mut harness = Harness::new(&changes(style));
            let ours = list.clone();
            harness.vendor.respond_with(move |request| {
                let reply = style.page(request, &since(request, &ours.rows()));
                match date {
                    Some(date) => reply.header("date", date),
                    None => reply,
                }
            });
            harness.sync().ended("ok", "first");
            harness.advance(Duration::from_secs(3600));
            list.edit(|rows| rows[5] = changed(5, 365, "second"));
            harness.sync().ended("ok", "a normal change");
            assert_eq!(
                harness.cell(&id(5), "name").as_deref(),
                Some("second"),
                "{days} days, {date:?}"
            );
        }
    }
}

/// Design: a cached response has an older version, which never replaces a newer one.
#[test]
fn l13_a_stale_response_never_replaces_a_newer_version() {
    for style in [
        pages(Style::None, 0),
        pages(Style::Offset, 10),
        pages(Style::Cursor, 10),
    ] {
        let mut plan = Config::people(&style.toml(), CHANGES);
        plan.streams = plan
            .streams
            .replace("removed = ", "newest = \"changed\"\nremoved = ");
        let fresh: Vec<Value> = (0..25).map(|number| changed(number, 100, "new")).collect();
        let stale: Vec<Value> = (0..25).map(|number| changed(number, 50, "old")).collect();
        let (mut harness, list) = Harness::of_list(style, &plan, fresh.clone());
        harness.sync().ended("ok", "first");
        list.edit(|rows| *rows = stale);
        harness.sync().removed_none(style);
        assert_eq!(
            harness.cell(&id(3), "name").as_deref(),
            Some("new"),
            "{style:?}"
        );
        assert_eq!(harness.history(), 0, "{style:?}");
        list.edit(|rows| *rows = fresh);
        assert_eq!(harness.sync().ended("ok", style).people().changed, 0);
    }
}

/// Stops and changes anywhere in a reading leave nothing partial: a page fails permanently, at each position in turn.
#[test]
fn l7_a_reading_that_fails_in_its_middle_removes_nothing() {
    each(
        &styles(10, &[Total::Unsaid, Total::InBody]),
        |style| format!("{style:?}"),
        |style| {
            let style = *style;
            let (mut harness, list) = Harness::of_list(style, &plan(style), persons(45));
            harness.sync().ended("ok", "first");
            list.edit(|rows| drop(rows.remove(3)));
            for at in [0, 10, 40] {
                for status in [400, 500] {
                    let ours = list.clone();
                    harness
                        .vendor
                        .respond_with(move |request| match style.start(request) == at {
                            true => Reply::status(status),
                            false => style.page(request, &ours.rows()),
                        });
                    harness
                        .sync()
                        .ended("failed", (at, status))
                        .removed_none(at);
                    assert_eq!(harness.ids().len(), 45);
                }
            }
        },
    );
}
