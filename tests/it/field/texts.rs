//! R5 and odd texts of its kind: escapes, bytes, charsets, compression, duplicate members, forms of dates.

use std::io::Write as _;

use serde_json::json;

use super::harness::{Config, Harness, each, id};
use super::server::{Reply, Style, pages};

const COLUMNS: &str = "name = \"name : text\"
share = \"share : real\"
whole = \"whole : integer\"
tags = \"tags : json\"
day = \"day : date\"
";

/// What an odd value may become.
enum Expected {
    /// Exactly this, without a reject.
    Kept(&'static str),
    /// One of these, without loss or with a replacement; or no value and a reject of its column.
    OneOf(&'static [&'static str]),
}

use Expected::{Kept, OneOf};

/// Forty rows as text, one of them with these members after its key.
fn list(members: &str) -> Vec<u8> {
    let rows: Vec<String> = (0..40)
        .map(|number| match number {
            7 => format!("{{\"id\":\"{}\",{members}}}", id(7)),
            _ => format!("{{\"id\":\"{}\",\"name\":\"Name\"}}", id(number)),
        })
        .collect();
    format!("{{\"rows\":[{}]}}", rows.join(",")).into_bytes()
}

/// Members of an ordinary row.
const GOOD: &str = "\"name\":\"N\"";

/// Responds to every request with this body.
fn serve(harness: &Harness, body: impl Into<Vec<u8>>) {
    let body = body.into();
    harness
        .vendor
        .respond_with(move |_| Reply::raw(200, body.clone()));
}

