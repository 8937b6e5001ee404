//! Tests of `decode.rs`: what a row, a cell and a page cost when something in them is odd.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::connector::columns::read_member_path;
use crate::connector::response::{self, PageShape, RowsPath};
use crate::model::row::{Cell, ProblemAt};

mod epoch;

const COLUMNS: &[(&str, &str)] = &[
    ("id", "id : text"),
    ("name", "name : text verbatim"),
    ("n", "n | m : integer"),
    ("r", "r : real"),
    ("on", "on : boolean"),
    ("day", "day : date"),
    ("at", "at : timestamp"),
    ("ids", "ids[].id | ids[] : json texts set"),
    ("extra", "extra : json"),
    ("kind", "kinds[type=k].value : text"),
    ("must", "must : text"),
];

fn columns(rows: &[(&str, &str)]) -> Vec<Column> {
    let read = |(name, text): &(&str, &str)| Column::read(name, text, "", None).expect(text);
    rows.iter().map(read).collect()
}

fn rules() -> DecoderRules {
    DecoderRules {
        nulls: vec!["".into(), "NULL".into()],
        ..DecoderRules::default()
    }
}

fn shape() -> PageShape {
    PageShape {
        rows: vec![RowsPath::read("rows")],
        ..PageShape::default()
    }
}

fn read(decoder: &Decoder, body: &[u8]) -> Decoded {
    match response::read(&shape(), decoder, body, None) {
        Ok(page) => page.decoded,
        Err(problem) => panic!("{problem}: {}", String::from_utf8_lossy(body)),
    }
}

/// Rows, then rejects, unreadable cells and repairs, each in a word or two.
fn shown(decoder: &Decoder, decoded: &Decoded) -> String {
    let name = |column: u32| decoder.columns[column as usize].name.clone();
    let rows = &decoded.rows;
    let mut parts = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (cell, column) in row.zip(&decoder.columns) {
            let _ = match cell {
                Cell::Null => Ok(()),
                Cell::Keep => write!(line, " {}~", column.name),
                Cell::Integer(number) => write!(line, " {}={number}", column.name),
                Cell::Real(number) => write!(line, " {}={number:?}", column.name),
                Cell::Text(text) => write!(line, " {}={text}", column.name),
            };
        }
        assert_eq!(
            line.contains('~') && !rows.is_present_only(number),
            rows.is_partial(number),
            "{line}"
        );
        parts.push(line.trim().to_owned());
    }
    for problem in rows.problems.first() {
        if let ProblemAt::Row(path) = &problem.at {
            let row = problem.row.map_or("-".to_owned(), |row| row.to_string());
            parts.push(format!("reject {row} {path}: {}", problem.reason));
        }
    }
    for problem in rows.problems.first() {
        if let (ProblemAt::Cell(column), Some(row)) = (&problem.at, problem.row) {
            let (name, reason) = (name(*column), &problem.reason);
            parts.push(format!("unreadable {row} {name}: {reason}"));
        }
    }
    for ((column, repair), count) in &rows.repaired {
        parts.push(format!("{repair:?} {} {count}", name(*column)));
    }
    parts.join("; ")
}

fn check(rows: &[(&str, &str)]) {
    let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
    check_with(&decoder, rows);
}

/// Each body is one row's text, or several with commas between.
fn check_with(decoder: &Decoder, rows: &[(&str, &str)]) {
    for (row, expected) in rows {
        let body = format!("{{\"rows\":[{row}]}}");
        let decoded = read(decoder, body.as_bytes());
        assert_eq!(shown(decoder, &decoded), *expected, "{row}");
    }
}

