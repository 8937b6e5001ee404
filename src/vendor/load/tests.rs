//! Descriptions put together, and what is said where they do not fit.

use super::super::api::streams;
use super::*;
use crate::model::Look;
use crate::vendor::description::Setting;

const BASE: &str = r#"vendor = "base"
title = "Base"
base_url = "https://base.example"

[settings]
tenant = { required = true, help = "the number" }

[streams.users]
path = "/users"
rows = "users"
key = ["id"]
page = { by = "offset", offset = "skip", limit = "take" }

[streams.users.columns]
id = "id : text"
name = "name : text"
born = "born : date"
"#;

/// Loads one built-in description and these of the configuration.
fn load(own: &[(&str, &str)]) -> Result<Descriptions, Problems> {
    let own: Vec<(String, Arc<FileText>)> = own
        .iter()
        .map(|(name, text)| {
            (
                (*name).to_owned(),
                FileText::new(format!("{name}.toml"), *text),
            )
        })
        .collect();
    Descriptions::of(&[("base", BASE)], &own, Problems::new())
}

fn refused(own: &[(&str, &str)]) -> String {
    load(own)
        .map(|_| ())
        .expect_err("refused")
        .render(Look::Plain)
}

fn columns<'a>(descriptions: &'a Descriptions, vendor: &str) -> Vec<(&'a str, &'a str)> {
    let description = descriptions.get(vendor).expect("there");
    let columns = &description.streams["users"].columns.0;
    columns
        .iter()
        .map(|(name, column)| (name.as_str(), column.from()))
        .collect()
}

#[test]
fn all_that_is_built_in_is_right() {
    let descriptions = Descriptions::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    assert_eq!(descriptions.names().collect::<Vec<_>>(), built_in);
}

#[test]
fn a_folder_that_is_not_there_changes_nothing() {
    let descriptions = Descriptions::load(Path::new("/nowhere/vendors")).expect("built in");
    assert_eq!(descriptions.names().count(), BUILT_IN.len());
}

#[test]
fn a_child_changes_what_it_says_and_keeps_the_rest() {
    let child = r#"
vendor = "child"
extends = "base"
title = "Child"
[settings]
region = "north"
[streams.users]
key = ["uuid"]
page.size = 50
[streams.users.columns]
born = ""
uuid = "uuid : text"
name = "fullName : text"
[streams.rooms]
path = ["/rooms", "/room"]
rows = "[]"
key = ["id"]
columns = { id = "id : text" }
"#;
    let grandchild = "vendor = 'grandchild'\nextends = 'child'\n[streams.rooms]\noff = true";
    let descriptions = load(&[("child", child), ("grandchild", grandchild)]).expect("right");
    assert_eq!(
        descriptions.names().collect::<Vec<_>>(),
        ["base", "child", "grandchild"]
    );
    for vendor in ["child", "grandchild"] {
        let found = descriptions.get(vendor).expect("there");
        assert_eq!(found.vendor, vendor);
        assert_eq!(found.title, "Child");
        assert_eq!(found.base_url, "https://base.example");
        assert!(matches!(&found.settings["tenant"], Setting::Full(rules) if rules.required));
        assert!(matches!(&found.settings["region"], Setting::Default(text) if text == "north"));
        assert_eq!(found.streams["users"].key, ["uuid"]);
        assert_eq!(found.streams["users"].page.offset.as_deref(), Some("skip"));
        assert_eq!(found.streams["users"].page.size, Some(50));
        assert_eq!(found.streams["rooms"].off, vendor == "grandchild");
        assert_eq!(
            columns(&descriptions, vendor),
            [
                ("id", "id : text"),
                ("name", "fullName : text"),
                ("uuid", "uuid : text")
            ]
        );
    }
    assert_eq!(
        descriptions.get("base").expect("there").streams["users"].key,
        ["id"]
    );
}

