//! One plausible value of a field.
//!
//! Knows kinds, never entities; values that must agree (names, dates of an offer) are set in
//! `rows`. Texts include HTML, line breaks and outer spaces on purpose.

use serde_json::{Value, json};

use super::times::{self, DAY};
use crate::random::Random;

const WORDS: &[&str] = &[
    "tidal", "charts", "harbour", "kelp", "anchor", "lantern", "quay", "mooring", "ebb", "signal",
    "rope", "keel", "pilot", "beacon", "shoal", "drift", "sextant", "rigging", "ferry", "north",
];
/// Last word of a text; not all of them are ASCII.
const LAST: &[&str] = &["course", "rows", "café", "gate"];
const SUBURBS: &[&str] = &[
    "Timaru",
    "Quayside",
    "St. Kilda",
    "O'Connor",
    "Whangārei",
    "Port Abel",
    "Newtown",
];
const GIVEN: &[&str] = &["Bree", "Isla", "Jo-Ann", "Tane", "Zoë", "Oskar", "Malu"];
const FAMILY: &[&str] = &[
    "Fennimore",
    "O'Brien",
    "Marchetti",
    "van der Berg",
    "Müller",
    "Rewiti",
];
const WEEKDAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
const TITLES: &[&str] = &["Ms", "Mr", "Mx", "Dr"];

/// A value of one of the plain kinds; `now` is the simulated time in milliseconds.
pub fn plain(kind: &str, random: &mut Random, now: i64) -> Value {
    match kind {
        "int" => json!(random.below(200)),
        "number" => json!(random.below(200_000) as f64 / 100.0),
        "bool" => json!(random.chance(50)),
        "yn" => json!(if random.chance(30) { "Y" } else { "N" }),
        "date" => json!(times::format_date(
            now - 500 * DAY + random.below(900) as i64 * DAY
        )),
        "datetime" => json!(times::format_time(
            change_time(random, now),
            Default::default()
        )),
        "time" => json!(format!(
            "1900-01-01T{:02}:{}0:00",
            8 + random.below(9),
            random.below(6)
        )),
        "digits" => json!(random.below(9000).to_string()),
        "factor" => json!(format!("0.{:04}", random.below(10_000))),
        "year" => json!((1990 + random.below(35)).to_string()),
        "yearint" => json!(1990 + random.below(35)),
        "guid" => json!(guid(random)),
        "phone" => json!(format!("+6121{:07}", random.below(10_000_000))),
        "email" => json!(format!(
            "{}{}@pausenhof.example",
            random.pick(WORDS),
            random.below(10_000)
        )),
        "url" => json!(format!(
            "https://{}.pausenhof.example/{}",
            random.pick(WORDS),
            random.below(1000)
        )),
        "weekday" => json!(random.pick(WEEKDAYS)),
        "title" => json!(random.pick(TITLES)),
        "given" => json!(random.pick(GIVEN)),
        "family" => json!(random.pick(FAMILY)),
        "suburb" => json!(random.pick(SUBURBS)),
        _ => Value::Null,
    }
}

/// Some text of at most `limit` characters.
pub fn text(limit: usize, random: &mut Random) -> Value {
    let text = match limit {
        0..=5 => format!(
            "{}{}",
            char::from(b'A' + random.below(26) as u8),
            random.below(9)
        ),
        6..=30 => format!(
            "{}-{:05}",
            random.pick(&["KT", "QX", "WN"]),
            random.below(100_000)
        ),
        31..=200 => sentence(random, 2),
        _ => match random.below(5) {
            0 => format!("<p>{}</p>", sentence(random, 6)),
            1 => format!("{}\r\n{}", sentence(random, 4), sentence(random, 3)),
            2 => format!(" {} ", sentence(random, 5)),
            _ => sentence(random, 7),
        },
    };
    Value::String(text.chars().take(limit).collect())
}

/// A time in the last four hundred days, in the precision of the vendor's database.
pub fn change_time(random: &mut Random, now: i64) -> i64 {
    let back = DAY + random.below(400) as i64 * DAY + random.below(DAY as u64) as i64;
    times::tick(now - back)
}

fn guid(random: &mut Random) -> String {
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        low >> 52,
        low & 0xFFFF_FFFF_FFFF
    )
}

fn sentence(random: &mut Random, words: usize) -> String {
    let mut text: Vec<&str> = (0..words).map(|_| *random.pick(WORDS)).collect();
    text.push(*random.pick(LAST));
    text.join(" ")
}
