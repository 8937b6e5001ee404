//! The lower bound of the same work, and what a person would write instead of rollbook.
//!
//! All are written with the same libraries, and do not use rollbook.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;
use rusqlite::{Connection, Transaction, params};
use serde::Deserialize;

use super::series::{self, Period};
use crate::measure::own_cpu;
use crate::{client, program};

/// A point with every member that the mirror stores, in owned values.
#[derive(Deserialize)]
struct Point {
    #[serde(rename = "T")]
    t: String,
    #[serde(rename = "V")]
    v: Option<f64>,
}

/// The address of one window of a series.
fn address(list: &str, id: usize, window: Period) -> String {
    let (from, to) = (series::time(window.from), series::time(window.to));
    format!("{list}/{id}?From={from}&To={to}")
}

async fn body(request: reqwest::RequestBuilder) -> Vec<u8> {
    let answer = request.send().await.expect("an answer");
    let answer = answer.error_for_status().expect("points");
    answer.bytes().await.expect("a whole answer").into()
}

/// Fetches all windows of all series, with this concurrency, and decodes each into owned values, one after the other.
/// Prints the rows and the bytes of their times.
pub fn fetch(list: &str, series: usize, period: Period, in_flight: usize) {
    let client = client::new();
    let requests = (0..series).map(series::id).flat_map(|id| {
        let address = move |window| address(list, id, window);
        period.windows().map(address)
    });
    program::runtime().block_on(async {
        let mut bodies = stream::iter(requests)
            .map(|address| body(client.get(address)))
            .buffered(in_flight);
        let (mut rows, mut bytes, mut values) = (0, 0, 0);
        while let Some(body) = bodies.next().await {
            let text = std::str::from_utf8(&body).expect("UTF-8");
            let points: Vec<Point> = serde_json::from_str(text).expect("points");
            rows += points.len();
            bytes += points.iter().map(|point| point.t.len()).sum::<usize>();
            values += points.iter().filter_map(|point| point.v).count();
        }
        assert_eq!(values, rows, "every point has a value");
        println!("{rows} {bytes}");
    });
}

/// Inserts all rows by one prepared statement in one transaction, and closes the database.
/// Prints the CPU in milliseconds before the start, because writing the times is not part of it.
pub fn insert(file: &Path, series: usize, period: Period) {
    let times: Vec<(i64, String)> = period.times().map(|at| (at, series::time(at))).collect();
    println!("{}", own_cpu().as_millis());
    let mut connection = open(file, "STRICT, WITHOUT ROWID");
    let transaction = connection.transaction().expect("a transaction");
    let mut insert = transaction
        .prepare("INSERT INTO points VALUES (?1, ?2, ?3)")
        .expect("a statement");
    for id in (0..series).map(series::id) {
        for (at, time) in &times {
            insert
                .execute(params![id, time, series::value(id, *at)])
                .expect("a row");
        }
    }
    drop(insert);
    transaction.commit().expect("a commit");
    connection.close().expect("a database that closes");
}

/// The usual loop: series by series and window by window, one request at a time and one commit a window.
pub fn by_hand(file: &Path, list: &str, series: usize, period: Period) {
    let client = client::new();
    let mut connection = open(file, "STRICT");
    program::runtime().block_on(async {
        for id in (0..series).map(series::id) {
            for window in period.windows() {
                let body = body(client.get(address(list, id, window))).await;
                let points: Vec<Point> = serde_json::from_slice(&body).expect("points");
                let transaction = connection.transaction().expect("a transaction");
                replace(&transaction, id, &points);
                transaction.commit().expect("a commit");
            }
        }
    });
    connection.close().expect("a database that closes");
}

fn replace(transaction: &Transaction<'_>, id: usize, points: &[Point]) {
    let mut replace = transaction
        .prepare_cached("INSERT OR REPLACE INTO points VALUES (?1, ?2, ?3)")
        .expect("a statement");
    for point in points {
        replace
            .execute(params![id, point.t, point.v])
            .expect("a row");
    }
}

/// A database with a plain table, if it has none yet.
fn open(file: &Path, options: &str) -> Connection {
    let connection = Connection::open(file).expect("a database");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS points (
               data_id INTEGER NOT NULL, t TEXT NOT NULL, v REAL, PRIMARY KEY (data_id, t)
             ) {options};"
        ))
        .expect("a table");
    connection
}