#[test]
fn an_own_file_replaces_the_one_built_in_or_extends_it() {
    let other = BASE
        .replace("Base", "Ours")
        .replace("born = \"born : date\"\n", "");
    let descriptions = load(&[("base", &other)]).expect("right");
    assert_eq!(descriptions.get("base").expect("there").title, "Ours");
    assert_eq!(columns(&descriptions, "base").len(), 2);

    let on_top = "vendor = 'base'\nextends = 'base'\ntitle = 'Ours'";
    let child = "vendor = 'child'\nextends = 'base'";
    let descriptions = load(&[("base", on_top), ("child", child)]).expect("right");
    assert_eq!(descriptions.get("base").expect("there").title, "Ours");
    assert_eq!(columns(&descriptions, "base").len(), 3);
    assert_eq!(descriptions.get("child").expect("there").title, "Ours");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (own, expected) in REFUSED {
        assert_eq!(refused(own), expected.trim_start_matches('\n'), "{own:?}");
    }
}

#[test]
fn a_chain_through_a_broken_file_is_told_of_once() {
    let own = [
        ("a", "vendor = 'a'\nextends = 'base'\ntitel = 'x'"),
        ("b", "vendor = 'b'\nextends = 'a'"),
        ("c", "vendor = 'c'\nextends = 'b'"),
    ];
    assert_eq!(load(&own).map(|_| ()).expect_err("refused").errors(), 1);
}

#[test]
fn a_later_problem_points_at_the_file_that_says_it() {
    let child = "vendor = 'child'\nextends = 'base'\n[streams.users]\nkey = ['id']\n";
    let descriptions = load(&[("child", child)]).expect("right");
    let rows: [(&str, &[&str], Option<&str>, &str); 5] = [
        (
            "child",
            &["streams", "users", "key"],
            Some("do"),
            "child.toml:4:7: odd (do)",
        ),
        (
            "child",
            &["streams", "users", "page", "by"],
            Some("do"),
            "base.toml (built in):12:15: odd (do; `child` takes this from here)",
        ),
        (
            "child",
            &["streams", "users", "window", "step"],
            None,
            "child.toml:3:10: odd",
        ),
        ("child", &["auth"], None, "child.toml: odd"),
        (
            "base",
            &["streams", "users", "page", "by"],
            None,
            "base.toml (built in):12:15: odd",
        ),
    ];
    for (vendor, path, help, expected) in rows {
        let problem = descriptions.problem(vendor, path, "odd", help.map(str::to_owned));
        assert_eq!(problem.to_string(), expected);
    }
}

