//! The geometry of a stream's chart, as a pure function: days to paths and labels.
//!
//! Vertical units are pixels. Horizontal ones are days in paths, which the page stretches, and percent in labels, which it does
//! not: so a chart is as wide as its page and its text is never scaled. The surprise: the scale of changes is logarithmic, because
//! a first reading adds thousands of rows and a usual day three.

use std::fmt::Write as _;

use jiff::civil::Date;

use rollbook_core::model::Outcome;
use rollbook_core::model::figures::grouped;
use rollbook_core::model::run_history::HistoryDay;

pub(super) const HEIGHT: f64 = 290.0;

/// Top and bottom of the part with the rows.
const ROWS: (f64, f64) = (24.0, 80.0);

/// Top and bottom of the part with the changes; labels of held days are below it.
const CHANGES: (f64, f64) = (110.0, 220.0);

/// The titles of both parts.
pub(super) const TITLES: (f64, f64) = (12.0, 100.0);

/// Tops and height of the marks of days that were not read, and of days with rejects.
const NOT_READ: f64 = 238.0;
const REJECTS: f64 = 250.0;
const MARK_HEIGHT: f64 = 8.0;

/// Bottom of the lines of dates, and the baseline of their labels.
const DATES: (f64, f64) = (264.0, 280.0);

/// A chart of fewer days would have bars as wide as a page.
const FEWEST_DAYS: i32 = 28;

/// Months are labelled if there are more days.
const MOST_SINGLE_DAYS: i32 = 62;

/// What is there is visible.
const LEAST_HEIGHT: f64 = 2.0;

const LABEL_HEIGHT: f64 = 15.0;

/// Between two labels of one line, in percent: 60 pixels on a phone.
const LABEL_GAP: f64 = 25.0;

/// A weekend, or a day on which nothing was due, does not end what is labelled as one.
const MOST_QUIET_DAYS: i32 = 4;

/// A label: `x` in percent, except of a scale, whose labels are left of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChartLabel {
    pub x: f64,
    pub y: f64,
    pub text: String,
    /// Left out where there is no space for all.
    pub is_minor: bool,
}

/// Everything that is drawn. Paths are in the form of an SVG `d`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ChartShape {
    /// Days from left to right.
    pub slots: i32,
    /// Where the drawing begins: below the part with the rows if they are unknown.
    pub top: f64,
    pub new: String,
    pub changed: String,
    pub removed: String,
    /// Outlines of what held runs would have removed.
    pub held: String,
    /// Days on which a run did not read the stream.
    pub not_read: String,
    pub rejects: String,
    /// The rows; interrupted where they are unknown.
    pub rows: String,
    pub row_labels: Vec<ChartLabel>,
    /// Lines of the scale.
    pub grid: String,
    pub grid_labels: Vec<ChartLabel>,
    pub zero: f64,
    /// How many rows the first reading added, if its bar is cut.
    pub first_reading: Option<u64>,
    /// How many would be removed, one label for days that follow each other.
    pub held_labels: Vec<ChartLabel>,
    pub not_read_labels: Vec<ChartLabel>,
    pub dates: Vec<ChartLabel>,
    pub date_lines: String,
    /// Slot and text of each day that is not quiet.
    pub day_texts: Vec<(i32, String)>,
}

/// The chart of these days, which are in order, up to `last`.
pub(super) fn chart(days: &[HistoryDay], last: Date) -> ChartShape {
    let Some(newest) = days.last() else {
        return ChartShape::default();
    };
    let axis = DayAxis::new(days[0].day, last.max(newest.day));
    let scale = ChangeScale::of(days);
    let mut shape = ChartShape {
        slots: axis.slots,
        zero: scale.zero,
        first_reading: (days[0].new > scale.up).then_some(days[0].new),
        ..ChartShape::default()
    };
    for day in days {
        let slot = axis.slot(day.day);
        scale.draw(&mut shape, day, slot);
        let x = f64::from(slot);
        if is_not_read(day) {
            rectangle(&mut shape.not_read, x, NOT_READ, 1.0, MARK_HEIGHT);
        }
        if day.rejected > 0 {
            rectangle(&mut shape.rejects, x, REJECTS, 1.0, MARK_HEIGHT);
        }
        if let Some(text) = day_text(day) {
            shape.day_texts.push((slot, text));
        }
    }
    held_labels(&mut shape, days, &scale, axis);
    not_read_labels(&mut shape, days, axis);
    scale.grid(&mut shape);
    rows(&mut shape, days, axis);
    dates(&mut shape, axis);
    shape
}

fn is_not_read(day: &HistoryDay) -> bool {
    !day.outcome.is_good() && day.outcome != Outcome::Held
}

