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

/// Every byte of every file of the state folder.
fn files(harness: &Harness) -> Vec<u8> {
    let folder = harness.installation.path("state");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            all.extend(std::fs::read(path).expect("a file"));
        }
    }
    all
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn c3_clear_values_of_masked_columns_never_reach_the_disk() {
    let masked =
        "[stream.people]\npseudonymise = [\"email\", \"name\"]\ntruncate = { born = \"year\" }\n";
    let mut harness = Harness::new(&plan(masked));
    let mut vendor = rows();
    vendor[3]["born"] = json!("the fourteenth of May");
    vendor[4]["email"] = json!("a5@x.example"); // the same as row 5
    vendor[6]["email"] = Value::Null;
    harness.vendor.respond_with(all(&vendor));
    harness
        .sync()
        .ended("ok_with_rejects", "one date is no date");
    let of = |harness: &Harness, number: usize, column: &str| {
        harness.cell(&id(number), column).expect("a row")
    };
    assert_eq!(of(&harness, 1, "born"), "2010-01-01");
    assert_eq!(of(&harness, 3, "born"), "null");
    assert_eq!(of(&harness, 6, "email"), "null");
    let pseudonym = of(&harness, 5, "email");
    assert_eq!(
        (pseudonym.len(), &of(&harness, 4, "email")),
        (32, &pseudonym)
    );
    // Unchanged values are unchanged pseudonyms, also after a new start; a changed one is one change.
    vendor[7]["email"] = json!("new@x.example");
    harness.vendor.respond_with(all(&vendor));
    harness.close();
    let second = harness.sync().ended("ok_with_rejects", "again");
    assert_eq!(second.parts["people"].changed, 1);
    // A held run, its rows, and what commands print of it.
    harness.vendor.respond_with(all(&vendor[..5]));
    harness.sync().ended("held", "most are missing");
    harness.vendor.respond_with(all(&vendor));
    let printed: String = [
        &["runs", "show", "3", "--rows"][..],
        &["sync", "--dry-run", "--rows"],
    ]
    .into_iter()
    .map(|command| {
        let ran = harness.binary(command);
        format!("{}{}", ran.out, ran.err)
    })
    .collect();
    let bytes = files(&harness);
    for clear in ["@x.example", "Name 1", "2010-02", "fourteenth"] {
        assert!(!holds(&bytes, clear), "{clear} is on the disk");
        assert!(!printed.contains(clear), "{clear} is printed: {printed}");
    }
    assert!(holds(&bytes, &pseudonym));
}

#[test]
fn c4_a_change_of_masks_erases_what_was_there() {
    let mut harness = Harness::new(&plan(""));
    harness.vendor.respond_with(all(&rows()));
    harness.sync().ended("ok", "clear");
    assert!(holds(&files(&harness), "a7@x.example"));
    harness.write(&plan("[stream.people]\npseudonymise = [\"email\"]\n"));
    let ran = harness.binary(&["check"]);
    assert!(
        ran.out
            .contains("own_people  email (masked otherwise: read again)"),
        "{ran:?}"
    );
    harness.sync().ended("ok", "masked");
    harness.close();
    assert!(!holds(&files(&harness), "a7@x.example"));
    let email = "SELECT count(*) FROM own_people WHERE length(email) = 32";
    assert_eq!(
        queries::one::<u64>(&harness.installation.mirror(), email),
        25
    );
    let stored = "SELECT masking FROM rollbook_columns WHERE \"column\" = 'email'";
    assert_eq!(
        queries::one::<String>(&harness.installation.mirror(), stored),
        "pseudonym"
    );
    // Rows whose keys are masked from now on cannot be found again: they are erased and read anew, and none is held.
    harness.write(&plan(
        "[stream.people]\npseudonymise = [\"email\", \"id\"]\n",
    ));
    let ran = harness.binary(&["check"]);
    assert!(
        ran.out
            .contains("own_people  id (another key: all rows are read again)"),
        "{ran:?}"
    );
    let keys = harness.sync().ended("ok", "keys are masked");
    assert_eq!(
        (keys.parts["people"].new, keys.parts["people"].removed),
        (25, 0)
    );
    harness.close();
    assert!(!holds(&files(&harness), &id(7)));
    // And back.
    harness.write(&plan(""));
    let clear = harness.sync().ended("ok", "clear again");
    assert_eq!(clear.parts["people"].new, 25);
    assert_eq!(
        harness.cell(&id(7), "email").as_deref(),
        Some("a7@x.example")
    );
}

