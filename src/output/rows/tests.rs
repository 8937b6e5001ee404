//! Every type of value in every format.

use super::*;
use crate::model::row::{Cell, Kind};

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

#[cfg(feature = "parquet")]
#[test]
fn parquet_has_types_meanings_and_every_row_of_several_groups() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    use tokio_util::bytes::Bytes;

    let count = 70_000;
    let mut rows = vec![ROW; count];
    rows[1] = [Cell::Null; 7];
    let file = Bytes::from(written(RowFormat::Parquet, &rows));
    let reader = SerializedFileReader::new(file).expect("a file");
    let metadata = reader.metadata();
    assert_eq!(metadata.num_row_groups(), 2);
    let meanings = metadata.file_metadata().key_value_metadata().expect("some");
    let meaning = meanings.iter().find(|one| one.key == "rollbook.date");
    let meaning = meaning.and_then(|one| one.value.as_deref());
    assert_eq!(meaning, Some("What date means"));
    let rows: Vec<Vec<Field>> = reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| {
            let row = row.expect("a row");
            row.get_column_iter()
                .map(|(_, field)| field.clone())
                .collect()
        })
        .collect();
    let expected = vec![
        Field::Str("=1+1, \"é\"\nnext".to_owned()),
        Field::Long(-7),
        Field::Double(0.1),
        Field::Bool(true),
        Field::Date(-1),
        Field::TimestampMillis(1_772_435_700_000),
        Field::Str("[{\"a\":1}]".to_owned()),
    ];
    assert_eq!(rows.len(), count);
    assert_eq!(rows[1], vec![Field::Null; 7]);
    assert!(
        rows.iter()
            .enumerate()
            .all(|(number, row)| number == 1 || *row == expected)
    );
}
