//! People who are erased, and values that are masked, leave the published tables and their files, also if the database is down
//! then, or goes back to before.

use super::school::{assert_same, assert_same_but, next_day, publishing, sync, sync_twice, vendor};
use crate::database::{Database, Server};
use crate::installation::{Finished, Installation};
use crate::people::key;

const STREAMS: [&str; 2] = ["users", "users_history"];

/// A pupil with an old version: user 0 is no one that `next_day` removes on these days.
fn pupil() -> String {
    key(5)
}

fn rows(database: &Database) -> usize {
    let count = |stream: &&str| {
        let sql = format!(
            "SELECT count(*) FROM rollbook.own_{stream} AS row WHERE row::text LIKE '%{}%'",
            pupil()
        );
        let count = database.query(&sql);
        count[0][0].parse::<usize>().expect("a number")
    };
    STREAMS.iter().map(count).sum()
}

fn erase(installation: &Installation) -> Finished {
    installation.run(&["erase", "own_users", &pupil(), "--yes"])
}

fn school(database: &Database) -> (crate::server::Server, Installation) {
    let vendor = vendor();
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    vendor.edit("users", |users| users[5]["givenName"] = "Another".into());
    sync(&installation);
    assert_eq!(rows(database), 2, "now and before");
    (vendor, installation)
}

#[test]
fn an_erased_person_leaves_the_tables_and_their_files() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let (vendor, installation) = school(&database);
    let before = server.log().len();
    let ran = erase(&installation);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = "Removed from the published tables of district and vacuumed";
    assert!(ran.out.contains(told), "{ran:?}");
    assert_eq!(rows(&database), 0);
    let log = server.log();
    for stream in STREAMS {
        let vacuum = format!("VACUUM \"rollbook\".\"own_{stream}\"");
        let told = log[before..].lines();
        let mut told = told.filter(|line| line.contains(&format!("@{} ", database.name)));
        assert!(told.any(|line| line.contains(&vacuum)), "{vacuum}");
    }
    assert_same(&installation, &database, "erased");
    next_day(&vendor, 9);
    sync_twice(&installation);
    assert_eq!(rows(&database), 0, "the vendor lists the pupil still");
    assert_same(&installation, &database, "later");
}

/// Someone who left is in old versions only.
#[test]
fn a_person_who_left_before_leaves_the_old_versions() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let (vendor, installation) = school(&database);
    let is_theirs = |row: &serde_json::Value| row.to_string().contains(&pupil());
    for list in ["enrollments", "users"] {
        vendor.edit(list, |rows| rows.retain(|row| !is_theirs(row)));
    }
    sync_twice(&installation);
    assert_same(&installation, &database, "left");
    let of_live = "SELECT count(*) FROM rollbook.own_users AS row WHERE row::text LIKE '%PUPIL%'";
    let of_live = database.query(&of_live.replace("PUPIL", &pupil()));
    assert_eq!((of_live[0][0].as_str(), rows(&database)), ("0", 2));
    let ran = erase(&installation);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(rows(&database), 0);
    assert_same(&installation, &database, "erased");
}

#[test]
fn an_erasure_waits_for_a_database_that_is_down_or_goes_back() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let database = server.database();
    let (_vendor, installation) = school(&database);
    server.backup();
    server.stop();
    let ran = erase(&installation);
    let pending =
        "the published table of own.users in [publish.district]: no connection to the database";
    assert!(ran.code == Some(1) && ran.err.contains(pending), "{ran:?}");
    let list = installation.run(&["erase", "--list"]);
    assert!(list.out.contains("not finished"), "{list:?}");
    server.start();
    assert_eq!(rows(&database), 2);
    sync(&installation);
    assert_eq!(rows(&database), 0, "without being asked again");
    assert_same(&installation, &database, "erased");
    // Whatever opens the mirror to write finishes what is pending.
    sync(&installation);
    let list = installation.run(&["erase", "--list"]);
    assert!(!list.out.contains("not finished"), "{list:?}");

    let before = server.log().len();
    server.restore();
    assert_eq!(rows(&database), 2, "they are back");
    sync(&installation);
    assert_eq!(rows(&database), 0, "gone again");
    assert!(
        server.log()[before..].contains("VACUUM"),
        "from the files too"
    );
    assert_same(&installation, &database, "restored to before the erasure");
}

