//! Rows in other forms than a list of objects: by name, bare values, in envelopes; and lists that are missing.

use super::*;

/// Reads a body and shows each row's cells, then the rejects, or the error.
fn read_as(rows: &[&str], columns: &[(&str, &str)], missing: bool, body: &str) -> String {
    let read_column = |(name, text): &(&str, &str)| Column::read(name, text, "", None).expect(text);
    let columns = columns.iter().map(read_column).collect();
    let rules = DecoderRules {
        envelope: Some("attributes".into()),
        ..DecoderRules::default()
    };
    let decoder = Decoder::new(columns, vec![0], rules);
    let shape = PageShape {
        missing_is_empty: missing,
        next: NextPath::read("next"),
        ignored: vec!["@odata.context".into(), "meta.kind".into()],
        ..shape(rows)
    };
    match read(&shape, &decoder, body.as_bytes(), None) {
        Ok(page) => {
            let problems = page.decoded.rows.problems.rejects().keys();
            let rejects = problems.map(|reject| format!("{}: {}", reject.path, reject.reason));
            let mut lines = vec![shown(&page)];
            lines.extend(rejects);
            lines.retain(|line| !line.is_empty());
            lines.join("\n")
        }
        Err(bad) => bad.reason,
    }
}

const NAMED: &[(&str, &str)] = &[("id", "@key : text"), ("name", "name | @value : text")];

const ERROR: &str =
    "the response has a member that is named like an error (`error`), where each member is a row";

