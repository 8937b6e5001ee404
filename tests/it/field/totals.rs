//! L1, L2, L3, L10: totals that lie, rows that are listed twice, servers that cap their pages.

use serde_json::Value;

use super::bench::{Bench, DAY, Plan, each, id, person, persons};
use super::server::{Ask, PAGED, Pages, Reply, Shared, Style, Total, pages};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Plan {
    Plan::people(&style.toml(), NAMES)
}

/// A list that ends early, whatever it states.
fn cut(
    style: Pages,
    rows: Vec<Value>,
    at: usize,
    total: usize,
) -> impl FnMut(&Ask) -> Reply + Send {
    let rows: Vec<Value> = rows.into_iter().take(at).collect();
    move |ask| style.page_of(ask, &rows, total)
}

/// L1: a list that is cut at the end of a page, below its own total, proves nothing: at first and later.
#[test]
fn l1_a_list_that_is_cut_below_its_total() {
    let mut cases = Vec::new();
    for style in PAGED {
        for total in [Total::InHeader, Total::InBody] {
            // Rows at the vendor, rows that come: cut by little, in half, by one row, after the first page.
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
            let mut bench = Bench::new(&plan(*style));
            bench
                .vendor
                .answers(cut(*style, persons(*count), *at, *count));
            for _ in 0..2 {
                bench
                    .sync()
                    .ended("incomplete", "first load")
                    .says(&numbers, "first load");
                assert_eq!(bench.ids().len(), *at, "what came is there");
            }
            // After everything was mirrored; what came with it is taken.
            bench
                .vendor
                .answers(cut(*style, persons(*count), *count, *count));
            bench.sync().ended("ok", "all");
            assert_eq!(bench.ids().len(), *count);
            let mut renamed = persons(*count);
            renamed[3]["name"] = "Other".into();
            bench.vendor.answers(cut(*style, renamed, *at, *count));
            for reading in 1..=4 {
                bench
                    .sync()
                    .ended("incomplete", reading)
                    .removed_none(reading)
                    .says(&numbers, reading);
            }
            assert_eq!(bench.ids().len(), *count);
            assert_eq!(bench.cell(&id(3), "name").as_deref(), Some("Other"));
        },
    );
}

/// L1: the real program ends with 1, and its message says that rows may be missing.
#[test]
fn l1_the_exit_code_of_an_incomplete_list() {
    let style = pages(Style::Offset, 50).with(Total::InHeader);
    let mut bench = Bench::new(&plan(style));
    bench.vendor.answers(cut(style, persons(106), 100, 106));
    let ran = bench.binary(&["sync"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in ["incomplete", "106", "100"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
}

/// L1: a list that is cut once is read again in the same run, and nothing is amiss.
#[test]
fn l1_a_list_that_is_cut_once() {
    for cut_readings in [1, 2] {
        let style = pages(Style::Offset, 10).with(Total::InBody);
        let mut bench = Bench::new(&plan(style));
        let mut readings = 0;
        bench.vendor.answers(move |ask| {
            readings += usize::from(style.start(ask) == 0);
            let rows = persons(if readings <= cut_readings { 30 } else { 55 });
            style.page_of(ask, &rows, 55)
        });
        bench.sync().ended("ok", cut_readings);
        assert_eq!(bench.ids().len(), 55);
    }
}

/// L2: a total that counts what is not listed: both numbers are said, and so is the setting that declares it useless.
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
            let mut bench = Bench::new(&plan(*style));
            let list = Shared::of(persons(40));
            let ours = list.clone();
            let style = *style;
            bench.vendor.answers(move |ask| {
                let rows = ours.rows();
                style.page_of(ask, &rows, rows.len() + 5)
            });
            let numbers = ["45", "40"];
            bench
                .sync()
                .ended("incomplete", "the first day")
                .says(&numbers, "the first day")
                .says(
                    &["total = \"ignore\""],
                    "the setting that declares it useless",
                );
            assert_eq!(bench.ids().len(), 40);
            for day in 1..=3 {
                bench.pass(DAY);
                bench.sync().removed_none(day).says(&numbers, day);
            }
            // The difference was the same for three days: it does not count any more, and is still said.
            bench.pass(DAY);
            bench
                .sync()
                .ended("ok", "after three days")
                .says(&numbers, "after three days");
            list.edit(|rows| drop(rows.remove(20)));
            for _ in 0..2 {
                bench.pass(DAY);
                bench
                    .sync()
                    .ended("ok", "a departure")
                    .says(&["44", "39"], "a departure");
            }
            assert_eq!(bench.ids().len(), 39, "who left is removed");
            // Another difference is another doubt.
            list.edit(|rows| rows.truncate(38));
            let ours = list.clone();
            bench
                .vendor
                .answers(move |ask| style.page_of(ask, &ours.rows(), 50));
            bench.pass(DAY);
            bench
                .sync()
                .ended("incomplete", "another difference")
                .removed_none("another difference");
        },
    );
}

