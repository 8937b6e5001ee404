//! Tests of `answer.rs`.

use super::*;
use crate::model::row::Cell;
use crate::vendor::columns::Column;

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
    let ignored = ["wType".to_owned(), "../Relationships".to_owned()];
    Decoder::new(
        columns,
        vec![0],
        Some("Data"),
        &ignored,
        vec!["NULL".into()],
        names,
    )
}

fn shape(rows: &[&str]) -> PageShape {
    PageShape {
        rows: rows.iter().map(|text| Place::read(text)).collect(),
        total_member: vec!["total".into(), "*".into()],
        cursor: Some("meta.next".into()),
        ..PageShape::default()
    }
}

fn shown(page: &Page) -> String {
    let rows: Vec<String> = page
        .decoded
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .map(|cell| match cell {
                    Cell::Null => "-".into(),
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
            page.decoded.rows.rejects.is_empty(),
            "{what}: {:?}",
            page.decoded.rows.rejects
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
            Err("the answer lacks the member `users`; it has `statusInfoSet`"),
        ),
        (
            &["users"],
            r#"{"users":{"id":"a"}}"#,
            Err("the answer lacks the member `users`; it has `users`"),
        ),
        (&["users"], "null", Err("expected rows, got null")),
        (&["users"], "", Err("expected rows, got nothing")),
        (&["users"], "<html>", Err("expected JSON, got a web page")),
        (
            &["users"],
            r#"{"users":[{"id":"a"}"#,
            Err("the JSON breaks off at line 1 column 20"),
        ),
        (
            &["users"],
            r#"{"users":[{"id":NaN}]}"#,
            Err("the JSON is wrong at line 1 column 17"),
        ),
        (
            &["users"],
            r#"{"users":[]} x"#,
            Err("the JSON is wrong at line 1 column 14"),
        ),
    ] {
        let seen = read(
            &shape(rows),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            None,
        );
        let seen = seen.map(|page| page.decoded.rows.len());
        assert_eq!(seen, expected.map_err(str::to_owned), "{body}");
    }
}

#[test]
fn totals_and_cursors() {
    for (body, header, total, cursor) in [
        (
            r#"{"users":[],"total":3,"meta":{"next":"c2"}}"#,
            None,
            Some(3),
            Some("c2"),
        ),
        (
            r#"{"users":[],"totalCount":3,"meta":{"next":null}}"#,
            None,
            Some(3),
            None,
        ),
        (r#"{"users":[],"total":"4"}"#, None, Some(4), None),
        (r#"{"users":[]}"#, Some(" 5 "), Some(5), None),
        (r#"{"users":[]}"#, Some("many"), None, None),
    ] {
        let page = read(
            &shape(&["users"]),
            &decoder(NameMatch::Exact),
            body.as_bytes(),
            header,
        )
        .expect(body);
        assert_eq!(
            (page.total, page.cursor.as_deref()),
            (total, cursor),
            "{body}"
        );
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
    assert_eq!(page.decoded.rows.len(), 1);
    let seen: Vec<String> = page
        .decoded
        .rows
        .rejects
        .iter()
        .map(|reject| format!("{}: {}", reject.path, reject.reason))
        .collect();
    assert_eq!(
        seen,
        [
            "id | Id : text: the key is missing",
            "n : integer nonzero: expected integer, found a text that is no whole number",
            "id | Id : text: expected text, found an object",
            "(row): expected an object, found an array",
            "at : timestamp: expected timestamp, found a text that is no timestamp",
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
    let names: Vec<&str> = page.decoded.unlisted.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "(a name with other signs)",
            "Data.secret",
            "phone",
            "school.href"
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
