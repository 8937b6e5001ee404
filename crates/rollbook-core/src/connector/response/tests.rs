//! Tests of `response.rs`.

use std::collections::BTreeMap;

use super::*;
use crate::connector::columns::Column;
use crate::connector::decode::DecoderRules;
use crate::model::row::{Cell, ProblemAt, Rows};

mod failures;
mod shapes;

const COLUMNS: &[(&str, &str)] = &[
    ("id", "id | Id : text"),
    ("n", "n : integer nonzero"),
    ("at", "at : timestamp"),
    ("on", "on : boolean"),
    ("school", "school.sourcedId | school : text"),
    ("orgs", "orgs[].sourcedId | orgs[] : json texts"),
    ("ids", "ids[].{type,identifier} : json"),
    ("person", "ids[type=person-id].identifier : text"),
    ("code", "../Relationships.Status.Code : text"),
    ("list", "= aacs : text"),
];

fn decoder(names: NameMatch) -> Decoder {
    let columns = COLUMNS
        .iter()
        .map(|(name, text)| Column::read(name, text, "", None).expect(text))
        .collect();
    let rules = DecoderRules {
        envelope: Some("Data".to_owned()),
        ignored: vec!["wType".to_owned(), "../Relationships".to_owned()],
        nulls: vec!["NULL".into()],
        names,
        ..DecoderRules::default()
    };
    Decoder::new(columns, vec![0], rules)
}

fn shape(rows: &[&str]) -> PageShape {
    PageShape {
        rows: rows.iter().map(|text| RowsPath::read(text)).collect(),
        total_member: vec!["total".into(), "*".into()],
        next: NextPath::read("meta.next"),
        ..PageShape::default()
    }
}

fn shown(page: &DecodedPage) -> String {
    let rows: Vec<String> = page
        .decoded
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .map(|cell| match cell {
                    Cell::Null => "-".into(),
                    Cell::Keep => "~".into(),
                    Cell::Integer(number) => number.to_string(),
                    Cell::Real(number) => format!("{number:?}"),
                    Cell::Text(text) => text.to_owned(),
                })
                .collect();
            cells.join(" ")
        })
        .collect();
    rows.join("\n")
}

#[test]
fn rows_of_every_shape() {
    for (what, body, expected) in [
        (
            "plain",
            r#"{"users":[{"id":"a","n":3}]}"#,
            "a 3 - - - - - - - aacs",
        ),
        (
            "number for text, text for number",
            r#"{"users":[{"id":7,"n":"3.0"}]}"#,
            "7 3 - - - - - - - aacs",
        ),
        (
            "zero is null",
            r#"{"users":[{"id":"a","n":0}]}"#,
            "a - - - - - - - - aacs",
        ),
        (
            "second path",
            r#"{"users":[{"Id":"b"}]}"#,
            "b - - - - - - - - aacs",
        ),
        (
            "first path wins in any order",
            r#"{"users":[{"Id":"b","id":"a"},{"id":"a","Id":"b"}]}"#,
            "a - - - - - - - - aacs\na - - - - - - - - aacs",
        ),
        (
            "null lets the second path in",
            r#"{"users":[{"id":null,"Id":"b"}]}"#,
            "b - - - - - - - - aacs",
        ),
        (
            "NULL is no value",
            r#"{"users":[{"id":"a","school":"NULL"}]}"#,
            "a - - - - - - - - aacs",
        ),
        (
            "boolean",
            r#"{"users":[{"id":"a","on":"TRUE"},{"id":"b","on":0},{"id":"c","on":false}]}"#,
            "a - - 1 - - - - - aacs\nb - - 0 - - - - - aacs\nc - - 0 - - - - - aacs",
        ),
        (
            "reference as object and as text",
            r#"{"users":[{"id":"a","school":{"sourcedId":"s","href":"x"}},{"id":"b","school":"s"}]}"#,
            "a - - - s - - - - aacs\nb - - - s - - - - aacs",
        ),
        (
            "references",
            r#"{"users":[{"id":"a","orgs":[{"sourcedId":"s","type":"org"}]},{"id":"b","orgs":["s","t"]},{"id":"c","orgs":{"sourcedId":"u"}},{"id":"d","orgs":[]},{"id":"e","orgs":[{"sourcedId":7},"s"]},{"id":"f","orgs":[-1,true]}]}"#,
            "a - - - - [\"s\"] - - - aacs\nb - - - - [\"s\",\"t\"] - - - aacs\nc - - - - [\"u\"] - - - aacs\nd - - - - [] - - - aacs\ne - - - - [\"7\"] - - - aacs\nf - - - - [\"-1\",true] - - - aacs",
        ),
        (
            "picked and kept elements",
            r#"{"users":[{"id":"a","ids":[{"type":"id","identifier":"1","secret":"x"},{"type":"person-id","identifier":"61"}]}]}"#,
            r#"a - - - - - [{"identifier":"1","type":"id"},{"identifier":"61","type":"person-id"}] 61 - aacs"#,
        ),
        (
            "envelope",
            r#"{"users":[{"Data":{"id":"a","at":"2026-02-17T09:05:12.84"},"Relationships":{"Status":{"Code":"00","X":1},"Y":2}}]}"#,
            "a - 2026-02-17T09:05:12.840Z - - - - - 00 aacs",
        ),
    ] {
        let page = read(
            &shape(&["users"]),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            None,
        )
        .expect(what);
        assert_eq!(shown(&page), expected, "{what}");
        assert!(
            page.decoded.rows.problems.first().is_empty(),
            "{what}: {:?}",
            page.decoded.rows.problems
        );
    }
}

