//! Which columns a job mirrors, and what a change of that does to rows that are there.

use serde_json::{Value, json};

use super::harness::{Config, Harness, all, id};
use crate::queries;

const STREAM: &str = "[streams.people]
path = \"/people\"
rows = \"rows\"
key = [\"id\"]
core = [\"name\"]
removed = { absence = true }
[streams.people.columns]
id = \"id : text\"
name = \"name : text\"
email = \"mail | email : text\"
born = \"born : date\"
";

fn plan(options: &str) -> Config {
    Config::of(STREAM).job(options)
}

fn rows() -> Vec<Value> {
    let row = |number: usize| {
        json!({
            "id": id(number), "name": format!("Name {number}"), "email": format!("a{number}@x.example"),
            "born": format!("2010-02-{:02}", number + 1), "secret": "never listed",
        })
    };
    (0..25).map(row).collect()
}

/// The columns of the table, and how many of its rows have a value in each that is not the key.
fn columns(harness: &Harness, table: &str) -> Vec<(String, u64)> {
    let mirror = harness.installation.mirror();
    let sql = format!(
        "SELECT name FROM pragma_table_info('{table}') WHERE name NOT LIKE '\\_%' ESCAPE '\\'"
    );
    let names: Vec<String> = queries::list(&mirror, &sql);
    let filled = |name: String| {
        let sql = format!("SELECT count({name}) FROM {table}");
        (name, queries::one::<u64>(&mirror, &sql))
    };
    names.into_iter().map(filled).collect()
}

fn owned(columns: &[(&str, u64)]) -> Vec<(String, u64)> {
    let owned = columns.iter();
    owned
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[test]
fn c1_a_change_of_the_choice_erases_and_fills() {
    let mut harness = Harness::new(&plan("preset = \"core\"\n"));
    harness.vendor.respond_with(all(&rows()));
    harness.sync().ended("ok", "core");
    // What the preset leaves out is not a member that nothing lists.
    let unlisted = "SELECT unlisted FROM rollbook_run_streams";
    let unlisted: String = queries::one(&harness.installation.mirror(), unlisted);
    assert_eq!(unlisted, "secret");
    assert_eq!(
        columns(&harness, "own_people"),
        owned(&[("id", 25), ("name", 25)])
    );
    // More: one full reading fills it, and the guard has nothing to say.
    harness.write(&plan(
        "preset = \"core\"\n[stream.people]\nkeep = [\"email\"]\n",
    ));
    harness.sync().ended("ok", "more");
    let more = [("id", 25), ("name", 25), ("email", 25)];
    assert_eq!(columns(&harness, "own_people"), owned(&more));
    let history = || queries::count(&harness.installation.mirror(), "own_people_history");
    assert_eq!(history(), 25, "as after any new column");
    // Less: gone from the table and from the history, and no row counts as changed.
    harness.write(&plan("[stream.people]\nkeep = [\"name\"]\n"));
    let less = harness.sync().ended("ok", "less");
    assert_eq!(less.parts["people"].changed, 0);
    for table in ["own_people", "own_people_history"] {
        let expected = [("id", 25), ("name", 25)];
        assert_eq!(columns(&harness, table), owned(&expected), "{table}");
    }
    harness.write(&plan(""));
    harness.sync().ended("ok", "everything");
    let every = [("id", 25), ("name", 25), ("email", 25), ("born", 25)];
    let in_order = |mut columns: Vec<(String, u64)>| {
        columns.sort();
        columns
    };
    let found = columns(&harness, "own_people");
    assert_eq!(in_order(found), in_order(owned(&every)));
}

#[test]
fn c2_commands_say_what_is_left_out() {
    let mut harness = Harness::new(&plan(
        "preset = \"core\"\n[stream.people]\nkeep = [\"born\"]\n",
    ));
    harness.vendor.respond_with(all(&rows()));
    let line =
        "Not mirrored: 1 of 4 columns of own_people; `rollbook streams SOURCE STREAM` lists them.";
    for command in [&["check"][..], &["sync", "--dry-run"]] {
        let ran = harness.binary(command);
        assert_eq!(ran.code, Some(0), "{command:?} {ran:?}");
        assert!(ran.out.contains(line), "{command:?} {ran:?}");
    }
    let ran = harness.binary(&["streams", "own", "people"]);
    assert_eq!(
        ran.out,
        "own_people: 3 of 4 columns mirrored by job.\n\
         mirrored  column  type  why          path\n\
         mirrored  id      text  key          id\n\
         mirrored  name    text  core         name\n\
         mirrored  born    date  keep         born\n\
         left out  email   text  not in core  mail | email\n"
    );
    let ran = harness.binary(&["streams", "own", "peple"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("did you mean `people`?"), "{ran:?}");
}
