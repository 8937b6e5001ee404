//! Files of matches with mistakes, and the problems reported.

use std::fs;

use super::*;
use rollbook_core::document::RenderStyle;

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

fn load(text: &str) -> (People, Problems) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("crosswalks")).expect("made");
    fs::write(folder.path().join(PEOPLE_FILE), text).expect("written");
    People::read(folder.path(), &DraftFiles::default())
}

#[test]
fn what_is_written_is_read() {
    let (people, problems) = load(RIGHT);
    assert!(problems.is_empty(), "{problems}");
    let set = people.sets().next().expect("a set");
    let (left, right) = (set.left.expect("left"), set.right.expect("right"));
    assert_eq!(
        (set.name, left.stream.to_string().as_str()),
        ("pupils", "north.learners")
    );
    assert_eq!(right.r#where["grade"].texts(), ["9", "10"]);
    let rules: Vec<&RuleConfig> = set.rules.iter().flatten().collect();
    assert_eq!(rules[0].ambiguous, AmbiguousConfig::Next);
    assert_eq!(rules[1].ambiguous, AmbiguousConfig::Conflict);
    let same = &rules[1].same;
    assert_eq!(
        (same[0].r#as, same[1].r#as),
        (FormConfig::Name, FormConfig::Exact)
    );
    assert_eq!(same[0].left.names().len(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let (none, problems) = People::read(folder.path(), &DraftFiles::default());
    assert!(none.sets().next().is_none() && problems.is_empty());
}

#[test]
fn all_mistakes_are_reported_at_once_with_line_and_advice() {
    let wrong = RIGHT
        .replace("\"rosters.users\"", "\"north.learners\"")
        .replace("ambiguous = \"next\"", "ambigous = \"next\"")
        .replace("as = \"name\"", "as = \"names\"")
        .replace("\"full_name\"", "[]")
        .replace("name = \"name and birth date\"", "name = \"e-mail\"");
    let (people, found) = load(&wrong);
    let mut shown: Vec<String> = found
        .iter()
        .map(|problem| {
            let text = problem.to_string();
            text.split_once("people.toml:")
                .expect("the file")
                .1
                .to_owned()
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "12:8: another rule before has this name (the name is recorded with the people that the rule matches)",
            "14:49: this list of columns is empty",
            "14:58: invalid value `names` for `as` (did you mean `name`?)",
            "4:20: both sides are the same stream (name the stream of another source)",
            "9:1: unknown key `ambigous` (did you mean `ambiguous`?)",
        ]
    );
    assert!(found.render(RenderStyle::Plain).contains("^^^^^^^"));
    let set = people.sets().next().expect("a set");
    assert!(
        set.left.is_some() && set.right.is_some(),
        "a wrong rule hides no side"
    );
    assert!(set.rules.iter().all(Option::is_none));
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
            "invalid name `Users`: use small letters, digits and underscores, starting with a letter (for example `users`)",
        ),
    ];
    for (text, expected) in rows {
        let (_, found) = load(&RIGHT.replace("rosters.users", text));
        let shown = found.iter().next().expect("a problem").to_string();
        assert!(shown.ends_with(expected), "{shown}");
    }
}