/// Days from left to right; the newest is at the right.
#[derive(Clone, Copy)]
struct DayAxis {
    last: Date,
    slots: i32,
}

impl DayAxis {
    fn new(first: Date, last: Date) -> Self {
        let slots = (days_between(first, last) + 1).max(FEWEST_DAYS);
        Self { last, slots }
    }

    fn slot(self, day: Date) -> i32 {
        self.slots - 1 - days_between(day, self.last)
    }

    /// The middle of a day in percent.
    fn percent(self, day: Date) -> f64 {
        (f64::from(self.slot(day)) + 0.5) * 100.0 / f64::from(self.slots)
    }
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
        // The first reading adds everything; the days after it would be flat beside it.
        let later = days
            .get(1..)
            .filter(|later| !later.is_empty())
            .unwrap_or(days);
        let up = later.iter().map(|day| day.new + day.changed).max();
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

    /// A first reading ends at the top.
    fn height_up(&self, number: u64) -> f64 {
        match self.up {
            up if number > up => self.zero - CHANGES.0,
            _ => self.height(number),
        }
    }

    /// New and changed rows share a bar whose height is that of their sum; changed ones are the narrow part.
    fn draw(&self, shape: &mut ChartShape, day: &HistoryDay, slot: i32) {
        let x = f64::from(slot);
        let both = day.new + day.changed;
        let height = self.height_up(both);
        let new = height * day.new as f64 / both.max(1) as f64;
        if day.new > 0 {
            rectangle(&mut shape.new, x, self.zero - new, 1.0, new);
        }
        if day.changed > 0 {
            rectangle(
                &mut shape.changed,
                x + 0.2,
                self.zero - height,
                0.6,
                height - new,
            );
        }
        if day.removed > 0 {
            rectangle(
                &mut shape.removed,
                x,
                self.zero,
                1.0,
                self.height(day.removed),
            );
        }
        if day.would_be_removed > 0 {
            rectangle(
                &mut shape.held,
                x,
                self.zero,
                1.0,
                self.height(day.would_be_removed),
            );
        }
    }

    /// Lines at 1, 10, 100, 1,000 as far as there are such days.
    fn grid(&self, shape: &mut ChartShape) {
        for (most, sign, direction) in [(self.up, '+', -1.0), (self.down, '\u{2212}', 1.0)] {
            let powers = std::iter::successors(Some(1), |power: &u64| power.checked_mul(10));
            let mut before = 0.0;
            for power in powers.take_while(|power| *power <= most) {
                let distance = self.unit * log(power);
                if distance - before < LABEL_HEIGHT {
                    continue;
                }
                before = distance;
                let y = self.zero + direction * distance;
                let _ = write!(shape.grid, "M0 {y:.1}H{}", shape.slots); // a text takes anything
                shape.grid_labels.push(ChartLabel::of_scale(
                    y + 4.0,
                    format!("{sign}{}", short(power)),
                ));
            }
        }
    }
}

impl ChartLabel {
    fn of_scale(y: f64, text: String) -> Self {
        Self {
            x: 0.0,
            y,
            text,
            is_minor: false,
        }
    }
}

fn log(number: u64) -> f64 {
    (number as f64 + 1.0).log10()
}

fn rectangle(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let _ = write!(path, "M{x} {y:.1}h{width}v{height:.1}h-{width}z"); // a text takes anything
}

/// Days that belong together: first, last, and those between them.
fn groups(days: &[HistoryDay], is_in: impl Fn(&HistoryDay) -> bool) -> Vec<Vec<&HistoryDay>> {
    let mut groups: Vec<Vec<&HistoryDay>> = Vec::new();
    for day in days.iter().filter(|day| is_in(day)) {
        match groups.last_mut() {
            Some(group)
                if group
                    .last()
                    .is_some_and(|last| days_between(last.day, day.day) <= MOST_QUIET_DAYS) =>
            {
                group.push(day)
            }
            _ => groups.push(vec![day]),
        }
    }
    groups
}

/// Adds labels from the right to the left, as far as there is space.
fn spaced(found: Vec<ChartLabel>) -> Vec<ChartLabel> {
    let mut kept: Vec<ChartLabel> = Vec::new();
    for label in found.into_iter().rev() {
        if kept.last().is_none_or(|next| next.x - label.x >= LABEL_GAP) {
            kept.push(label);
        }
    }
    kept
}

fn held_labels(shape: &mut ChartShape, days: &[HistoryDay], scale: &ChangeScale, axis: DayAxis) {
    let labels = groups(days, |day| day.would_be_removed > 0)
        .into_iter()
        .filter_map(|group| {
            let most = group.iter().map(|day| day.would_be_removed).max()?;
            Some(ChartLabel {
                x: axis.percent(group.last()?.day),
                y: scale.zero + scale.height(most) + 12.0,
                text: format!("held \u{2212}{}", short(most)),
                is_minor: false,
            })
        });
    shape.held_labels = spaced(labels.collect());
}

