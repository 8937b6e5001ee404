//! Crosswalk files: what is read, and every mistake of every file at once.

use std::fs;

use super::*;

const ROLES: &str = r#"
from = ["rosters.users.role", "rosters.enrollments.role"]
to = { source = "north", list = "positions", by = "description" }
otherwise = "Other"

[map]
student = "Learner"
"aide (class)" = "Teacher's aide"
"#;

fn load(folder: &Path) -> (Crosswalks, Problems) {
    let (files, problems) = read_crosswalks(folder, &DraftFiles::default());
    (crosswalks(files), problems)
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn a_file_is_a_crosswalk_and_people_is_none() {
    let folder = folder(&[("roles.toml", ROLES), ("people.toml", "[match.x]")]);
    let (crosswalks, problems) = load(folder.path());
    assert!(problems.is_empty(), "{problems}");
    let names: Vec<&str> = crosswalks.keys().map(CrosswalkName::as_str).collect();
    assert_eq!(names, ["roles"]);
    let roles = &crosswalks.values().next().expect("roles").value;
    let columns: Vec<String> = roles.from.paths().iter().map(ToString::to_string).collect();
    assert_eq!(columns, ["rosters.users.role", "rosters.enrollments.role"]);
    assert_eq!(
        (roles.to.list.as_str(), roles.to.by),
        ("positions", By::Description)
    );
    assert_eq!(
        roles.otherwise,
        Some(CrosswalkEntry::Text("Other".to_owned()))
    );
    assert_eq!(roles.map["aide (class)"].text(), "Teacher's aide");
    let (none, problems) = load(Path::new("/nowhere/at/all"));
    assert!(none.is_empty() && problems.is_empty());
}

#[test]
fn entries_are_named_by_code_unless_the_file_says_otherwise_and_ids_may_be_numbers() {
    let short = "from = 'a.b.c'\nto = { source = 'n', list = 'l' }\n[map]\nx = '00'\n";
    let ids =
        "from = 'a.b.c'\nto = { source = 'n', list = 'l', by = 'id' }\n[map]\nx = 17\ny = '18'\n";
    let folder = folder(&[("ids.toml", ids), ("short.toml", short)]);
    let (crosswalks, problems) = load(folder.path());
    assert!(problems.is_empty(), "{problems}");
    let entries: Vec<(By, Vec<String>)> = crosswalks
        .values()
        .map(|one| {
            (
                one.value.to.by,
                one.value.map.values().map(CrosswalkEntry::text).collect(),
            )
        })
        .collect();
    let expected = [
        (By::Id, vec!["17".to_owned(), "18".to_owned()]),
        (By::Code, vec!["00".to_owned()]),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn every_mistake_of_every_file_is_reported_with_its_line() {
    let folder = folder(&[
        ("Roles.toml", ROLES),
        (
            "a.toml",
            "from = 'users.role'\nto = { source = 'n', list = 'l', bye = 'id' }\n",
        ),
        (
            "b.toml",
            "from = ['a.b.c', 'a.b.c']\nto = { source = 'n', list = 'l' }\notherwise = 9\n[map]\nx = 1\ny = 'Y'\nz = true\n",
        ),
        (
            "c.toml",
            "from = ['a.b.c', 'a.b.c']\nto = { source = 'n', list = 'l' }\notherwise = 9\n[map]\nx = 1\ny = 'Y'\n",
        ),
        (
            "d.toml",
            "from = 'a.b.c'\nto = { source = 'n', list = 'l', by = 'name' }\n[map]\nx = 'X'\nx = 'Y'\n",
        ),
        (
            "e.toml",
            "from = 'a.b.c'\nto = { source = 'n', list = 'l' }\n",
        ),
    ]);
    let (_, problems) = load(folder.path());
    let prefix = format!("{}/", folder.path().display());
    let found: Vec<String> = problems
        .iter()
        .map(|problem| problem.to_string().replace(&prefix, ""))
        .collect();
    let expected = [
        "Roles.toml: a crosswalk is named like its file, and invalid name `Roles`: use small letters, digits and underscores, starting with a letter (rename the file, for example `roles`)",
        "a.toml:1:8: `users.role` names no column of a stream (write source, stream and column with dots between, such as `rosters.users.role`)",
        "a.toml:2:34: unknown key `bye` (did you mean `by`?)",
        "b.toml:7:5: `z` must be a text or a whole number, not `true` or `false` (put it in quotes)",
        "b.toml:1:18: the column `a.b.c` is listed twice (remove one)",
        "b.toml:5:5: a code is a text, and this is a number (write `\"1\"`, with the zeros in front that it has in the list)",
        "b.toml:3:13: a code is a text, and this is a number (write `\"9\"`, with the zeros in front that it has in the list)",
        "c.toml:1:18: the column `a.b.c` is listed twice (remove one)",
        "c.toml:5:5: a code is a text, and this is a number (write `\"1\"`, with the zeros in front that it has in the list)",
        "c.toml:3:13: a code is a text, and this is a number (write `\"9\"`, with the zeros in front that it has in the list)",
        "d.toml:5:1: this is not TOML: duplicate key",
        "d.toml:2:39: invalid value `name` for `by` (known: `id`, `code`, `description`)",
        "e.toml: this crosswalk maps no value yet (`rollbook crosswalk check` lists the values)",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        problems.errors(),
        expected.len() - 1,
        "a file without lines is a note"
    );
}

#[test]
fn an_empty_file_is_a_note() {
    let folder = folder(&[
        ("empty.toml", ""),
        ("comments.toml", "\n# x = 1\n  \n"),
        ("roles.toml", ROLES),
    ]);
    let (crosswalks, problems) = load(folder.path());
    assert_eq!(crosswalks.len(), 1);
    assert_eq!(problems.errors(), 0);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].contains("this crosswalk maps nothing yet"));
}
