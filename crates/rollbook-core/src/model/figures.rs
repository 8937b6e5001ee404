//! Numbers, durations and times as people read them.

use std::time::Duration;

use super::scalar::display_time;

/// A number, or no value if it is zero, so that other numbers are easy to see.
pub fn count(number: u64) -> String {
    match number {
        0 => String::new(),
        number => grouped(number),
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 row`, `2 rows`.
pub fn many(number: u64, one: &str, more: &str) -> String {
    let noun = if number == 1 { one } else { more };
    format!("{} {noun}", grouped(number))
}

/// A duration for people.
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{seconds:.1} s")
    }
}

/// A stored time for a narrow column: `2026-02-02 06:00`.
pub fn minute(time: &str) -> String {
    display_time(time).chars().take(16).collect()
}