/// R5: half an emoji, control characters, invalid numbers: one cell at most, never the page.
#[test]
fn r5_odd_texts_in_one_row_of_forty() {
    let cases: &[(&str, &str, &str, Expected)] = &[
        (
            "the first half of an emoji",
            "name",
            r#""name":"\ud83d""#,
            Kept("\u{fffd}"),
        ),
        (
            "the second half",
            "name",
            r#""name":"\ude00""#,
            Kept("\u{fffd}"),
        ),
        (
            "a half in a name",
            "name",
            r#""name":"Anna \ud83d Berg""#,
            Kept("Anna \u{fffd} Berg"),
        ),
        (
            "a half before a quote",
            "name",
            r#""name":"\ud83d\"x""#,
            Kept("\u{fffd}\"x"),
        ),
        (
            "a half before another escape",
            "name",
            r#""name":"\ud83d\n""#,
            Kept("\u{fffd}\n"),
        ),
        (
            "halves in the wrong order",
            "name",
            r#""name":"\ude00\ud83d""#,
            Kept("\u{fffd}\u{fffd}"),
        ),
        (
            "a half, then a whole one",
            "name",
            r#""name":"\ud83d\ud83d\ude00""#,
            Kept("\u{fffd}\u{1f600}"),
        ),
        (
            "in capitals",
            "name",
            r#""name":"\uD83D""#,
            Kept("\u{fffd}"),
        ),
        (
            "a whole emoji",
            "name",
            r#""name":"\ud83d\ude00""#,
            Kept("\u{1f600}"),
        ),
        (
            "a half in JSON that is kept",
            "tags",
            r#""name":"N","tags":["\ud83d"]"#,
            OneOf(&["[\"\u{fffd}\"]"]),
        ),
        (
            "a half in a member's name of it",
            "tags",
            r#""name":"N","tags":{"\ud83d":1}"#,
            OneOf(&["{\"\u{fffd}\":1}"]),
        ),
        (
            "a half in what is not mirrored",
            "name",
            r#""other":"\ud83d","name":"N""#,
            Kept("N"),
        ),
        (
            "a half in an unknown member's name",
            "name",
            r#""\ud83d":1,"name":"N""#,
            Kept("N"),
        ),
        (
            "a half deep in what is not mirrored",
            "name",
            r#""other":{"a":["\udc00"]},"name":"N""#,
            Kept("N"),
        ),
        (
            "a tab as it is",
            "name",
            "\"name\":\"a\tb\"",
            OneOf(&["a\tb"]),
        ),
        (
            "a line end as it is",
            "name",
            "\"name\":\"a\nb\"",
            OneOf(&["a\nb"]),
        ),
        (
            "a bell as it is",
            "name",
            "\"name\":\"a\u{7}b\"",
            OneOf(&["a\u{7}b", "ab", "a\u{fffd}b"]),
        ),
        (
            "a control character in what is not mirrored",
            "name",
            "\"other\":\"a\u{1}b\",\"name\":\"N\"",
            Kept("N"),
        ),
        (
            "U+0000 escaped",
            "name",
            r#""name":"a\u0000b""#,
            OneOf(&["a\0b", "ab", "a\u{fffd}b"]),
        ),
        (
            "U+0000 as it is",
            "name",
            "\"name\":\"a\0b\"",
            OneOf(&["a\0b", "ab", "a\u{fffd}b"]),
        ),
        (
            "U+FFFE",
            "name",
            "\"name\":\"a\u{fffe}b\"",
            Kept("a\u{fffe}b"),
        ),
        (
            "an unknown escape",
            "name",
            r#""name":"a\xb""#,
            OneOf(&["a\\xb", "axb", "a\u{fffd}b", "a\u{fffd}xb"]),
        ),
        (
            "NaN",
            "share",
            r#""name":"N","share":NaN"#,
            OneOf(&["null"]),
        ),
        (
            "Infinity",
            "share",
            r#""name":"N","share":Infinity"#,
            OneOf(&["null"]),
        ),
        (
            "-Infinity",
            "share",
            r#""name":"N","share":-Infinity"#,
            OneOf(&["null"]),
        ),
        (
            "NaN where whole numbers are",
            "whole",
            r#""name":"N","whole":NaN"#,
            OneOf(&["null"]),
        ),
        (
            "NaN in what is not mirrored",
            "name",
            r#""other":[NaN],"name":"N""#,
            Kept("N"),
        ),
        (
            "NaN in JSON that is kept",
            "tags",
            r#""name":"N","tags":[1,NaN]"#,
            OneOf(&["[1,null]", "null"]),
        ),
        (
            "a number of many digits",
            "whole",
            r#""name":"N","whole":123456789012345678901234567890"#,
            OneOf(&["null"]),
        ),
        (
            "a duplicate member",
            "name",
            r#""name":"A","name":"B""#,
            OneOf(&["A", "B"]),
        ),
        (
            "an equal duplicate",
            "name",
            r#""name":"A","name":"A""#,
            Kept("A"),
        ),
        (
            "a duplicate with null",
            "name",
            r#""name":"A","name":null"#,
            OneOf(&["A", "null"]),
        ),
        (
            "a duplicate member in JSON",
            "tags",
            r#""name":"N","tags":{"a":1,"a":2}"#,
            OneOf(&["{\"a\":1}", "{\"a\":2}"]),
        ),
    ];
    let plan = Config::people(&pages(Style::None, 0).toml(), COLUMNS);
    let mut harness = Harness::new(&plan);
    serve(&harness, list(GOOD));
    harness.sync().ended("ok", "a good list");
    each(
        cases,
        |(name, ..)| (*name).to_owned(),
        |(name, column, members, expected)| {
            serve(&harness, list(GOOD));
            harness.sync();
            let body = list(members);
            serve(&harness, body);
            let ran = harness.sync().removed_none(name);
            assert_eq!(harness.ids().len(), 40);
            assert_eq!(harness.cell(&id(8), "name").as_deref(), Some("Name"));
            let value = harness.cell(&id(7), column).expect("the row");
            match expected {
                // A replaced or omitted value is reported with its column; an unchanged value is not.
                Kept(kept) => {
                    assert_eq!(value, *kept);
                    let outcome = match kept.contains('\u{fffd}') {
                        true => "ok_with_rejects",
                        false => "ok",
                    };
                    let ran = ran.ended(outcome, name);
                    assert_eq!(
                        ran.reported.contains(column),
                        outcome != "ok",
                        "{name}: {ran:?}"
                    );
                }
                OneOf(values) => {
                    let is_rejected =
                        ran.rejects_of(column) == 1 && ran.outcome == "ok_with_rejects";
                    let is_reported = ran.outcome == "ok" || ran.reported.contains(column);
                    let is_kept = values.contains(&value.as_str()) && is_reported;
                    assert!(is_kept || is_rejected, "{value:?}: {ran:?}");
                }
            }
        },
    );
}

