//! Every type of value in every format.

use super::*;
use rollbook_core::model::row::{Cell, Kind};

fn columns() -> Vec<OutputColumn> {
    let column = |(name, kind): (&str, Kind)| OutputColumn {
        name: name.to_owned(),
        kind,
        help: format!("What {name} means"),
    };
    [
        ("text", Kind::Text),
        ("integer", Kind::Integer),
        ("real", Kind::Real),
        ("boolean", Kind::Boolean),
        ("date", Kind::Date),
        ("timestamp", Kind::Timestamp),
        ("json", Kind::Json),
    ]
    .map(column)
    .into()
}

const ROW: [Cell<'_>; 7] = [
    Cell::Text("=1+1, \"é\"\nnext"),
    Cell::Integer(-7),
    Cell::Real(0.1),
    Cell::Integer(1),
    Cell::Text("1969-12-31"),
    Cell::Text("2026-03-02T07:15:00.000Z"),
    Cell::Text("[{\"a\":1}]"),
];

fn written(format: RowFormat, rows: &[[Cell<'_>; 7]]) -> Vec<u8> {
    let (columns, mut out) = (columns(), Vec::new());
    let mut writer = format.writer(&columns, &mut out).expect("begun");
    for row in rows {
        writer.row(row).expect("written");
    }
    writer.finish().expect("finished");
    out
}

#[test]
fn csv_quotes_what_must_be_and_writes_null_as_nothing() {
    let rows = [ROW, [Cell::Null; 7]];
    for (for_spreadsheet, expected) in [
        (
            false,
            "text,integer,real,boolean,date,timestamp,json\n\
             \"=1+1, \"\"é\"\"\nnext\",-7,0.1,true,1969-12-31,2026-03-02T07:15:00.000Z,\"[{\"\"a\"\":1}]\"\n\
             ,,,,,,\n",
        ),
        (
            true,
            "\u{feff}text,integer,real,boolean,date,timestamp,json\r\n\
             \"'=1+1, \"\"é\"\"\nnext\",-7,0.1,true,1969-12-31,2026-03-02T07:15:00.000Z,\"[{\"\"a\"\":1}]\"\r\n\
             ,,,,,,\r\n",
        ),
    ] {
        let out = written(RowFormat::Csv { for_spreadsheet }, &rows);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}

#[test]
fn a_row_of_one_null_is_a_line() {
    let columns = &columns()[..1];
    let mut out = Vec::new();
    let format = RowFormat::Csv {
        for_spreadsheet: false,
    };
    let mut writer = format.writer(columns, &mut out).expect("begun");
    writer.row(&[Cell::Null]).expect("written");
    writer.finish().expect("finished");
    assert_eq!(out, b"text\n\"\"\n");
}

#[test]
fn ndjson_has_json_and_booleans_as_such() {
    let out = written(RowFormat::Ndjson, &[ROW, [Cell::Null; 7]]);
    let expected = concat!(
        r#"{"text":"=1+1, \"é\"\nnext","integer":-7,"real":0.1,"boolean":true,"date":"1969-12-31","#,
        r#""timestamp":"2026-03-02T07:15:00.000Z","json":[{"a":1}]}"#,
        "\n",
        r#"{"text":null,"integer":null,"real":null,"boolean":null,"date":null,"timestamp":null,"json":null}"#,
        "\n"
    );
    assert_eq!(String::from_utf8_lossy(&out), expected);
}
