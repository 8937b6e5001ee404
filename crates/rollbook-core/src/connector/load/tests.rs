//! Connectors put together, and the problems reported where they do not fit.

use super::super::api::streams;
use super::*;
use crate::connector::file::Setting;
use crate::document::RenderStyle;

mod strategies;

const BASE: &str = r#"connector = "base"
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

/// Loads one built-in connector and these of the configuration.
fn load(own: &[(&str, &str)]) -> Result<Connectors, Problems> {
    let own: Vec<(String, Arc<FileText>)> = own
        .iter()
        .map(|(name, text)| {
            (
                (*name).to_owned(),
                FileText::new(format!("{name}.toml"), *text),
            )
        })
        .collect();
    Connectors::of(&[("base", BASE)], &own, Problems::new()).all_right()
}

fn refused(own: &[(&str, &str)]) -> String {
    load(own)
        .map(|_| ())
        .expect_err("refused")
        .render(RenderStyle::Plain)
}

fn columns<'a>(connectors: &'a Connectors, name: &str) -> Vec<(&'a str, &'a str)> {
    let connector = connectors.get(name).expect("there");
    let columns = &connector.streams["users"].columns.0;
    columns
        .iter()
        .map(|(name, column)| (name.as_str(), column.from()))
        .collect()
}

#[test]
fn all_that_is_built_in_is_right() {
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    assert_eq!(connectors.names().collect::<Vec<_>>(), built_in);
}

#[test]
fn a_folder_that_is_not_there_changes_nothing() {
    let connectors = Connectors::load(Path::new("/nowhere/names")).expect("built in");
    assert_eq!(connectors.names().count(), BUILT_IN.len());
}

#[test]
fn a_child_changes_what_it_says_and_keeps_the_rest() {
    let child = r#"
connector = "child"
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
    let grandchild = "connector = 'grandchild'\nextends = 'child'\n[streams.rooms]\noff = true";
    let connectors = load(&[("child", child), ("grandchild", grandchild)]).expect("right");
    assert_eq!(
        connectors.names().collect::<Vec<_>>(),
        ["base", "child", "grandchild"]
    );
    for name in ["child", "grandchild"] {
        let found = connectors.get(name).expect("there");
        assert_eq!(found.connector, name);
        assert_eq!(found.title, "Child");
        assert_eq!(found.base_url, "https://base.example");
        assert!(matches!(&found.settings["tenant"], Setting::Full(rules) if rules.required));
        assert!(matches!(&found.settings["region"], Setting::Default(text) if text == "north"));
        assert_eq!(found.streams["users"].key, ["uuid"]);
        assert_eq!(found.streams["users"].page.offset.as_deref(), Some("skip"));
        assert_eq!(found.streams["users"].page.size, Some(50));
        assert_eq!(found.streams["rooms"].off, name == "grandchild");
        assert_eq!(
            columns(&connectors, name),
            [
                ("id", "id : text"),
                ("name", "fullName : text"),
                ("uuid", "uuid : text")
            ]
        );
    }
    assert_eq!(
        connectors.get("base").expect("there").streams["users"].key,
        ["id"]
    );
}

#[test]
fn an_own_file_replaces_the_one_built_in_or_extends_it() {
    let other = BASE
        .replace("Base", "Ours")
        .replace("born = \"born : date\"\n", "");
    let connectors = load(&[("base", &other)]).expect("right");
    assert_eq!(connectors.get("base").expect("there").title, "Ours");
    assert_eq!(columns(&connectors, "base").len(), 2);

    let on_top = "connector = 'base'\nextends = 'base'\ntitle = 'Ours'";
    let child = "connector = 'child'\nextends = 'base'";
    let connectors = load(&[("base", on_top), ("child", child)]).expect("right");
    assert_eq!(connectors.get("base").expect("there").title, "Ours");
    assert_eq!(columns(&connectors, "base").len(), 3);
    assert_eq!(connectors.get("child").expect("there").title, "Ours");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (own, expected) in REFUSED {
        assert_eq!(refused(own), expected.trim_start_matches('\n'), "{own:?}");
    }
}

#[test]
fn a_mistake_in_an_extended_file_is_reported_once() {
    let own = [
        ("a", "connector = 'a'\nextends = 'base'\ntitel = 'x'"),
        ("b", "connector = 'b'\nextends = 'a'"),
        ("c", "connector = 'c'\nextends = 'b'"),
    ];
    assert_eq!(load(&own).map(|_| ()).expect_err("refused").errors(), 1);
}