/// R5: half an emoji in a key costs that row at most, and no row is removed.
#[test]
fn r5_odd_texts_in_a_key() {
    for key in [r"\ud83d", r"a\ud83d", r"\u0000", "a\tb", r"\ude00\ud83d"] {
        let mut harness = Harness::new(&Config::people(&pages(Style::None, 0).toml(), COLUMNS));
        let body = |key: &str| {
            String::from_utf8(list(GOOD))
                .expect("text")
                .replace("p0007", key)
        };
        let odd = body(key);
        serve(&harness, odd);
        harness.sync().ended_in(&["ok", "ok_with_rejects"], key);
        assert!(harness.ids().len() >= 39, "{key}");
    }
}

/// R5: duplicate members that differ in case, where names match in any case.
#[test]
fn r5_members_that_differ_in_case_only() {
    let plan = Config::people(&pages(Style::None, 0).toml(), COLUMNS).top("names = \"any_case\"\n");
    each(
        &[
            r#""name":"A","Name":"A""#,
            r#""NAME":"A","name":"B""#,
            r#""Name":null,"name":"A""#,
            r#""ID":"p0007","name":"A""#,
        ],
        ToString::to_string,
        |members| {
            let mut harness = Harness::new(&plan);
            let body = list(members);
            serve(&harness, body);
            let ran = harness.sync().ended_in(&["ok", "ok_with_rejects"], members);
            assert_eq!(harness.ids().len(), 40, "{ran:?}");
            let value = harness.cell(&id(7), "name").expect("the row");
            let is_rejected = value == "null" && ran.rejects_of("name") == 1;
            assert!(
                ["A", "B"].contains(&value.as_str()) || is_rejected,
                "{value}"
            );
        },
    );
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("packed");
    encoder.finish().expect("packed")
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|letter| letter as u8).collect()
}

/// Whole bodies in another form: declared charsets, wrong bytes, undeclared compression.
#[test]
fn r5_whole_bodies_in_another_form() {
    type Form = fn(&str) -> (Vec<u8>, &'static str);
    let cases: [(&str, Form, &[&str]); 12] = [
        (
            "UTF-8",
            |text| (text.as_bytes().to_vec(), "application/json; charset=utf-8"),
            &["Jörg"],
        ),
        (
            "UTF-8 with a mark",
            |text| {
                (
                    [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                    "application/json",
                )
            },
            &["Jörg"],
        ),
        (
            "ISO-8859-1, declared",
            |text| (latin(text), "application/json; charset=ISO-8859-1"),
            &["Jörg"],
        ),
        (
            "ISO-8859-1, quoted",
            |text| (latin(text), "application/json; charset=\"iso-8859-1\""),
            &["Jörg"],
        ),
        (
            "latin1, declared",
            |text| (latin(text), "application/json;charset=latin1"),
            &["Jörg"],
        ),
        (
            "windows-1252, declared",
            |text| (latin(text), "application/json; Charset=Windows-1252"),
            &["Jörg"],
        ),
        (
            "ISO-8859-1, not declared",
            |text| (latin(text), "application/json"),
            &["J\u{fffd}rg", "Jörg", "null"],
        ),
        (
            "declared and wrong",
            |text| (latin(text), "application/json; charset=utf-8"),
            &["J\u{fffd}rg", "Jörg", "null"],
        ),
        (
            "packed, not declared",
            |text| (packed(text.as_bytes()), "application/json"),
            &["Jörg"],
        ),
        (
            "packed, called octets",
            |text| (packed(text.as_bytes()), "application/octet-stream"),
            &["Jörg"],
        ),
        (
            "no type at all",
            |text| (text.as_bytes().to_vec(), ""),
            &["Jörg"],
        ),
        (
            "called a text",
            |text| (text.as_bytes().to_vec(), "text/plain; charset=utf-8"),
            &["Jörg"],
        ),
    ];
    let mut harness = Harness::new(&Config::people(&pages(Style::None, 0).toml(), COLUMNS));
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, form, expected)| {
            serve(&harness, list(GOOD));
            harness.sync();
            let text = String::from_utf8(list("\"name\":\"Jörg\"")).expect("text");
            let (body, kind) = form(&text);
            let mut reply = Reply::raw(200, body);
            reply.headers.clear();
            if !kind.is_empty() {
                reply = reply.header("content-type", kind);
            }
            harness.vendor.respond_with(move |_| reply.clone());
            let ran = harness
                .sync()
                .removed_none(name)
                .ended_in(&["ok", "ok_with_rejects"], name);
            assert_eq!(harness.ids().len(), 40);
            let value = harness.cell(&id(7), "name").expect("the row");
            let is_rejected = ran.rejects_of("name") == 1;
            assert!(
                expected.contains(&value.as_str()) || is_rejected,
                "{value}: {ran:?}"
            );
        },
    );
}