/// A mask changes the mirror's rows without a run.
#[test]
fn values_that_are_masked_later_leave_the_tables_and_the_old_versions() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let (_vendor, installation) = school(&database);
    let clear = || {
        let count = |stream: &&str| {
            let sql = format!(
                "SELECT count(*) FROM rollbook.own_{stream} WHERE given_name IN ('Another', 'Given 5')"
            );
            database.query(&sql)[0][0]
                .parse::<usize>()
                .expect("a number")
        };
        STREAMS.iter().map(count).sum::<usize>()
    };
    assert_eq!(clear(), 2);
    let file = "jobs/roster.toml";
    let text = std::fs::read_to_string(installation.path(file)).expect("read");
    let mask = "[stream.users]\npseudonymise = [\"given_name\"]\n";
    installation.write(file, &(text + mask));
    let before = server.log().len();
    sync(&installation);
    assert_eq!(clear(), 0);
    for stream in STREAMS {
        let vacuum = format!("VACUUM \"rollbook\".\"own_{stream}\"");
        let log = server.log();
        let mut told = log[before..]
            .lines()
            .filter(|line| line.contains(&format!("@{} ", database.name)));
        assert!(told.any(|line| line.contains(&vacuum)), "{vacuum}");
    }
    assert_same(&installation, &database, "masked");
}

/// A stream without old versions: the row is nowhere in the mirror, and in the database as long as that is away.
#[test]
fn who_left_while_the_database_was_away_leaves_its_files_too() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let database = server.database();
    let vendor = vendor();
    let installation = publishing(&vendor, &database.url, "");
    let file = "jobs/roster.toml";
    let text = std::fs::read_to_string(installation.path(file)).expect("read");
    let without = "[stream.enrollments]\nhistory = \"off\"\n[stream.users]\nhistory = \"off\"\n";
    installation.write(file, &(text + without));
    sync(&installation);
    server.stop();
    let is_theirs = |row: &serde_json::Value| row.to_string().contains(&pupil());
    let enrolled = key(6);
    let is_enrolled = |row: &serde_json::Value| row.to_string().contains(&enrolled);
    vendor.edit("enrollments", |rows| {
        rows.retain(|row| !is_theirs(row) && !is_enrolled(row))
    });
    vendor.edit("users", |rows| rows.retain(|row| !is_theirs(row)));
    sync_twice(&installation);
    // Somebody else is erased; that the other one is still there is not known of a row.
    let ran = installation.run(&["erase", "own_orgs", &orgs(&installation), "--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for stream in ["own.users", "own.enrollments"] {
        let pending = format!("the published table of {stream} in [publish.district]");
        assert!(ran.err.contains(&pending), "{stream}: {ran:?}");
    }
    let before = server.log().len();
    server.start();
    sync(&installation);
    let log = server.log();
    for stream in ["users", "enrollments"] {
        let vacuum = format!("VACUUM \"rollbook\".\"own_{stream}\"");
        assert!(log[before..].contains(&vacuum), "{vacuum}");
    }
    let left = ["users_history", "enrollments_history"];
    assert_same_but(&installation, &database, &left, "at last");
}

/// The key of a row of another table.
fn orgs(installation: &Installation) -> String {
    let sql = "SELECT min(sourced_id) FROM own_orgs";
    crate::queries::one(&installation.mirror(), sql)
}

/// What an operator dropped needs no cleaning.
#[test]
fn a_removal_that_an_erasure_waits_for_needs_no_table() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let database = server.database();
    let (_vendor, installation) = school(&database);
    server.stop();
    let ran = erase(&installation);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    server.start();
    database.execute("DROP TABLE rollbook.own_users");
    std::fs::remove_file(installation.path("jobs/roster.toml")).expect("removed");
    let before = server.log().len();
    let removed = installation.run(&["publish", "remove", "district", "own", "--yes"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let left =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'rollbook' AND tablename LIKE 'own%'";
    assert_eq!(database.query(left), [["0"]]);
    assert!(!server.log()[before..].contains("ERROR"), "nothing failed");
    let list = installation.run(&["erase", "--list"]);
    assert!(!list.out.contains("not finished"), "{list:?}");
}