#[test]
fn a_connector_with_mistakes_still_has_its_names() {
    let own = [
        (
            "a",
            "connector = 'a'\nextends = 'base'\ntitel = 'x'\n[settings]\nregion = 'AU'",
        ),
        ("b", "connector = 'b'\nextends = 'a'"),
        ("c", "connector = 'c'\nextends = 'nothing'"),
        ("d", "connector = 'd'\nextends = 'base'\ntitle = \n"),
    ];
    let own = own.map(|(name, text)| {
        let file = FileText::new(format!("{name}.toml"), text);
        (name.to_owned(), file)
    });
    let read = Connectors::of(&[("base", BASE)], &own, Problems::new());
    let connectors = read.connectors;
    assert_eq!(connectors.names().collect::<Vec<_>>(), ["base"]);
    for (name, expected) in [
        ("base", Some(&["tenant"][..])),
        ("a", Some(&["region", "tenant"])),
        ("b", Some(&["region", "tenant"])),
        ("c", None),
        ("d", None),
    ] {
        assert!(!connectors.is_unknown(name), "{name}");
        let outline = connectors.outline(name);
        let settings = outline.as_ref().and_then(|one| one.settings.as_ref());
        let settings = settings.map(|settings| settings.keys().cloned().collect::<Vec<_>>());
        assert_eq!(
            settings
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect::<Vec<_>>()),
            expected.map(<[&str]>::to_vec),
            "{name}"
        );
        let streams = outline.and_then(|one| one.streams);
        assert_eq!(
            streams,
            expected.map(|_| vec!["users".to_owned()]),
            "{name}"
        );
    }
    assert!(connectors.is_unknown("e"));
}

#[test]
fn a_later_problem_points_at_the_file_that_says_it() {
    let child = "connector = 'child'\nextends = 'base'\n[streams.users]\nkey = ['id']\n";
    let connectors = load(&[("child", child)]).expect("right");
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
            "base.toml (built in):12:15: odd (do; `child` inherits this from here)",
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
    for (name, path, help, expected) in rows {
        let problem = connectors.problem(name, path, "odd", help.map(str::to_owned));
        assert_eq!(problem.to_string(), expected);
    }
}

/// Files of the configuration, and what is shown for them.
const REFUSED: &[(&[(&str, &str)], &str)] = &[
    (
        &[("wapi", "connector = 'wappi'\nextends = 'base'")],
        r#"
error: `connector` must be the file's name
 --> wapi.toml:1:13
  |
1 | connector = 'wappi'
  |             ^^^^^^^
  |
  = help: write `connector = "wapi"`
"#,
    ),
    (
        &[("own", "extends = 'base'")],
        r#"
error: `connector` must be the file's name
--> own.toml
 = help: write `connector = "own"`
"#,
    ),
    (
        &[("own", "connector = 'own'\nextends = 'bsae'")],
        r#"
error: there is no connector `bsae` to extend
 --> own.toml:2:11
  |
2 | extends = 'bsae'
  |           ^^^^^^
  |
  = help: did you mean `base`?
"#,
    ),
    (
        &[("own", "connector = 'own'\nextends = 'own'")],
        r#"
error: there is no connector `own` to extend
 --> own.toml:2:11
  |
2 | extends = 'own'
  |           ^^^^^
  |
  = help: known: `base`
"#,
    ),
    (
        &[
            ("a", "connector = 'a'\nextends = 'b'"),
            ("b", "connector = 'b'\nextends = 'a'"),
        ],
        r#"
error: `a` extends itself
 --> a.toml:2:11
  |
2 | extends = 'b'
  |           ^^^
  |
  = help: extend another connector, or none

error: `b` extends itself
 --> b.toml:2:11
  |
2 | extends = 'a'
  |           ^^^
  |
  = help: extend another connector, or none
"#,
    ),
    (
        &[(
            "own",
            "connector = 'own'\nextends = 'base'\n[streams.users.columns]\nnmae = ''",
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
            "connector = 'own'\nextends = 'base'\n[streams.users]\nkeys = ['id']\n[streams.rooms]\npath = '/rooms'",
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
            "connector = 'own'\nextends = 'base'\n[streams.rooms]\npath = '/rooms'\nrows = 'rooms'",
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
        &[("own", "connector = 'own'\ntitle = 'x'")],
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
            "connector = 'Own'\nextends = 'base'\n[streams.Users.columns]\nId = 'id : text'",
        )],
        r#"
error: a connector is named like its file, and invalid name `Own`: use small letters, digits and underscores, starting with a letter
--> Own.toml
 = help: rename the file, for example `own`

error: invalid name `Users`: use small letters, digits and underscores, starting with a letter
 --> Own.toml:3:10
  |
3 | [streams.Users.columns]
  |          ^^^^^
  |
  = help: for example `users`

error: invalid name `Id`: use small letters, digits and underscores, starting with a letter
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
            "connector = 'own'\nextends = 'base'\n[streams.users]\npage = { by = 'ofset', size = -1 }\n[auth.pasword]\ntoken_url = 'x'",
        )],
        r#"
