//! Where days are in a chart.

use super::*;

const FIRST: Date = jiff::civil::date(2026, 3, 2);

fn day(number: i64) -> HistoryDay {
    HistoryDay::new(FIRST.saturating_add(jiff::Span::new().days(number)))
}

/// The rectangles of a path: left, top, width, height.
fn rectangles(path: &str) -> Vec<[f64; 4]> {
    let numbers = |one: &str| {
        let numbers = one.split(|letter: char| !(letter.is_ascii_digit() || ".-".contains(letter)));
        let numbers: Vec<f64> = numbers.filter_map(|number| number.parse().ok()).collect();
        [numbers[0], numbers[1], numbers[2], numbers[3]]
    };
    path.split('M')
        .filter(|one| !one.is_empty())
        .map(numbers)
        .collect()
}

#[test]
fn bars_are_at_their_day_and_on_their_side_of_zero() {
    let days = [
        HistoryDay { new: 5, ..day(0) },
        HistoryDay {
            new: 3,
            changed: 3,
            removed: 2,
            ..day(10)
        },
        HistoryDay {
            would_be_removed: 400,
            outcome: Outcome::Held,
            ..day(29)
        },
    ];
    let shape = chart(&days, day(29).day);
    let (new, changed) = (rectangles(&shape.new), rectangles(&shape.changed));
    let (removed, held) = (rectangles(&shape.removed), rectangles(&shape.held));
    assert_eq!(
        (new.len(), changed.len(), removed.len(), held.len()),
        (2, 1, 1, 1)
    );
    assert_eq!(
        (shape.slots, new[0][0], new[1][0], held[0][0]),
        (30, 0.0, 10.0, 29.0),
        "a slot a day"
    );
    let ends_at = |bar: [f64; 4], y: f64| (bar[1] + bar[3] - y).abs() < 0.2;
    assert!(ends_at(new[0], shape.zero) && ends_at(new[1], shape.zero));
    assert!(
        ends_at(changed[0], new[1][1]),
        "changed rows are on the new ones"
    );
    assert!(changed[0][2] < new[1][2], "and narrower");
    assert!((removed[0][1] - shape.zero).abs() < 0.1 && (held[0][1] - shape.zero).abs() < 0.1);
    assert!(
        (changed[0][1] - CHANGES.0).abs() < 0.1,
        "the largest day has the whole height"
    );
    assert!(ends_at(held[0], CHANGES.1));
    assert_eq!(shape.not_read, "", "a held day was read");
    assert_eq!(
        shape.day_texts[1],
        (
            10,
            "Thu 2026-03-12: 3 new, 3 changed, 2 removed, ok".to_owned()
        )
    );
}

#[test]
fn a_first_reading_is_cut_and_a_small_day_is_visible() {
    let days = [
        HistoryDay {
            new: 5_000_000,
            ..day(0)
        },
        HistoryDay {
            new: 20,
            removed: 1,
            ..day(399)
        },
    ];
    let shape = chart(&days, day(399).day);
    assert_eq!(shape.first_reading, Some(5_000_000));
    let new = rectangles(&shape.new);
    assert!((new[0][1] - CHANGES.0).abs() < 0.1 && (new[1][1] - CHANGES.0).abs() < 0.1);
    assert!(rectangles(&shape.removed)[0][3] >= LEAST_HEIGHT);
    let alone = chart(&days[..1], FIRST);
    assert_eq!(alone.first_reading, None, "the only day has its scale");
}

#[test]
fn days_that_belong_together_have_one_label() {
    let held = |number, rows| HistoryDay {
        would_be_removed: rows,
        outcome: Outcome::Held,
        ..day(number)
    };
    let failed = |number| HistoryDay {
        outcome: Outcome::Interrupted,
        ..day(number)
    };
    let texts = |labels: &[ChartLabel]| -> Vec<String> {
        labels.iter().map(|label| label.text.clone()).collect()
    };
    let days = [
        held(1, 40),
        held(4, 1_200),
        held(5, 40),
        held(30, 7),
        held(31, 6),
    ];
    let shape = chart(&days, day(40).day);
    assert_eq!(
        texts(&shape.held_labels),
        ["held \u{2212}7", "held \u{2212}1.2k"]
    );
    let close = chart(&[held(0, 5), held(9, 9)], day(399).day);
    assert_eq!(close.held_labels.len(), 1, "labels do not overlap");
    let days = [failed(0), failed(1), failed(4), failed(20)];
    let shape = chart(&days, day(40).day);
    assert_eq!(
        texts(&shape.not_read_labels),
        ["3 days not read"],
        "one day has only its mark"
    );
    assert_eq!(rectangles(&shape.not_read).len(), 4);
}

#[test]
fn rows_are_steps_that_end_where_they_are_unknown() {
    let rows = |number, rows| HistoryDay {
        rows,
        ..day(number)
    };
    let days = [
        rows(0, Some(10)),
        rows(1, Some(20)),
        rows(3, None),
        rows(27, Some(15)),
    ];
    let shape = chart(&days, day(27).day);
    assert_eq!(shape.rows, "M0 80.0H1V24.0M27 52.0H28");
    let labels = shape
        .row_labels
        .iter()
        .map(|label| (label.y, label.text.as_str()));
    assert_eq!(
        labels.collect::<Vec<_>>(),
        [(ROWS.0 + 4.0, "20"), (ROWS.1 + 4.0, "10")]
    );
    let level = chart(&[rows(0, Some(10))], FIRST);
    assert_eq!(level.row_labels.len(), 1, "one number needs one label");
    let unknown = chart(&[rows(0, None)], FIRST);
    assert!(unknown.rows.is_empty() && unknown.top > ROWS.1);
}

#[test]
fn labels_do_not_overlap_whatever_the_days() {
    for count in [1, 2, 20, 21, 60, 63, 200, 400] {
        let days: Vec<HistoryDay> = (0..count)
            .map(|number| HistoryDay {
                new: 10_u64.pow((number % 6) as u32),
                removed: number as u64 % 7,
                ..day(number)
            })
            .collect();
        let shape = chart(&days, day(count - 1).day);
        for pair in shape.dates.windows(2) {
            assert!(pair[0].x - pair[1].x >= 6.9, "{count}: {pair:?}");
        }
        assert!(!shape.dates.is_empty(), "{count}");
        let mut grid: Vec<f64> = shape.grid_labels.iter().map(|label| label.y).collect();
        grid.sort_by(f64::total_cmp);
        for pair in grid.windows(2) {
            assert!(
                pair[1] - pair[0] >= LABEL_HEIGHT - 0.01,
                "{count}: {grid:?}"
            );
        }
        for label in shape.dates.iter().chain(&shape.held_labels) {
            assert!((0.0..100.0).contains(&label.x), "{count}: {label:?}");
        }
    }
    assert_eq!(chart(&[], FIRST), ChartShape::default());
}

#[test]
fn numbers_are_short() {
    for (number, expected) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1k"),
        (1_250, "1.2k"),
        (45_678, "45k"),
        (1_000_000, "1M"),
        (2_900_000, "2.9M"),
    ] {
        assert_eq!(short(number), expected);
    }
}
