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
        HistoryDay {
            new: 1_000,
            ..day(0)
        },
        HistoryDay {
            new: 3,
            changed: 3,
            removed: 2,
            ..day(10)
        },
        HistoryDay {
            would_be_removed: 400,
            outcome: crate::model::Outcome::Held,
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
    let slot = (WIDTH - LEFT - RIGHT) / 30.0;
    assert!(
        (new[0][0] - (LEFT + slot * 0.1)).abs() < 0.1,
        "the first day is at the left"
    );
    assert!((new[1][0] - (LEFT + slot * 10.1)).abs() < 0.1);
    assert!(
        (held[0][0] + held[0][2] - (WIDTH - RIGHT - slot * 0.1)).abs() < 0.1,
        "the last at the right"
    );
    let ends_at = |bar: [f64; 4], y: f64| (bar[1] + bar[3] - y).abs() < 0.2;
    assert!(ends_at(new[0], shape.zero) && ends_at(new[1], shape.zero));
    assert!(
        ends_at(changed[0], new[1][1]),
        "changed rows are on the new ones"
    );
    assert!((new[1][3] - changed[0][3]).abs() < 0.2, "as many");
    assert!((removed[0][1] - shape.zero).abs() < 0.1 && (held[0][1] - shape.zero).abs() < 0.1);
    assert!(
        (new[0][1] - CHANGES.0).abs() < 0.1,
        "the largest day has the whole height"
    );
    assert!(ends_at(held[0], CHANGES.1));
    assert_eq!(rectangles(&shape.bad).len(), 1);
}

#[test]
fn a_small_day_is_visible_beside_a_large_one() {
    let days = [
        HistoryDay {
            new: 5_000_000,
            ..day(0)
        },
        HistoryDay {
            removed: 1,
            ..day(399)
        },
    ];
    let shape = chart(&days, day(399).day);
    assert!(rectangles(&shape.removed)[0][3] >= LEAST_HEIGHT);
    assert!(rectangles(&shape.new)[0][2] > 1.0, "400 bars fit");
}

#[test]
fn held_days_that_follow_each_other_have_one_label() {
    let held = |number, rows| HistoryDay {
        would_be_removed: rows,
        ..day(number)
    };
    let days = [
        held(1, 40),
        held(2, 1_200),
        held(3, 40),
        held(30, 7),
        held(31, 6),
    ];
    let shape = chart(&days, day(40).day);
    let texts: Vec<&str> = shape
        .held_labels
        .iter()
        .map(|label| label.text.as_str())
        .collect();
    assert_eq!(texts, ["\u{2212}7", "\u{2212}1.2k"]);
    let close = chart(&[held(0, 5), held(2, 9)], day(399).day);
    assert_eq!(close.held_labels.len(), 1, "labels do not overlap");
}

#[test]
fn rows_are_steps_that_end_where_they_are_unknown() {
    let rows = |number, rows| HistoryDay {
        rows,
        ..day(number)
    };
    let shape = chart(
        &[
            rows(0, Some(10)),
            rows(1, Some(20)),
            rows(3, None),
            rows(5, Some(15)),
        ],
        day(20).day,
    );
    assert_eq!(shape.rows.matches('M').count(), 2, "{}", shape.rows);
    assert!(
        shape.rows.ends_with(&format!("H{:.1}V34.0", WIDTH - RIGHT)),
        "{}",
        shape.rows
    );
    let labels: Vec<(f64, &str)> = shape
        .row_labels
        .iter()
        .map(|label| (label.y, label.text.as_str()))
        .collect();
    assert_eq!(labels, [(ROWS.0 + 4.0, "20"), (ROWS.1 + 4.0, "10")]);
    let level = chart(&[rows(0, Some(10))], FIRST);
    assert_eq!(level.row_labels.len(), 1, "one number needs one label");
    let unknown = chart(&[rows(0, None)], FIRST);
    assert_eq!((unknown.rows.as_str(), unknown.top), ("", ROWS.1));
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
            assert!(pair[0].x - pair[1].x >= DATE_GAP, "{count}: {pair:?}");
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
            assert!((LEFT..WIDTH).contains(&label.x), "{count}: {label:?}");
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