/// Files of the configuration, and what is shown for them.
const REFUSED: &[(&[(&str, &str)], &str)] = &[
    (
        &[("wapi", "vendor = 'wappi'\nextends = 'base'")],
        r#"
error: `vendor` must be the file's name
 --> wapi.toml:1:10
  |
1 | vendor = 'wappi'
  |          ^^^^^^^
  |
  = help: write `vendor = "wapi"`
"#,
    ),
    (
        &[("own", "extends = 'base'")],
        r#"
error: `vendor` must be the file's name
--> own.toml
 = help: write `vendor = "own"`
"#,
    ),
    (
        &[("own", "vendor = 'own'\nextends = 'bsae'")],
        r#"
error: there is no description `bsae` to extend
 --> own.toml:2:11
  |
2 | extends = 'bsae'
  |           ^^^^^^
  |
  = help: did you mean `base`?
"#,
    ),
    (
        &[("own", "vendor = 'own'\nextends = 'own'")],
        r#"
error: there is no description `own` to extend
 --> own.toml:2:11
  |
2 | extends = 'own'
  |           ^^^^^
  |
  = help: known here: `base`
"#,
    ),
    (
        &[
            ("a", "vendor = 'a'\nextends = 'b'"),
            ("b", "vendor = 'b'\nextends = 'a'"),
        ],
        r#"
error: `a` extends itself in the end
 --> a.toml:2:11
  |
2 | extends = 'b'
  |           ^^^
  |
  = help: extend another description, or none

error: `b` extends itself in the end
 --> b.toml:2:11
  |
2 | extends = 'a'
  |           ^^^
  |
  = help: extend another description, or none
"#,
    ),
    (
        &[(
            "own",
            "vendor = 'own'\nextends = 'base'\n[streams.users.columns]\nnmae = ''",
        )],
        r#"
error: there is no column `nmae` to leave out
 --> own.toml:4:1
  |
4 | nmae = ''
  | ^^^^
  |
  = help: did you mean `name`?
"#,
    ),
    (
        &[(
            "own",
            "vendor = 'own'\nextends = 'base'\n[streams.users]\nkeys = ['id']\n[streams.rooms]\npath = '/rooms'",
        )],
        r#"
error: unknown key `keys`
 --> own.toml:4:1
  |
4 | keys = ['id']
  | ^^^^
  |
  = help: did you mean `key`?
"#,
    ),
    (
        &[(
            "own",
            "vendor = 'own'\nextends = 'base'\n[streams.rooms]\npath = '/rooms'\nrows = 'rooms'",
        )],
        r#"
error: the key `key` is missing
 --> own.toml:3:10
  |
3 | [streams.rooms]
  |          ^^^^^
  |
  = help: `key`: The columns that identify a row

error: the key `columns` is missing
 --> own.toml:3:10
  |
3 | [streams.rooms]
  |          ^^^^^
  |
  = help: `columns`: The columns, in the table's order
"#,
    ),
    (
        &[("own", "vendor = 'own'\ntitle = 'x'")],
        r#"
error: the key `base_url` is missing
--> own.toml
 = help: `base_url`: Template of the address that every path is put behind

error: the key `streams` is missing
--> own.toml
 = help: `streams`: The kinds of rows, by name
"#,
    ),
    (
        &[(
            "Own",
            "vendor = 'Own'\nextends = 'base'\n[streams.Users.columns]\nId = 'id : text'",
        )],
        r#"
error: a description is named like its file, and the name `Own` cannot be used: small letters, digits and underscores, a letter first
--> Own.toml
 = help: rename the file, for example `own`

error: the name `Users` cannot be used: small letters, digits and underscores, a letter first
 --> Own.toml:3:10
  |
3 | [streams.Users.columns]
  |          ^^^^^
  |
  = help: for example `users`

error: the name `Id` cannot be used: small letters, digits and underscores, a letter first
 --> Own.toml:4:1
  |
4 | Id = 'id : text'
  | ^^
  |
  = help: for example `id`
"#,
    ),
    (
        &[(
            "own",
            "vendor = 'own'\nextends = 'base'\n[streams.users]\npage = { by = 'ofset', size = -1 }\n[auth.pasword]\ntoken_url = 'x'",
        )],
        r#"
error: `ofset` is no `by`
 --> own.toml:4:15
  |
4 | page = { by = 'ofset', size = -1 }
  |               ^^^^^^^
  |
  = help: did you mean `offset`?

error: `size` must be at least 0
 --> own.toml:4:31
  |
4 | page = { by = 'ofset', size = -1 }
  |                               ^^

error: unknown key `pasword`
 --> own.toml:5:7
  |
5 | [auth.pasword]
  |       ^^^^^^^
  |
  = help: did you mean `password`?
"#,
    ),
];

#[test]
fn an_accounts_name_stands_in_a_column_that_is_there() {
    for (identity, off, expected) in [
        ("stream = \"users\", column = \"name\"", "", None),
        (
            "stream = \"user\", column = \"name\"",
            "",
            Some("identity.stream: there is no stream `user` (did you mean `users`?)"),
        ),
        (
            "stream = \"users\", column = \"nam\"",
            "",
            Some("identity.column: users has no column `nam` (did you mean `name`?)"),
        ),
        (
            "stream = \"users\", column = \"nam\"",
            "[streams.users]\noff = true\n",
            None,
        ),
    ] {
        let own = format!(
            "vendor = \"own\"\nextends = \"base\"\ntitle = \"Own\"\nidentity = {{ {identity} }}\n{off}"
        );
        let descriptions = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let description = descriptions.get("own").expect("there");
        let found = streams(description).map(drop);
        let told = found.err().map(|flaws| {
            let flaw = &flaws[0];
            let help = flaw.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", flaw.at.join("."), flaw.message)
        });
        assert_eq!(told.as_deref(), expected, "{identity}");
    }
}

