//! Who may do what: the reader's role, TLS, passwords; and messages without a value of a row.

use super::school::{assert_same, message, next_day, publish, publishing, status, sync, vendor};
use crate::database::{AUTHORITY, Database, Server, psql};
use crate::installation::{Finished, Installation};

/// Parts of everybody's names.
const NAMES: [&str; 4] = ["Given ", "Family ", "given1.", "Theresia"];

fn assert_no_names(ran: &Finished) {
    for name in NAMES {
        assert!(
            !ran.out.contains(name) && !ran.err.contains(name),
            "{ran:?}"
        );
    }
}

fn superuser(database: &Database, sql: &str) {
    psql(&database.superuser_url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[test]
fn the_reader_may_read_and_nothing_else() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let reader = format!("reader_of_{}", database.name);
    let installation = publishing(&vendor, &database.url, &format!("reader = \"{reader}\"\n"));
    let ran = sync(&installation);
    assert!(
        message(&installation).contains(&format!("role \"{reader}\" does not exist")),
        "{ran:?}"
    );
    superuser(
        &database,
        &format!("CREATE ROLE {reader} LOGIN PASSWORD 'r'"),
    );
    sync(&installation);
    assert_same(&installation, &database, "with a reader");
    let url = database.url.replace(&database.password, "r").replacen(
        &format!("//{}:", database.name),
        &format!("//{reader}:"),
        1,
    );
    for table in [
        "own_users",
        "own_users_history",
        "rollbook_sources",
        "rollbook_columns",
    ] {
        let place = format!("rollbook.{table}");
        assert!(
            psql(&url, &format!("SELECT count(*) FROM {place}")).is_ok(),
            "{table}"
        );
        for sql in [
            format!("DELETE FROM {place}"),
            format!("UPDATE {place} SET source = 'x'"),
            format!("INSERT INTO {place} DEFAULT VALUES"),
            format!("TRUNCATE {place}"),
            format!("DROP TABLE {place}"),
            "CREATE TABLE rollbook.mine (n integer)".to_owned(),
        ] {
            let error = psql(&url, &sql).expect_err(&sql);
            assert!(
                error.contains("permission denied") || error.contains("must be owner"),
                "{sql}: {error}"
            );
        }
    }
}

#[test]
fn a_role_without_rights_is_told_what_to_grant() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let weak = format!("weak_{}", database.name);
    superuser(&database, &format!("CREATE ROLE {weak} LOGIN PASSWORD 'w'"));
    let url = database.url.replace(&database.password, "w").replacen(
        &format!("//{}:", database.name),
        &format!("//{weak}:"),
        1,
    );
    let installation = publishing(&vendor, &url, "");
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("permission denied for database") && why.contains("grant it"),
        "{why}"
    );
    // A schema that is its own is enough.
    superuser(
        &database,
        &format!("CREATE SCHEMA rollbook AUTHORIZATION {weak}"),
    );
    superuser(
        &database,
        &format!(
            "GRANT USAGE ON SCHEMA rollbook TO {0}; GRANT {weak} TO {0}",
            database.name
        ),
    );
    sync(&installation);
    assert_same(&installation, &database, "granted");
}

fn ca_file(name: &str) -> String {
    let folder = AUTHORITY.rsplit_once('/').expect("a folder").0;
    format!("ca_file = \"{folder}/{name}\"\n")
}

#[test]
fn certificates_are_verified_and_passwords_never_shown() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let good = ca_file("authority.pem");
    let tls = "?sslmode=require";
    let by_name = database.url_of_certificate() + tls;
    let installation = publishing(&vendor, &by_name, &good);
    let refused = |installation: &Installation, expected: &str, what: &str| {
        let ran = sync(installation);
        let why = message(installation);
        assert!(why.contains(expected), "{what}: {why}");
        let verified = installation.run(&["publish", "verify", "district"]);
        assert_eq!(verified.code, Some(1), "{what}: {verified:?}");
        let shown = installation.run(&["publish", "status"]);
        for text in [
            &why,
            &ran.err,
            &ran.out,
            &verified.err,
            &verified.out,
            &shown.out,
        ] {
            assert!(!text.contains("pa55word"), "{what}: {text}");
        }
    };
    for (what, url, more, expected) in [
        (
            "the machine's authorities",
            by_name.clone(),
            String::new(),
            "certificate",
        ),
        (
            "another authority",
            by_name.clone(),
            ca_file("other.pem"),
            "certificate",
        ),
        (
            "another name",
            database.url.clone() + tls,
            good.clone(),
            "certificate",
        ),
        (
            "a wrong password",
            by_name.replace(&database.password, "pa55word-that-is-wrong"),
            good.clone(),
            "correct user and password in `url`",
        ),
        (
            "another database",
            by_name.replace(&format!("/{}?", database.name), "/nothing?"),
            good.clone(),
            "create the database, or correct its name in `url`",
        ),
        (
            "no address",
            format!("mysql://{}", database.password),
            good.clone(),
            "it is not like postgres://user:password@host:5432/database",
        ),
    ] {
        publish(&installation, &url, &more);
        refused(&installation, expected, what);
    }
    let before = server.log().len();
    publish(&installation, &by_name, &good);
    sync(&installation);
    let log = server.log();
    let mut lines = log[before..].lines();
    let authorized = format!(
        "user={} database={} application_name=rollbook SSL enabled",
        database.name, database.name
    );
    assert!(lines.any(|line| line.contains(&authorized)), "by TLS");
    assert_same(&installation, &database, "by TLS");
}

#[test]
fn what_does_not_fit_is_reported_without_its_value() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    for (day, (what, plant, mend)) in [
        (
            "a condition",
            "ALTER TABLE rollbook.own_users ADD CONSTRAINT mine CHECK (given_name NOT LIKE 'Name of day%')",
            "ALTER TABLE rollbook.own_users DROP CONSTRAINT mine",
        ),
        (
            "a unique index",
            "CREATE UNIQUE INDEX mine ON rollbook.own_users (given_name) WHERE given_name LIKE 'Name of day 1%'",
            "DROP INDEX rollbook.mine",
        ),
        (
            "another type",
            "ALTER TABLE rollbook.own_users ALTER COLUMN given_name TYPE varchar(60)",
            "ALTER TABLE rollbook.own_users ALTER COLUMN given_name TYPE text",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        database.execute(plant);
        next_day(&vendor, day);
        vendor.edit("users", |users| {
            for user in &mut users[20..22] {
                user["givenName"] = format!("Name of day {day} {}", "x".repeat(20 + 20 * day)).into();
            }
        });
        let ran = sync(&installation);
        assert_no_names(&ran);
        let shown = installation.run(&["publish", "status"]);
        assert_no_names(&shown);
        let status = status(&installation);
        assert_eq!(status["attempts"], 1, "{what}: {status}");
        for name in NAMES {
            assert!(!status.to_string().contains(name), "{what}: {status}");
        }
        assert!(!status.to_string().contains("Name of day"), "{what}: {status}");
        database.execute(mend);
        sync(&installation);
        sync(&installation);
        assert_same(&installation, &database, what);
    }
}