/// L2: what never becomes a habit: a difference that is another each day, and one behind a full last page.
#[test]
fn l2_differences_that_do_not_become_a_habit() {
    type Stated = fn(usize) -> usize;
    // Rows that come in pages of ten, and the total of a day.
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
            let mut bench = Bench::new(&plan(style));
            bench
                .vendor
                .answers(move |ask| style.page(ask, &persons(50)));
            bench.sync().ended("ok", "first");
            for day in 1..=7 {
                bench.pass(DAY);
                bench
                    .vendor
                    .answers(cut(style, persons(*count), *count, stated(day)));
                bench
                    .sync()
                    .ended("incomplete", (name, day))
                    .removed_none((name, day));
            }
            assert_eq!(bench.ids().len(), 50);
        },
    );
}

/// L2: a total that is declared useless decides nothing, and removals need their two readings.
#[test]
fn l2_a_total_that_is_declared_useless() {
    for (style, total) in [
        (Style::Offset, 45),
        (Style::Offset, 3),
        (Style::Number, 0),
        (Style::Cursor, 99),
    ] {
        let style = pages(style, 15).with(Total::InBody);
        let plan = Plan::people(&style.toml_and("total = \"ignore\""), NAMES);
        let mut bench = Bench::new(&plan);
        let list = Shared::of(persons(40));
        let ours = list.clone();
        bench
            .vendor
            .answers(move |ask| style.page_of(ask, &ours.rows(), total));
        bench.sync().ended("ok", (style, total));
        assert_eq!(bench.ids().len(), 40, "{style:?} {total}");
        assert!(bench.vendor.log().len() <= 5, "one reading");
        list.edit(|rows| drop(rows.remove(20)));
        assert_eq!(bench.sync().ended("ok", total).people().unconfirmed, 1);
        assert_eq!(bench.sync().ended("ok", total).people().removed, 1);
    }
}

/// How a row is listed twice.
type Twice = fn(&mut Vec<Value>);

