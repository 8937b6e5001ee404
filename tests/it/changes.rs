//! `rollbook changes`: what runs added, changed and removed, for people and for programs.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::installation::{Config, Installation};
use crate::people::{user, users};
use crate::queries::{count, one};
use crate::server::{Paging, Server};

#[test]
fn changes_are_shown_since_a_run_or_a_time_in_three_forms() {
    let server = Server::of_users(Paging::TotalInHeader, users(12));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    server.edit("users", |users| {
        users.push(user(12, 1));
        users[3]["familyName"] = "Moser\u{1b}[2J".into();
    });
    installation.sync().assert_ok("a new and a changed user");
    let key: String = one(
        &installation.mirror(),
        "SELECT sourced_id FROM own_users WHERE family_name LIKE 'Moser%'",
    );
    let changes = |arguments: &[&str]| {
        let ended = installation.run(&[&["changes"], arguments].concat());
        (ended.code, ended.out, ended.err)
    };

    let (code, text, _) = changes(&["own_users", "--since", "1"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("own_users, run 2 of roster, "), "{text}");
    assert!(
        text.contains(&format!("  ~ {key}  family_name: ")),
        "{text}"
    );
    assert!(
        text.contains(" → Moser\u{fffd}[2J\n"),
        "no control character: {text}"
    );
    let total = "2 changes: 1 added, 1 changed, 0 removed. The next time: --since 2.";
    assert!(text.contains(total), "{text}");

    let (_, text, _) = changes(&["--since", "today", "--changed", "--columns", "given_name"]);
    assert!(text.starts_with("0 changes"), "another column: {text}");
    let (_, text, _) = changes(&["--since", "1 hour", "--until", "1"]);
    assert!(text.contains("12 changes: 12 added"), "{text}");
    assert!(
        !text.contains("The next time"),
        "later ones were left out: {text}"
    );
    let (_, text, _) = changes(&["--since", "1", "--added", "--columns", "given_name"]);
    assert!(
        text.contains("  given_name: ") && !text.contains('~'),
        "{text}"
    );

    let (_, text, _) = changes(&["own.users", "--since", "1", "--changed", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(line["stream"], "own_users");
    assert_eq!(line["change"], "changed");
    assert_eq!(line["key"]["sourced_id"], key.as_str());
    assert_eq!(line["row"]["family_name"], "Moser\u{1b}[2J");
    assert!(line["before"]["family_name"].is_string(), "{line}");

    let (_, text, _) = changes(&["own.users", "--since", "1", "--changed", "--csv"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "run,at,stream,change,key,column,before,after");
    assert!(
        lines[1].contains(&format!(",own_users,changed,{key},family_name,")),
        "{text}"
    );
    assert_eq!(lines.len(), 2, "{text}");

    for (arguments, message) in [
        (&[][..], "--since <TIME|RUN|BUNDLE>"),
        (&["--since", "soon"], "`soon` is no time; write it like"),
        (&["--since", "3"], "there is no run 3: the last one is 2"),
        (&["own_user", "--since", "1"], "did you mean `own_users`?"),
        (
            &["--since", "1", "--columns", "familyname"],
            "did you mean `family_name`?",
        ),
        (&["--since", "1", "--json", "--csv"], "cannot be used with"),
    ] {
        let (code, _, err) = changes(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
}

#[test]
fn later_changes_are_followed_until_no_one_reads() {
    let server = Server::of_users(Paging::TotalInHeader, users(2));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    let mut command = installation.command(&["changes", "--follow", "--since", "0", "--json"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(follower.stdout.take().expect("piped")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("read");
        let line: serde_json::Value = serde_json::from_str(&line).expect("an object");
        (
            line["run"].as_i64(),
            line["change"].as_str().map(str::to_owned),
        )
    };
    let added = |run| (Some(run), Some("added".to_owned()));
    assert_eq!((next(), next()), (added(1), added(1)));
    server.edit("users", |users| users.extend([user(2, 1), user(3, 1)]));
    installation.sync().assert_ok("two more");
    assert_eq!((next(), next()), (added(2), added(2)));
    assert_eq!(count(&installation.mirror(), "own_users"), 4);
    drop(lines);
    server.edit("users", |users| users.push(user(4, 1)));
    installation.sync().assert_ok("another one");
    assert!(
        follower.wait().expect("ended").success(),
        "a closed pipe is no failure"
    );
}
