//! Failures that a response with status 200 states, by kind of path, form of a value, size, and where the pieces end.

use super::*;
use crate::model::ErrorCodes;

const KIB: usize = 1 << 10;

fn decoder_of_ids() -> Decoder {
    let columns = [("id", "@key | id : text"), ("note", "note : text")];
    let columns = columns.map(|(name, text)| Column::read(name, text, "", None).expect("a column"));
    Decoder::new(columns.into(), vec![0], DecoderRules::default())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The reason why a body is refused, received in pieces of so many bytes.
fn refusal(shape: &PageShape, body: &str, size: usize) -> Option<String> {
    let decoder = decoder_of_ids();
    let mut reader = PageReader::default();
    let mut text = Vec::new();
    for bytes in body.as_bytes().chunks(size) {
        text.extend_from_slice(bytes);
        reader.take(shape, &decoder, &mut text).expect("JSON");
    }
    let page = reader.finish(shape, &decoder, &text, None);
    page.err().map(|bad| bad.reason)
}

/// Values of a member, and whether they mean a failure.
const VALUES: &[(&str, bool)] = &[
    (r#""why""#, true),
    (r#"{"a":1}"#, true),
    ("[0]", true),
    ("7", true),
    ("true", true),
    ("NaN", false),
    ("false", false),
    ("null", false),
    (r#"" ""#, false),
    ("{ }", false),
    ("[]", false),
];

/// Kinds: a path around the rows, into a list beside them, into a row, into a list inside a row, into a row by name, and at a
/// name with a dot; in front of the other rows, among them and behind them.
#[test]
fn a_failure_is_found_by_every_path_in_bodies_of_every_size() {
    // The member, the rows' path, the body with `<` and `>` for the halves of the other rows.
    let kinds = [
        ("exception", "users", r#"{"users":[<,>],"exception":VALUE}"#),
        ("exception", "users", r#"{"exception":VALUE,"users":[<,>]}"#),
        (
            "meta.errors[].code",
            "users",
            r#"{"meta":{"errors":[{},{"code":VALUE}]},"users":[<,>]}"#,
        ),
        (
            "errors[][].code",
            "users",
            r#"{"users":[<,>],"errors":[[],[{"code":VALUE}]]}"#,
        ),
        (
            "codes[]",
            "users",
            r#"{"users":[<,>],"codes":[null,VALUE]}"#,
        ),
        (
            "odata.error.code",
            "users",
            r#"{"users":[<,>],"odata.error":{"Code":VALUE}}"#,
        ),
        (
            "users[].exception",
            "users",
            r#"{"users":[<,{"id":"x","Exception":VALUE},>]}"#,
        ),
        (
            "users[].exception",
            "users",
            r#"{"users":[{"exception":VALUE},<,>]}"#,
        ),
        (
            "users[].exception",
            "users",
            r#"{"users":[<,>,{"exception":VALUE}]}"#,
        ),
        (
            "users[].notes[].error",
            "users",
            r#"{"users":[<,{"id":"x","notes":[{},{"error":VALUE}]},>]}"#,
        ),
        (
            "[].exception",
            "[]",
            r#"[<,{"id":"x","exception":VALUE},>]"#,
        ),
        (
            "data.users[].a.b",
            "data.users",
            r#"{"data":{"users":[<,{"id":"x","a":{"b":VALUE}},>]}}"#,
        ),
        (
            "users.{*}.exception",
            "users.{*}",
            r#"{"users":{NAMED,"x":{"exception":VALUE},"y":{}}}"#,
        ),
    ];
    for (path, rows, template) in kinds {
        let shape = PageShape {
            errors: ErrorCodes {
                failed: texts(&[path]),
                ..ErrorCodes::default()
            },
            ..shape(&[rows])
        };
        // The largest with the first value only, so that the test is quick.
        for (size, sizes_of_pieces, values) in [
            (KIB, &[1, 7, 100, KIB][..], VALUES),
            (20 * KIB, &[1_000, 16 * KIB], VALUES),
            (2 * KIB * KIB, &[1_001, KIB * KIB], &VALUES[..1]),
        ] {
            let half = |from: usize| {
                let row = |number| format!(r#"{{"id":"u{number}","note":"as {path} is: \"["}}"#);
                let rows = (from..from + size / 120).map(row);
                rows.collect::<Vec<_>>().join(",")
            };
            let named = |number| format!(r#""u{number}":{{"note":"{{"}}"#);
            let named = (0..size / 20).map(named).collect::<Vec<_>>().join(",");
            let filled = template
                .replace("NAMED", &named)
                .replace('<', &half(0))
                .replace('>', &half(1_000_000));
            for (value, is_failure) in values {
                let body = filled.replace("VALUE", value);
                let expected = format!("the response reports a failure in `{path}`");
                for pieces in sizes_of_pieces {
                    let found = refusal(&shape, &body, *pieces);
                    let what =
                        format!("{template} with {value}, {size} bytes in pieces of {pieces}");
                    assert_eq!(found, is_failure.then(|| expected.clone()), "{what}");
                }
            }
        }
    }
}

/// The first declared member decides, whatever is met first; the values of success are compared like codes.
#[test]
fn the_first_declared_member_is_reported() {
    let shape = PageShape {
        errors: ErrorCodes {
            failed: texts(&["exception", "users[].error"]),
            ok: [
                ("success".to_owned(), texts(&["true"])),
                ("meta.code".to_owned(), texts(&["100", "OK"])),
                ("users[].state".to_owned(), texts(&["fine"])),
            ]
            .into(),
            ..ErrorCodes::default()
        },
        ..shape(&["users"])
    };
    let row = |number| format!(r#"{{"id":"u{number}","success":false,"exception":"x"}}"#);
    let rows = (0..1_000).map(row).collect::<Vec<_>>().join(",");
    let of = |path: &str| {
        format!("the response reports a failure: `{path}` has none of the values that mean success")
    };
    let exception = || "the response reports a failure in `exception`".to_owned();
    for (members, expected) in [
        (r#""success":false"#, Some(of("success"))),
        (r#""Success":null"#, Some(of("success"))),
        (r#""success":{}"#, Some(of("success"))),
        (r#""success":"tr\u0075e""#, None),
        (r#""success":true"#, None),
        (r#""meta":{"code":500}"#, Some(of("meta.code"))),
        (r#""meta":{"code":007}"#, Some(of("meta.code"))),
        (r#""meta":{"code":1e999}"#, Some(of("meta.code"))),
        (r#""meta":{"code":"o_k"},"code":500"#, None),
        (r#""meta":{"code":100}"#, None),
        (r#""success":false,"exception":"x""#, Some(exception())),
        (
            r#""meta":{"code":5},"success":false"#,
            Some(of("meta.code")),
        ),
        (r#""exception":{},"next":"x""#, None),
    ] {
        for body in [
            format!(r#"{{{members},"users":[{rows}]}}"#),
            format!(r#"{{"users":[{rows}],{members}}}"#),
        ] {
            assert_eq!(refusal(&shape, &body, 20_000), expected, "{members}");
        }
    }
    for (row, expected) in [
        (r#"{"id":"a","state":"Fine"}"#, None),
        (r#"{"id":"a","state":"stale"}"#, Some(of("users[].state"))),
        (
            r#"{"id":"a","state":"stale"},{"id":"b","error":1}"#,
            Some("the response reports a failure in `users[].error`".to_owned()),
        ),
    ] {
        let body = format!(r#"{{"users":[{rows},{row},{rows}]}}"#);
        assert_eq!(refusal(&shape, &body, 20_000), expected, "{row}");
    }
}
