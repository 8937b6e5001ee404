//! `[store.copy]` and the groups of readers: what is an error of the file, and what is not.

use super::*;
use crate::setup::check;
use crate::setup::files::Secrets;

fn problems_of(store: &str, jobs: &[(&str, &str)]) -> Vec<String> {
    let rollbook = format!("{store}\n{SOURCE}");
    let files: Vec<(&str, &str)> = [("rollbook.toml", rollbook.as_str())]
        .into_iter()
        .chain(jobs.iter().copied())
        .collect();
    let folder = folder(&files);
    let (_, problems) = resolve(&folders(folder.path()), &Overlay::default());
    lines(folder.path(), &problems)
}

#[test]
fn tables_and_columns_of_a_copy_are_checked() {
    let of = |keys: &str| format!("[store.copy]\npath = \"copy.db\"\n{keys}");
    let rows: &[(&str, &[&str])] = &[
        ("", &[]),
        (
            "tables = [\"north_users\", \"north_users_history\", \"north_users_labelled\", \"north_users_mapped\"]\n\
             leave_out = [\"north_users.born\", \"north_users._run\"]",
            &[],
        ),
        (
            "tables = [\"north_usrs\"]",
            &["rollbook.toml:3:11: there is no table `north_usrs` (did you mean `north_users`?)"],
        ),
        (
            "tables = [\"north_users_versions\"]",
            &[
                "rollbook.toml:3:11: there is no table `north_users_versions` (did you mean `north_users`?)",
            ],
        ),
        (
            "tables = [\"north_rooms\"]",
            &["rollbook.toml:3:11: no job reads `north.rooms`"],
        ),
        (
            "leave_out = [\"north_users.nam\"]",
            &["rollbook.toml:3:14: north_users has no column `nam` (did you mean `name`?)"],
        ),
        (
            "leave_out = [\"email\"]",
            &[
                "rollbook.toml:3:14: `email` is not a table and a column (write them with a dot, such as `\"rosters_users.email\"`)",
            ],
        ),
        (
            "leave_out = [\"north_users_history.name\"]",
            &[
                "rollbook.toml:3:14: there is no table `north_users_history` (did you mean `north_users`?)",
            ],
        ),
        ("tables = []", &["rollbook.toml:3:10: `tables` is empty"]),
        (
            "colour = 1",
            &[
                "rollbook.toml:3:1: unknown key `colour` (known: `group`, `leave_out`, `path`, `tables`)",
            ],
        ),
    ];
    for (keys, expected) in rows {
        assert_eq!(problems_of(&of(keys), &[]), *expected, "{keys}");
    }
    let job = format!("{JOB}[stream.users]\ndrop = [\"born\"]\n");
    assert_eq!(
        problems_of(
            &of("leave_out = [\"north_users.born\"]"),
            &[("jobs/north.toml", &job)]
        ),
        ["rollbook.toml:3:14: a job drops `born`, so it is not there"]
    );
}

#[test]
fn a_group_that_is_not_there_is_found_by_check_and_refuses_no_start() {
    let store = "[store]\nreaders = \"no-such-group\"\n[store.copy]\npath = \"copy.db\"\ngroup = \"nor-this\"\n";
    let rollbook = format!("{store}{SOURCE}");
    let folder = folder(&[("rollbook.toml", &rollbook), ("north", "secret")]);
    let (setup, problems) = resolve(&folders(folder.path()), &Overlay::default());
    assert!(setup.is_some() && problems.iter().next().is_none());
    let secrets = Secrets::new(folder.path(), None);
    let (_, problems) = check(
        &folders(folder.path()),
        &Overlay::default(),
        &secrets,
        |_| None,
    );
    let found = lines(folder.path(), &problems);
    let line = |place: &str, group: &str| {
        format!(
            "rollbook.toml:{place}: there is no group `{group}` (run `groupadd --system {group}`, and `usermod -aG {group} \
             USER` for each reader)"
        )
    };
    for expected in [line("2:11", "no-such-group"), line("5:9", "nor-this")] {
        assert!(found.contains(&expected), "{expected}\n{found:#?}");
    }
}

#[test]
fn a_copy_that_no_one_else_can_read_is_noted() {
    let rollbook = format!("[store.copy]\npath = \"copy.db\"\n{SOURCE}");
    let folder = folder(&[("rollbook.toml", &rollbook)]);
    let secrets = Secrets::new(folder.path(), None);
    let (_, problems) = check(
        &folders(folder.path()),
        &Overlay::default(),
        &secrets,
        |_| None,
    );
    let found = lines(folder.path(), &problems);
    let note = "rollbook.toml:1:1: only the owner can read this copy (name those who may: `group = \"GROUP\"`)";
    assert!(found.iter().any(|line| line == note), "{found:#?}");
}
