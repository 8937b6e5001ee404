//! R1, R3, R6, R7, R8, R9, R10: one odd cell, and what happens to its row.

use serde_json::{Value, json};

use super::harness::{Config, Harness, RunRecord, each, id, person, persons};
use super::server::{PAGED, Pages, Reply, Shared, Style, Total, pages};

/// Every type of optional column, and the name.
const COLUMNS: &str = "name = \"name : text\"
day = \"day : date\"
moment = \"moment : timestamp\"
whole = \"whole : integer\"
share = \"share : real\"
flag = \"flag : boolean\"
mark = \"mark : guid_text\"
place = \"place.town : text\"
tutor = \"tutor.id | tutor : text\"
";

/// A person with good values in all of them.
fn full(number: usize) -> Value {
    json!({
        "id": id(number), "name": format!("Name {number}"), "day": "2025-08-31", "moment": "2025-08-31T07:15:00Z",
        "whole": 41, "share": 0.5, "flag": true, "mark": "0123456789abcdef0123456789abcdef",
        "place": {"town": "Graz"}, "tutor": {"id": "t1"},
    })
}

fn columns() -> String {
    COLUMNS.replace("guid_text", "text guid")
}

fn plan(pages: Pages) -> Config {
    Config::people(&pages.toml(), &columns())
}

/// The mirror's values of a person with good values.
fn stored(column: &str) -> &'static str {
    match column {
        "day" => "2025-08-31",
        "moment" => "2025-08-31T07:15:00.000Z",
        "whole" => "41",
        "share" => "0.5",
        "flag" => "1",
        "mark" => "0123456789abcdef0123456789abcdef",
        "place" => "Graz",
        "tutor" => "t1",
        _ => "Name 7",
    }
}

/// Columns, and values that cannot be read as their type.
fn odd_values() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "day",
            vec![
                json!("2025-02-30"),
                json!("31.08.2025"),
                json!("unknown"),
                json!("2025-13-01"),
                json!("soon"),
                json!(["2025-08-31"]),
                json!({"date": "2025-08-31"}),
                json!(true),
            ],
        ),
        (
            "moment",
            vec![
                json!("2025-08-31T25:15:00Z"),
                json!("2025-02-30T07:15:00Z"),
                json!("/Date(soon)/"),
                json!({"at": 1}),
                json!(false),
            ],
        ),
        (
            "whole",
            vec![
                json!("forty"),
                json!("41.5"),
                json!(41.5),
                json!([41]),
                json!({"n": 41}),
                json!("12345678901234567890"),
            ],
        ),
        (
            "share",
            vec![json!("a half"), json!([0.5]), json!({"n": 1})],
        ),
        (
            "flag",
            vec![json!("perhaps"), json!(2), json!([true]), json!({})],
        ),
        (
            "mark",
            vec![
                json!("not a guid"),
                json!(["0123456789abcdef0123456789abcdef"]),
                json!({"v": 1}),
            ],
        ),
        (
            "place",
            vec![json!({"town": ["Graz"]}), json!({"town": {"de": "Graz"}})],
        ),
        (
            "tutor",
            vec![
                json!(["t1", "t2"]),
                json!({"id": ["t1"]}),
                json!({"id": {"v": "t1"}}),
            ],
        ),
        ("name", vec![json!(["a", "b"]), json!({"de": "Name"})]),
    ]
}

/// R1, R8: the row is in the response, so it stays; the cell keeps its last good value and is reported with its column.
#[test]
fn r1_r8_an_unreadable_cell_keeps_its_last_value_and_its_row() {
    let cases: Vec<(&str, Value)> = odd_values()
        .into_iter()
        .flat_map(|(column, values)| values.into_iter().map(move |value| (column, value)))
        .collect();
    let rows: Vec<Value> = (0..40).map(full).collect();
    let style = pages(Style::None, 0);
    // One program for all of them, because every odd value is followed by a good one.
    let (mut harness, list) = Harness::of_list(style, &plan(style), rows);
    each(
        &cases,
        |(column, value)| format!("{column} = {value}"),
        |(column, value)| {
            list.edit(|rows| rows[7] = full(7));
            harness.sync().ended("ok", "the good value");
            let before = harness.history();
            list.edit(|rows| rows[7][column] = value.clone());
            for reading in 1..=3 {
                let ran = harness.sync();
                odd_cell(&ran, column, reading);
                assert_eq!(
                    harness.cell(&id(7), column).as_deref(),
                    Some(stored(column))
                );
            }
            assert_eq!(
                harness.history(),
                before,
                "nothing that was read is other than before"
            );
        },
    );
}