/// windows-1252 is not ISO-8859-1: it has characters of its own between 0x80 and 0x9f.
#[test]
fn r5_signs_of_windows_1252() {
    let mut harness = Harness::new(&Config::people(&pages(Style::None, 0).toml(), COLUMNS));
    let body = String::from_utf8(list("\"name\":\"X\""))
        .expect("text")
        .into_bytes();
    let at = body
        .iter()
        .position(|byte| *byte == b'X')
        .expect("the name");
    let body = [&body[..at], b"\x80 \x8aime\x9a \xdf", &body[at + 1..]].concat();
    for charset in ["windows-1252", "cp1252", "iso-8859-1"] {
        let reply = Reply {
            headers: Vec::new(),
            ..Reply::raw(200, body.clone())
        };
        let reply = reply.header(
            "content-type",
            format!("application/json; charset={charset}"),
        );
        harness.vendor.respond_with(move |_| reply.clone());
        harness.sync().ended("ok", charset);
        // By the WHATWG encoding standard, a body declared as ISO-8859-1 is windows-1252.
        let value = harness.cell(&id(7), "name").expect("the row");
        let strict = "\u{80} \u{8a}ime\u{9a} ß";
        assert!(
            value == "€ Šimeš ß" || (charset == "iso-8859-1" && value == strict),
            "{charset}: {value}"
        );
    }
}