/// Numbers, texts and lists of them have the same pseudonyms, so tables join as before.
#[test]
fn c5_references_join_by_their_pseudonyms() {
    let streams = format!(
        "{STREAM}friends = {{ from = \"friends : json set\", refers_to = \"people.id\" }}\n\
         [streams.loans]\npath = \"/loans\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = {{ absence = true }}\n\
         [streams.loans.columns]\nid = \"id : integer\"\nborrower = {{ from = \"borrower : integer\", refers_to = \"people.id\" }}\n"
    );
    let config = |loans: &str| {
        Config::of(&streams).job(&format!(
            "apply = \"together\"\n[stream.people]\npseudonymise = [\"id\", \"friends\"]\n{loans}"
        ))
    };
    let mistake = Harness::new(&config("")).check().err().expect("a problem");
    assert!(
        mistake.contains("add `borrower` to `pseudonymise` of [stream.loans]"),
        "{mistake}"
    );
    let mut harness = Harness::new(&config("[stream.loans]\npseudonymise = [\"borrower\"]\n"));
    harness
        .vendor
        .respond_with(|request: &super::server::VendorRequest| {
            let rows: Vec<Value> = match request.path.ends_with("/loans") {
                true => (0..9)
                    .map(|loan| json!({"id": loan, "borrower": 100 + loan}))
                    .collect(),
                false => (100..109)
                    .map(|id| json!({"id": id.to_string(), "friends": [id, 108]}))
                    .collect(),
            };
            super::server::Reply::json(&json!({"rows": rows}))
        });
    harness.sync().ended("ok", "masked");
    let mirror = harness.installation.mirror();
    let joined = "SELECT count(*) FROM own_loans AS l JOIN own_people AS p ON p.id = l.borrower";
    assert_eq!(queries::one::<u64>(&mirror, joined), 9);
    let friends = "SELECT count(*) FROM own_people AS p, json_each(p.friends) AS f JOIN own_people AS q ON q.id = f.value";
    assert_eq!(
        queries::one::<u64>(&mirror, friends),
        17,
        "the last is only its own friend"
    );
}

#[test]
fn c6_the_register_of_personal_data() {
    let personal = "[personal]\nid = [\"people.id\"]\nname = [\"people.name\"]\ncontact = [\"people.email\"]\nbirth = [\"people.born\"]\n";
    let mut config = plan(
        "preset = \"core\"\n[stream.people]\nkeep = [\"email\"]\npseudonymise = [\"email\"]\nhistory = \"30 days\"\n",
    );
    config.streams.push_str(personal);
    let mut harness = Harness::new(&config);
    harness.vendor.respond_with(all(&rows()));
    let before = harness.binary(&["privacy"]);
    assert!(before.out.contains("not read yet"), "{before:?}");
    harness.sync().ended("ok", "first");
    let ran = harness.binary(&["backup"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = harness.binary(&["privacy", "--json"]);
    let register: Value = serde_json::from_str(&ran.out).expect("JSON");
    let people = &register["sources"][0]["streams"][0];
    assert_eq!(people["table"], "own_people");
    assert_eq!(
        (&people["rows"], &people["history"]),
        (&json!(25), &json!("30d"))
    );
    let columns = |list: &str| -> Vec<String> {
        let entries = people[list].as_array().expect("a list").iter();
        entries
            .map(|entry| {
                format!(
                    "{} {} {}",
                    entry["category"],
                    entry["columns"][0]["column"],
                    entry["columns"][0]["masking"]
                )
            })
            .collect()
    };
    assert_eq!(
        columns("mirrored"),
        [
            "\"id\" \"id\" null",
            "\"name\" \"name\" null",
            "\"contact\" \"email\" \"pseudonymised\""
        ]
    );
    assert_eq!(columns("left_out"), ["\"birth\" \"born\" null"]);
    let files = register["files"].as_array().expect("files");
    let whats: Vec<&str> = files
        .iter()
        .filter_map(|file| file["what"].as_str())
        .collect();
    assert_eq!(
        whats,
        [
            "the mirror",
            "the vault: sign-ins, key of pseudonyms",
            "backup"
        ]
    );
    assert!(files.iter().all(|file| file["mode"] == "0600"), "{files:?}");
    let page = harness.binary(&["privacy", "--markdown"]).out;
    assert!(
        page.contains("| contact | email (pseudonymised) |\n| Not mirrored: birth | born |\n"),
        "{page}"
    );
    assert!(
        !page.contains("Name 1") && !page.contains("x.example"),
        "{page}"
    );
}
