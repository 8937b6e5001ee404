//! What readers ask of a time series, in the mirror and in plain tables, by SQLite in this process.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params};

use super::series::{self, DAY, Period};

/// A question is asked so often, by a new connection each time; the least time counts.
const TIMES: usize = 3;

/// A table of points: its file and its name.
pub struct Table<'a> {
    /// What it is called in the result.
    pub title: &'a str,
    /// The database.
    pub file: &'a Path,
    /// The name in SQL.
    pub name: &'a str,
}

/// Asks all questions of all tables, and prints the times as a Markdown table. All must know the same rows.
pub fn print(tables: &[Table<'_>], series: usize, period: Period) {
    // Without the zone's letter a time is less than all that are written with a fraction of a second or without.
    let bound = |at| series::time(at).replace('Z', "");
    let month = period.to.min(period.from + 30 * DAY);
    let month = (bound(period.from), bound(month));
    let titles: Vec<&str> = tables.iter().map(|table| table.title).collect();
    println!("| ms | {} |", titles.join(" | "));
    println!("|{}", " --- |".repeat(titles.len() + 1));
    let all = (bound(0), bound(period.to));
    for (question, (from, to), only, group) in [
        ("average of a month, one series", &month, true, ""),
        (
            "average of a month, by series",
            &month,
            false,
            "GROUP BY data_id",
        ),
        ("average of all, by series", &all, false, "GROUP BY data_id"),
    ] {
        let only = if only { "data_id = ?3 AND" } else { "?3 AND" };
        let id = series::id(series / 2);
        let mut cells = Vec::new();
        let mut known = None;
        for table in tables {
            let name = table.name;
            let sql = format!(
                "SELECT count(*), avg(v) FROM {name} WHERE {only} t >= ?1 AND t < ?2 {group}"
            );
            let (rows, took) = ask(table.file, &sql, from, to, id);
            assert_eq!(*known.get_or_insert(rows), rows, "{question}, {name}");
            cells.push(format!("{:.1}", took.as_secs_f64() * 1e3));
        }
        println!("| {question} | {} |", cells.join(" | "));
    }
}

/// The sums of the answer's rows and of their averages in whole hundredths, and the least time.
fn ask(file: &Path, sql: &str, from: &str, to: &str, id: usize) -> ((i64, i64), Duration) {
    let once = || {
        let connection =
            Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a mirror");
        let started = Instant::now();
        let mut statement = connection.prepare(sql).expect("a question");
        let mut answer = statement.query(params![from, to, id]).expect("an answer");
        let (mut rows, mut averages) = (0, 0.0);
        while let Some(row) = answer.next().expect("a row of it") {
            rows += row.get::<_, i64>(0).expect("a number of rows");
            averages += row.get::<_, f64>(1).expect("an average");
        }
        ((rows, (averages * 100.0).round() as i64), started.elapsed())
    };
    let times: Vec<_> = (0..TIMES).map(|_| once()).collect();
    let least = times.iter().map(|(_, took)| *took).min();
    (times[0].0, least.unwrap_or_default())
}
