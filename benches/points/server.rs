//! The vendor: lists of points, of which it writes only the values on request.
//!
//! The address selects up to which time there are points: `/upto/SECONDS/WAC/Point/ID?From=...&To=...`. `/token` issues
//! a token to every client.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::series::{self, INTERVAL, Period};
use crate::vendor;

/// The business account that a source asks for before it reads.
const ACCOUNT: &str = r#"{"id":1,"wac":"WAC000000000001","name":"Bench"}"#;

/// Serves all series of a period until its parent kills it.
pub fn serve(all: Period) {
    let beginnings = series::beginnings(all);
    vendor::serve(move |path, query, answer| {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["token"] => vendor::write(answer, "200 OK", "", &[vendor::TOKEN]),
            ["BusinessAccount", _] => vendor::write(answer, "200 OK", "", &[ACCOUNT]),
            ["upto", upto, _, "Point", id] => {
                match (asked(query), upto.parse::<i64>(), id.parse()) {
                    (Some(asked), Ok(upto), Ok(id)) => {
                        let there = Period {
                            from: asked.from.max(all.from),
                            to: asked.to.min(all.to).min(upto + 1),
                        };
                        let body = points(id, there, all.from, &beginnings);
                        vendor::write(answer, "200 OK", "", &[&body]);
                    }
                    _ => vendor::write(answer, "400 Bad Request", "", &["{}"]),
                }
            }
            _ => vendor::write(answer, "404 Not Found", "", &["{}"]),
        }
        Duration::ZERO
    });
}

/// The period that a request names.
fn asked(query: &str) -> Option<Period> {
    let time = |name| {
        let time: Timestamp = vendor::parameter(query, name)?.parse().ok()?;
        // A part of a second counts as a whole one, for a period ends before its end.
        Some(time.as_second() + i64::from(time.subsec_nanosecond() > 0))
    };
    Some(Period {
        from: time("From")?,
        to: time("To")?,
    })
}

/// The list of a series' points in a period.
fn points(id: usize, period: Period, first: i64, beginnings: &[String]) -> String {
    let mut list = Vec::with_capacity(42 * period.points() + 2);
    list.push(b'[');
    for at in period.times() {
        if list.len() > 1 {
            list.push(b',');
        }
        let number = usize::try_from((at - first) / INTERVAL).expect("not before the first");
        list.extend_from_slice(beginnings[number].as_bytes());
        let value = series::hundredths(id, at);
        write!(list, "{}.{:02}}}", value / 100, value % 100).expect("memory does not fail");
    }
    list.push(b']');
    String::from_utf8(list).expect("ASCII")
}