fn odd_cell(ran: &RunRecord, column: &str, reading: usize) {
    let ran = ran
        .clone()
        .ended("ok_with_rejects", reading)
        .removed_none(reading);
    let part = ran.people();
    assert_eq!(
        (part.new, part.changed, part.unconfirmed),
        (0, 0, 0),
        "{ran:?}"
    );
    assert_eq!(ran.rejects_of(column), 1, "reading {reading}: {ran:?}");
}

/// R1: five readings, in every style of paging; other changes of the row are applied.
#[test]
fn r1_five_readings_with_an_odd_cell_in_every_style_of_paging() {
    let styles: Vec<Pages> = [pages(Style::None, 0)]
        .into_iter()
        .chain(PAGED.map(|style| pages(style, 15)))
        .chain([Total::InHeader, Total::InBody].map(|total| pages(Style::Offset, 15).with(total)))
        .collect();
    each(
        &styles,
        |style| format!("{style:?}"),
        |style| {
            let (mut harness, list) =
                Harness::of_list(*style, &plan(*style), (0..40).map(full).collect());
            harness.sync().ended("ok", "first");
            for reading in 1..=5 {
                list.edit(|rows| {
                    rows[7]["day"] = json!("2025-02-30");
                    rows[7]["name"] = json!(format!("Name in reading {reading}"));
                });
                let ran = harness
                    .sync()
                    .ended("ok_with_rejects", reading)
                    .removed_none(reading);
                assert_eq!(ran.people().changed, 1, "{ran:?}");
                assert_eq!(harness.cell(&id(7), "day").as_deref(), Some("2025-08-31"));
                assert_eq!(
                    harness.cell(&id(7), "name"),
                    Some(format!("Name in reading {reading}"))
                );
            }
            assert_eq!(harness.ids().len(), 40);
        },
    );
}

/// R1: a new row has no value to keep; the next good value is stored.
#[test]
fn r1_a_new_row_with_an_odd_cell_has_no_value() {
    let style = pages(Style::None, 0);
    let (mut harness, list) = Harness::of_list(style, &plan(style), (0..40).map(full).collect());
    harness.sync().ended("ok", "first");
    list.edit(|rows| {
        let mut new = full(40);
        new["day"] = json!("unknown");
        rows.push(new);
    });
    let ran = harness.sync().ended("ok_with_rejects", "a new row");
    assert_eq!((ran.people().new, ran.rejects_of("day")), (1, 1));
    assert_eq!(harness.cell(&id(40), "day").as_deref(), Some("null"));
    list.edit(|rows| rows[40]["day"] = json!("2025-09-01"));
    harness.sync().ended("ok", "good again");
    assert_eq!(harness.cell(&id(40), "day").as_deref(), Some("2025-09-01"));
    list.edit(|rows| rows[40]["day"] = Value::Null);
    harness.sync().ended("ok", "cleared");
    assert_eq!(harness.cell(&id(40), "day").as_deref(), Some("null"));
}