/// Forms of dates and times in vendors' responses.
#[test]
fn forms_of_dates_and_times() {
    // What is sent, the day, the time.
    let cases = [
        ("20240911", "2024-09-11", "2024-09-11T00:00:00.000Z"),
        ("2024-09-11", "2024-09-11", "2024-09-11T00:00:00.000Z"),
        ("20240911T083000Z", "2024-09-11", "2024-09-11T08:30:00.000Z"),
        (
            "2024-09-11T08:30:00Z",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "2024-09-11 08:30:00 UTC",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "2024-09-11 08:30:00 +0000",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "2024-09-11 08:30:00 +0200",
            "2024-09-11",
            "2024-09-11T06:30:00.000Z",
        ),
        (
            "2024-09-11 08:30:00 +0000 UTC",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "2024-09-11 08:30:00.123456789 +0000 UTC",
            "2024-09-11",
            "2024-09-11T08:30:00.123Z",
        ),
        (
            "2024-09-11 08:30:00.123456789 +0000 UTC m=+0.000000001",
            "2024-09-11",
            "2024-09-11T08:30:00.123Z",
        ),
        (
            "2024-09-11 10:30:00 +0200 CEST",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "Wed, 11 Sep 2024 08:30:00 GMT",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
        (
            "Wed, 11 Sep 2024 10:30:00 +0200",
            "2024-09-11",
            "2024-09-11T08:30:00.000Z",
        ),
    ];
    let plan = Config::people(
        "page = { by = \"none\" }",
        "day = \"at : date\"\nmoment = \"at : timestamp\"\n",
    );
    let mut harness = Harness::new(&plan);
    let rows: Vec<_> = cases
        .iter()
        .map(|(sent, ..)| json!({"id": sent, "at": sent}))
        .collect();
    harness.vendor.respond_with(super::harness::all(&rows));
    let ran = harness.sync();
    each(
        &cases,
        |(sent, ..)| (*sent).to_owned(),
        |(sent, day, time)| {
            let cell = |column| {
                harness
                    .cell(sent, column)
                    .unwrap_or_else(|| format!("no row: {ran:?}"))
            };
            assert_eq!(
                (cell("day").as_str(), cell("moment").as_str()),
                (*day, *time)
            );
        },
    );
    assert_eq!(ran.outcome, "ok", "{ran:?}");
}

/// A birth date sent as local midnight in UTC is the local day, where the connector or the source has a time zone.
#[test]
fn a_date_sent_as_a_timestamp_is_the_day_of_its_zone() {
    // The zone, what is sent, the day.
    let cases = [
        ("Europe/Vienna", "2010-05-04T22:00:00Z", "2010-05-05"),
        ("Europe/Vienna", "2010-05-04T22:00:00.000Z", "2010-05-05"),
        ("Europe/Vienna", "2010-01-04T23:00:00Z", "2010-01-05"),
        ("Europe/Vienna", "2010-05-04T22:00:00+00:00", "2010-05-05"),
        ("Europe/Vienna", "2010-05-05T00:00:00+02:00", "2010-05-05"),
        ("Europe/Vienna", "/Date(1273010400000)/", "2010-05-05"),
        ("Europe/Vienna", "2010-05-05", "2010-05-05"),
        ("Europe/Vienna", "2010-05-05T00:00:00", "2010-05-05"),
        ("Europe/Vienna", "2010-05-05T23:30:00", "2010-05-05"),
        ("Europe/Vienna", "2010-03-27T23:00:00Z", "2010-03-28"),
        ("Europe/Vienna", "2010-03-28T22:00:00Z", "2010-03-29"),
        ("Australia/Sydney", "2010-05-04T14:00:00Z", "2010-05-05"),
        ("Australia/Sydney", "2010-01-04T13:00:00Z", "2010-01-05"),
        ("America/New_York", "2010-05-05T04:00:00Z", "2010-05-05"),
        ("Pacific/Auckland", "2010-05-04T12:00:00Z", "2010-05-05"),
        ("UTC", "2010-05-04T22:00:00Z", "2010-05-04"),
        // Without a time zone the date part as it is written.
        ("", "2010-05-04T22:00:00Z", "2010-05-04"),
        ("", "2010-05-05T00:00:00+02:00", "2010-05-05"),
        ("", "2010-05-05T00:00:00Z", "2010-05-05"),
        ("", "2010-05-05", "2010-05-05"),
    ];
    let rows = |zone: &str| -> Vec<_> {
        let of_zone = cases.iter().filter(|case| case.0 == zone);
        of_zone
            .map(|(_, sent, _)| json!({"id": sent, "born": sent}))
            .collect()
    };
    let columns = "born = \"born : date\"\n";
    let zones = [
        "Europe/Vienna",
        "Australia/Sydney",
        "America/New_York",
        "Pacific/Auckland",
        "UTC",
        "",
    ];
    let wheres = zones
        .into_iter()
        .flat_map(|zone| [(zone, "connector"), (zone, "source")]);
    let wheres: Vec<(&str, &str)> = wheres.collect();
    each(
        &wheres,
        |case| format!("{case:?}"),
        |(zone, set_by)| {
            let mut plan = Config::people("page = { by = \"none\" }", columns);
            match *set_by {
                "connector" if zone.is_empty() => {}
                "connector" => plan = plan.top(&format!("time_zone = {zone:?}\n")),
                _ => {
                    plan = plan.top("time_zone = \"{time_zone}\"\n");
                    plan.settings =
                        "time_zone = { default = \"\", help = \"the school's zone\" }\n".to_owned();
                    if !zone.is_empty() {
                        plan.source = format!("time_zone = {zone:?}\n");
                    }
                }
            }
            let mut harness = Harness::new(&plan);
            harness
                .vendor
                .respond_with(super::harness::all(&rows(zone)));
            let ran = harness.sync();
            for (_, sent, day) in cases.iter().filter(|case| case.0 == *zone) {
                assert_eq!(
                    harness.cell(sent, "born").as_deref(),
                    Some(*day),
                    "{sent}: {ran:?}"
                );
            }
        },
    );
}

/// An invalid time zone is a problem of the file, before anything is sent.
#[test]
fn an_invalid_time_zone_is_refused() {
    let plan = Config::people("page = { by = \"none\" }", "born = \"born : date\"\n");
    let harness = Harness::new(&plan.clone().top("time_zone = \"Europe/Wien\"\n"));
    let problems = harness.check().err().unwrap_or_default();
    assert!(problems.contains("Europe/Wien"), "{problems}");
    let good = Harness::new(&plan.top("time_zone = \"Europe/Vienna\"\n"));
    assert!(good.check().is_ok(), "{:?}", good.check().err());
}