const TWICE: [(&str, Twice); 6] = [
    ("beside each other", |rows| {
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
    ("two rows twice", |rows| {
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

/// Requests that one reading takes.
fn requests_of_a_reading(style: Pages, count: usize) -> usize {
    match style.style {
        Style::None => 1,
        // Looking behind a full or a short last page is allowed.
        Style::Offset | Style::Number => count.div_ceil(style.size) + 2,
        Style::Cursor | Style::Link | Style::NextUrl => count.div_ceil(style.size),
    }
}

/// L3: who is always listed twice is a habit of the vendor: no second reading, and others may leave.
#[test]
fn l3_a_row_that_is_always_listed_twice() {
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
            let (mut bench, list) = Bench::of_list(*style, &plan(*style), persons(40));
            for (name, twice) in TWICE {
                list.edit(|rows| {
                    *rows = persons(40);
                    twice(rows);
                });
                bench.sync();
                habit(&mut bench, &list, *style, name);
            }
        },
    );
}

/// After one reading: one reading a run, nothing written, and who leaves is removed.
fn habit(bench: &mut Bench, list: &Shared, style: Pages, name: &str) {
    bench.vendor.log();
    for reading in 1..=2 {
        let ran = bench.sync().ended("ok", (name, reading)).removed_none(name);
        assert_eq!(
            (ran.people().new, ran.people().changed),
            (0, 0),
            "{name}: {ran:?}"
        );
        let requests = bench.vendor.log().len();
        let most = requests_of_a_reading(style, list.rows().len());
        assert!(
            requests <= most,
            "{name}: {requests} requests, {most} are one reading"
        );
    }
    let live = bench.ids().len();
    list.edit(|rows| rows.retain(|row| row["id"] != id(30).as_str()));
    bench.sync().ended("ok", "one left");
    bench.sync().ended("ok", "one left");
    assert_eq!(bench.ids().len(), live - 1, "{name}: who left is removed");
}

/// L3: duplicates that are new are a sign that the list moved: it is read again, and then they may be a habit.
#[test]
fn l3_duplicates_that_are_new() {
    let style = pages(Style::Offset, 15);
    let mut rows = persons(40);
    rows.push(person(3));
    let (mut bench, list) = Bench::of_list(style, &plan(style), rows);
    bench.sync();
    bench.sync().ended("ok", "a habit");
    bench.vendor.log();
    list.edit(|rows| rows.push(person(7)));
    let ran = bench.sync().removed_none("a new one");
    let requests = bench.vendor.log().len();
    assert!(
        requests > requests_of_a_reading(style, 42),
        "read again: {requests} {ran:?}"
    );
    bench.sync().ended("ok", "it is a habit now");
    let requests = bench.vendor.log().len();
    assert!(requests <= requests_of_a_reading(style, 42), "{requests}");
    // One that stops is no sign of anything.
    list.edit(|rows| drop(rows.pop()));
    bench.sync().ended("ok", "listed once again");
}

/// L10: a server that caps its pages and states the size of the page as the total.
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
            let mut bench = Bench::new(&plan(style));
            let list = Shared::of(persons(count));
            let ours = list.clone();
            bench.vendor.answers(move |ask| {
                let rows = ours.rows();
                let start = match style.style {
                    Style::Number => (ask.number("page").unwrap_or(1) - 1) * cap,
                    _ => style.start(ask),
                };
                let start = start.min(rows.len());
                let page = &rows[start..(start + cap).min(rows.len())];
                style.answer(ask, page, None, page.len())
            });
            bench.sync();
            assert_eq!(bench.ids().len(), count, "all rows of a first load");
            for reading in 1..=2 {
                bench.sync().removed_none(reading);
            }
            assert_eq!(bench.ids().len(), count);
        },
    );
}

/// L10: an honest total costs one more request at most, however the page was asked for.
#[test]
fn l10_an_honest_total_costs_little() {
    for (size, count, most) in [(1000, 20, 2), (20, 20, 2), (20, 60, 4), (15, 40, 4)] {
        let style = pages(Style::Offset, size).with(Total::InHeader);
        let (mut bench, _) = Bench::of_list(style, &plan(style), persons(count));
        bench.sync().ended("ok", (size, count));
        bench.vendor.log();
        bench.sync().ended("ok", (size, count));
        let requests = bench.vendor.log().len();
        assert!(
            requests <= most,
            "{requests} requests for {count} rows in pages of {size}"
        );
    }
}

/// A standing list costs one reading a run, and nothing is written.
#[test]
fn a_standing_list_costs_one_reading() {
    let mut cases = Vec::new();
    for style in PAGED {
        for total in [Total::Unsaid, Total::InHeader, Total::InBody] {
            // A last page that is full where a total is stated, and one that is not.
            let count = if total == Total::InHeader { 45 } else { 40 };
            cases.push((pages(style, 15).with(total), count));
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, count)| {
            let (mut bench, _) = Bench::of_list(*style, &plan(*style), persons(*count));
            bench.sync().ended("ok", "first");
            bench.vendor.log();
            for reading in 1..=2 {
                let ran = bench.sync().ended("ok", reading);
                let part = ran.people();
                assert_eq!(
                    (part.new, part.changed, part.removed, part.unconfirmed),
                    (0, 0, 0, 0),
                    "{ran:?}"
                );
                let requests = bench.vendor.log().len();
                let most = requests_of_a_reading(*style, *count);
                assert!(
                    requests <= most,
                    "{requests} requests, {most} are one reading"
                );
            }
            assert_eq!(bench.history(), 0);
        },
    );
}