/// R1: in a reading of changes too; the previous value is kept and the next change is applied.
#[test]
fn r1_an_odd_cell_in_an_incremental_reading() {
    let mut plan = Config::people(
        "page = { by = \"none\" }",
        "name = \"name : text\"\nday = \"day : date\"\nchanged = \"changed : timestamp\"\n",
    );
    plan.streams = plan.streams.replace(
        "removed = ",
        "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }\nremoved = ",
    );
    let mut harness = Harness::new(&plan);
    let row = |number: usize, day: &str, hour: usize| json!({"id": id(number), "name": "a", "day": day, "changed": format!("2026-03-01T{hour:02}:00:00Z")});
    let list = Shared::of((0..40).map(|number| row(number, "2025-08-31", 1)).collect());
    let ours = list.clone();
    harness.vendor.respond_with(move |request| {
        let since = request.query.get("since").cloned().unwrap_or_default();
        let rows: Vec<Value> = ours
            .rows()
            .into_iter()
            .filter(|row| row["changed"].as_str().unwrap_or_default() >= since.as_str())
            .collect();
        Reply::json(&json!({"rows": rows}))
    });
    harness.sync().ended("ok", "first");
    list.edit(|rows| rows[7] = row(7, "2025-02-30", 5));
    let ran = harness.sync().ended("ok_with_rejects", "an odd cell");
    assert_eq!(ran.people().reading, "incremental");
    assert_eq!(harness.cell(&id(7), "day").as_deref(), Some("2025-08-31"));
    list.edit(|rows| rows[7] = row(7, "2025-09-02", 6));
    harness.sync().ended("ok", "good again");
    assert_eq!(harness.cell(&id(7), "day").as_deref(), Some("2025-09-02"));
}

/// R3: a few unreadable cells hold nothing back, and the report names the column and their number.
#[test]
fn r3_some_unreadable_cells_of_a_column() {
    // Rows with an odd date, rows, and whether the reading is applied to a mirror that had them all.
    let cases = [
        (4, 100, true),
        (1, 20, true),
        (19, 100, true),
        (19, 20, true),
        (20, 400, true),
        (25, 600, true),
        (20, 100, false),
        (21, 400, false),
        (40, 40, false),
    ];
    let odd = ["31.08.2025", "unknown", "2025-02-30"];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |case| format!("{case:?}"),
        |(bad, count, is_taken)| {
            let good = persons_with_day(*count);
            let (mut harness, list) = Harness::of_list(style, &day_plan(style), good);
            harness.sync().ended("ok", "first");
            list.edit(|rows| {
                for (number, row) in rows.iter_mut().take(*bad).enumerate() {
                    row["day"] = json!(odd[number % odd.len()]);
                    row["name"] = json!("renamed");
                }
            });
            let ran = harness.sync();
            assert_eq!(harness.ids().len(), *count);
            assert_eq!(harness.cell(&id(0), "day").as_deref(), Some("2025-08-31"));
            if *is_taken {
                let ran = ran.ended("ok_with_rejects", bad).removed_none(bad);
                assert_eq!(ran.rejects_of("day"), *bad as u64, "{ran:?}");
                assert_eq!(harness.cell(&id(0), "name").as_deref(), Some("renamed"));
            } else {
                ran.ended("held", bad).reports(&["format of", "day"], bad);
                assert_eq!(harness.cell(&id(0), "name").as_deref(), Some("Name 0"));
            }
        },
    );
}

fn day_plan(style: Pages) -> Config {
    Config::people(
        &style.toml(),
        "name = \"name : text\"\nday = \"day : date\"\n",
    )
}

fn persons_with_day(count: usize) -> Vec<Value> {
    let mut rows = persons(count);
    rows.iter_mut()
        .for_each(|row| row["day"] = json!("2025-08-31"));
    rows
}