fn not_read_labels(shape: &mut ChartShape, days: &[HistoryDay], axis: DayAxis) {
    let labels = groups(days, is_not_read).into_iter().filter_map(|group| {
        let first = group.first()?;
        Some(ChartLabel {
            x: axis.percent(first.day),
            y: NOT_READ - 4.0,
            text: match group.len() {
                1 => return None,
                days => format!("{days} days not read"),
            },
            is_minor: false,
        })
    });
    let held = std::mem::take(&mut shape.held_labels);
    // The bars above are labelled first.
    let is_free = |label: &ChartLabel| {
        let near = held
            .iter()
            .filter(|other| (other.x - label.x).abs() < LABEL_GAP * 1.5);
        near.into_iter()
            .all(|other| (other.y - label.y).abs() > LABEL_HEIGHT - 3.0)
    };
    shape.not_read_labels = spaced(labels.filter(is_free).collect());
    shape.held_labels = held;
}

fn rows(shape: &mut ChartShape, days: &[HistoryDay], axis: DayAxis) {
    let known = || days.iter().filter_map(|day| day.rows);
    let (Some(least), Some(most)) = (known().min(), known().max()) else {
        shape.top = TITLES.1 - TITLES.0;
        return;
    };
    let range = (most - least) as f64;
    let y_of = |rows: u64| match range {
        0.0 => (ROWS.0 + ROWS.1) / 2.0,
        range => ROWS.1 - (ROWS.1 - ROWS.0) * (rows - least) as f64 / range,
    };
    let mut is_drawn = false;
    for day in days {
        let Some(rows) = day.rows else {
            is_drawn = false;
            continue;
        };
        let (x, y) = (axis.slot(day.day), y_of(rows));
        // The number stays until the next run.
        let _ = match is_drawn {
            false => write!(shape.rows, "M{x} {y:.1}"),
            true => write!(shape.rows, "H{x}V{y:.1}"),
        };
        is_drawn = true;
    }
    if is_drawn {
        let _ = write!(shape.rows, "H{}", shape.slots); // a text takes anything
    }
    let ends = if least == most {
        vec![most]
    } else {
        vec![most, least]
    };
    let labels = ends.into_iter().map(|rows| {
        let text = if rows < 100_000 {
            grouped(rows)
        } else {
            short(rows)
        };
        ChartLabel::of_scale(y_of(rows) + 4.0, text)
    });
    shape.row_labels = labels.collect();
}

/// First days of months if there are enough days, else five days.
fn dates(shape: &mut ChartShape, axis: DayAxis) {
    let is_long = axis.slots > MOST_SINGLE_DAYS;
    let step = (axis.slots / 5).max(1);
    for back in 0..axis.slots {
        let Ok(day) = axis.last.checked_sub(jiff::Span::new().days(back)) else {
            return;
        };
        let is_shown = match is_long {
            true => day.day() == 1,
            false => back % step == step / 2,
        };
        if !is_shown {
            continue;
        }
        let slot = axis.slot(day);
        let _ = write!(shape.date_lines, "M{slot} {}V{}", CHANGES.0, DATES.0); // a text takes anything
        let text = match (is_long, day.month()) {
            (true, 1) => day.strftime("%Y"),
            (true, _) => day.strftime("%b"),
            (false, _) => day.strftime("%-d %b"),
        };
        let x = f64::from(slot) * 100.0 / f64::from(axis.slots);
        // No label begins where it would be cut.
        if x < 95.0 {
            let is_minor = is_long && day.month() % 2 == 0;
            shape.dates.push(ChartLabel {
                x,
                y: DATES.1,
                text: text.to_string(),
                is_minor,
            });
        }
    }
}

/// `Mon 2026-03-02: 5 new, 2 removed, ok`; nothing of a quiet day.
fn day_text(day: &HistoryDay) -> Option<String> {
    let numbers = [
        (day.new, "new"),
        (day.changed, "changed"),
        (day.removed, "removed"),
        (day.would_be_removed, "would be removed"),
        (day.unconfirmed, "unconfirmed"),
        (day.rejected, "rejected"),
    ];
    let said = numbers.iter().filter(|(number, _)| *number > 0);
    let mut said: Vec<String> = said
        .map(|(number, word)| format!("{} {word}", grouped(*number)))
        .collect();
    if said.is_empty() && day.outcome == Outcome::Ok {
        return None;
    }
    said.push(day.outcome.as_str().replace('_', " "));
    Some(format!(
        "{}: {}",
        day.day.strftime("%a %Y-%m-%d"),
        said.join(", ")
    ))
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
