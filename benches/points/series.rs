//! The measured telemetry: a value every ten minutes of each series, the same in every run and in every role.
//!
//! All times are seconds since 1970, and a period ends before its `to`.

use std::fmt::Write as _;

/// From one value of a series to the next, in seconds.
pub const INTERVAL: i64 = 600;

/// A day, in seconds.
pub const DAY: i64 = 86_400;

/// One request covers so much: the step of the connector.
const WINDOW: i64 = 7 * DAY;

/// A span of time.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Its start.
    pub from: i64,
    /// Its end, which is not part of it.
    pub to: i64,
}

impl Period {
    /// How many values of one series it holds.
    pub fn points(self) -> usize {
        self.times().count()
    }

    /// The times of the values.
    pub fn times(self) -> impl Iterator<Item = i64> {
        let first = (self.from + INTERVAL - 1).div_euclid(INTERVAL) * INTERVAL;
        (first..self.to).step_by(INTERVAL as usize)
    }

    /// The spans of the requests for it.
    pub fn windows(self) -> impl Iterator<Item = Self> {
        let starts = (self.from..self.to).step_by(WINDOW as usize);
        starts.map(move |from| Self {
            from,
            to: self.to.min(from + WINDOW),
        })
    }
}

/// The id of a series in the vendor's and the mirror's form.
pub fn id(series: usize) -> usize {
    1_001 + series
}

/// A time as the vendor writes it.
pub fn time(at: i64) -> String {
    let time = jiff::Timestamp::from_second(at).expect("a time of this century");
    format!("{time:.0}")
}

/// The value of a series at a time, in hundredths: a curve over the day, and noise.
pub fn hundredths(id: usize, at: i64) -> i64 {
    let number = at / INTERVAL;
    let mixed = (number as u64 * 1_000 + id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let noise = (mixed >> 40) as i64 % 100;
    let position = number % (DAY / INTERVAL) - DAY / INTERVAL / 2;
    1_700 + id as i64 % 50 * 10 + position.abs() * 5 + noise
}

/// The value of a series at a time.
pub fn value(id: usize, at: i64) -> f64 {
    hundredths(id, at) as f64 / 100.0
}

/// The beginnings of the points of a period, each of the same length, up to where the value is written.
pub fn beginnings(period: Period) -> Vec<String> {
    let one = |at| {
        let mut text = String::new();
        write!(text, r#"{{"T":"{}","V":"#, time(at)).expect("memory does not fail");
        text
    };
    period.times().map(one).collect()
}