error: invalid value `ofset` for `by`
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
            "connector = \"own\"\nextends = \"base\"\ntitle = \"Own\"\nidentity = {{ {identity} }}\n{off}"
        );
        let connectors = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let connector = connectors.get("own").expect("there");
        let found = streams(connector).map(drop);
        let reported = found.err().map(|problems| {
            let problem = &problems[0];
            let help = problem.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", problem.at.join("."), problem.message)
        });
        assert_eq!(reported.as_deref(), expected, "{identity}");
    }
}

/// What the keys about rows and cells need: members, columns, streams and time zones that are there.
#[test]
fn keys_about_cells_are_looked_at() {
    for (text, expected) in [
        (
            "[errors]\nfailed = ['a', 'odata.error', '[].b', 'a[][].b', 'users.{*}.b', '@x']\nok = { 'a.b' = ['1'] }",
            None,
        ),
        (
            "[errors]\nfailed = ['users[0].error']",
            Some(
                "errors: `users[0].error` is not a path of `failed` or `ok` (members with dots; `[]` is each element, `{*}` each member: `users[].error`)",
            ),
        ),
        (
            "[errors]\nok = { 'a | b' = ['1'] }",
            Some(
                "errors: `a | b` is not a path of `failed` or `ok` (members with dots; `[]` is each element, `{*}` each member: `users[].error`)",
            ),
        ),
        (
            "[streams.users.short]\nlacks = ['status', 'made.at', '../Full']",
            None,
        ),
        (
            "[streams.users.short]\nlacks = []",
            Some(
                "streams.users.short.lacks: `short.lacks` is empty (name members that only the full form has)",
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
            "[streams.users.columns]\nboss = { from = 'boss : text', refers_to = 'users.id' }",
            None,
        ),
        (
            "[streams.users.columns]\nboss = { from = 'boss : text', refers_to = 'user.id' }",
            Some(
                "streams.users.columns.boss.refers_to: there is no stream `user` (did you mean `users`?)",
            ),
        ),
        (
            "[streams.users.columns]\nboss = { from = 'boss : text', refers_to = 'users.ident' }",
            Some(
                "streams.users.columns.boss.refers_to: users has no column `ident` (known: `id`, `name`, `born`, `boss`)",
            ),
        ),
        (
            "[streams.users.for_each]\nstream = 'users'\ntake = { id = 'id' }\n[streams.users.columns]\nboss = { from = '= {id} : text', refers_to = 'users.id' }",
            Some(
                "streams.users.columns.boss.refers_to: `combo` or `for_each` already says what the column refers to (leave `refers_to` out)",
            ),
        ),
        (
            "[streams.users.columns]\nboss = { from = 'boss : text', refers_to = 'users' }",
            Some(
                "streams.users.columns.boss.refers_to: `users` is not a column of a stream (write it as in `refers_to = \"users.id\"`)",
            ),
        ),
        (
            "[streams.users.for_each]\nstream = 'users'\ntake = { id = 'id', seen = 'born' }\nskip_while_same = ['seen']",
            Some(
                "streams.users.for_each.skip_while_same: no column says which item a row was read for (add one, such as `user_id = \"= {user_id} : text\"`)",
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
                "streams.users.columns.boss: unknown modifier `requird`; known modifiers: lower, guid, nonzero, texts, set, required, verbatim, epoch, epoch_ms ()",
            ),
        ),
    ] {
        let own = format!("connector = 'own'\nextends = 'base'\ntitle = 'Own'\n{text}");
        let connectors = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let found = streams(connectors.get("own").expect("there")).map(drop);
        let reported = found.err().map(|problems| {
            let problem = &problems[0];
            let help = problem.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", problem.at.join("."), problem.message)
        });
        assert_eq!(reported.as_deref(), expected, "{text}");
    }
}

/// A request for several items would send the text `{first}`.
#[test]
fn only_the_items_variable_is_in_requests_for_several() {
    for (text, expected) in [
        ("", None),
        (
            "path = '/points/{first}/{s}'",
            Some("streams.points.path: `{first}`"),
        ),
        (
            "query = { a = '{first}' }",
            Some("streams.points.query: `{first}`"),
        ),
        (
            "query = { a = ['x', { b = '{first}' }] }",
            Some("streams.points.query: `{first}`"),
        ),
        ("query = { a = '{s}', b = '{setting}' }", None),
        (
            "headers = { A = '{first}' }",
            Some("streams.points.headers: `{first}`"),
        ),
        (
            "columns = { s = '= {s} : integer', t = 't : timestamp', v = 'v.{first} : real' }",
            Some("streams.points.columns.v: `{first}`"),
        ),
    ] {
        let path = if text.starts_with("path") {
            ""
        } else {
            "path = '/points/{s}'"
        };
        let columns = match text.starts_with("columns") {
            true => "",
            false => "columns = { s = '= {s} : integer', t = 't : timestamp' }",
        };
        let own = format!(
            "connector = 'own'\nextends = 'base'\ntitle = 'Own'\n[streams.points]\nrows = 'rows'\nkey = ['s', 't']\n{path}\n{columns}\n{text}\n\
             for_each = {{ stream = 'users', take = {{ s = 'id', first = 'born' }}, several = {{ most = 9, id = 'd' }} }}\n\
             window = {{ from = 'from', to = 'to', column = 't', start = '{{first}}', step = '7d' }}\n"
        );
        let connectors = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let found = streams(connectors.get("own").expect("there")).map(drop);
        let reported = found.err().map(|problems| {
            let message = format!("{}: {}", problems[0].at.join("."), problems[0].message);
            message
                .split_once(" differs")
                .map_or(message.clone(), |(start, _)| start.to_owned())
        });
        assert_eq!(reported.as_deref(), expected, "{text}");
    }
}

/// Rows of a response for several items are told apart by item and time.
#[test]
fn several_items_need_rows_with_a_time_of_their_own() {
    for (key, format, expected) in [
        ("['s', 't']", "", None),
        ("['t', 's']", "format = '%s'", None),
        ("['s', 't']", "format = '%Y%m%d%H%M%S'", None),
        (
            "['s', 't', 'kind']",
            "",
            Some(
                "streams.points.key: `for_each.several` is for rows that their item and their time identify (use `key = [\"s\", \"t\"]`, or remove `for_each.several`)",
            ),
        ),
        (
            "['t']",
            "",
            Some(
                "streams.points.key: `for_each.several` is for rows that their item and their time identify (use `key = [\"s\", \"t\"]`, or remove `for_each.several`)",
            ),
        ),
        (
            "['s', 't']",
            "format = '%Y-%m-%dT%H:%M'",
            Some(
                "streams.points.window.format: `for_each.several` needs times with seconds: a response is compared with two that share its time (add `%S`, or remove `for_each.several`)",
            ),
        ),
    ] {
        let format = if format.is_empty() {
            String::new()
        } else {
            format!(", {format}")
        };
        let own = format!(
            "connector = 'own'\nextends = 'base'\ntitle = 'Own'\n[streams.points]\npath = '/points/{{s}}'\nrows = 'rows'\nkey = {key}\n\
             columns = {{ s = '= {{s}} : integer', t = 't : timestamp', kind = 'k : text' }}\n\
             for_each = {{ stream = 'users', take = {{ s = 'id' }}, several = {{ most = 9, id = 'd' }} }}\n\
             window = {{ from = 'from', to = 'to', column = 't', start = '-30d', step = '7d'{format} }}\n"
        );
        let connectors = load(&[("own", &own)]).unwrap_or_else(|problems| panic!("{problems}"));
        let found = streams(connectors.get("own").expect("there")).map(drop);
        let reported = found.err().map(|problems| {
            let problem = &problems[0];
            let help = problem.help.as_deref().unwrap_or_default();
            format!("{}: {} ({help})", problem.at.join("."), problem.message)
        });
        assert_eq!(reported.as_deref(), expected, "{key} {format}");
    }
}
