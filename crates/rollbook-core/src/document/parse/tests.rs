//! Mistakes in a file and their messages.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::document::RenderStyle;
use crate::model::{Percent, Period, StreamName};

/// Something of every kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "never read: only its shape matters")]
struct Example {
    /// What it is called.
    title: String,
    #[serde(default)]
    size: Option<u32>,
    #[serde(default)]
    rate: Option<f64>,
    #[serde(default)]
    on: bool,
    #[serde(default)]
    tags: Vec<String>,
    wait: Option<Period>,
    share: Option<Percent>,
    #[serde(default)]
    choice: Choice,
    #[serde(default)]
    things: BTreeMap<StreamName, Thing>,
    either: Option<Either>,
}

/// A choice.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Choice {
    /// The first.
    #[default]
    First,
    Second,
}

/// A thing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "never read: only its shape matters")]
struct Thing {
    key: Vec<String>,
    colour: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "never read: only its shape matters")]
enum Either {
    One(String),
    Many(Vec<String>),
}

impl FileKind for Example {
    fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

const CHECKS: &[Check] = &[
    Check::of::<Period>(),
    Check::of::<Percent>(),
    Check::of::<StreamName>(),
];

fn check(text: &str, expected: &str) {
    let problems = match Document::<Example>::read(&FileText::new("x.toml", text), CHECKS) {
        Ok(_) => Problems::new(),
        Err(problems) => problems,
    };
    assert_eq!(
        problems.render(RenderStyle::Plain),
        expected.trim_start_matches('\n'),
        "{text}"
    );
}

#[test]
fn what_is_right_is_read() {
    check("title = 'x'", "");
    check(
        "title = 'x'\nsize = 4294967295\nrate = 1\non = true\ntags = ['a']\nwait = '1h 30m'\nshare = '5%'\nchoice = 'second'\n\
         either = ['a']\n[things.users]\nkey = ['id']\n",
        "",
    );
}

#[test]
fn every_mistake_is_shown_where_it_stands() {
    for (text, expected) in MISTAKES {
        check(text, expected);
    }
}

proptest! {
    #[test]
    fn noise_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = text_of("x.toml", bytes) {
            noise(&file);
        }
    }

    #[test]
    fn noise_that_looks_like_toml_never_panics(
        text in r#"(title|size|things|\.a|wait|password| = |\[|\]|\{|\}|"|'|,|\n|\r|5|-|#|true|'5%'|é|:){0,40}"#
    ) {
        noise(&FileText::new("x.toml", text));
    }
}

fn noise(file: &Arc<FileText>) {
    if let Err(problems) = Document::<Example>::read(file, CHECKS) {
        assert!(problems.has_errors());
        for problem in problems.iter() {
            assert!(!problem.to_string().is_empty());
        }
        assert!(
            problems.render(RenderStyle::Coloured).len()
                > problems.render(RenderStyle::Plain).len()
        );
    }
}

#[test]
fn a_file_of_noise_is_cut_short() {
    let wrong: String = (0..60).map(|n| format!("wrong{n} = 1\n")).collect();
    let file = FileText::new("x.toml", format!("title = 'x'\n{wrong}"));
    let problems = Document::<Example>::read(&file, CHECKS).expect_err("wrong");
    assert_eq!(problems.errors(), 60);
    assert!(
        problems
            .render(RenderStyle::Plain)
            .ends_with("\nand 10 more in x.toml\n")
    );
}

