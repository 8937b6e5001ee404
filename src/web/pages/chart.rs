//! The geometry of a stream's chart, as a pure function: days to lines and rectangles in a box of fixed size.
//!
//! The upper part has the rows as a line, the lower part new and changed rows above zero and removed ones below. The surprise: its
//! scale is logarithmic, because a first reading adds thousands of rows and a usual day three.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::model::run_history::HistoryDay;

/// The box, in units of the drawing.
pub(super) const WIDTH: f64 = 720.0;
pub(super) const HEIGHT: f64 = 190.0;

/// Left of the days are the labels of the scales.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 8.0;

/// Top and bottom of the part with the rows.
const ROWS: (f64, f64) = (10.0, 58.0);

/// Top and bottom of the part with the changes; labels of removed rows and outcomes are below it.
const CHANGES: (f64, f64) = (76.0, 146.0);

/// Top of the marks of bad outcomes, and their height.
const MARKS: (f64, f64) = (161.0, 6.0);

/// The baseline of the dates.
const DATES: f64 = 182.0;

/// A chart of fewer days would have bars as wide as a page.
const FEWEST_DAYS: i32 = 21;

/// What is there is visible.
const LEAST_HEIGHT: f64 = 1.5;

const LABEL_HEIGHT: f64 = 13.0;

/// Between two labels of dates.
const DATE_GAP: f64 = 82.0;

/// Between two labels of held days.
const LABEL_GAP: f64 = 34.0;

/// A label: its point and text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChartLabel {
    pub x: f64,
    pub y: f64,
    pub text: String,
}

/// Everything that is drawn. Paths are in the form of an SVG `d`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChartShape {
    /// Where the drawing begins: below the part with the rows if they are unknown.
    pub top: f64,
    pub new: String,
    pub changed: String,
    pub removed: String,
    /// Outlines of what held runs would have removed.
    pub held: String,
    /// How many, one label for days that follow each other.
    pub held_labels: Vec<ChartLabel>,
    /// Days on which a run did not end well.
    pub bad: String,
    /// The rows; interrupted where they are unknown.
    pub rows: String,
    pub row_labels: Vec<ChartLabel>,
    /// Lines of the scale.
    pub grid: String,
    pub grid_labels: Vec<ChartLabel>,
    pub zero: f64,
    pub dates: Vec<ChartLabel>,
}

/// The chart of these days, which are in order, up to `last`.
pub(super) fn chart(days: &[HistoryDay], last: Date) -> ChartShape {
    let Some(newest) = days.last() else {
        return ChartShape::default();
    };
    let last = last.max(newest.day);
    let span = days_between(days[0].day, last) + 1;
    let slots = span.max(FEWEST_DAYS);
    let slot = (WIDTH - LEFT - RIGHT) / f64::from(slots);
    // The newest day is at the right.
    let left_of = |day: Date| WIDTH - RIGHT - slot * f64::from(days_between(day, last) + 1);
    let scale = ChangeScale::of(days);
    let mut shape = ChartShape {
        zero: scale.zero,
        ..ChartShape::default()
    };
    let width = slot * 0.8;
    for day in days {
        let x = left_of(day.day) + slot * 0.1;
        scale.draw(&mut shape, day, x, width);
        if !day.outcome.is_good() {
            rectangle(&mut shape.bad, x, MARKS.0, width.max(LEAST_HEIGHT), MARKS.1);
        }
    }
    held_labels(&mut shape, days, &scale, |day| left_of(day) + slot / 2.0);
    scale.grid(&mut shape);
    rows(&mut shape, days, |day| left_of(day) + slot / 2.0);
    dates(&mut shape, last, slots, |day| left_of(day) + slot / 2.0);
    shape
}

fn days_between(first: Date, last: Date) -> i32 {
    (last - first).get_days()
}

/// The logarithmic scale of changes.
struct ChangeScale {
    zero: f64,
    /// The largest numbers of a day above and below zero.
    up: u64,
    down: u64,
    unit: f64,
}

impl ChangeScale {
    fn of(days: &[HistoryDay]) -> Self {
        let up = days.iter().map(|day| day.new + day.changed).max();
        let down = days
            .iter()
            .map(|day| day.removed.max(day.would_be_removed))
            .max();
        let (up, down) = (up.unwrap_or(0), down.unwrap_or(0));
        let all = log(up) + log(down);
        let height = CHANGES.1 - CHANGES.0;
        let unit = if all > 0.0 { height / all } else { 0.0 };
        let zero = match (up, down) {
            (0, 0) => CHANGES.1,
            _ => CHANGES.0 + unit * log(up),
        };
        Self {
            zero,
            up,
            down,
            unit,
        }
    }

    fn height(&self, number: u64) -> f64 {
        match number {
            0 => 0.0,
            number => (self.unit * log(number)).max(LEAST_HEIGHT),
        }
    }

    /// New and changed rows share a bar whose height is that of their sum.
    fn draw(&self, shape: &mut ChartShape, day: &HistoryDay, x: f64, width: f64) {
        let both = day.new + day.changed;
        if both > 0 {
            let height = self.height(both);
            let new = height * day.new as f64 / both as f64;
            if day.new > 0 {
                rectangle(&mut shape.new, x, self.zero - new, width, new);
            }
            if day.changed > 0 {
                let changed = height - new;
                rectangle(&mut shape.changed, x, self.zero - height, width, changed);
            }
        }
        if day.removed > 0 {
            let height = self.height(day.removed);
            rectangle(&mut shape.removed, x, self.zero, width, height);
        }
        if day.would_be_removed > 0 {
            let height = self.height(day.would_be_removed);
            rectangle(&mut shape.held, x, self.zero, width, height);
        }
    }

