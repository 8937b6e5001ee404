//! CSV as programs write it, and as Rollbook writes it.

use proptest::prelude::*;

use super::*;
use rollbook_core::model::formula::looks_like_a_formula;

fn read_text(text: &str) -> Vec<(u32, Vec<(u32, String)>)> {
    let sheet = read("file", text.as_bytes().to_vec()).expect("CSV");
    let text = |cell: SheetCell| match cell {
        SheetCell::Text(text) => text,
        other => panic!("{other:?} in CSV"),
    };
    let row = |row: SheetRow| {
        let cells = row
            .cells
            .into_iter()
            .map(|(column, cell)| (column, text(cell)));
        (row.number, cells.collect())
    };
    sheet.rows.into_iter().map(row).collect()
}

#[test]
fn every_separator_and_quotation_is_read() {
    let expected = vec![
        (1, vec![(0, "code".to_owned()), (1, "label".to_owned())]),
        (
            3,
            vec![(0, "00".to_owned()), (1, "No, not \"yet\"".to_owned())],
        ),
    ];
    let rows = [
        "code,label\r\n\r\n00,\"No, not \"\"yet\"\"\"\r\n",
        "\u{feff}code;label\n;\n00;\"No, not \"\"yet\"\"\"\n",
        "code\tlabel\n\t\n\"00\"\t\"No, not \"\"yet\"\"\"",
    ];
    for text in rows {
        assert_eq!(read_text(text), expected, "{text:?}");
    }
    let lines = read_text("code,label\n1,\"two\nlines\"\n2,next\n");
    assert_eq!(lines[2].0, 4, "rows are numbered as lines of the file");
}

#[test]
fn what_is_no_csv_is_said_with_its_row() {
    let rows: [(&[u8], &str); 3] = [
        (
            b"code,label\n1,M\xfcller\n",
            "sheet file, row 2: this is not UTF-8; save the file as \"CSV UTF-8\"",
        ),
        (
            b"code\n\0\n",
            "sheet file, row 2: this is neither CSV nor a workbook",
        ),
        (
            b"code,label\n1,\"open\n2,next\n",
            "sheet file: a quotation mark is not closed",
        ),
    ];
    for (bytes, expected) in rows {
        let reported = read("file", bytes.to_vec())
            .expect_err("no CSV")
            .to_string();
        assert_eq!(reported, expected);
    }
}

#[test]
fn no_spreadsheet_takes_a_text_for_a_formula() {
    let rows = [
        ("@@", "'@@"),
        ("=1+1", "'=1+1"),
        ("-", "'-"),
        ("+43 1", "'+43 1"),
        ("'=x", "''=x"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        ("00", "00"),
        ("a=b", "a=b"),
        ("", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(escape_formula(text), expected);
        assert_eq!(unescape_formula(expected), text);
    }
    let written = write(&["code", "label"], [vec![Some("@@"), None]]);
    assert_eq!(written, "\"code\",\"label\"\r\n\"'@@\",\"\"\r\n");
}

proptest! {
    /// What is written is read back unchanged.
    #[test]
    fn what_goes_comes_back(texts in proptest::collection::vec("['=+@,;\"\r\n\ta-z0é-]{0,6}", 1..8)) {
        let rows = texts.iter().map(|text| vec![Some("k"), Some(text.as_str())]);
        let back = read_text(&write(&["key", "value"], rows));
        let values: Vec<&str> = back[1..]
            .iter()
            .map(|(_, cells)| cells.iter().find(|(column, _)| *column == 1).map_or("", |(_, text)| text))
            .collect();
        // Blanks alone are as good as nothing, unless they had to be guarded.
        let sent: Vec<&str> = texts.iter().map(|text| if text.trim().is_empty() && !looks_like_a_formula(text) { "" } else { text.as_str() }).collect();
        prop_assert_eq!(values, sent);
    }
}
