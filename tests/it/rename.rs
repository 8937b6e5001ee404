//! `rollbook rename OLD NEW`, by the real program: refused where it must be, and never half done.

use std::fs;
use std::time::Duration;

use crate::installation::{Config, Installation};
use crate::people::roster;
use crate::queries::{count, list, one};
use crate::server::{Paging, Server};

fn school() -> (Server, Installation) {
    let server = Server::start(Paging::TotalInHeader, roster(40));
    let plan = Config {
        streams: &["orgs", "users"],
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    installation.sync().assert_ok("the first time");
    (server, installation)
}

/// Changes the source's name in the files, as an admin does.
pub fn rename_in_files(installation: &Installation, old: &str, new: &str) {
    for (file, from, to) in [
        (
            "config/rollbook.toml",
            format!("sources.{old}"),
            format!("sources.{new}"),
        ),
        (
            "jobs/roster.toml",
            format!("source = \"{old}\""),
            format!("source = \"{new}\""),
        ),
    ] {
        let text = fs::read_to_string(installation.path(file)).expect("a file");
        assert!(text.contains(&from), "{text}");
        installation.write(file, &text.replace(&from, &to));
    }
}

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'rollbook_%' ORDER BY name";

#[test]
fn a_source_keeps_its_rows_and_its_checkpoints_under_another_name() {
    let (server, installation) = school();
    let mirror = installation.mirror();
    server.edit("users", |users| users.truncate(39));
    installation.sync().assert_ok("a removal");
    let early = installation.run(&["rename", "own", "school"]);
    assert_eq!(early.code, Some(2), "{early:?}");
    for line in ["rollbook.toml:", "roster.toml:1"] {
        assert!(early.err.contains(line), "{early:?}");
    }
    rename_in_files(&installation, "own", "school");
    let check = installation.run(&["check"]);
    assert!(
        check
            .out
            .contains("`rollbook rename own school` keeps its rows and history"),
        "{check:?}"
    );
    let unknown = installation.run(&["rename", "owm", "school"]);
    assert!(
        unknown
            .err
            .contains("the mirror has nothing of a source `owm`"),
        "{unknown:?}"
    );
    let typo = installation.run(&["rename", "own", "schol"]);
    assert!(typo.err.contains("did you mean `school`?"), "{typo:?}");

    let before = one::<i64>(&mirror, "SELECT max(run) FROM rollbook_runs");
    let renamed = installation.run(&["rename", "own", "school"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    assert!(
        renamed.out.starts_with("own is school now: 2 tables, "),
        "{renamed:?}"
    );
    let expected = [
        "school_orgs",
        "school_orgs_history",
        "school_users",
        "school_users_history",
    ];
    assert_eq!(list::<String>(&mirror, TABLES), expected);
    let again = installation.run(&["rename", "own", "school"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    // The next run goes on where the last one was: nothing is new.
    let next = installation.sync().assert_ok("under the new name");
    for stream in ["orgs", "users"] {
        assert_eq!(
            next.number(stream, "new") + next.number(stream, "changed"),
            0
        );
    }
    let unconfirmed = "SELECT count(*) FROM school_users_history";
    assert!(one::<i64>(&mirror, unconfirmed) >= 1);
    assert_eq!(
        one::<i64>(&mirror, "SELECT max(run) FROM rollbook_runs"),
        before + 1
    );
    assert_eq!(
        list::<String>(&mirror, "SELECT DISTINCT source FROM rollbook_runs"),
        ["school"]
    );
}

#[test]
fn rows_under_the_new_name_are_replaced_only_if_the_admin_says_so() {
    let (_server, installation) = school();
    let mirror = installation.mirror();
    rename_in_files(&installation, "own", "school");
    installation.sync().assert_ok("a start before the rename");
    assert_eq!(count(&mirror, "school_users"), 40);
    let refused = installation.run(&["rename", "own", "school"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("school already has 2 tables, "),
        "{refused:?}"
    );
    assert!(
        refused
            .err
            .contains("`rollbook rename own school --replace`"),
        "{refused:?}"
    );
    crate::queries::change(
        &mirror,
        "UPDATE own_users SET given_name = 'kept' WHERE rowid = 1",
    );
    let done = installation.run(&["rename", "own", "school", "--replace"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let kept = "SELECT count(*) FROM school_users WHERE given_name = 'kept'";
    assert_eq!(one::<i64>(&mirror, kept), 1);
    assert_eq!(list::<String>(&mirror, TABLES).len(), 4);
}

#[test]
fn a_killed_rename_is_done_or_not_done_and_can_be_repeated() {
    // Whenever it is killed, the same holds.
    for millis in [0, 10, 20, 40] {
        let (_server, installation) = school();
        let mirror = installation.mirror();
        rename_in_files(&installation, "own", "school");
        let mut running = installation.start(installation.command(&["rename", "own", "school"]));
        std::thread::sleep(Duration::from_millis(millis));
        running.kill();
        running.end();
        let tables: Vec<String> = list(&mirror, TABLES);
        let users = tables
            .iter()
            .find(|name| name.ends_with("_users"))
            .expect("a table");
        let (old, new) = (users.starts_with("own_"), users.starts_with("school_"));
        assert!(old != new, "{tables:?}");
        let sources = "SELECT DISTINCT source FROM rollbook_checkpoints";
        let name = if old { "own" } else { "school" };
        assert_eq!(list::<String>(&mirror, sources), [name]);
        let again = installation.run(&["rename", "own", "school"]);
        assert_eq!(again.code, Some(if old { 0 } else { 2 }), "{again:?}");
        let next = installation.sync().assert_ok("under the new name");
        assert_eq!(next.number("users", "new"), 0, "{next:?}");
    }
}
