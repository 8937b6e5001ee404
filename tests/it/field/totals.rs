//! L1, L2, L3, L10: wrong totals, duplicate rows, servers that cap their pages.

use serde_json::Value;

use super::harness::{Config, DAY, Harness, each, id, person, persons};
use super::server::{PAGED, Pages, Reply, Shared, Style, Total, VendorRequest, pages};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Config {
    Config::people(&style.toml(), NAMES)
}

/// A list that ends early, whatever total it declares.
fn cut(
    style: Pages,
    rows: Vec<Value>,
    at: usize,
    total: usize,
) -> impl FnMut(&VendorRequest) -> Reply + Send {
    let rows: Vec<Value> = rows.into_iter().take(at).collect();
    move |request| style.page_of(request, &rows, total)
}

/// L1: a list that is cut at the end of a page, below its own total, proves nothing: at first and later.
#[test]
fn l1_a_list_that_is_cut_below_its_total() {
    let mut cases = Vec::new();
    for style in PAGED {
        for total in [Total::InHeader, Total::InBody] {
            // Rows at the vendor, rows received: cut by little, in half, by one row, after the first page.
            let cuts: &[(usize, usize)] = match (style, total) {
                (Style::Offset, Total::InHeader) | (Style::Link, Total::InBody) => {
                    &[(53, 50), (100, 50), (51, 50), (60, 10)]
                }
                _ => &[(53, 50)],
            };
            cases.extend(
                cuts.iter()
                    .map(|(count, at)| (pages(style, 10).with(total), *count, *at)),
            );
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, count, at)| {
            let numbers = [count.to_string(), at.to_string()];
            let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
            // As a first load.
            let mut harness = Harness::new(&plan(*style));
            harness
                .vendor
                .respond_with(cut(*style, persons(*count), *at, *count));
            for _ in 0..2 {
                harness
                    .sync()
                    .ended("incomplete", "first load")
                    .reports(&numbers, "first load");
                assert_eq!(harness.ids().len(), *at, "received rows are stored");
            }
            // On a complete mirror; received changes are applied.
            harness
                .vendor
                .respond_with(cut(*style, persons(*count), *count, *count));
            harness.sync().ended("ok", "all");
            assert_eq!(harness.ids().len(), *count);
            let mut renamed = persons(*count);
            renamed[3]["name"] = "Other".into();
            harness
                .vendor
                .respond_with(cut(*style, renamed, *at, *count));
            for reading in 1..=4 {
                harness
                    .sync()
                    .ended("incomplete", reading)
                    .removed_none(reading)
                    .reports(&numbers, reading);
            }
            assert_eq!(harness.ids().len(), *count);
            assert_eq!(harness.cell(&id(3), "name").as_deref(), Some("Other"));
        },
    );
}