#[test]
fn rows_are_found_where_they_stand() {
    for (rows, body, expected) in [
        (&["[]"][..], r#"[{"id":"a"}]"#, Ok(1)),
        (
            &["[]", "fluxs", "*"],
            r#"{"wType":"C","fluxs":[{"id":"a"}],"totalCount":1}"#,
            Ok(1),
        ),
        (
            &["[]", "fluxs", "*"],
            r#"{"odd":[{"id":"a"},{"id":"b"}]}"#,
            Ok(2),
        ),
        (
            &["[]", "fluxs", "*"],
            r#"{"odd":[{"id":"a"},{"id":"b"}],"fluxs":[{"id":"c"}]}"#,
            Ok(1),
        ),
        (&["{}"], r#"{"id":"a"}"#, Ok(1)),
        (&["data.users"], r#"{"data":{"users":[{"id":"a"}]}}"#, Ok(1)),
        (&["users"], r#"{"users":[]}"#, Ok(0)),
        (
            &["users"],
            r#"{"statusInfoSet":[]}"#,
            Err("the response lacks the member `users`; it has `statusInfoSet`"),
        ),
        // Where a list is expected: null, nothing, one row, numbered rows, and what is none of them.
        (&["users"], r#"{"users":null}"#, Ok(0)),
        (&["users"], r#"{"users":{}}"#, Ok(0)),
        (&["users"], r#"{"users":{"id":"a"}}"#, Ok(1)),
        (&["users"], r#"{"users":{"n":1,"id":"a\"b"}}"#, Ok(1)),
        (
            &["users"],
            r#"{"users":{"0":{"id":"a"},"1":{"id":"b"}}}"#,
            Ok(2),
        ),
        (
            &["users"],
            r#"{"users":{"3":{"id":"a"},"7":{"id":"b"},"more":false}}"#,
            Ok(2),
        ),
        (&["[]"], r#"{"0":{"id":"a"}}"#, Ok(1)),
        (&["[]"], "{}", Ok(0)),
        (
            &["data", "data.users"],
            r#"{"data":{"users":[{"id":"a"}]}}"#,
            Ok(1),
        ),
        (
            &["users", "*"],
            r#"{"users":null,"odd":[{"id":"a"}]}"#,
            Ok(1),
        ),
        (&["data.users"], r#"{"data":{"users":null}}"#, Ok(0)),
        (
            &["[]", "fluxs", "*"],
            "{}",
            Err("the response lacks an array or the member `fluxs` or a member with an array"),
        ),
        (
            &["data.users"],
            r#"{"data":null}"#,
            Err("the response lacks the member `data.users`; it has `data`"),
        ),
        (
            &["users"],
            r#"{"users":{"message":"x"}}"#,
            Err("`users` is an object, not a list"),
        ),
        (
            &["users"],
            r#"{"users":"none"}"#,
            Err("`users` is a text, not a list"),
        ),
        (
            &["users"],
            r#"{"users":false}"#,
            Err("`users` is true or false, not a list"),
        ),
        (
            &["users"],
            r#"{"users":0}"#,
            Err("`users` is a number, not a list"),
        ),
        (
            &["data.users"],
            r#"{"data":{"users":""}}"#,
            Err("`data.users` is a text, not a list"),
        ),
        (&["users"], "null", Err("expected rows, got null")),
        (&["users"], "", Err("expected rows, got nothing")),
        (&["users"], "<html>", Err("expected JSON, got a web page")),
        (
            &["users"],
            r#"{"users":[{"id":"a"}"#,
            Err("the JSON ends early at line 1 column 20"),
        ),
        (
            &["users"],
            r#"{"users":[{"id":NONE}]}"#,
            Err("the JSON is invalid at line 1 column 17"),
        ),
        (
            &["users"],
            r#"{"users":[{"id":NaN},{"id":"b","n":NONE}]}"#,
            Err("the JSON is invalid at line 1 column 17"),
        ),
        (&["users"], r#"{"users":[{"id":NaN},{"id":"b"}]}"#, Ok(1)),
        (
            &["users"],
            r#"{"users":[]} x"#,
            Err("the JSON is invalid at line 1 column 14"),
        ),
    ] {
        let seen = read(
            &shape(rows),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            None,
        );
        let seen = seen.map(|page| page.decoded.rows.len());
        let seen = seen.map_err(|bad| bad.reason);
        assert_eq!(seen, expected.map_err(str::to_owned), "{body}");
    }
}

#[test]
fn an_empty_list_in_an_odd_form_is_told() {
    for (body, odd) in [
        (r#"{"users":[]}"#, false),
        (r#"{"users":null}"#, false),
        (r#"{"users":{}}"#, true),
        (r#"{"users":{"0":{"id":"a"}}}"#, false),
    ] {
        let page = read(
            &shape(&["users"]),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            None,
        )
        .expect(body);
        assert_eq!(page.odd_empty, odd, "{body}");
    }
}

#[test]
fn totals_and_cursors() {
    let to = |text: &str| NextPage::To(text.to_owned());
    for (body, header, total, next) in [
        (
            r#"{"users":[],"total":3,"meta":{"next":"c2"}}"#,
            None,
            Some(3),
            to("c2"),
        ),
        (
            r#"{"users":[],"totalCount":3,"meta":{"next":null}}"#,
            None,
            Some(3),
            NextPage::None,
        ),
        (
            r#"{"users":[],"total":3,"pageCount":1}"#,
            None,
            Some(3),
            NextPage::None,
        ),
        (
            r#"{"pageCount":1,"users":[],"total":3}"#,
            None,
            Some(3),
            NextPage::None,
        ),
        (r#"{"users":[],"total":"4"}"#, None, Some(4), NextPage::None),
        (r#"{"users":[],"total":4.0}"#, None, Some(4), NextPage::None),
        (r#"{"users":[],"total":-1}"#, None, None, NextPage::None),
        (r#"{"users":[],"total":null}"#, None, None, NextPage::None),
        (r#"{"users":[]}"#, Some(" 5 "), Some(5), NextPage::None),
        (
            r#"{"users":[]}"#,
            Some("items 0-4/5"),
            Some(5),
            NextPage::None,
        ),
        (r#"{"users":[]}"#, Some("0-4/*"), None, NextPage::None),
        (r#"{"users":[]}"#, Some("many"), None, NextPage::None),
        (
            r#"{"users":[],"total":6}"#,
            Some("5"),
            Some(6),
            NextPage::None,
        ),
        (
            r#"{"users":[],"total":4}"#,
            Some("5"),
            Some(5),
            NextPage::None,
        ),
        (
            r#"{"users":[],"meta":{"next":123456789012345678901234}}"#,
            None,
            None,
            NextPage::To("123456789012345678901234".to_owned()),
        ),
        (
            r#"{"users":[],"meta":{"next":1736835000.120}}"#,
            None,
            None,
            NextPage::To("1736835000.120".to_owned()),
        ),
        (
            r#"{"users":[{"id":"a","n":NaN}],"total":"4","meta":{"next":"c\u0032"}}"#,
            None,
            Some(4),
            NextPage::To("c2".to_owned()),
        ),
        (
            r#"{"users":[{"id":"a"}],"total":NaN,"meta":{"next":NaN}}"#,
            None,
            None,
            NextPage::None,
        ),
    ] {
        let page = read(
            &shape(&["users"]),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            header,
        )
        .expect(body);
        assert_eq!((page.total, page.next), (total, next), "{body}");
    }
}

/// L4, L9 in a body: an address, a cursor, nothing, and what is neither; by member, by a dotted name, by element.
#[test]
fn what_comes_next_is_read_from_the_body() {
    let to = |text: &str| NextPage::To(text.to_owned());
    for (next_path, members, cursor, address) in [
        ("next", r#""next":"a""#, to("a"), to("a")),
        ("next", r#""next":"""#, NextPage::None, NextPage::None),
        ("next", r#""next":" ""#, NextPage::None, NextPage::None),
        ("next", r#""next":null"#, NextPage::None, NextPage::None),
        ("next", r#""other":1"#, NextPage::None, NextPage::None),
        ("next", r#""next":17"#, to("17"), NextPage::Unclear),
        ("next", r#""next":-17"#, to("-17"), NextPage::Unclear),
        ("next", r#""next":0"#, NextPage::None, NextPage::Unclear),
        ("next", r#""next":"0""#, NextPage::None, to("0")),
        (
            "next",
            r#""next":false"#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        (
            "next",
            r#""next":true"#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        (
            "next",
            r#""next":{"href":"a"}"#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        (
            "next",
            r#""next":["a"]"#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        ("meta.next", r#""meta":{"next":"a"}"#, to("a"), to("a")),
        (
            "meta.next",
            r#""meta":{"next":null}"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "meta.next",
            r#""meta":null"#,
            NextPage::None,
            NextPage::None,
        ),
        ("meta.next", r#""meta":{}"#, NextPage::None, NextPage::None),
        (
            "meta.next",
            r#""meta":"a""#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        (
            "meta.next",
            r#""metal":"a""#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "links.next.href",
            r#""links":{"next":{"href":"a"}}"#,
            to("a"),
            to("a"),
        ),
        (
            "links.next.href",
            r#""links":{"next":null}"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "@odata.nextLink",
            r#""@odata.nextLink":"a""#,
            to("a"),
            to("a"),
        ),
        (
            "links[rel=next].uri",
            r#""links":[{"rel":"prev","uri":"b"},{"uri":"a","rel":"next"}]"#,
            to("a"),
            to("a"),
        ),
        (
            "links[rel=next].uri",
            r#""links":[{"rel":["self","next"],"uri":"a"}]"#,
            to("a"),
            to("a"),
        ),
        (
            "links[rel=next].uri",
            r#""links":[{"rel":"prev","uri":"b"}]"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "links[rel=next].uri",
            r#""links":[{"rel":"next","uri":null}]"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "links[rel=next].uri",
            r#""links":[{"rel":"next","uri":{}}]"#,
            NextPage::Unclear,
            NextPage::Unclear,
        ),
        (
            "links[rel=next].uri",
            r#""links":[]"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "links[rel=next].uri",
            r#""links":null"#,
            NextPage::None,
            NextPage::None,
        ),
        (
            "paging.links[rel=next].uri",
            r#""paging":{"links":[{"rel":"next","uri":"a"}]}"#,
            to("a"),
            to("a"),
        ),
    ] {
        for (next_is_address, expected) in [(false, cursor), (true, address)] {
            let shape = PageShape {
                next: NextPath::read(next_path),
                next_is_address,
                ..shape(&["users"])
            };
            let body = format!(r#"{{"users":[{{"id":"a"}}],{members}}}"#);
            let decoder = decoder(NameMatch::Exact);
            let page = read(&shape, &decoder, body.as_bytes(), None).expect(&body);
            assert_eq!(
                page.next, expected,
                "{next_path} {members} {next_is_address}"
            );
        }
    }
    for text in [
        "",
        "links[rel=next]",
        "links[next].uri",
        "[rel=next].uri",
        "a]",
    ] {
        assert_eq!(NextPath::read(text), None, "{text}");
    }
}

#[test]
fn a_flag_says_whether_there_is_more() {
    for (members, more) in [
        (r#""page":{"more":true}"#, Some(true)),
        (r#""page":{"more":false}"#, Some(false)),
        (r#""page":{"more":"False"}"#, Some(false)),
        (r#""page":{"more":0}"#, Some(false)),
        (r#""page":{"more":null}"#, None),
        (r#""page":{}"#, None),
    ] {
        let shape = PageShape {
            more: Some("page.more".into()),
            ..shape(&["users"])
        };
        let body = format!(r#"{{"users":[],{members}}}"#);
        let decoder = decoder(NameMatch::Exact);
        let page = read(&shape, &decoder, body.as_bytes(), None).expect(&body);
        assert_eq!(page.more, more, "{members}");
    }
}

#[test]
fn bad_rows_are_rejected_alone_and_without_their_values() {
    let body = r#"{"users":[{"id":"a"},{"n":1},{"id":"c","n":"many"},{"id":{"x":1}},[1],{"id":"e","at":"noon"}]}"#;
    let page = read(
        &shape(&["users"]),
        &decoder(NameMatch::Exact),
        body.as_bytes(),
        None,
    )
    .expect("page");
    let rows = &page.decoded.rows;
    assert_eq!(
        (rows.len(), rows.problems.unidentified(), rows.received()),
        (3, 3, 6)
    );
    let cells = rows.problems.first().iter();
    let cells = cells.filter(|problem| matches!(problem.at, ProblemAt::Cell(_)));
    let rejects = rows.problems.rejects().keys();
    let seen: Vec<String> = rejects
        .map(|reject| format!("{}: {}", reject.path, reject.reason))
        .chain(cells.map(|cell| format!("{:?} {:?}: {}", cell.row, cell.at, cell.reason)))
        .collect();
    assert_eq!(
        seen,
        [
            "(row): expected an object, found an array",
            "id | Id : text: expected text, found an object",
            "id | Id : text: the key is missing",
            "Some(1) Cell(1): expected integer, found a text that is not a whole number",
            "Some(2) Cell(2): expected timestamp, found a text that is not a timestamp",
        ]
    );
}

#[test]
fn unlisted_members_are_named_and_ignored_ones_are_not() {
    let body = r#"{"users":[{"id":"a","wType":"U","phone":"1","school":{"href":"x"},"Bob said \"hi\"":1},{"Data":{"id":"b","secret":2},"Relationships":{"Z":1}}]}"#;
    let page = read(
        &shape(&["users"]),
        &decoder(NameMatch::Exact),
        body.as_bytes(),
        None,
    )
    .expect("page");
    assert_eq!(
        page.decoded.unlisted.list(),
        [
            "Data.secret",
            "phone",
            "school.href",
            "1 name that looks like a value"
        ]
    );
}

#[test]
fn names_in_any_case() {
    let body = r#"{"users":[{"ID":"a","N":4}]}"#;
    let page = read(
        &shape(&["users"]),
        &decoder(NameMatch::AnyCase),
        body.as_bytes(),
        None,
    )
    .expect("page");
    assert_eq!(shown(&page), "a 4 - - - - - - - aacs");
}

/// What a value may cost is bounded by itself, whatever else the page has.
#[test]
fn large_and_deep_values_cost_their_cell_or_the_page() {
    let decoder = decoder(NameMatch::Exact);
    let shape = shape(&["users"]);
    let finish = |body: &str| PageReader::default().finish(&shape, &decoder, body.as_bytes(), None);
    let long = "1,".repeat(5 << 20);
    let ids = format!(r#"{{"users":[{{"id":"a","ids":[{long}1]}},{{"id":"b"}}]}}"#);
    let rows = finish(&ids).expect("a page").decoded.rows;
    let reasons = rows
        .problems
        .cells()
        .keys()
        .map(|(_, reason)| reason.as_str());
    assert_eq!(rows.len(), 2);
    assert!(
        reasons
            .into_iter()
            .all(|reason| reason.ends_with("JSON of more than 8 MiB")),
        "{:?}",
        rows.problems.cells()
    );
    let one = format!(r#"{{"users":{{"id":"a","ids":[{long}1]}}}}"#);
    let error = finish(&one).expect_err("no list").reason;
    assert_eq!(error, "`users` is a large object, not a list");
    for (deep, expected) in [
        (r#"{"a":"#.repeat(1 << 18), None),
        ("[".repeat(20_000), Some("ten thousand levels")),
        (
            r#"{"z":[{"#.to_owned() + &r#""a":{"#.repeat(20_000),
            Some("ten thousand levels"),
        ),
        (
            r#"{"users":[{"id":"#.to_owned() + &"[".repeat(20_000),
            Some("ten thousand levels"),
        ),
    ] {
        let mut deep = deep.into_bytes();
        let mut reader = PageReader::default();
        let taken = reader
            .take(&shape, &decoder, &mut deep)
            .map(|rows| rows.is_some());
        match expected {
            Some(expected) => {
                let error = taken.expect_err("deep").reason;
                assert!(error.contains(expected), "{error}");
            }
            None => {
                assert_eq!(taken, Ok(false));
                let error = reader
                    .finish(&shape, &decoder, &deep, None)
                    .expect_err("deep");
                assert!(
                    error.reason.starts_with("the JSON is invalid"),
                    "{}",
                    error.reason
                );
            }
        }
    }
}

/// A text that no cell takes is not held either, and nothing else of the page is lost.
#[test]
fn of_a_long_text_is_held_what_a_cell_may_take() {
    const MIB: usize = 1 << 20;
    let shape = shape(&["users"]);
    let (before, behind) = (
        r#"{"users":[{"id":"a"},{"school":""#,
        r#"","id":"b"},{"id":"c"}]}"#,
    );
    for unit in ["x", "é", "\\n", "\\\"", "\\\\", "\\u00e9", "€\\u20ac"] {
        let text = unit.repeat(10 * MIB / unit.len());
        let body = [before, &text, behind].concat().into_bytes();
        let mut splitter = pieces::Splitter::default();
        let (mut held, mut cuts, mut most) = (Vec::new(), 0, 0);
        for bytes in body.chunks(MIB - 1) {
            held.extend_from_slice(bytes);
            if let Some(rest) = splitter.cut(&shape, &mut held).expect("not deep") {
                splitter.go_on(&mut held, &rest);
                cuts += 1;
            }
            most = most.max(held.len());
        }
        assert!(
            cuts > 0 && most < 9 * MIB + MIB / 2,
            "{unit}: {cuts}, {most}"
        );
        let held = String::from_utf8(held).expect("no character is cut in two");
        assert!(held.ends_with(behind), "{unit}");
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&held);
        assert!(is_json.is_ok(), "{unit}: {is_json:?}");
    }
    // What is left of it is still too long for the cell.
    let body = [before, &"x".repeat(10 * MIB), behind].concat();
    let mut held = body.as_bytes()[..9 * MIB].to_vec();
    let (mut reader, decoder) = (PageReader::default(), decoder(NameMatch::Exact));
    let first = reader
        .take(&shape, &decoder, &mut held)
        .expect("a row")
        .expect("a row");
    held.extend_from_slice(&body.as_bytes()[9 * MIB..]);
    let last = reader
        .finish(&shape, &decoder, &held, None)
        .expect("the end");
    let rows = [&first.rows, &last.decoded.rows];
    assert_eq!(rows.map(Rows::len), [1, 2]);
    let reasons: Vec<_> = last.decoded.rows.problems.cells().keys().collect();
    assert!(
        reasons[0].1.ends_with("a text of more than 1 MiB"),
        "{reasons:?}"
    );
}

/// Reads the body as if so many bytes arrived at a time, each time taking the rows so far.
pub(super) fn compare_in_pieces(
    whole: &Result<DecodedPage, UnexpectedResponse>,
    (shape, decoder, total_header): (&PageShape, &Decoder, Option<&str>),
    body: &[u8],
    size: usize,
) {
    // The repair of one row's text replaces U+FDD0 to U+FDDF in all rows of the same piece.
    if body.windows(2).any(|bytes| bytes == [0xef, 0xb7]) {
        return;
    }
    let mut rows = Vec::new();
    let mut reader = PageReader::default();
    let mut text = Vec::new();
    let mut read = || {
        for bytes in body.chunks(size) {
            text.extend_from_slice(bytes);
            if let Some(piece) = reader.take(shape, decoder, &mut text)? {
                if piece.replaces {
                    rows.clear();
                }
                rows.push(piece.rows);
            }
        }
        let reader = std::mem::take(&mut reader);
        reader.finish(shape, decoder, &text, total_header)
    };
    let page = read();
    let (whole, mut page) = match (whole, page) {
        (Ok(whole), Ok(page)) => (whole, page),
        (Err(whole), Err(error)) => {
            // What is repaired in one piece is no longer in front of an error in another.
            let place = |bad: &UnexpectedResponse| bad.reason.replace(char::is_numeric, "");
            assert_eq!((whole.fault, place(whole)), (error.fault, place(&error)));
            return;
        }
        (whole, page) => panic!("{size} bytes at a time: {whole:?}, {page:?}"),
    };
    if page.replaces {
        rows.clear();
    }
    rows.push(std::mem::take(&mut page.decoded.rows));
    let facts = |page: &DecodedPage| {
        let (total, next, more) = (page.total, format!("{:?}", page.next), page.more);
        let unlisted = page.decoded.unlisted.clone();
        (total, next, more, page.no_content, page.odd_empty, unlisted)
    };
    assert_eq!(facts(&page), facts(whole), "{size} bytes at a time");
    assert_eq!(
        sums(&rows),
        sums(std::slice::from_ref(&whole.decoded.rows)),
        "{size} bytes at a time"
    );
}

/// What rows have in common with the same rows in other parts.
fn sums(parts: &[Rows]) -> String {
    let mut lines = Vec::new();
    let mut problems = BTreeMap::<String, u64>::new();
    let mut values = Vec::new();
    for rows in parts {
        for (number, row) in rows.iter().enumerate() {
            let is = (rows.is_partial(number), rows.is_present_only(number));
            lines.push(format!("{:?} {is:?}", row.collect::<Vec<_>>()));
        }
        values.resize(values.len().max(rows.values.len()), 0);
        for (sum, value) in values.iter_mut().zip(&rows.values) {
            *sum += value;
        }
        let rejects = rows.problems.rejects().iter();
        let rejects = rejects.map(|(reject, rows)| (format!("{reject:?}"), rows));
        let cells = rows.problems.cells().iter();
        let cells = cells.map(|(cell, times)| (format!("{cell:?}"), times));
        let repaired = rows.repaired.iter();
        let repaired = repaired.map(|(cell, times)| (format!("{cell:?}"), times));
        for (what, times) in rejects.chain(cells).chain(repaired) {
            *problems.entry(what).or_default() += times;
        }
        *problems.entry("unidentified".to_owned()).or_default() += rows.problems.unidentified();
    }
    format!("{lines:#?} {problems:#?} {values:?}")
}