/// R3: a first load has all its rows, with empty cells for unreadable values; the real program reports them and exits with 0.
#[test]
fn r3_a_first_load_with_odd_cells() {
    let style = pages(Style::None, 0);
    let mut rows = persons_with_day(100);
    for (number, odd) in ["31.08.2025", "unknown", "  ", "0000-00-00"]
        .iter()
        .enumerate()
    {
        rows[number * 20]["day"] = json!(odd);
    }
    let (mut harness, _) = Harness::of_list(style, &day_plan(style), rows);
    let ran = harness.binary(&["sync"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("ok_with_rejects"), "{ran:?}");
    assert!(ran.out.contains("day"), "the column is named: {ran:?}");
    assert_eq!(harness.ids().len(), 100);
    let empty = "SELECT count(*) FROM own_people WHERE day IS NULL";
    assert_eq!(
        crate::queries::one::<u64>(&harness.installation.mirror(), empty),
        4
    );
    let counted = "SELECT sum(rows) FROM rollbook_rejects WHERE path LIKE '%day%'";
    let counted = crate::queries::one::<u64>(&harness.installation.mirror(), counted);
    assert!(
        (2..=4).contains(&counted),
        "blanks and zeros may count or not: {counted}"
    );
}

/// What a number may become.
enum Number {
    /// Exactly this.
    Kept(&'static str),
    /// This, or no value and a reject: never another number.
    KeptOrRejected(&'static str),
    /// No value and a reject.
    Rejected,
}

/// R6: digits are kept; what cannot be stored is rejected, never rounded.
#[test]
fn r6_numbers_of_any_length() {
    use Number::{Kept, KeptOrRejected, Rejected};
    let cases = [
        ("text", "12345678901234567891", Kept("12345678901234567891")),
        (
            "text",
            "-12345678901234567891",
            Kept("-12345678901234567891"),
        ),
        (
            "text",
            "123456789012345678901234567890123456789",
            Kept("123456789012345678901234567890123456789"),
        ),
        ("text", "18446744073709551616", Kept("18446744073709551616")),
        ("text", "9007199254740993", Kept("9007199254740993")),
        (
            "text",
            "0.12345678901234567891",
            Kept("0.12345678901234567891"),
        ),
        (
            "text",
            "12345678901234567890.5",
            Kept("12345678901234567890.5"),
        ),
        ("text", "41", Kept("41")),
        (
            "integer",
            "9223372036854775807",
            Kept("9223372036854775807"),
        ),
        (
            "integer",
            "-9223372036854775808",
            Kept("-9223372036854775808"),
        ),
        ("integer", "9223372036854775808", Rejected),
        ("integer", "-9223372036854775809", Rejected),
        ("integer", "12345678901234567891", Rejected),
        ("integer", "123456789012345678901234567890", Rejected),
        ("integer", "\"12345678901234567891\"", Rejected),
        (
            "integer",
            "9007199254740993.0",
            KeptOrRejected("9007199254740993"),
        ),
        (
            "integer",
            "9007199254740993e0",
            KeptOrRejected("9007199254740993"),
        ),
        ("integer", "1e30", Rejected),
        ("integer", "3.0", Kept("3")),
        ("real", "1e999", Rejected),
        (
            "json",
            "{\"n\":12345678901234567891}",
            Kept("{\"n\":12345678901234567891}"),
        ),
        (
            "json",
            "[123456789012345678901234567890]",
            Kept("[123456789012345678901234567890]"),
        ),
        ("json", "[9007199254740993]", Kept("[9007199254740993]")),
        (
            "json texts",
            "[12345678901234567891]",
            Kept("[\"12345678901234567891\"]"),
        ),
    ];
    let columns = ["text", "integer", "real", "json", "json texts"]
        .map(|kind| {
            // Numbers become texts where the column takes each element.
            let (column, each) = (kind.replace(' ', "_"), kind.ends_with("texts"));
            let path = if each {
                format!("{column}[]")
            } else {
                column.clone()
            };
            format!("{column} = \"{path} : {kind}\"\n")
        })
        .concat();
    let mut harness = Harness::new(&Config::people("page = { by = \"none\" }", &columns));
    each(
        &cases,
        |(kind, number, _)| format!("{kind} {number}"),
        |(kind, number, then)| {
            let column = kind.replace(' ', "_");
            let key = format!("{column} {}", number.replace('"', "'"));
            let text = format!(
                "{{\"rows\":[{{\"id\":\"{key}\",\"{column}\":{number}}},{{\"id\":\"b\"}}]}}"
            );
            harness
                .vendor
                .respond_with(move |_| Reply::raw(200, text.clone()));
            let ran = harness.sync();
            let value = harness.cell(&key, &column);
            let value = value.unwrap_or_else(|| panic!("no row: {ran:?}"));
            let is_rejected = value == "null" && ran.rejects_of(&column) == 1;
            match then {
                Kept(kept) => assert_eq!(value, *kept, "{ran:?}"),
                KeptOrRejected(kept) => assert!(value == *kept || is_rejected, "{value} {ran:?}"),
                Rejected => assert!(is_rejected, "{value} {ran:?}"),
            }
        },
    );
}

/// R6: two keys that differ in their last digit are two rows: as a key, in a reference and in a cursor.
#[test]
fn r6_keys_and_cursors_of_twenty_digits() {
    let mut harness = Harness::new(&Config::people(
        &pages(Style::Cursor, 1).toml(),
        "name = \"name : text\"\nboss = \"boss : text\"\n",
    ));
    harness.vendor.respond_with(|request| {
        let body = match request.query.get("after").map(String::as_str) {
            None => r#"{"rows":[{"id":12345678901234567891,"name":"a","boss":12345678901234567892}],"next":12345678901234567891}"#,
            Some("12345678901234567891") => r#"{"rows":[{"id":12345678901234567892,"name":"b"}]}"#,
            Some(_) => r#"{"rows":[]}"#,
        };
        Reply::raw(200, body)
    });
    harness.sync().ended("ok", "two rows");
    assert_eq!(
        harness.ids(),
        ["12345678901234567891", "12345678901234567892"]
    );
    assert_eq!(
        harness.cell("12345678901234567891", "boss").as_deref(),
        Some("12345678901234567892")
    );
}

/// Prefixes of far away dates, or none.
const FAR: &[&str] = &[
    "null",
    "9999-12-3",
    "+10000-01",
    "10000-01",
    "0000-12-31",
    "0001-01-01",
    "1900-01-01",
    "2099-12-31",
];

/// R7: a vendor's "no end" is a date far away, or no date; never a lost row and never a reject.
#[test]
fn r7_far_away_ends() {
    let cases = [
        "\"9999-12-31T23:59:59.9999999\"",
        "\"9999-12-31T23:59:59.9999999Z\"",
        "\"9999-12-31T23:59:59.999999999Z\"",
        "\"9999-12-31T23:59:59.9999999+00:00\"",
        "\"9999-12-31T23:59:59\"",
        "\"9999-12-31 23:59:59\"",
        "\"9999-12-31\"",
        "\"9999-12-31T00:00:00Z\"",
        "\"9999-12-31T23:59:59-10:00\"",
        "\"\\/Date(253402300799999)\\/\"",
        "\"/Date(253402300799999)/\"",
        "\"/Date(253402300799999+0000)/\"",
        "\"/Date(253402300799999-0500)/\"",
        "\"/Date(253402214400000)/\"",
        "\"0001-01-01T00:00:00\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"0001-01-01T00:00:00+01:00\"",
        "\"0001-01-01\"",
        "\"/Date(-62135596800000)/\"",
        "\"1900-01-01T00:00:00\"",
        "\"2099-12-31\"",
    ];
    let plan = Config::people(
        "page = { by = \"none\" }",
        "name = \"name : text\"\nend_day = \"end : date\"\nend_time = \"end : timestamp\"\n",
    );
    let mut harness = Harness::new(&plan);
    let cases: Vec<(usize, &str)> = cases.into_iter().enumerate().collect();
    each(
        &cases,
        |(_, end)| (*end).to_owned(),
        |(number, end)| {
            let key = id(*number);
            let text = format!("{{\"rows\":[{{\"id\":\"{key}\",\"name\":\"A\",\"end\":{end}}}]}}");
            harness
                .vendor
                .respond_with(move |_| Reply::raw(200, text.clone()));
            let ran = harness.sync().ended("ok", end);
            for column in ["end_day", "end_time"] {
                let value = harness.cell(&key, column);
                let value = value.unwrap_or_else(|| panic!("no row: {ran:?}"));
                let is_far = FAR.iter().any(|begins| value.starts_with(begins));
                assert!(is_far, "{column}: {value}");
            }
        },
    );
}

/// R8: a whole column changes its shape for some rows; no row is removed, also when it stays so.
#[test]
fn r8_a_text_becomes_a_list_or_an_object() {
    let shapes = [
        json!(["a@school.example", "b@school.example"]),
        json!({"de": "a", "en": "b"}),
        json!([]),
        json!({}),
        json!([["a"]]),
        json!([{"value": "a@school.example"}]),
    ];
    let style = pages(Style::Offset, 20).with(Total::InBody);
    each(&shapes, ToString::to_string, |shape| {
        let rows: Vec<Value> = (0..60).map(full).collect();
        let (mut harness, list) = Harness::of_list(style, &plan(style), rows);
        harness.sync().ended("ok", "first");
        list.edit(|rows| rows[2]["name"] = shape.clone());
        for reading in 1..=3 {
            let ran = harness
                .sync()
                .ended("ok_with_rejects", reading)
                .removed_none(reading);
            assert_eq!(ran.rejects_of("name"), 1, "{ran:?}");
        }
        assert_eq!(harness.cell(&id(2), "name").as_deref(), Some("Name 2"));
        assert_eq!(harness.ids().len(), 60);
    });
}

/// R9: only a short row leaves values alone; in any other row a missing member has no value.
#[test]
fn r9_a_cleared_value_and_a_short_row() {
    // The second response's row, and the values of `email` and `phone` after it.
    let cases = [
        (
            "as before",
            json!({"email": "a@x", "phone": "1"}),
            ["a@x", "1"],
        ),
        ("null", json!({"email": null, "phone": "1"}), ["null", "1"]),
        ("left out, not short", json!({"phone": "1"}), ["null", "1"]),
        (
            "both null",
            json!({"email": null, "phone": null}),
            ["null", "null"],
        ),
        (
            "one null, one left out",
            json!({"email": null}),
            ["null", "null"],
        ),
        (
            "empty text",
            json!({"email": "", "phone": "1"}),
            ["null", "1"],
        ),
        ("short", json!({}), ["a@x", "1"]),
        (
            "short, with another name",
            json!({"name": "Other"}),
            ["a@x", "1"],
        ),
    ];
    let style = pages(Style::None, 0);
    let columns = "name = \"name : text\"\nemail = \"email : text\"\nphone = \"phone : text\"\n";
    let mut plan = Config::people(&style.toml(), columns);
    plan.streams = plan.streams.replace(
        "removed = ",
        "short = { lacks = [\"email\", \"phone\"] }\nremoved = ",
    );
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(_, second, [email, phone])| {
            let rows = (0..30)
                .map(|number| json!({"id": id(number), "name": "N", "email": "a@x", "phone": "1"}))
                .collect();
            let (mut harness, list) = Harness::of_list(style, &plan, rows);
            harness.sync().ended("ok", "first");
            list.edit(|rows| {
                rows[3] = second.clone();
                rows[3]["id"] = json!(id(3));
                if rows[3]["name"].is_null() {
                    rows[3]["name"] = json!("N");
                }
            });
            let name = second["name"].as_str().unwrap_or("N");
            for reading in 1..=2 {
                harness.sync().ended("ok", reading);
                assert_eq!(harness.cell(&id(3), "email").as_deref(), Some(*email));
                assert_eq!(harness.cell(&id(3), "phone").as_deref(), Some(*phone));
                assert_eq!(harness.cell(&id(3), "name").as_deref(), Some(name));
            }
        },
    );
}

/// R9: without a short form, missing members are cleared.
#[test]
fn r9_without_a_short_form_missing_members_are_cleared() {
    let style = pages(Style::None, 0);
    let (mut harness, list) = Harness::of_list(style, &plan(style), (0..40).map(full).collect());
    harness.sync().ended("ok", "first");
    list.edit(|rows| rows[3] = person(3));
    harness.sync().ended("ok", "only a name");
    for column in [
        "day", "moment", "whole", "share", "flag", "mark", "place", "tutor",
    ] {
        assert_eq!(
            harness.cell(&id(3), column).as_deref(),
            Some("null"),
            "{column}"
        );
    }
}

/// R10: the elements of a set have no order; only another element is a change.
#[test]
fn r10_a_set_in_another_order_is_the_same() {
    // Column type, the first value, the same in another order, another value, what is stored of the first.
    let cases = [
        (
            "groups : json set",
            json!(["b", "a", "c"]),
            vec![json!(["a", "b", "c"]), json!(["c", "b", "a"])],
            json!(["a", "b"]),
            r#"["a","b","c"]"#,
        ),
        (
            "groups[] : json texts set",
            json!([10, 9, "8"]),
            vec![json!(["8", "9", "10"]), json!([9, 8, 10])],
            json!([9, 10, 11]),
            r#"["10","8","9"]"#,
        ),
        (
            "groups[].id : json texts set",
            json!([{"id": "b"}, {"id": "a"}]),
            vec![json!([{"id": "a"}, {"id": "b"}])],
            json!([{"id": "a"}]),
            r#"["a","b"]"#,
        ),
        (
            "groups[].{type,value} : json set",
            json!([{"type": "x", "value": "2"}, {"type": "a", "value": "1"}]),
            vec![
                json!([{"value": "1", "type": "a"}, {"value": "2", "type": "x"}]),
                json!([{"type": "a", "value": "1", "other": 5}, {"value": "2", "type": "x"}]),
            ],
            json!([{"type": "a", "value": "1"}, {"type": "x", "value": "3"}]),
            r#"[{"type":"a","value":"1"},{"type":"x","value":"2"}]"#,
        ),
        (
            "groups : json set",
            json!([]),
            vec![json!([])],
            json!(["a"]),
            "[]",
        ),
    ];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |(kind, first, ..)| format!("{kind} {first}"),
        |(kind, first, same, other, stored)| {
            let plan = Config::people(
                &style.toml(),
                &format!("name = \"name : text\"\ngroups = \"{kind}\"\n"),
            );
            let rows = (0..30)
                .map(|number| json!({"id": id(number), "name": "N", "groups": first}))
                .collect();
            let (mut harness, list) = Harness::of_list(style, &plan, rows);
            harness.sync().ended("ok", "first");
            assert_eq!(harness.cell(&id(1), "groups").as_deref(), Some(*stored));
            for value in same {
                list.edit(|rows| {
                    rows.iter_mut()
                        .for_each(|row| row["groups"] = value.clone())
                });
                let ran = harness.sync().ended("ok", value);
                assert_eq!((ran.people().changed, harness.history()), (0, 0), "{value}");
            }
            list.edit(|rows| rows[1]["groups"] = other.clone());
            assert_eq!(harness.sync().ended("ok", other).people().changed, 1);
        },
    );
}

/// R10: a list that is not a set has an order, and `set` is not used by other types.
#[test]
fn r10_only_a_set_has_no_order() {
    let style = pages(Style::None, 0);
    let plan = Config::people(&style.toml(), "groups = \"groups : json\"\n");
    let (mut harness, list) =
        Harness::of_list(style, &plan, vec![json!({"id": "a", "groups": ["b", "a"]})]);
    harness.sync().ended("ok", "first");
    assert_eq!(harness.cell("a", "groups").as_deref(), Some(r#"["b","a"]"#));
    list.edit(|rows| rows[0]["groups"] = json!(["a", "b"]));
    assert_eq!(
        harness.sync().ended("ok", "another order").people().changed,
        1
    );
    for kind in ["text set", "date set", "integer set"] {
        let harness = Harness::new(&Config::people(
            &style.toml(),
            &format!("value = \"value : {kind}\"\n"),
        ));
        let problems = harness.check().err().unwrap_or_default();
        assert!(problems.contains("set"), "{kind}: {problems}");
    }
}
