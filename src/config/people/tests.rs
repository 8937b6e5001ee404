//! Files of matches with mistakes, and what is said about them.

use std::fs;

use super::*;
use crate::model::Look;

const RIGHT: &str = r#"
[match.pupils]
left  = { stream = "north.learners" }
right = { stream = "rosters.users", where = { role = "student", grade = ["9", "10"] } }

[[match.pupils.rule]]
name = "e-mail"
same = [{ left = "email", right = "email", as = "email" }]
ambiguous = "next"

[[match.pupils.rule]]
name = "name and birth date"
same = [
  { left = ["first_name", "last_name"], right = "full_name", as = "name" },
  { left = "born", right = "birth_date" },
]
"#;

fn load(text: &str) -> Result<People, Problems> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("crosswalks")).expect("made");
    fs::write(folder.path().join(PEOPLE_FILE), text).expect("written");
    People::load(folder.path())
}

#[test]
fn what_is_written_is_read() {
    let people = load(RIGHT).expect("a right file");
    let set = &people.config.r#match["pupils"];
    assert_eq!(set.left.stream.to_string(), "north.learners");
    assert_eq!(set.right.r#where["grade"].texts(), ["9", "10"]);
    assert_eq!(set.rule[0].ambiguous, AmbiguousConfig::Next);
    assert_eq!(set.rule[1].ambiguous, AmbiguousConfig::Conflict);
    let same = &set.rule[1].same;
    assert_eq!(
        (same[0].r#as, same[1].r#as),
        (FormConfig::Name, FormConfig::Exact)
    );
    assert_eq!(same[0].left.names().len(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let none = People::load(folder.path()).expect("no file is no mistake");
    assert!(none.config.r#match.is_empty());
}

#[test]
fn all_mistakes_are_said_at_once_with_line_and_advice() {
    let wrong = RIGHT
        .replace("\"rosters.users\"", "\"north.learners\"")
        .replace("ambiguous = \"next\"", "ambigous = \"next\"")
        .replace("as = \"name\"", "as = \"names\"")
        .replace("\"full_name\"", "[]")
        .replace("name = \"name and birth date\"", "name = \"e-mail\"");
    let found = load(&wrong).expect_err("a wrong file");
    let mut told: Vec<String> = found
        .iter()
        .map(|problem| {
            let text = problem.to_string();
            text.split_once("people.toml:")
                .expect("the file")
                .1
                .to_owned()
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "12:8: another rule before has this name (the name tells later which rule matched two people)",
            "14:49: this list of columns is empty",
            "14:58: `names` is no `as` (did you mean `name`?)",
            "4:20: both sides are the same stream (name the stream of another source)",
            "9:1: unknown key `ambigous` (did you mean `ambiguous`?)",
        ]
    );
    assert!(found.render(Look::Plain).contains("^^^^^^^"));
}

#[test]
fn a_stream_is_named_with_its_source() {
    let rows = [
        (
            "users",
            "`users` names no stream of a source (write the source, a dot and the stream, such as `rosters.users`)",
        ),
        (
            "rosters.Users",
            "the name `Users` cannot be used: small letters, digits and underscores, a letter first (for example `users`)",
        ),
    ];
    for (text, expected) in rows {
        let found = load(&RIGHT.replace("rosters.users", text)).expect_err(text);
        let told = found.iter().next().expect("a problem").to_string();
        assert!(told.ends_with(expected), "{told}");
    }
}