/// Kinds: objects by id, numbers as ids, bare values by id, the body itself, an empty object as PHP writes it, null, a
/// list in place of the object, members beside the rows, a row that is none.
#[test]
fn rows_are_the_members_of_an_object() {
    for (rows, body, expected) in [
        (
            "users.{*}",
            r#"{"users":{"u1":{"name":"A"},"u2":{"name":"B"}}}"#,
            "u1 A\nu2 B",
        ),
        (
            "users.{*}",
            r#"{"total":2,"users":{"7":{"name":"A"},"8":{"name":"B"}},"next":"x"}"#,
            "7 A\n8 B",
        ),
        (
            "users.{*}",
            r#"{"users":{"u1":"A","u2":"B"}}"#,
            "u1 A\nu2 B",
        ),
        (
            "a.users.{*}",
            r#"{"a":{"users":{"é\"":{"name":"A"}}}}"#,
            "é\" A",
        ),
        (
            "{*}",
            r#"{"u1":{"name":"A"},"u2":{"name":"B"}}"#,
            "u1 A\nu2 B",
        ),
        ("{*}", "{}", ""),
        ("{*}", "[]", ""),
        ("users.{*}", r#"{"users":{}}"#, ""),
        ("users.{*}", r#"{"users":[]}"#, ""),
        ("users.{*}", r#"{"users":null}"#, ""),
        (
            "users.{*}",
            r#"{"users":[{"name":"A"}]}"#,
            "@key : text: the key is missing",
        ),
        (
            "users.{*}",
            r#"{"users":{"u1":{"name":"A"},"u2":[1]}}"#,
            "u1 A\n(row): expected an object, found an array",
        ),
        (
            "users.{*}",
            r#"{"users":7}"#,
            "`users` is a number, not a list",
        ),
        (
            "users.{*}",
            r#"{"people":{}}"#,
            "the response lacks the member `users`; it has `people`",
        ),
        ("{*}", r#"{"error":{"code":500,"message":"x"}}"#, ERROR),
        ("{*}", r#"{"u1":{"name":"A"},"errorMessage":"x"}"#, ERROR),
        ("{*}", r#"{"api_errors":["x"]}"#, ERROR),
        ("{*}", r#"{"ServerError":{}}"#, ERROR),
        (
            "{*}",
            r#"{"default":"A","terrors":"B","error-team":"C"}"#,
            "default A\nterrors B\nerror-team C",
        ),
        (
            "users.{*}",
            r#"{"users":{"error":{"name":"A"}}}"#,
            "error A",
        ),
        ("{*}", "7", "the response lacks an object of rows"),
    ] {
        assert_eq!(
            read_as(&[rows], NAMED, false, body),
            expected,
            "{rows} {body}"
        );
    }
    let both = ["users.{*}", "people"];
    let body = r#"{"people":[{"name":"A"}],"users":{"u1":{"name":"B"}}}"#;
    assert_eq!(
        read_as(&both, NAMED, false, body),
        "u1 B",
        "the better path"
    );
}

/// Kinds: texts, numbers, escapes, null and objects among them, an empty list, no column that takes a bare value.
#[test]
fn bare_values_are_rows() {
    let columns: &[(&str, &str)] = &[("id", "@value : text")];
    for (body, expected) in [
        (
            r#"{"ocs":{"meta":{"statuscode":100},"data":{"users":["anna","ben"]}}}"#,
            "anna\nben",
        ),
        (r#"{"ocs":{"data":{"users":[7,"caf\u00e9"]}}}"#, "7\ncafé"),
        (r#"{"ocs":{"data":{"users":[]}}}"#, ""),
        (
            r#"{"ocs":{"data":{"users":["a",null]}}}"#,
            "a\n(row): expected an object, found null",
        ),
        (
            r#"{"ocs":{"data":{"users":["a",{"id":"b"}]}}}"#,
            "a\n@value : text: the key is missing",
        ),
    ] {
        assert_eq!(
            read_as(&["ocs.data.users"], columns, false, body),
            expected,
            "{body}"
        );
    }
    let columns: &[(&str, &str)] = &[("id", "id : text")];
    let body = r#"{"ocs":{"data":{"users":["a"]}}}"#;
    assert_eq!(
        read_as(&["ocs.data.users"], columns, false, body),
        "(row): expected an object, found a text"
    );
}

#[test]
fn an_envelope_holds_the_row_or_a_part_of_it() {
    let columns: &[(&str, &str)] = &[("id", "../id : text"), ("name", "name : text")];
    for (body, expected) in [
        (
            r#"{"data":[{"type":"u","id":"1","attributes":{"name":"A"}}]}"#,
            "1 A",
        ),
        (r#"{"data":[{"attributes":{"name":"A"},"id":"1"}]}"#, "1 A"),
        (r#"{"data":[{"id":"1","name":"A"}]}"#, "1 A"),
    ] {
        assert_eq!(read_as(&["data"], columns, false, body), expected, "{body}");
    }
}

/// Kinds: nothing, only what the connector names, a nested list, an error by several names and by none, its parent missing,
/// another form; each also without the declaration, where it is a failed page.
#[test]
fn a_missing_list_is_empty_only_where_it_is_declared() {
    let columns: &[(&str, &str)] = &[("id", "id : text")];
    for (rows, body, expected) in [
        ("courses", "{}", ""),
        ("courses", r#"{"next":"abc"}"#, ""),
        (
            "courses",
            r#"{"@odata.context":"x","courses":[{"id":"a"}]}"#,
            "a",
        ),
        ("data.users", r#"{"data":{}}"#, ""),
        ("data.users", r#"{"data":{"users":[{"id":"a"}]}}"#, "a"),
        (
            "courses",
            r#"{"@odata.context":"x","next":null,"count":0}"#,
            "",
        ),
        ("courses", r#"{"meta":{"kind":"x"}}"#, ""),
        ("data.users.{*}", r#"{"total":0,"data":{}}"#, ""),
        (
            "data.users.{*}",
            r#"{"data":{"state":0}}"#,
            "the response lacks the member `data.users`; it has `data`",
        ),
        (
            "courses",
            r#"{"status":"UNAVAILABLE","code":503}"#,
            "the response lacks the member `courses`; it has `status`, `code`",
        ),
        (
            "courses",
            r#"{"detail":"throttled"}"#,
            "the response lacks the member `courses`; it has `detail`",
        ),
        (
            "a.b.courses",
            r#"{"a":{"success":false,"b":{}}}"#,
            "the response lacks the member `a.b.courses`; it has `a`",
        ),
        (
            "data.users",
            "{}",
            "the response lacks the member `data.users`",
        ),
        (
            "data.users",
            r#"{"data":[]}"#,
            "the response lacks the member `data.users`; it has `data`",
        ),
        (
            "courses",
            r#"{"error":{"code":403}}"#,
            "the response lacks the member `courses`; it has `error`",
        ),
        (
            "courses",
            r#"{"errorMessage":"x"}"#,
            "the response lacks the member `courses`; it has `errorMessage`",
        ),
        (
            "courses",
            r#"{"exception":"x"}"#,
            "the response lacks the member `courses`; it has `exception`",
        ),
        (
            "data.users",
            r#"{"data":{"Message":"no"}}"#,
            "the response lacks the member `data.users`; it has `data`",
        ),
        (
            "courses",
            r#"{"courses":7}"#,
            "`courses` is a number, not a list",
        ),
        ("courses", "[]", "the response lacks the member `courses`"),
        ("courses", "7", "the response lacks the member `courses`"),
    ] {
        assert_eq!(
            read_as(&[rows], columns, true, body),
            expected,
            "{rows} {body}"
        );
        let undeclared = read_as(&[rows], columns, false, body);
        if expected.is_empty() {
            assert!(
                undeclared.starts_with("the response lacks"),
                "{body}: {undeclared}"
            );
        } else {
            assert_eq!(undeclared, expected, "{body}");
        }
    }
}

/// An object by id is decoded while it arrives: what was taken is not held.
#[test]
fn a_large_object_by_id_is_held_piece_by_piece() {
    let columns = NAMED
        .iter()
        .map(|(name, text)| Column::read(name, text, "", None).expect(text));
    let decoder = Decoder::new(columns.collect(), vec![0], DecoderRules::default());
    let shape = shape(&["users.{*}"]);
    let mut reader = PageReader::default();
    let (mut body, mut held, mut received) = (br#"{"users":{"#.to_vec(), 0, 0);
    for number in 0..5_000 {
        let comma = if number == 0 { "" } else { "," };
        body.extend_from_slice(
            format!(r#"{comma}"u{number}":{{"name":"{}"}}"#, "x".repeat(90)).as_bytes(),
        );
        if body.len() > 4_000 {
            let piece = reader.take(&shape, &decoder, &mut body).expect("JSON");
            received += piece.map_or(0, |piece| piece.rows.received());
        }
        held = held.max(body.len());
    }
    body.extend_from_slice(b"}}");
    let page = reader
        .finish(&shape, &decoder, &body, None)
        .expect("a page");
    assert_eq!(received + page.decoded.rows.received(), 5_000);
    assert!(held < 8_000, "{held}");
}