/// What the keys about rows and cells need: members, columns, streams and time zones that are there.
#[test]
fn keys_about_cells_are_looked_at() {
    for (text, expected) in [
        (
            "[streams.users.short]\nlacks = ['status', 'made.at', '../Full']",
            None,
        ),
        (
            "[streams.users.short]\nlacks = []",
            Some(
                "streams.users.short.lacks: a short row must lack something (name members that only the full form has)",
            ),
        ),
        (
            "[streams.users.short]\nlacks = ['ids[].x']",
            Some("streams.users.short.lacks: `ids[].x` must name a member, without brackets ()"),
        ),
        (
            "[streams.users.short]\nlacks = ['a.']",
            Some("streams.users.short.lacks: `` names no member ()"),
        ),
        (
            "[streams.users.columns]\nboss = { from = 'boss : text', references = 'users' }",
            None,
        ),
        (
            "[streams.users.columns]\nboss = { from = 'boss : text', references = 'user' }",
            Some(
                "streams.users.columns.boss.references: there is no stream `user` (did you mean `users`?)",
            ),
        ),
        (
            "[streams.users]\nkey = ['id', 'name']\n[streams.users.columns]\nboss = { from = 'boss : text', references = 'users' }",
            Some(
                "streams.users.columns.boss.references: a row of users is not found by one column (name a stream whose key is one column)",
            ),
        ),
        ("time_zone = 'Europe/Vienna'", None),
        ("time_zone = ''", None),
        ("time_zone = '{zone}'\n[settings]\nzone = ''", None),
        (
            "time_zone = 'Europe/Wien'",
            Some(
                "time_zone: there is no time zone `Europe/Wien` (write it as in \"Europe/Vienna\")",
            ),
        ),
        (
            "[streams.users.columns]\nboss = 'boss : text set'",
            Some(
                "streams.users.columns.boss: `set` is for arrays: the type must be json, not text ()",
            ),
        ),
        (
            "[streams.users.columns]\nboss = 'boss : text requird'",
            Some(
                "streams.users.columns.boss: `requird` is no modifier; known are lower, guid, nonzero, texts, set, required, verbatim ()",
            ),
        ),
    ] {
        let own = format!("vendor = 'own'\nextends = 'base'\ntitle = 'Own'\n{text}");
        let descriptions = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let found = streams(descriptions.get("own").expect("there")).map(drop);
        let told = found.err().map(|flaws| {
            let flaw = &flaws[0];
            let help = flaw.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", flaw.at.join("."), flaw.message)
        });
        assert_eq!(told.as_deref(), expected, "{text}");
    }
}

/// What the shipped files promise about cells.
#[test]
fn shipped_descriptions_name_sets_references_and_short_rows() {
    let descriptions = Descriptions::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let specs = |vendor: &str| {
        let description = descriptions.get(vendor).expect("shipped");
        streams(description).unwrap_or_else(|flaws| panic!("{vendor}: {flaws:?}"))
    };
    for vendor in ["oneroster", "webuntis"] {
        let specs = specs(vendor);
        for (stream, column, to) in [
            ("enrollments", "user_id", Some("users")),
            ("enrollments", "class_id", Some("classes")),
            ("enrollments", "school_id", Some("orgs")),
            ("classes", "school_id", Some("orgs")),
            ("classes", "course_id", None),
        ] {
            let spec = &specs[stream];
            let place = spec.column(column).expect("a column");
            assert_eq!(
                spec.columns[place].references.as_deref(),
                to,
                "{vendor} {stream}.{column}"
            );
        }
        for (stream, sets) in [
            ("users", &["orgs", "agents", "grades"][..]),
            ("classes", &["terms", "grades", "periods"]),
            ("orgs", &["child_ids"]),
        ] {
            for name in sets {
                let spec = &specs[stream];
                let place = spec.column(name).expect("a column");
                assert!(spec.columns[place].shaping.set, "{vendor} {stream}.{name}");
            }
        }
        let users = &specs["users"];
        for name in ["given_name", "middle_name", "family_name", "username"] {
            let place = users.column(name).expect("a column");
            assert!(users.columns[place].shaping.verbatim, "{vendor} {name}");
        }
        assert_eq!(users.time_zone, "{time_zone}", "{vendor}");
    }
    let wapi = specs("wapi");
    let short: Vec<&str> = wapi
        .values()
        .filter(|spec| !spec.lacks.is_empty())
        .map(|spec| spec.name.as_str())
        .collect();
    assert_eq!(short, ["datas", "fluxes", "ltus", "reflections"]);
}
