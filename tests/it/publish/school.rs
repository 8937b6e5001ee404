//! A school whose mirror is published: a vendor, the program, and a database of its own.

use serde_json::Value;

use super::same::{LeftOut, differences};
use crate::database::Database;
use crate::installation::{Config, Finished, Installation};
use crate::people::{roster, user};
use crate::queries;
use crate::server::{Paging, Server};

pub const STREAMS: &[&str] = &["orgs", "users", "enrollments"];

/// People of the small school.
pub const USERS: usize = 60;

/// The small school's vendor.
pub fn vendor() -> Server {
    Server::start(Paging::TotalInHeader, roster(USERS))
}

/// The program, with a database at this address and further lines of `[publish.district]`.
pub fn publishing(vendor: &Server, url: &str, more: &str) -> Installation {
    let installation = Installation::new(
        vendor,
        &Config {
            streams: STREAMS,
            ..Config::default()
        },
    );
    publish(&installation, url, more);
    installation
}

/// Publishes to this address from now on.
pub fn publish(installation: &Installation, url: &str, more: &str) {
    installation.secret("district_url", url);
    let file = "config/rollbook.toml";
    let text = std::fs::read_to_string(installation.path(file)).expect("read");
    let before = text.split("[publish.").next().unwrap_or_default();
    let table = "[publish.district]\nurl = { file = \"district_url\" }\n";
    installation.write(file, &format!("{before}{table}{more}"));
}

/// The same with another name of the source.
pub fn of_source(installation: Installation, name: &str) -> Installation {
    for file in ["config/rollbook.toml", "jobs/roster.toml"] {
        let text = std::fs::read_to_string(installation.path(file)).expect("read");
        let text = text.replace("[sources.own", &format!("[sources.{name}"));
        let text = text.replace("source = \"own\"", &format!("source = \"{name}\""));
        installation.write(file, &text);
    }
    installation
}

/// The same roster on another day: people come, leave and change.
pub fn next_day(vendor: &Server, day: usize) {
    vendor.edit("users", |users| {
        users.remove(day * 7 % users.len());
        users.push(user(100 + day, 1));
        let changed = day * 5 % users.len();
        users[changed]["givenName"] = format!("Name of day {day}").into();
    });
    vendor.edit("enrollments", |enrollments| {
        enrollments.remove(day * 3 % enrollments.len());
    });
}

/// A removal needs two readings.
pub fn sync_twice(installation: &Installation) {
    for _ in 0..2 {
        sync(installation);
    }
}

pub fn sync(installation: &Installation) -> Finished {
    installation.sync().assert_ok("a run")
}

/// `rollbook publish status` of the only source.
pub fn status(installation: &Installation) -> Value {
    let ran = installation.run(&["publish", "status", "--json"]);
    let status: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    status[0].clone()
}

/// Why the last attempt failed.
pub fn message(installation: &Installation) -> String {
    let status = status(installation);
    status["message"].as_str().unwrap_or_default().to_owned()
}

/// What `psql` and SQLite say; the program's own `verify` is asked by [`assert_same`].
pub fn assert_rows(installation: &Installation, database: &Database, what: &str) {
    assert_rows_but(installation, database, &[], what);
}

pub fn assert_rows_but(
    installation: &Installation,
    database: &Database,
    left_out: LeftOut<'_>,
    what: &str,
) {
    let differences = differences(&installation.mirror(), database, ("own", "own"), left_out);
    assert!(
        differences.is_empty(),
        "{what}: {}\n{}",
        differences.join("\n"),
        status(installation)
    );
}

/// The database has what the mirror has, all of it is said to be there, and `verify` agrees.
pub fn assert_same(installation: &Installation, database: &Database, what: &str) {
    assert_same_but(installation, database, &[], what);
}

pub fn assert_same_but(
    installation: &Installation,
    database: &Database,
    left_out: LeftOut<'_>,
    what: &str,
) {
    assert_rows_but(installation, database, left_out, what);
    assert_eq!(
        position(database),
        (last_change(installation), true),
        "{what}"
    );
    let verified = verify(installation);
    assert_eq!(verified.code, Some(0), "{what}: {verified:?}");
}

pub fn verify(installation: &Installation) -> Finished {
    installation.run(&["publish", "verify", "district"])
}

/// The run that the tables are said to be after, at least, and whether they are said to be complete.
fn position(database: &Database) -> (i64, bool) {
    let sql = "SELECT run, complete FROM rollbook.rollbook_sources WHERE source = 'own'";
    let rows = database.query(sql);
    (rows[0][0].parse().expect("a run"), rows[0][1] == "t")
}

/// The last run that changed something, or that the position is after anyway.
fn last_change(installation: &Installation) -> i64 {
    let mirror = installation.mirror();
    let position = "SELECT run FROM rollbook_published";
    let position: i64 = queries::one(&mirror, position);
    let changes = "SELECT max(run) FROM rollbook_run_streams WHERE new + changed + removed > 0";
    let last: i64 = queries::one(&mirror, changes);
    assert!(position >= last, "published run {position} of {last}");
    position
}
