//! How records become days.

use super::*;

const DAY: Date = jiff::civil::date(2026, 3, 2);

fn result(run: i64, day: i8) -> StreamResult<'static> {
    StreamResult {
        run,
        source: "north",
        stream: "users",
        day: jiff::civil::date(2026, 3, day),
        outcome: Outcome::Ok,
        is_complete: false,
        new: 0,
        changed: 0,
        removed: 0,
        unchanged: 0,
        missing: 0,
        rejected: 0,
        duration_ms: 100,
        pages: 1,
        received: 10,
    }
}

fn full(run: i64, day: i8, unchanged: u64) -> StreamResult<'static> {
    StreamResult {
        is_complete: true,
        unchanged,
        ..result(run, day)
    }
}

fn days(results: &[StreamResult<'_>]) -> Vec<HistoryDay> {
    let mut fold = HistoryFold::default();
    results.iter().for_each(|result| fold.add(result));
    fold.end(None);
    fold.history.streams.pop().expect("a stream").days
}

#[test]
fn changes_are_added_and_what_each_run_counts_again_is_not() {
    let held = StreamResult {
        outcome: Outcome::Held,
        missing: 40,
        ..full(3, 2, 60)
    };
    let failed = StreamResult {
        outcome: Outcome::Failed(Class::Transient),
        ..result(5, 2)
    };
    let found = days(&[
        StreamResult {
            new: 100,
            ..full(1, 2, 0)
        },
        StreamResult {
            new: 2,
            changed: 3,
            removed: 1,
            missing: 4,
            rejected: 5,
            ..result(2, 2)
        },
        held,
        StreamResult { run: 4, ..held },
        failed,
        StreamResult {
            new: 1,
            missing: 2,
            ..full(6, 3, 98)
        },
    ]);
    let first = HistoryDay {
        runs: 5,
        outcome: Outcome::Failed(Class::Transient),
        new: 102,
        changed: 3,
        removed: 1,
        unconfirmed: 4,
        would_be_removed: 40,
        rejected: 5,
        rows: Some(101),
        duration_ms: 500,
        ..HistoryDay::new(DAY)
    };
    let second = HistoryDay {
        runs: 1,
        new: 1,
        unconfirmed: 2,
        rows: Some(101),
        duration_ms: 100,
        ..HistoryDay::new(jiff::civil::date(2026, 3, 3))
    };
    assert_eq!(found, [first, second]);
}

#[test]
fn rows_are_known_from_the_first_complete_reading() {
    let bad = |outcome| StreamResult {
        outcome,
        ..full(2, 2, 50)
    };
    let rejected = StreamResult {
        outcome: Outcome::OkWithRejects,
        rejected: 1,
        ..full(2, 2, 50)
    };
    let series = StreamResult {
        new: 7,
        ..result(1, 2)
    };
    for (name, results, expected) in [
        ("changes only", vec![series], None),
        (
            "a reading after changes",
            vec![series, full(2, 2, 50)],
            Some(50),
        ),
        ("incomplete", vec![bad(Outcome::Incomplete)], None),
        ("failed", vec![bad(Outcome::Failed(Class::Contract))], None),
        ("rejects", vec![rejected], None),
        ("rejects later", vec![full(1, 2, 60), rejected], Some(60)),
        (
            "removed by a feed",
            vec![
                full(1, 2, 60),
                StreamResult {
                    removed: 9,
                    ..result(2, 3)
                },
            ],
            Some(51),
        ),
        (
            "rows that were erased between two runs",
            vec![
                full(1, 2, 5),
                StreamResult {
                    removed: 9,
                    ..result(2, 3)
                },
            ],
            Some(0),
        ),
    ] {
        let found = days(&results);
        assert_eq!(found.last().expect("a day").rows, expected, "{name}");
    }
}

#[test]
fn a_run_is_added_once_also_if_it_ends_after_a_later_one() {
    let mut fold = HistoryFold::default();
    let runs = |fold: &HistoryFold| fold.history.streams[0].days[0].runs;
    let read = |fold: &mut HistoryFold, ended: &[i64], first_open| {
        for run in ended {
            fold.add(&result(*run, 2));
        }
        fold.end(first_open);
    };
    read(&mut fold, &[1, 3], Some(2));
    assert_eq!((fold.through(), runs(&fold)), (1, 2));
    read(&mut fold, &[3], Some(2));
    assert_eq!(
        (fold.through(), runs(&fold)),
        (1, 2),
        "3 is not added again"
    );
    read(&mut fold, &[2, 3, 4], None);
    assert_eq!((fold.through(), runs(&fold)), (4, 4));
    read(&mut fold, &[], Some(6));
    assert_eq!(fold.through(), 4, "5 has no streams");
}

#[test]
fn days_are_in_order_and_old_ones_are_forgotten() {
    let mut fold = HistoryFold::default();
    for (run, day) in [(1, 2), (2, 5), (3, 4), (4, 5)] {
        fold.add(&result(run, day));
    }
    let found = |fold: &HistoryFold| -> Vec<(i8, u32)> {
        let days = fold.history.streams.iter().flat_map(|stream| &stream.days);
        days.map(|day| (day.day.day(), day.runs)).collect()
    };
    assert_eq!(found(&fold), [(2, 1), (4, 1), (5, 2)]);
    fold.forget_before(jiff::civil::date(2026, 3, 4));
    assert_eq!(found(&fold), [(4, 1), (5, 2)]);
    fold.forget_before(jiff::civil::date(2026, 4, 1));
    assert!(fold.history.streams.is_empty());
}

#[test]
fn a_source_has_its_newest_day() {
    let mut fold = HistoryFold::default();
    let failed = StreamResult {
        stream: "grades",
        outcome: Outcome::Failed(Class::Auth),
        ..result(2, 3)
    };
    let held = StreamResult {
        stream: "classes",
        outcome: Outcome::Held,
        ..result(2, 3)
    };
    for one in [
        result(1, 2),
        result(2, 3),
        failed,
        held,
        result(3, 3),
        result(4, 2),
    ] {
        fold.add(&one);
    }
    let expected = SourceDay {
        day: jiff::civil::date(2026, 3, 3),
        runs: 2,
        pages: 4,
        received: 40,
        failures: [("auth".to_owned(), 1), ("refused".to_owned(), 1)].into(),
    };
    let [north] = fold.history.sources.as_slice() else {
        panic!("one source");
    };
    assert_eq!(north.source.as_str(), "north");
    assert_eq!(north.days.last(), Some(&expected));
    assert_eq!(expected.failed(), 1);
}

#[test]
fn the_file_is_read_as_it_was_written() {
    let mut fold = HistoryFold::default();
    fold.add(&StreamResult {
        new: 3,
        ..full(1, 2, 4)
    });
    let text = serde_json::to_string(&fold.history.streams).expect("written");
    assert_eq!(
        text,
        "[{\"source\":\"north\",\"stream\":\"users\",\"days\":[{\"day\":\"2026-03-02\",\"runs\":1,\"outcome\":\"ok\",\
         \"new\":3,\"rows\":7,\"duration_ms\":100}]}]"
    );
    let read: Vec<StreamDays> = serde_json::from_str(&text).expect("read");
    assert_eq!(read, fold.history.streams);
    let unknown = text.replace("\"ok\"", "\"fine\"");
    let refused =
        serde_json::from_str::<Vec<StreamDays>>(&unknown).map_err(|error| error.to_string());
    assert!(refused.is_err_and(|error| error.contains("unknown outcome `fine`")));
}
