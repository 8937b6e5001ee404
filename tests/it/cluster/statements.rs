//! What workers at rest cost the database, by `pg_stat_statements`.

use std::thread;
use std::time::{Duration, Instant};

use super::district::{District, Plan};
use crate::database::{Database, psql};

const SCHOOLS: usize = 200;
const WORKERS: usize = 3;

fn superuser(database: &Database, sql: &str) -> Vec<Vec<String>> {
    psql(&database.superuser_url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// A measurement: `cargo test --test it -- --ignored --nocapture workers_at_rest`.
#[test]
#[ignore = "a measurement of some minutes"]
fn workers_at_rest_send_few_statements() {
    let plan = Plan {
        schools: SCHOOLS,
        every: 0,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    superuser(
        &district.database,
        "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'",
    );
    district.server.stop();
    district.server.start();
    superuser(&district.database, "CREATE EXTENSION pg_stat_statements");
    district.add_many(WORKERS);
    district.until_placed();
    // First all is published, and what that writes is shipped.
    let shipped = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO \"rollbook_cluster\".pages%'";
    loop {
        superuser(&district.database, "SELECT pg_stat_statements_reset()");
        thread::sleep(Duration::from_secs(15));
        if superuser(&district.database, shipped) == [["0"]] {
            break;
        }
    }
    superuser(&district.database, "SELECT pg_stat_statements_reset()");
    let started = Instant::now();
    thread::sleep(Duration::from_secs(60));
    let rows = superuser(
        &district.database,
        "SELECT calls, round(total_exec_time), rows, regexp_replace(left(query, 150), '\\s+', ' ', 'g') FROM pg_stat_statements \
         WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = current_database()) \
         AND query NOT LIKE '%clock_timestamp()), (SELECT count%' AND query NOT LIKE 'SELECT source, sourced_id%' ORDER BY calls DESC",
    );
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    let workers = f64::from(u32::try_from(WORKERS).expect("few"));
    let mut all = 0.0;
    println!("calls a worker and minute, milliseconds of all, rows of all, statement");
    for row in rows {
        let calls = row[0].parse::<f64>().expect("a number") / minutes / workers;
        all += calls;
        println!("{calls:8.1} {:>8} {:>8} {}", row[1], row[2], row[3]);
    }
    println!("{all:8.1} calls a worker and minute with {SCHOOLS} sources, none of which is due");
    // A heartbeat each 10 seconds and a look each 2, with their transactions; nothing for each source.
    assert!(all < 200.0, "{all}");
}