#[test]
fn a_file_that_is_no_text_of_ours_is_refused() {
    let rows: [(Vec<u8>, &str); 4] = [
        (
            vec![b'#'; LARGEST + 1],
            "x.toml: the file is larger than 1 MiB (a configuration file is smaller; move this one away)",
        ),
        (
            b"a = 1\nb = '\xff'".to_vec(),
            "x.toml:2:6: this is not UTF-8 (save the file as UTF-8)",
        ),
        (
            b"a = 1\nb\0 = 1".to_vec(),
            "x.toml:2:2: there is a NUL byte (the file is damaged or not a text; restore it)",
        ),
        (b"title = 'x'".to_vec(), ""),
    ];
    for (bytes, expected) in rows {
        let found = text_of("x.toml", bytes)
            .err()
            .map(|problem| problem.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }
}

#[test]
fn a_value_is_found_again() {
    let text = "title = 'x'\n[things.users]\nkey = ['a', 'bc']\n";
    let document =
        Document::<Example>::read(&FileText::new("x.toml", text), CHECKS).expect("right");
    let at = |path: &[&str]| document.span_of(path).map(|span| &text[span]);
    assert_eq!(at(&["title"]), Some("'x'"));
    assert_eq!(at(&["things", "users", "key", "1"]), Some("'bc'"));
    assert_eq!(at(&["things", "users", "colour"]), None);
    let near = |path: &[&str]| document.location(path).span.map(|span| &text[span]);
    assert_eq!(near(&["things", "users", "key"]), Some("['a', 'bc']"));
    assert_eq!(near(&["things", "users", "colour"]), Some("users"));
    assert_eq!(near(&["things", "rooms"]), Some("things"));
    assert_eq!(near(&["size"]), None);
}

/// A text and what is shown for it.
const MISTAKES: &[(&str, &str)] = &[
    (
        r#""#,
        r#"
error: the key `title` is missing
--> x.toml
 = help: `title`: What it is called
"#,
    ),
    (
        r#"title = 5"#,
        r#"
error: `title` must be a text, not a whole number
 --> x.toml:1:9
  |
1 | title = 5
  |         ^
  |
  = help: put it in quotes
"#,
    ),
    (
        r#"titel = 'x'"#,
        r#"
error: unknown key `titel`
 --> x.toml:1:1
  |
1 | titel = 'x'
  | ^^^^^
  |
  = help: did you mean `title`?
"#,
    ),
    (
        r#"title = 'x'
colour = 1"#,
        r#"
error: unknown key `colour`
 --> x.toml:2:1
  |
2 | colour = 1
  | ^^^^^^
  |
  = help: known: `choice`, `either`, `on`, `rate`, `share`, `size`, `tags`, `things`, `title`, `wait`
"#,
    ),
    (
        r#"title = 'x'
size = '5'
rate = 'fast'
on = 'yes'
tags = 'a'
either = 5
things = 7"#,
        r#"
error: `size` must be a whole number, not a text
 --> x.toml:2:8
  |
2 | size = '5'
  |        ^^^
  |
  = help: write a whole number without quotes, such as `5`

error: `rate` must be a number, not a text
 --> x.toml:3:8
  |
3 | rate = 'fast'
  |        ^^^^^^
  |
  = help: write a number without quotes, such as `2.5`

error: `on` must be `true` or `false`, not a text
 --> x.toml:4:6
  |
4 | on = 'yes'
  |      ^^^^^
  |
  = help: write it without quotes

error: `tags` must be a list, not a text
 --> x.toml:5:8
  |
5 | tags = 'a'
  |        ^^^
  |
  = help: write a list, such as `["one", "two"]`

error: `either` must be a text or a list, not a whole number
 --> x.toml:6:10
  |
6 | either = 5
  |          ^
  |
  = help: put it in quotes

error: `things` must be a table, not a whole number
 --> x.toml:7:10
  |
7 | things = 7
  |          ^
"#,
    ),
    (
        r#"title = 'x'
size = 1.5
rate = nan"#,
        r#"
error: `size` must be a whole number, not a number with a point
 --> x.toml:2:8
  |
2 | size = 1.5
  |        ^^^
  |
  = help: write a whole number without quotes, such as `5`

error: `rate` must be a finite number
 --> x.toml:3:8
  |
3 | rate = nan
  |        ^^^
"#,
    ),
    (
        r#"title = 'x'
size = 4294967296"#,
        r#"
error: `size` must be at most 4294967295
 --> x.toml:2:8
  |
2 | size = 4294967296
  |        ^^^^^^^^^^
"#,
    ),
    (
        r#"title = 'x'
size = 99999999999999999999"#,
        r#"
error: `size` must be a whole number, not a number of that size
 --> x.toml:2:8
  |
2 | size = 99999999999999999999
  |        ^^^^^^^^^^^^^^^^^^^^
  |
  = help: write a whole number without quotes, such as `5`
"#,
    ),
    (
        r#"title = 2024-01-01"#,
        r#"
error: `title` must be a text, not a date or time without quotes
 --> x.toml:1:9
  |
1 | title = 2024-01-01
  |         ^^^^^^^^^^
  |
  = help: put it in quotes
"#,
    ),
    (
        r#"title = 'x'
wait = '5'
share = 5"#,
        r#"
error: `5` is not a duration: the unit is missing
 --> x.toml:2:8
  |
2 | wait = '5'
  |        ^^^
  |
  = help: write a whole number and a unit, such as `"180s"`, `"10m"`, `"48h"` or `"7 days"`

error: `share` must be a text, not a whole number
 --> x.toml:3:9
  |
3 | share = 5
  |         ^
  |
  = help: such as `share = "10%"`
"#,
    ),
    (
        r#"title = 'x'
choice = 'secnd'"#,
        r#"
error: invalid value `secnd` for `choice`
 --> x.toml:2:10
  |
2 | choice = 'secnd'
  |          ^^^^^^^
  |
  = help: did you mean `second`?
"#,
    ),
    (
        r#"title = 'x'
choice = 5"#,
        r#"
error: `choice` must be a text, not a whole number
 --> x.toml:2:10
  |
2 | choice = 5
  |          ^
  |
  = help: one of `second`, `first`
"#,
    ),
    (
        r#"title = 'x'
[things.Users]
[things.b]
key = [1, 'a']
color = 'red'"#,
        r#"
error: invalid name `Users`: use small letters, digits and underscores, starting with a letter
 --> x.toml:2:9
  |
2 | [things.Users]
  |         ^^^^^
  |
  = help: for example `users`

error: the key `key` is missing
 --> x.toml:2:9
  |
2 | [things.Users]
  |         ^^^^^

error: an item of `key` must be a text, not a whole number
 --> x.toml:4:8
  |
4 | key = [1, 'a']
  |        ^
  |
  = help: put it in quotes

error: unknown key `color`
 --> x.toml:5:1
  |
5 | color = 'red'
  | ^^^^^
  |
  = help: did you mean `colour`?
"#,
    ),
    (
        r#"title = 'x'
tags = [
  'a',
  5,
]"#,
        r#"
error: an item of `tags` must be a text, not a whole number
 --> x.toml:4:3
  |
4 |   5,
  |   ^
  |
  = help: put it in quotes
"#,
    ),
    (
        r#"title = 'x'
things.a = { kye = ['x'] }"#,
        r#"
error: unknown key `kye`
 --> x.toml:2:14
  |
2 | things.a = { kye = ['x'] }
  |              ^^^
  |
  = help: did you mean `key`?
"#,
    ),
    (
        r#"title = 'x'
title = 'y'
on = tru
size = 
rate = 1 2
= 5
[things"#,
        r#"
error: this is not TOML: duplicate key
 --> x.toml:2:1
  |
2 | title = 'y'
  | ^^^^^

error: this is not TOML: invalid boolean, expected `true`
 --> x.toml:3:6
  |
3 | on = tru
  |      ^^^

error: this is not TOML: the value is missing
 --> x.toml:4:8
  |
4 | size = 
  |        ^

error: this is not TOML: string values must be quoted, expected literal string
 --> x.toml:5:8
  |
5 | rate = 1 2
  |        ^^^

error: this is not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
 --> x.toml:6:1
  |
6 | = 5
  | ^

error: this is not TOML: unclosed table, expected `]`
 --> x.toml:7:8
  |
7 | [things
  |        ^
"#,
    ),
    (
        r#"title = 'x'
"a\nb\u001b[31m" = 1"#,
        r#"
error: unknown key `a\u{a}b\u{1b}[31m`
 --> x.toml:2:1
  |
2 | "a\nb\u001b[31m" = 1
  | ^^^^^^^^^^^^^^^^
  |
  = help: known: `choice`, `either`, `on`, `rate`, `share`, `size`, `tags`, `things`, `title`, `wait`
"#,
    ),
    (
        "title = “it's”",
        r#"
error: this is not TOML: there is U+201C, a typographic quote
 --> x.toml:1:9
  |
1 | title = “it's”
  |         ^
  |
  = help: write a straight quote: `"`
"#,
    ),
    (
        "title = \"it’s\" # “so”\nsize =\u{a0}5 # ’\nrate = \"x\u{a0}”\non = yes # it’s\ntags = [\"’\" „a“]",
        "
error: this is not TOML: there is U+00A0, a no-break space
 --> x.toml:2:7
  |
2 | size =\u{a0}5 # ’
  |       ^
  |
  = help: write a usual space

error: this is not TOML: there is U+00A0, a no-break space
 --> x.toml:3:10
  |
3 | rate = \"x\u{a0}”
  |          ^
  |
  = help: write a usual space

error: this is not TOML: string values must be quoted, expected literal string
 --> x.toml:4:6
  |
4 | on = yes # it’s
  |      ^^^

error: this is not TOML: there is U+201E, a typographic quote
 --> x.toml:5:13
  |
5 | tags = [\"’\" „a“]
  |             ^
  |
  = help: write a straight quote: `\"`
",
    ),
    (
        "title = \"a\u{ad}b\u{200b}\"\n\"\u{feff}on\" = true\ntags = [\"„x“\", \"\u{202f}\"]\nthings.a = { key = [\"\\u200B\"] }",
        "
error: there is U+00AD, a soft hyphen, which is invisible
 --> x.toml:1:11
  |
1 | title = \"a\u{ad}b\u{200b}\"
  |           ^
  |
  = help: delete it; if it is meant, write `\\u00AD`

error: there is U+FEFF, a byte order mark, which is invisible
 --> x.toml:2:2
  |
2 | \"\u{feff}on\" = true
  |  ^
  |
  = help: delete it; if it is meant, write `\\uFEFF`

error: there is U+202F, a no-break space
 --> x.toml:3:17
  |
3 | tags = [\"„x“\", \"\u{202f}\"]
  |                 ^
  |
  = help: write a usual space; if it is meant, write `\\u202F`
",
    ),
    (
        r#"title = 'x
size = 'a'"#,
        r#"
error: this is not TOML: invalid literal string, expected `'`
 --> x.toml:1:11
  |
1 | title = 'x
  |           ^

error: `size` must be a whole number, not a text
 --> x.toml:2:8
  |
2 | size = 'a'
  |        ^^^
  |
  = help: write a whole number without quotes, such as `5`
"#,
    ),
];