    /// Lines at 10, 100, 1,000 as far as there are such days, and at the largest numbers.
    fn grid(&self, shape: &mut ChartShape) {
        for (most, sign, direction) in [(self.up, '+', -1.0), (self.down, '\u{2212}', 1.0)] {
            let powers = std::iter::successors(Some(1), |power: &u64| power.checked_mul(10));
            let shown: Vec<u64> = powers.take_while(|power| *power <= most).collect();
            let (mut before, mut gap) = (0.0, LABEL_HEIGHT / 2.0);
            for power in shown {
                let distance = self.unit * log(power);
                if distance - before < gap {
                    continue;
                }
                (before, gap) = (distance, LABEL_HEIGHT);
                let y = self.zero + direction * distance;
                let _ = write!(shape.grid, "M{LEFT} {y:.1}H{:.1}", WIDTH - RIGHT); // a text takes anything
                shape.grid_labels.push(ChartLabel {
                    x: LEFT - 6.0,
                    y: y + 4.0,
                    text: format!("{sign}{}", short(power)),
                });
            }
        }
    }
}

fn log(number: u64) -> f64 {
    (number as f64 + 1.0).log10()
}

fn rectangle(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let _ = write!(path, "M{x:.1} {y:.1}h{width:.2}v{height:.1}h-{width:.2}z"); // a text takes anything
}

/// The largest number of days that follow each other.
fn held_labels(
    shape: &mut ChartShape,
    days: &[HistoryDay],
    scale: &ChangeScale,
    middle_of: impl Fn(Date) -> f64,
) {
    let held = days.iter().filter(|day| day.would_be_removed > 0);
    let mut groups: Vec<&HistoryDay> = Vec::new();
    let mut end: Option<Date> = None;
    for day in held {
        let follows = end.is_some_and(|end| days_between(end, day.day) == 1);
        end = Some(day.day);
        match groups.last_mut() {
            Some(first) if follows => {
                if day.would_be_removed > first.would_be_removed {
                    *first = day;
                }
            }
            _ => groups.push(day),
        }
    }
    let mut right = f64::INFINITY;
    for day in groups.into_iter().rev() {
        let x = middle_of(day.day);
        if right - x < LABEL_GAP {
            continue;
        }
        right = x;
        let y = scale.zero + scale.height(day.would_be_removed) + 10.0;
        shape.held_labels.push(ChartLabel {
            x: x.min(WIDTH - 24.0),
            y: y.min(MARKS.0 - 3.0),
            text: format!("\u{2212}{}", short(day.would_be_removed)),
        });
    }
}

fn rows(shape: &mut ChartShape, days: &[HistoryDay], middle_of: impl Fn(Date) -> f64) {
    let known = || days.iter().filter_map(|day| day.rows);
    let (Some(least), Some(most)) = (known().min(), known().max()) else {
        shape.top = ROWS.1;
        return;
    };
    let range = (most - least) as f64;
    let y_of = |rows: u64| match range {
        0.0 => (ROWS.0 + ROWS.1) / 2.0,
        range => ROWS.1 - (ROWS.1 - ROWS.0) * (rows - least) as f64 / range,
    };
    let mut before = None;
    for day in days {
        let Some(rows) = day.rows else {
            before = None;
            continue;
        };
        let (x, y) = (middle_of(day.day), y_of(rows));
        // The number stays until the next run.
        let _ = match before {
            None => write!(shape.rows, "M{x:.1} {y:.1}"),
            Some(_) => write!(shape.rows, "H{x:.1}V{y:.1}"),
        };
        before = Some(y);
    }
    if let Some(y) = before {
        let _ = write!(shape.rows, "H{:.1}V{y:.1}", WIDTH - RIGHT);
    }
    let mut ends = vec![most];
    if least != most {
        ends.push(least);
    }
    shape.row_labels = ends
        .into_iter()
        .map(|rows| ChartLabel {
            x: LEFT - 6.0,
            y: y_of(rows) + 4.0,
            text: short(rows),
        })
        .collect();
}

/// First days of months if there are enough days, else days.
fn dates(shape: &mut ChartShape, last: Date, slots: i32, middle_of: impl Fn(Date) -> f64) {
    let mut right = f64::INFINITY;
    for back in 0..slots {
        let Ok(day) = last.checked_sub(jiff::Span::new().days(back)) else {
            return;
        };
        let is_shown = slots <= 62 || day.day() == 1;
        let x = middle_of(day);
        if !is_shown || right - x < DATE_GAP {
            continue;
        }
        // A label is in the middle of its day, and stays inside.
        let middle = x.clamp(LEFT + 20.0, WIDTH - RIGHT - 30.0);
        right = middle;
        shape.dates.push(ChartLabel {
            x: middle,
            y: DATES,
            text: day.to_string(),
        });
    }
}

/// `950`, `1.2k`, `45k`, `1.2M`.
pub(super) fn short(number: u64) -> String {
    let (unit, name) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (1_000, "k"),
        _ => (1_000_000, "M"),
    };
    match (number / unit, number % unit * 10 / unit) {
        (whole @ 0..10, tenths @ 1..) => format!("{whole}.{tenths}{name}"),
        (whole, _) => format!("{whole}{name}"),
    }
}

#[cfg(test)]
mod tests;
