//! Many mirrors publish to one database at once: who changes no table waits for none that looks, and changes nothing else.

use std::thread;
use std::time::Instant;

use super::school::{message, of_source, publishing, status, sync, vendor};
use crate::database::{Server, psql};
use crate::server::WAIT_LIMIT;

/// Statements that change what the database knows of tables, or wait until nobody looks at them.
const ALONE: [&str; 6] = [
    "COMMENT ON",
    "GRANT",
    "CREATE",
    "ALTER",
    "DROP",
    "FOR UPDATE",
];

#[test]
fn a_further_source_looks_beside_others_and_changes_no_table() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let reader = format!("reader_of_{}", database.name);
    let superuser = |sql: &str| psql(&database.superuser_url, sql).expect("a statement");
    superuser(&format!("CREATE ROLE {reader}"));
    let more = format!("reader = \"{reader}\"\n");
    sync(&publishing(&vendor, &database.url, &more));
    let other = of_source(publishing(&vendor, &database.url, &more), "other");
    let before = server.log().len();
    thread::scope(|threads| {
        let holder = threads.spawn(|| {
            let looks = "BEGIN; SELECT version FROM rollbook.rollbook_layout FOR SHARE; SELECT pg_sleep(600)";
            psql(&database.superuser_url, looks)
        });
        let started = Instant::now();
        let sleeps = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while superuser(sleeps) != [["t"]] {
            assert!(started.elapsed() < WAIT_LIMIT, "nobody looks");
        }
        sync(&other);
        superuser(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
        let _ = holder.join().expect("no panic"); // it was terminated
    });
    assert_eq!(
        (message(&other).as_str(), &status(&other)["lag_runs"]),
        ("", &0.into())
    );
    let rows = "SELECT count(DISTINCT count) = 1 AND count(*) = 2 FROM (SELECT count(*) FROM rollbook.own_users GROUP BY source) AS each";
    assert_eq!(database.query(rows), [["t"]]);
    let told = server.told(&database, before);
    let changes = |line: &&String| ALONE.iter().any(|word| line.contains(word));
    let changes: Vec<&String> = told.iter().filter(changes).collect();
    assert!(changes.is_empty(), "{changes:#?}");
}

/// Each makes tables that the others need.
#[test]
fn sources_begin_at_once_in_an_empty_database() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    // The small vendor accepts its newest token alone.
    let schools = [0, 1, 2, 3].map(|number| {
        let vendor = vendor();
        let mirror = publishing(&vendor, &database.url, "");
        (vendor, of_source(mirror, &format!("school{number}")))
    });
    thread::scope(|threads| {
        for (_, mirror) in &schools {
            threads.spawn(|| sync(mirror));
        }
    });
    for (_, mirror) in &schools {
        assert_eq!(
            (message(mirror).as_str(), &status(mirror)["lag_runs"]),
            ("", &0.into())
        );
    }
    let rows = "SELECT count(DISTINCT count) = 1 AND count(*) = 4 FROM (SELECT count(*) FROM rollbook.own_users GROUP BY source) AS each";
    assert_eq!(database.query(rows), [["t"]]);
}