#[test]
fn only_a_key_costs_the_row() {
    check(&[
        (
            r#"{"id":"a","day":"2025-02-30"}"#,
            "id=a day~; unreadable 0 day: expected date, found a text that is not a date",
        ),
        (
            r#"{"id":"a","day":"31.08.2025"}"#,
            "id=a day~; unreadable 0 day: expected date, found a text that is not a date",
        ),
        (
            r#"{"id":"a","day":"unknown"}"#,
            "id=a day~; unreadable 0 day: expected date, found a text that is not a date",
        ),
        (r#"{"id":"a","day":"  "}"#, "id=a"),
        (r#"{"id":"a","day":"0000-00-00"}"#, "id=a"),
        (
            r#"{"id":"a","day":20240911}"#,
            "id=a day~; unreadable 0 day: expected date, found a number",
        ),
        (
            r#"{"id":"a","name":["x","y"]}"#,
            "id=a name~; unreadable 0 name: expected text, found an array",
        ),
        (
            r#"{"id":"a","name":{"de":"x"}}"#,
            "id=a name~; unreadable 0 name: expected text, found an object",
        ),
        (
            r#"{"id":"a","n":"many"}"#,
            "id=a n~; unreadable 0 n: expected integer, found a text that is not a whole number",
        ),
        (
            r#"{"id":"a","n":true}"#,
            "id=a n~; unreadable 0 n: expected integer, found true or false",
        ),
        (
            r#"{"id":"a","r":"wide"}"#,
            "id=a r~; unreadable 0 r: expected real, found a text that is not a number",
        ),
        (
            r#"{"id":"a","on":"perhaps"}"#,
            "id=a on~; unreadable 0 on: expected boolean, found a text that is neither true nor false",
        ),
        (
            r#"{"id":"a","on":2}"#,
            "id=a on~; unreadable 0 on: expected boolean, found a number",
        ),
        (
            r#"{"id":"a","at":"noon"}"#,
            "id=a at~; unreadable 0 at: expected timestamp, found a text that is not a timestamp",
        ),
        (
            r#"{"id":"a","at":1736835000}"#,
            "id=a at~; unreadable 0 at: expected timestamp, found a number",
        ),
        // The key itself.
        (r#"{"name":"x"}"#, "reject - id : text: the key is missing"),
        (r#"{"id":null}"#, "reject - id : text: the key is missing"),
        (r#"{"id":""}"#, "reject - id : text: the key is missing"),
        (
            r#"{"id":"NULL"}"#,
            "reject - id : text: expected text, found a word that means \"no value\"",
        ),
        (
            r#"{"id":{"x":1}}"#,
            "reject - id : text: expected text, found an object",
        ),
        (
            r#"{"id":["a"]}"#,
            "reject - id : text: expected text, found an array",
        ),
        ("[1]", "reject - (row): expected an object, found an array"),
        ("null", "reject - (row): expected an object, found null"),
        ("7", "reject - (row): expected an object, found a number"),
        ("7.5", "reject - (row): expected an object, found a number"),
        ("\"a\"", "reject - (row): expected an object, found a text"),
        (
            "true",
            "reject - (row): expected an object, found true or false",
        ),
        ("{}", "reject - id : text: the key is missing"),
        // One bad row does not affect others.
        (
            r#"{"id":"a"},{"name":"x"},{"id":"b","n":[]}"#,
            "id=a; id=b n~; reject - id : text: the key is missing; unreadable 1 n: expected integer, found an array",
        ),
    ]);
}

#[test]
fn another_path_with_a_good_value_wins() {
    check(&[
        (r#"{"id":"a","n":"many","m":4}"#, "id=a n=4"),
        (r#"{"id":"a","m":4,"n":"many"}"#, "id=a n=4"),
        (r#"{"id":"a","n":4,"m":"many"}"#, "id=a n=4"),
        (r#"{"id":"a","m":"many","n":4}"#, "id=a n=4"),
        (
            r#"{"id":"a","n":null,"m":"many"}"#,
            "id=a n~; unreadable 0 n: expected integer, found a text that is not a whole number",
        ),
        (
            r#"{"id":"a","n":[],"m":"many"}"#,
            "id=a n~; unreadable 0 n: expected integer, found an array",
        ),
    ]);
}

#[test]
fn a_required_column_rejects_a_row_that_stays_present() {
    let mut all = COLUMNS.to_vec();
    all[10] = ("must", "must : text required");
    all.push(("of", "= item : text"));
    let decoder = Decoder::new(columns(&all), vec![0], rules());
    const REJECT: &str = "id=a name~ n~ r~ on~ day~ at~ ids~ extra~ kind~ must~ of=item; reject 0 must : text required: ";
    for (row, reason) in [
        (r#"{"id":"a","name":"x"}"#, "the required value is missing"),
        (r#"{"id":"a","must":""}"#, "the required value is missing"),
        (r#"{"id":"a","must":null}"#, "the required value is missing"),
        (
            r#"{"id":"a","must":"NULL"}"#,
            "expected text, found a word that means \"no value\"",
        ),
        (r#"{"id":"a","must":[]}"#, "expected text, found an array"),
    ] {
        check_with(&decoder, &[(row, &format!("{REJECT}{reason}"))]);
    }
    check_with(
        &decoder,
        &[(r#"{"must":"x"}"#, "reject - id : text: the key is missing")],
    );
    let decoded = read(&decoder, br#"{"rows":[{"id":"a","must":"x","n":1},{"id":"b","n":2},{"n":3},{"id":"c","must":"y","n":[]}]}"#);
    let rows = &decoded.rows;
    assert_eq!(
        (
            rows.len(),
            rows.present_only(),
            rows.problems.unidentified(),
            rows.received()
        ),
        (3, 1, 1, 4)
    );
    assert_eq!(
        rows.values,
        [2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2],
        "of the rows that were taken"
    );
}

#[test]
fn keys_of_constants_count_as_readable() {
    let all = columns(&[
        ("of", "= 7 : integer"),
        ("t", "t : timestamp"),
        ("v", "v : real required"),
    ]);
    let decoder = Decoder::new(all, vec![0, 1], rules());
    check_with(
        &decoder,
        &[
            (
                r#"{"t":"2024-09-11","v":1}"#,
                "of=7 t=2024-09-11T00:00:00.000Z v=1.0",
            ),
            (
                r#"{"t":"2024-09-11","v":"x"}"#,
                "of=7 t=2024-09-11T00:00:00.000Z v~; reject 0 v : real required: expected real, found a text that is not a number",
            ),
            (
                r#"{"t":"noon","v":1}"#,
                "reject - t : timestamp: expected timestamp, found a text that is not a timestamp",
            ),
            (r#"{"v":1}"#, "reject - t : timestamp: the key is missing"),
        ],
    );
    let alone = Decoder::new(
        columns(&[("of", "= 7 : integer"), ("v", "v : text")]),
        vec![0],
        rules(),
    );
    check_with(
        &alone,
        &[
            (r#"{"v":"x"}"#, "of=7 v=x"),
            (
                r#"[]"#,
                "reject - (row): expected an object, found an array",
            ),
        ],
    );
}

#[test]
fn words_for_no_value_leave_names_alone() {
    let all = columns(&[
        ("id", "id : text"),
        ("name", "name : text verbatim"),
        ("note", "note : text"),
        ("n", "n : integer"),
        ("day", "day : date"),
    ]);
    let decoder = Decoder::new(all, vec![0], rules());
    check_with(
        &decoder,
        &[
            (
                r#"{"id":"a","name":"NULL","note":"NULL","n":"NULL","day":"NULL"}"#,
                "id=a name=NULL",
            ),
            (r#"{"id":"a","name":"","note":""}"#, "id=a"),
            (
                r#"{"id":"a","name":"null","note":"Null"}"#,
                "id=a name=null note=Null",
            ),
        ],
    );
}

#[test]
fn short_rows_take_nothing_away() {
    let all = columns(&[
        ("id", "id : text"),
        ("name", "name : text"),
        ("state", "state : text"),
        ("n", "n : integer"),
        ("of", "= x : text"),
    ]);
    let lacks = |paths: &[&str]| {
        paths
            .iter()
            .map(|path| read_member_path(path).expect("path"))
            .collect()
    };
    let decoder = Decoder::new(
        all.clone(),
        vec![0],
        DecoderRules {
            lacks: lacks(&["state", "made.at"]),
            ..rules()
        },
    );
    check_with(
        &decoder,
        &[
            (r#"{"id":"a","name":"x"}"#, "id=a name=x state~ n~ of=x"),
            (r#"{"id":"a","name":null}"#, "id=a name~ state~ n~ of=x"),
            (
                r#"{"id":"a","n":"many"}"#,
                "id=a name~ state~ n~ of=x; unreadable 0 n: expected integer, found a text that is not a whole number",
            ),
            (r#"{"id":"a","state":"on"}"#, "id=a state=on of=x"),
            (r#"{"id":"a","state":null}"#, "id=a of=x"),
            (r#"{"id":"a","made":{"at":1}}"#, "id=a of=x"),
            (r#"{"id":"a","made":{}}"#, "id=a name~ state~ n~ of=x"),
            (
                r#"{"id":"a","state":1},{"id":"b"},{"id":"c","state":null}"#,
                "id=a state=1 of=x; id=b name~ state~ n~ of=x; id=c of=x",
            ),
            (r#"{"name":"x"}"#, "reject - id : text: the key is missing"),
        ],
    );
    let wrapped = DecoderRules {
        envelope: Some("Data".into()),
        lacks: lacks(&["state", "../Full"]),
        names: NameMatch::AnyCase,
        ..rules()
    };
    check_with(
        &Decoder::new(all, vec![0], wrapped),
        &[
            (r#"{"data":{"ID":"a"}}"#, "id=a name~ state~ n~ of=x"),
            (r#"{"DATA":{"id":"a","STATE":null}}"#, "id=a of=x"),
            (r#"{"Data":{"id":"a"},"full":true}"#, "id=a of=x"),
        ],
    );
}

#[test]
fn damaged_texts_cost_their_signs() {
    check(&[
        (
            r#"{"id":"a","name":"x\ud83d"},{"id":"b","name":"ü"}"#,
            "id=a name=x\u{fffd}; id=b name=ü; Replaced name 1",
        ),
        (r#"{"id":"a","name":"\ud83d\ude00"}"#, "id=a name=😀"),
        (
            r#"{"id":"a","name":"\ude00\ud83d"}"#,
            "id=a name=\u{fffd}\u{fffd}; Replaced name 1",
        ),
        (r#"{"id":"a\ud83d"}"#, "id=a\u{fffd}; Replaced id 1"),
        (r#"{"id":"a","\ud83d":1,"name":"x"}"#, "id=a name=x"),
        (r#"{"id":"a","other":"\ud83d"}"#, "id=a"),
        (
            r#"{"id":"a","day":"\ud83d"}"#,
            "id=a day~; unreadable 0 day: expected date, found a text that is not a date",
        ),
        (
            r#"{"id":"a","extra":{"x\ud83d":"\ud83d"}}"#,
            "id=a extra={\"x\u{fffd}\":\"\u{fffd}\"}; Replaced extra 1",
        ),
        (
            r#"{"id":"a","ids":["\ud83d","b"]}"#,
            "id=a ids=[\"b\",\"\u{fffd}\"]; Replaced ids 1",
        ),
        (
            r#"{"id":"a","kinds":[{"type":"k","value":"v\ud83d"}]}"#,
            "id=a kind=v\u{fffd}; Replaced kind 1",
        ),
        (
            r#"{"id":"a","name":"x\u0000y"}"#,
            "id=a name=x\u{fffd}y; Replaced name 1",
        ),
        (r#"{"id":"a","extra":"x\u0000"}"#, r#"id=a extra="x\u0000""#),
        ("{\"id\":\"a\",\"name\":\"x\ty\nz\"}", "id=a name=x\ty\nz"),
        (
            "{\"id\":\"a\",\"name\":\"x\0\"}",
            "id=a name=x\u{fffd}; Replaced name 1",
        ),
        ("{\"id\":\"a\",\"other\":\"\u{1}\"}", "id=a"),
        ("{\"id\":\"a\",\"na\tme\":1}", "id=a"),
        (r#"{"id":"a","name":"C:\dir"}"#, r"id=a name=C:\dir"),
        // A vendor's own replacement signs, and marks that it forges.
        ("{\"id\":\"a\",\"name\":\"\u{fffd}\"}", "id=a name=\u{fffd}"),
        (r#"{"id":"a","name":"\ufdd2123"}"#, "id=a name=\u{fdd2}123"),
        (
            r#"{"id":"a","name":"\ufdd2123","r":NaN}"#,
            "id=a name=\u{fffd}123; Replaced name 1; NotANumber r 1",
        ),
    ]);
    let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
    let decoded = read(
        &decoder,
        b"{\"rows\":[{\"id\":\"a\",\"name\":\"M\xfcller\"},{\"id\":\"b\"}]}",
    );
    assert_eq!(
        shown(&decoder, &decoded),
        "id=a name=M\u{fffd}ller; id=b; Replaced name 1"
    );
}

#[test]
fn numbers_that_are_none() {
    check(&[
        (r#"{"id":"a","r":NaN}"#, "id=a; NotANumber r 1"),
        (
            r#"{"id":"a","r":-Infinity},{"id":"b","r":Infinity}"#,
            "id=a; id=b; NotANumber r 2",
        ),
        (
            r#"{"id":"a","r":1e999}"#,
            "id=a r~; unreadable 0 r: expected real, found a number that is too large",
        ),
        (r#"{"id":"a","r":"NaN"}"#, "id=a"),
        (
            r#"{"id":"a","n":NaN}"#,
            "id=a n~; unreadable 0 n: expected integer, found NaN or Infinity",
        ),
        (r#"{"id":"a","n":NaN,"m":3}"#, "id=a n=3"),
        (
            r#"{"id":"a","name":NaN}"#,
            "id=a name~; unreadable 0 name: expected text, found NaN or Infinity",
        ),
        (
            r#"{"id":"a","day":NaN}"#,
            "id=a day~; unreadable 0 day: expected date, found NaN or Infinity",
        ),
        (
            r#"{"id":"a","on":Infinity}"#,
            "id=a on~; unreadable 0 on: expected boolean, found NaN or Infinity",
        ),
        (
            r#"{"id":"a","extra":{"x":NaN,"y":[-Infinity]}}"#,
            r#"id=a extra={"x":null,"y":[null]}; NotANumber extra 1"#,
        ),
        (r#"{"id":"a","other":NaN}"#, "id=a"),
        (
            r#"{"id":NaN},{"id":"b"}"#,
            "id=b; reject - id : text: expected text, found NaN or Infinity",
        ),
        ("NaN", "reject - (row): expected an object, found a text"),
    ]);
}

#[test]
fn numbers_keep_their_digits() {
    check(&[
        (
            r#"{"id":12345678901234567891},{"id":12345678901234567892}"#,
            "id=12345678901234567891; id=12345678901234567892",
        ),
        (
            r#"{"id":123456789012345678901234567890}"#,
            "id=123456789012345678901234567890",
        ),
        (
            r#"{"id":-98765432109876543210}"#,
            "id=-98765432109876543210",
        ),
        (r#"{"id":9007199254740993}"#, "id=9007199254740993"),
        (r#"{"id":1.0e3,"name":2.50}"#, "id=1.0e3 name=2.50"),
        (r#"{"id":007}"#, "id=007"),
        (r#"{"id":"a","n":3.0}"#, "id=a n=3"),
        (r#"{"id":"a","n":"3.0"}"#, "id=a n=3"),
        (r#"{"id":"a","n":1e3}"#, "id=a n=1000"),
        (
            r#"{"id":"a","n":9007199254740993.0}"#,
            "id=a n=9007199254740993",
        ),
        (
            r#"{"id":"a","n":"9007199254740993.0"}"#,
            "id=a n=9007199254740993",
        ),
        (
            r#"{"id":"a","n":3.0000000000000000001}"#,
            "id=a n~; unreadable 0 n: expected integer, found a number with decimals",
        ),
        (
            r#"{"id":"a","n":9223372036854775808}"#,
            "id=a n~; unreadable 0 n: expected integer, found a whole number of more than 64 bits",
        ),
        (
            r#"{"id":"a","n":12345678901234567891234}"#,
            "id=a n~; unreadable 0 n: expected integer, found a whole number of more than 64 bits",
        ),
        (
            r#"{"id":"a","r":12345678901234567891234}"#,
            "id=a r=1.2345678901234568e22",
        ),
        (r#"{"id":"a","r":0.1,"n":3.0}"#, "id=a n=3 r=0.1"),
        (r#"{"id":"a","on":1.0}"#, "id=a on=1"),
        (
            r#"{"id":"a","on":0.5}"#,
            "id=a on~; unreadable 0 on: expected boolean, found a number with decimals",
        ),
        (
            r#"{"id":"a","ids":[12345678901234567891,12345678901234567892]}"#,
            r#"id=a ids=["12345678901234567891","12345678901234567892"]"#,
        ),
        (
            r#"{"id":"a","ids":[{"id":123456789012345678901234}]}"#,
            r#"id=a ids=["123456789012345678901234"]"#,
        ),
        (
            r#"{"id":"a","extra":{"x":123456789012345678901234,"y":1.50}}"#,
            r#"id=a extra={"x":123456789012345678901234,"y":1.5}"#,
        ),
        (
            r#"{"id":"a","extra":{"x":123456789012345678901234,"y":"\ud83d"}}"#,
            "id=a extra={\"x\":123456789012345678901234,\"y\":\"\u{fffd}\"}; Replaced extra 1",
        ),
        (
            r#"{"id":"a","kinds":[{"type":"k","value":12345678901234567891234}]}"#,
            "id=a kind=12345678901234567891234",
        ),
        (
            r#"{"id":"a","other":1.5,"kinds":[{"type":"k","value":1.50}]}"#,
            "id=a kind=1.50",
        ),
    ]);
}

#[test]
fn of_a_member_that_comes_twice_the_last_counts() {
    check(&[
        (r#"{"id":"a","name":"x","name":"x"}"#, "id=a name=x"),
        (
            r#"{"id":"a","name":"x","name":"y"}"#,
            "id=a name=y; Repeated name 1",
        ),
        (
            r#"{"id":"a","name":"x","name":null}"#,
            "id=a; Repeated name 1",
        ),
        (
            r#"{"id":"a","name":null,"name":"x"}"#,
            "id=a name=x; Repeated name 1",
        ),
        (r#"{"id":"a","name":null,"name":null}"#, "id=a"),
        (r#"{"id":"a","n":"many","n":3}"#, "id=a n=3; Repeated n 1"),
        (
            r#"{"id":"a","n":3,"n":"many"}"#,
            "id=a n~; unreadable 0 n: expected integer, found a text that is not a whole number; Repeated n 1",
        ),
        (r#"{"id":"a","n":3,"m":4,"m":5}"#, "id=a n=3"),
        (r#"{"id":"a","id":"b"}"#, "id=b; Repeated id 1"),
        (
            r#"{"id":"a","ids":["x"],"ids":["y"]}"#,
            r#"id=a ids=["y"]; Repeated ids 1"#,
        ),
        (
            r#"{"id":"a","ids":["x"],"ids":[ "x" ]}"#,
            r#"id=a ids=["x"]"#,
        ),
        (
            r#"{"id":"a","extra":{"x":1,"x":2}}"#,
            r#"id=a extra={"x":2}; Repeated extra 1"#,
        ),
        (
            r#"{"id":"a","extra":{"x":1,"x":1}}"#,
            r#"id=a extra={"x":1}"#,
        ),
        (
            r#"{"id":"a","ids":[{"id":"x","id":"y"}]}"#,
            r#"id=a ids=["y"]; Repeated ids 1"#,
        ),
        (r#"{"id":"a","other":1,"other":2}"#, "id=a"),
    ]);
    let any_case = DecoderRules {
        names: NameMatch::AnyCase,
        ..rules()
    };
    check_with(
        &Decoder::new(columns(COLUMNS), vec![0], any_case),
        &[
            (
                r#"{"ID":"a","Name":"x","NAME":"y"}"#,
                "id=a name=y; Repeated name 1",
            ),
            (r#"{"id":"a","name":"x","NAME":"x"}"#, "id=a name=x"),
        ],
    );
}

#[test]
fn sets_have_one_order() {
    let all = columns(&[
        ("id", "id : text"),
        ("set", "set : json set"),
        ("refs", "refs[].id : json set texts"),
        ("list", "list : json"),
    ]);
    let decoder = Decoder::new(all, vec![0], rules());
    check_with(
        &decoder,
        &[
            (
                r#"{"id":"a","set":["b","a","b"],"list":["b","a","b"]}"#,
                r#"id=a set=["a","b"] list=["b","a","b"]"#,
            ),
            (
                r#"{"id":"a","set":[{"y":1,"x":[2,"]"]},{"x":["a,b\""]}]}"#,
                r#"id=a set=[{"x":["a,b\""]},{"x":[2,"]"],"y":1}]"#,
            ),
            (
                r#"{"id":"a","set":[{"y":1,"x":2},{"x":2,"y":1}]}"#,
                r#"id=a set=[{"x":2,"y":1}]"#,
            ),
            (r#"{"id":"a","set":"one"}"#, r#"id=a set="one""#),
            (r#"{"id":"a","set":[],"refs":[]}"#, "id=a set=[] refs=[]"),
            (
                r#"{"id":"a","set":{"b":1,"a":[2,1]}}"#,
                r#"id=a set={"a":[2,1],"b":1}"#,
            ),
            (
                r#"{"id":"a","refs":[{"id":10},{"id":9},{"id":"10"}]}"#,
                r#"id=a refs=["10","9"]"#,
            ),
        ],
    );
}

#[test]
fn a_moment_in_a_date_column_is_the_local_day() {
    let zone = |name: &str| Some(TimeZone::get(name).expect("zone"));
    let decoder = |zone| {
        Decoder::new(
            columns(&[("id", "id : text"), ("day", "day : date")]),
            vec![0],
            DecoderRules { zone, ..rules() },
        )
    };
    check_with(
        &decoder(zone("Europe/Vienna")),
        &[
            (
                r#"{"id":"a","day":"2010-05-03T22:00:00Z"}"#,
                "id=a day=2010-05-04",
            ),
            (
                r#"{"id":"a","day":"2010-01-03T23:00:00.000+00:00"}"#,
                "id=a day=2010-01-04",
            ),
            (
                r#"{"id":"a","day":"2010-05-03T21:59:59Z"}"#,
                "id=a day=2010-05-03",
            ),
            (
                r#"{"id":"a","day":"2010-05-04T00:00:00+02:00"}"#,
                "id=a day=2010-05-04",
            ),
            (
                r#"{"id":"a","day":"2010-05-04T00:00:00Z"}"#,
                "id=a day=2010-05-04",
            ),
            (
                r#"{"id":"a","day":"2010-05-04T23:30:00"}"#,
                "id=a day=2010-05-04",
            ),
            (r#"{"id":"a","day":"2010-05-04"}"#, "id=a day=2010-05-04"),
            (
                r#"{"id":"a","day":"/Date(1272924000000)/"}"#,
                "id=a day=2010-05-04",
            ),
        ],
    );
    check_with(
        &decoder(zone("America/New_York")),
        &[
            (
                r#"{"id":"a","day":"2010-05-04T04:00:00Z"}"#,
                "id=a day=2010-05-04",
            ),
            (
                r#"{"id":"a","day":"2010-05-04T00:00:00Z"}"#,
                "id=a day=2010-05-04",
            ),
        ],
    );
    check_with(
        &decoder(None),
        &[
            (
                r#"{"id":"a","day":"2010-05-03T22:00:00Z"}"#,
                "id=a day=2010-05-03; AmbiguousDay day 1",
            ),
            (
                r#"{"id":"a","day":"2010-05-03T00:00:00Z"}"#,
                "id=a day=2010-05-03",
            ),
            (
                r#"{"id":"a","day":"2010-05-03T22:00:00"}"#,
                "id=a day=2010-05-03",
            ),
            (
                r#"{"id":"a","day":"/Date(1272924000000)/"}"#,
                "id=a day=2010-05-03; AmbiguousDay day 1",
            ),
            (
                r#"{"id":"a","day":"/Date(1272924000000+0200)/"}"#,
                "id=a day=2010-05-04",
            ),
        ],
    );
}

#[test]
fn deep_json_costs_its_cell() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
    for (member, expected) in [
        (
            "extra",
            "id=a extra~; unreadable 0 extra: expected json, found JSON that is nested too deeply",
        ),
        (
            "name",
            "id=a name~; unreadable 0 name: expected text, found an array",
        ),
        ("other", "id=a"),
    ] {
        let row = format!("{{\"id\":\"a\",\"{member}\":{deep}}}");
        check_with(&decoder, &[(&row, expected)]);
    }
}

#[test]
fn a_page_that_needed_its_digits_makes_the_next_one_be_read_so_at_once() {
    let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
    assert!(!decoder.needs_digits());
    check_with(
        &decoder,
        &[(r#"{"id":1,"r":0.5,"n":1.0}"#, "id=1 n=1 r=0.5")],
    );
    assert!(decoder.needs_digits());
    check_with(
        &decoder,
        &[(
            r#"{"id":1,"r":0.5,"n":1,"name":"\u0041"}"#,
            "id=1 name=A n=1 r=0.5",
        )],
    );
}

/// A piece of JSON as vendors send it, odd ones among them.
fn value() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        Just("1e999".to_owned()),
        Just("007".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?(e[0-9]{1,3})?",
        "[a-z \\t\\n\u{1}\u{fdd0}-\u{fdd2}äß€]{0,6}".prop_map(|text| format!("\"{text}\"")),
        "(\\\\u[0-9a-f]{4}|\\\\ud83d|\\\\ude00|\\\\n|x){0,4}"
            .prop_map(|text| format!("\"{text}\"")),
        Just("\"2025-02-30\"".to_owned()),
    ];
    plain.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(","))),
            proptest::collection::vec(("(id|type|value|x)", inner), 0..4).prop_map(|all| {
                let members: Vec<String> = all
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
        let _ = response::read(&shape(), &decoder, &body, None);
        let inside = [b"{\"rows\":[{\"id\":\"a\",\"name\":\"", &body[..], b"\"}]}"].concat();
        let _ = response::read(&shape(), &decoder, &inside, None);
    }

    /// Whatever other cells and rows contain: a row with a plain key is there, with its plain cells, and all JSON is JSON.
    #[test]
    fn odd_values_lose_no_row(rows in proptest::collection::vec((value(), value(), value(), value()), 1..6)) {
        let decoder = Decoder::new(columns(COLUMNS), vec![0], rules());
        let texts: Vec<String> = rows.iter().enumerate().map(|(number, (name, n, ids, extra))| {
            format!("{{\"id\":\"k{number}\",\"name\":{name},\"n\":{n},\"ids\":{ids},\"extra\":{extra},\"on\":true}}")
        }).collect();
        let body = format!("{{\"rows\":[{}]}}", texts.join(","));
        let decoded = read(&decoder, body.as_bytes());
        prop_assert_eq!(decoded.rows.len(), rows.len());
        prop_assert_eq!(decoded.rows.problems.rejected(), 0);
        for (number, row) in decoded.rows.iter().enumerate() {
            prop_assert_eq!(row.at(0), Cell::Text(&format!("k{number}")));
            prop_assert_eq!(row.at(4), Cell::Integer(1));
            for column in [7, 8] {
                if let Cell::Text(json) = row.at(column) {
                    prop_assert!(serde_json::from_str::<Box<RawValue>>(json).is_ok(), "{}", json);
                    prop_assert!(!json.contains(['\u{fdd0}', '\u{fdd1}', '\u{fdd2}']) || !decoder.needs_digits(), "{}", json);
                }
            }
        }
        prop_assert_eq!(decoded.rows.values.len(), COLUMNS.len());
    }
}
