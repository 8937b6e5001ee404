//! People matching end to end: after runs, after edits of the file, and with the invented people of the demonstration.

use std::path::PathBuf;

use serde_json::Value;

use crate::installation::{Config, Finished, Installation};
use crate::people::{key, roster};
use crate::queries;
use crate::server::{Paging, Server};

const PEOPLE: &str = r#"
[match.pupils]
left  = { stream = "own.users", where = { role = "student", enabled_user = "true" } }
right = { stream = "own.enrollments", where = { role = ["student", "pupil"] } }

[[match.pupils.rule]]
name = "id"
same = [{ left = "sourced_id", right = "user_id" }]
"#;

const LINES: &str = "SELECT left_key || ' ' || right_key || ' ' || rule || ' ' || since_run FROM rollbook_matches ORDER BY 1";

/// A school of 60 with an enrolment each; every tenth is a teacher.
fn mirrored() -> (Server, Installation) {
    let server = Server::start(Paging::TotalInHeader, roster(60));
    let installation = Installation::new(
        &server,
        &Config {
            streams: &["users", "enrollments"],
            ..Config::default()
        },
    );
    installation.write("config/crosswalks/people.toml", PEOPLE);
    installation.sync().assert_ok("the first time");
    (server, installation)
}

/// The only set of `rollbook matches --json`.
fn messages(installation: &Installation, options: &[&str]) -> (Value, String) {
    let ran = installation.run(&[&["matches", "--json"], options].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let sets: Value = serde_json::from_str(&ran.out).expect("JSON");
    (sets[0].clone(), ran.out)
}

fn counts(messages: &Value) -> [u64; 4] {
    ["matched", "conflicts", "left_only", "right_only"]
        .map(|name| messages[name].as_u64().expect("a number"))
}

#[test]
fn a_run_that_changes_a_side_matches_again_and_others_write_nothing() {
    let (server, installation) = mirrored();
    let mirror = installation.mirror();
    let before: Vec<String> = queries::list(&mirror, LINES);
    assert_eq!(before.len(), 54);
    assert!(before[0].ends_with(" enrollment-000001 id 1"), "{before:?}");
    assert_eq!(counts(&messages(&installation, &[]).0), [54, 0, 0, 6]);

    installation.sync().assert_ok("without a change");
    assert_eq!(queries::list::<String>(&mirror, LINES), before);

    server.edit("enrollments", |rows| {
        let mut twin = rows[1].clone();
        twin["sourcedId"] = "enrollment-900000".into();
        rows.push(twin);
    });
    installation.sync().assert_ok("with a second candidate");
    let after: Vec<String> = queries::list(&mirror, LINES);
    assert_eq!(
        after,
        before[1..],
        "one match ends, the others hold since the first run"
    );
    let (counted, text) = messages(&installation, &[]);
    assert_eq!(counts(&counted), [53, 1, 0, 6]);
    assert!(
        !text.contains("user-0") && !text.contains("enrollment-"),
        "{text}"
    );
    let (shown, _) = messages(&installation, &["--show"]);
    let conflict = &shown["keys"]["conflicts"][0];
    assert_eq!(conflict["left"], serde_json::json!([key(1)]));
    assert_eq!(conflict["right"].as_array().map(Vec::len), Some(2));
}

#[test]
fn changed_rules_are_previewed_and_written_by_the_command() {
    let (_server, installation) = mirrored();
    let mirror = installation.mirror();
    installation.write(
        "config/crosswalks/people.toml",
        &PEOPLE.replace("name = \"id\"", "name = \"number\""),
    );
    let (counted, _) = messages(&installation, &["pupils"]);
    assert_eq!(
        counted["not_written_yet"],
        serde_json::json!({ "new": 54, "removed": 54 })
    );
    let rules = "SELECT DISTINCT rule FROM rollbook_matches";
    assert_eq!(
        queries::list::<String>(&mirror, rules),
        ["id"],
        "looking writes nothing"
    );
    let (counted, _) = messages(&installation, &["--update"]);
    assert_eq!(
        counted["not_written_yet"],
        serde_json::json!({ "new": 0, "removed": 0 })
    );
    assert_eq!(queries::list::<String>(&mirror, rules), ["number"]);
    installation.write("config/crosswalks/people.toml", "");
    installation.sync().assert_ok("without a set");
    assert_eq!(queries::count(&mirror, "rollbook_matches"), 0);
    assert_eq!(queries::count(&mirror, "rollbook_match_sets"), 0);
    let ran = installation.run(&["matches", "pupils"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn an_invalid_people_file_is_refused_with_its_location() {
    let (_server, installation) = mirrored();
    let mirror = installation.mirror();
    let before: Vec<String> = queries::list(&mirror, LINES);
    let wrong = PEOPLE
        .replace(
            "role = \"student\", enabled_user = \"true\"",
            "rolle = \"student\", enabled_user = \"yes\"",
        )
        .replace("right = \"user_id\"", "right = [\"user\", \"role\"]")
        + "[match.others]\nleft = { stream = \"owl.users\" }\nright = { stream = \"own.user\" }\n\
           rule = [{ name = \"id\", same = [{ left = \"a\", right = \"b\" }] }]\n";
    installation.write("config/crosswalks/people.toml", &wrong);
    for command in [&["check"][..], &["sync"], &["matches", "--update"]] {
        let Finished { code, out, err, .. } = installation.run(command);
        assert_eq!(code, Some(78), "{command:?}: {out}{err}");
        let reported = format!("{out}{err}");
        for (line, words) in [
            (3, "has no column `rolle`"),
            (3, "this column is true or false"),
            (8, "has no column `user`"),
            (10, "there is no source `owl`"),
            (11, "has no stream `user`"),
        ] {
            assert!(
                reported.contains(words),
                "{command:?}: {words} is not in {reported}"
            );
            assert!(
                reported.contains(&format!("people.toml:{line}:")),
                "{line}: {reported}"
            );
        }
        for advice in [
            "did you mean `role`?",
            "did you mean `user_id`?",
            "did you mean `own`?",
            "did you mean `users`?",
        ] {
            assert!(
                reported.contains(advice),
                "{command:?}: {advice} is not in {reported}"
            );
        }
    }
    assert_eq!(queries::list::<String>(&mirror, LINES), before);
}

#[test]
fn students_of_the_demonstration_are_found_in_both_systems() {
    let installation = Installation::empty();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = installation.bare();
    command.arg("--config").arg(shipped.join("config"));
    command.arg("--jobs").arg(shipped.join("jobs"));
    command.arg("--state").arg(installation.path("state"));
    command.args(["demo", "--json", "--students", "120"]);
    let ran = installation.start(command).end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mirror = installation.mirror();
    // Addresses that are unique on each side, by SQL alone.
    let expected: u64 = queries::one(
        &mirror,
        "SELECT count(*) FROM \
         (SELECT lower(email) AS mail FROM wisenet_learners WHERE email <> '' GROUP BY 1 HAVING count(*) = 1) \
         JOIN (SELECT lower(email) AS mail FROM webuntis_users WHERE role = 'student' AND email <> '' \
         GROUP BY 1 HAVING count(*) = 1) USING (mail)",
    );
    assert!(
        expected > 90,
        "the two systems hardly share an address: {expected}"
    );
    assert_eq!(queries::count(&mirror, "rollbook_matches"), expected);
    let same_name: u64 = queries::one(
        &mirror,
        "SELECT count(*) FROM rollbook_matches AS m \
         JOIN wisenet_learners AS l ON l.learner_id = m.left_key \
         JOIN webuntis_users AS u ON u.sourced_id = m.right_key \
         WHERE l.first_name = u.given_name AND l.last_name = u.family_name",
    );
    assert_eq!(same_name, expected, "a pupil was matched with another one");
    let (conflicts, left_only): (u64, u64) = (
        queries::one(&mirror, "SELECT conflicts FROM rollbook_match_sets"),
        queries::one(&mirror, "SELECT left_only FROM rollbook_match_sets"),
    );
    assert!(
        conflicts > 0 && left_only > 0,
        "some share an address, some have none"
    );
}