/// L1: the real program exits with 1, and its message reports that rows may be missing.
#[test]
fn l1_the_exit_code_of_an_incomplete_list() {
    let style = pages(Style::Offset, 50).with(Total::InHeader);
    let mut harness = Harness::new(&plan(style));
    harness
        .vendor
        .respond_with(cut(style, persons(106), 100, 106));
    let ran = harness.binary(&["sync"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in ["incomplete", "106", "100"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
}

/// L1: a list that is cut once is read again in the same run, which is ok.
#[test]
fn l1_a_list_that_is_cut_once() {
    for cut_readings in [1, 2] {
        let style = pages(Style::Offset, 10).with(Total::InBody);
        let mut harness = Harness::new(&plan(style));
        let mut readings = 0;
        harness.vendor.respond_with(move |request| {
            readings += usize::from(style.start(request) == 0);
            let rows = persons(if readings <= cut_readings { 30 } else { 55 });
            style.page_of(request, &rows, 55)
        });
        harness.sync().ended("ok", cut_readings);
        assert_eq!(harness.ids().len(), 55);
    }
}

/// L2: a total that counts unlisted rows: both numbers are reported, and the setting that ignores the total.
#[test]
fn l2_a_total_that_always_counts_more() {
    let styles = [
        pages(Style::Offset, 1000).with(Total::InHeader),
        pages(Style::Offset, 15).with(Total::InBody),
        pages(Style::Number, 15).with(Total::InHeader),
        pages(Style::Cursor, 15).with(Total::InBody),
        pages(Style::Link, 15).with(Total::InHeader),
    ];
    each(
        &styles,
        |style| format!("{style:?}"),
        |style| {
            let mut harness = Harness::new(&plan(*style));
            let list = Shared::of(persons(40));
            let ours = list.clone();
            let style = *style;
            harness.vendor.respond_with(move |request| {
                let rows = ours.rows();
                style.page_of(request, &rows, rows.len() + 5)
            });
            let numbers = ["45", "40"];
            harness
                .sync()
                .ended("incomplete", "the first day")
                .reports(&numbers, "the first day")
                .reports(
                    &["total = \"ignore\""],
                    "the setting that declares it useless",
                );
            assert_eq!(harness.ids().len(), 40);
            for day in 1..=3 {
                harness.advance(DAY);
                harness.sync().removed_none(day).reports(&numbers, day);
            }
            // The difference was the same for three days: it no longer counts, and is still reported.
            harness.advance(DAY);
            harness
                .sync()
                .ended("ok", "after three days")
                .reports(&numbers, "after three days");
            list.edit(|rows| drop(rows.remove(20)));
            for _ in 0..2 {
                harness.advance(DAY);
                harness
                    .sync()
                    .ended("ok", "a departure")
                    .reports(&["44", "39"], "a departure");
            }
            assert_eq!(harness.ids().len(), 39, "who left is removed");
            // Another difference is another contradiction.
            list.edit(|rows| rows.truncate(38));
            let ours = list.clone();
            harness
                .vendor
                .respond_with(move |request| style.page_of(request, &ours.rows(), 50));
            harness.advance(DAY);
            harness
                .sync()
                .ended("incomplete", "another difference")
                .removed_none("another difference");
        },
    );
}

/// L2: what never becomes a habit: a difference that changes each day, and one after a full last page.
#[test]
fn l2_differences_that_do_not_become_a_habit() {
    type Stated = fn(usize) -> usize;
    // Rows received in pages of ten, and the total of a day.
    let cases: [(&str, usize, Stated); 3] = [
        ("another each day", 37, |day| 40 + day),
        ("now more, now less", 37, |day| 36 + 5 * (day % 2)),
        ("a full last page", 40, |_| 45),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, count, stated)| {
            let style = pages(Style::Offset, 10).with(Total::InBody);
            let mut harness = Harness::new(&plan(style));
            harness
                .vendor
                .respond_with(move |request| style.page(request, &persons(50)));
            harness.sync().ended("ok", "first");
            for day in 1..=7 {
                harness.advance(DAY);
                harness
                    .vendor
                    .respond_with(cut(style, persons(*count), *count, stated(day)));
                harness
                    .sync()
                    .ended("incomplete", (name, day))
                    .removed_none((name, day));
            }
            assert_eq!(harness.ids().len(), 50);
        },
    );
}

/// L2: an ignored total decides nothing, and removals need their two readings.
#[test]
fn l2_an_ignored_total() {
    for (style, total) in [
        (Style::Offset, 45),
        (Style::Offset, 3),
        (Style::Number, 0),
        (Style::Cursor, 99),
    ] {
        let style = pages(style, 15).with(Total::InBody);
        let plan = Config::people(&style.toml_and("total = \"ignore\""), NAMES);
        let mut harness = Harness::new(&plan);
        let list = Shared::of(persons(40));
        let ours = list.clone();
        harness
            .vendor
            .respond_with(move |request| style.page_of(request, &ours.rows(), total));
        harness.sync().ended("ok", (style, total));
        assert_eq!(harness.ids().len(), 40, "{style:?} {total}");
        assert!(harness.vendor.log().len() <= 5, "one reading");
        list.edit(|rows| drop(rows.remove(20)));
        assert_eq!(harness.sync().ended("ok", total).people().unconfirmed, 1);
        assert_eq!(harness.sync().ended("ok", total).people().removed, 1);
    }
}

/// How a row is duplicated.
type Duplicate = fn(&mut Vec<Value>);

const DUPLICATES: [(&str, Duplicate); 6] = [
    ("next to each other", |rows| {
        let row = rows[3].clone();
        rows.insert(4, row);
    }),
    ("on two pages", |rows| {
        let row = rows[3].clone();
        rows.push(row);
    }),
    ("across the end of a page", |rows| {
        let row = rows[14].clone();
        rows.insert(15, row);
    }),
    ("three times", |rows| {
        let row = rows[3].clone();
        rows.push(row.clone());
        rows.push(row);
    }),
    ("two duplicate rows", |rows| {
        let (one, two) = (rows[3].clone(), rows[20].clone());
        rows.push(one);
        rows.push(two);
    }),
    ("with another name", |rows| {
        let mut row = rows[3].clone();
        row["name"] = "Other".into();
        rows.push(row);
    }),
];

/// Requests of one reading.
fn requests_of_a_reading(style: Pages, count: usize) -> usize {
    match style.style {
        Style::None => 1,
        // A request after a full or a short last page is allowed.
        Style::Offset | Style::Number => count.div_ceil(style.size) + 2,
        Style::Cursor | Style::Link | Style::NextUrl => count.div_ceil(style.size),
    }
}

/// L3: a permanent duplicate is a habit of the vendor: no second reading, and other rows may be removed.
#[test]
fn l3_a_permanent_duplicate() {
    let styles = [
        pages(Style::None, 15),
        pages(Style::Offset, 15),
        pages(Style::Offset, 15).with(Total::InHeader),
        pages(Style::Cursor, 15),
        pages(Style::Link, 15),
        pages(Style::NextUrl, 15).with(Total::InBody),
    ];
    each(
        &styles,
        |style| format!("{style:?}"),
        |style| {
            let (mut harness, list) = Harness::of_list(*style, &plan(*style), persons(40));
            for (name, duplicate) in DUPLICATES {
                list.edit(|rows| {
                    *rows = persons(40);
                    duplicate(rows);
                });
                harness.sync();
                habit(&mut harness, &list, *style, name);
            }
        },
    );
}

/// After one reading: one reading per run, nothing written, and missing rows are removed.
fn habit(harness: &mut Harness, list: &Shared, style: Pages, name: &str) {
    harness.vendor.log();
    for reading in 1..=2 {
        let ran = harness
            .sync()
            .ended("ok", (name, reading))
            .removed_none(name);
        assert_eq!(
            (ran.people().new, ran.people().changed),
            (0, 0),
            "{name}: {ran:?}"
        );
        let requests = harness.vendor.log().len();
        let most = requests_of_a_reading(style, list.rows().len());
        assert!(
            requests <= most,
            "{name}: {requests} requests, {most} are one reading"
        );
    }
    let live = harness.ids().len();
    list.edit(|rows| rows.retain(|row| row["id"] != id(30).as_str()));
    harness.sync().ended("ok", "one left");
    harness.sync().ended("ok", "one left");
    assert_eq!(harness.ids().len(), live - 1, "{name}: who left is removed");
}

/// L3: new duplicates show that the list moved: it is read again, and then they may be a habit.
#[test]
fn l3_new_duplicates() {
    let style = pages(Style::Offset, 15);
    let mut rows = persons(40);
    rows.push(person(3));
    let (mut harness, list) = Harness::of_list(style, &plan(style), rows);
    harness.sync();
    harness.sync().ended("ok", "a habit");
    harness.vendor.log();
    list.edit(|rows| rows.push(person(7)));
    let ran = harness.sync().removed_none("a new one");
    let requests = harness.vendor.log().len();
    assert!(
        requests > requests_of_a_reading(style, 42),
        "read again: {requests} {ran:?}"
    );
    harness.sync().ended("ok", "it is a habit now");
    let requests = harness.vendor.log().len();
    assert!(requests <= requests_of_a_reading(style, 42), "{requests}");
    // A duplicate that ends shows nothing.
    list.edit(|rows| drop(rows.pop()));
    harness.sync().ended("ok", "listed once again");
}

/// L10: a server that caps its pages and declares the size of the page as the total.
#[test]
fn l10_a_total_that_is_the_size_of_the_page() {
    let mut cases = Vec::new();
    for style in [Style::Offset, Style::Number] {
        for total in [Total::InHeader, Total::InBody] {
            let caps: &[(usize, usize)] = match (style, total) {
                (Style::Offset, Total::InHeader) => {
                    &[(20, 60), (20, 50), (7, 60), (20, 21), (1, 3), (20, 20)]
                }
                _ => &[(20, 60)],
            };
            cases.extend(
                caps.iter()
                    .map(|(cap, count)| (pages(style, 1000).with(total), *cap, *count)),
            );
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, cap, count)| {
            let (style, cap, count) = (*style, *cap, *count);
            let mut harness = Harness::new(&plan(style));
            let list = Shared::of(persons(count));
            let ours = list.clone();
            harness.vendor.respond_with(move |request| {
                let rows = ours.rows();
                let start = match style.style {
                    Style::Number => (request.number("page").unwrap_or(1) - 1) * cap,
                    _ => style.start(request),
                };
                let start = start.min(rows.len());
                let page = &rows[start..(start + cap).min(rows.len())];
                style.answer(request, page, None, page.len())
            });
            harness.sync();
            assert_eq!(harness.ids().len(), count, "all rows of a first load");
            for reading in 1..=2 {
                harness.sync().removed_none(reading);
            }
            assert_eq!(harness.ids().len(), count);
        },
    );
}

/// L10: a correct total costs one more request at most, for every page size.
#[test]
fn l10_a_correct_total_costs_little() {
    for (size, count, most) in [(1000, 20, 2), (20, 20, 2), (20, 60, 4), (15, 40, 4)] {
        let style = pages(Style::Offset, size).with(Total::InHeader);
        let (mut harness, _) = Harness::of_list(style, &plan(style), persons(count));
        harness.sync().ended("ok", (size, count));
        harness.vendor.log();
        harness.sync().ended("ok", (size, count));
        let requests = harness.vendor.log().len();
        assert!(
            requests <= most,
            "{requests} requests for {count} rows in pages of {size}"
        );
    }
}

/// An unchanged list costs one reading per run, and nothing is written.
#[test]
fn an_unchanged_list_costs_one_reading() {
    let mut cases = Vec::new();
    for style in PAGED {
        for total in [Total::Unsaid, Total::InHeader, Total::InBody] {
            // A full last page where a total is declared, and a short one.
            let count = if total == Total::InHeader { 45 } else { 40 };
            cases.push((pages(style, 15).with(total), count));
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, count)| {
            let (mut harness, _) = Harness::of_list(*style, &plan(*style), persons(*count));
            harness.sync().ended("ok", "first");
            harness.vendor.log();
            for reading in 1..=2 {
                let ran = harness.sync().ended("ok", reading);
                let part = ran.people();
                assert_eq!(
                    (part.new, part.changed, part.removed, part.unconfirmed),
                    (0, 0, 0, 0),
                    "{ran:?}"
                );
                let requests = harness.vendor.log().len();
                let most = requests_of_a_reading(*style, *count);
                assert!(
                    requests <= most,
                    "{requests} requests, {most} are one reading"
                );
            }
            assert_eq!(harness.history(), 0);
        },
    );
}
