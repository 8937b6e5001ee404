//! Workbooks put together by hand: right ones, damaged ones, and ones that mean harm.

use std::io::Write as _;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::spreadsheets::read::of_bytes;

/// A zip archive with these files.
fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default())
            .expect("begun");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

/// A workbook with these sheets; the content of `<sheetData>` is given.
fn workbook(sheets: &[(&str, &str)], strings: &[&str]) -> Vec<u8> {
    let names: String = (1..)
        .zip(sheets)
        .map(|(number, (name, _))| {
            format!("<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>")
        })
        .collect();
    let links: String = (1..=sheets.len())
        .map(|number| format!("<Relationship Id=\"rId{number}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"))
        .collect();
    let strings: String = strings
        .iter()
        .map(|text| format!("<si><t>{text}</t></si>"))
        .collect();
    let main = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let mut parts = vec![
        ("_rels/.rels".to_owned(), "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>".to_owned()),
        ("xl/workbook.xml".to_owned(), format!("<workbook {main} xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{names}</sheets></workbook>")),
        ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{links}</Relationships>")),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst {main}>{strings}</sst>")),
    ];
    for (number, (_, data)) in (1..).zip(sheets) {
        parts.push((
            format!("xl/worksheets/sheet{number}.xml"),
            format!("<worksheet {main}><dimension ref=\"A1:XFD1048576\"/><sheetData>{data}</sheetData></worksheet>"),
        ));
    }
    let parts: Vec<(&str, &str)> = parts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    archive(&parts)
}

const RIGHT: &str = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"inlineStr\"><is><t>Description</t></is></c></row>\
    <row r=\"3\"><c r=\"A3\" t=\"s\"><v>1</v></c><c r=\"B3\"><v>7</v></c><c r=\"D3\" t=\"b\"><v>1</v></c><c r=\"E3\" t=\"e\"><v>#N/A</v></c></row>";

#[test]
fn cells_keep_what_they_are() {
    let bytes = workbook(&[("Outcomes", RIGHT), ("Empty", "")], &["Code", "00"]);
    let sheets = of_bytes("file", bytes).expect("a workbook");
    assert_eq!(sheets.len(), 2);
    assert_eq!(
        (sheets[0].name.as_str(), sheets[0].typed),
        ("Outcomes", true)
    );
    let text = |text: &str| SheetCell::Text(text.to_owned());
    assert_eq!(
        sheets[0].rows,
        [
            SheetRow {
                number: 1,
                cells: vec![(0, text("Code")), (1, text("Description"))],
            },
            SheetRow {
                number: 3,
                cells: vec![
                    (0, text("00")),
                    (1, SheetCell::Number(7.0)),
                    (3, SheetCell::Boolean(true)),
                    (4, SheetCell::Other("an error")),
                ],
            },
        ]
    );
    assert!(sheets[1].rows.is_empty());
}

#[test]
fn what_is_no_workbook_is_said_plainly() {
    let reported = |bytes: Vec<u8>| {
        of_bytes("file", bytes)
            .expect_err("no workbook")
            .to_string()
    };
    let rows = [
        (
            archive(&[("readme.txt", "hello")]),
            "is a zip archive but not a workbook; save it as .xlsx",
        ),
        (
            b"PK\x03\x04 and nothing more".to_vec(),
            "is damaged or not a workbook; save it again as .xlsx",
        ),
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(),
            "is an old Excel workbook or has a password; save it as .xlsx without a password",
        ),
        (
            workbook(
                &[(
                    "Outcomes",
                    "<row r=\"7\"><c r=\"A7\" t=\"n\"><v>seven</v></c></row>",
                )],
                &[],
            ),
            "sheet Outcomes: this is damaged; open the file and save it again as .xlsx",
        ),
    ];
    for (bytes, expected) in rows {
        assert_eq!(reported(bytes), expected);
    }
}

#[test]
fn a_file_that_unpacks_to_too_much_is_refused_before_it_is_read() {
    let zeros = "0".repeat(1 << 20);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/sharedStrings.xml", SimpleFileOptions::default())
        .expect("begun");
    for _ in 0..=(MAX_UNPACKED >> 20) {
        zip.write_all(zeros.as_bytes()).expect("written");
    }
    let bytes = zip.finish().expect("finished").into_inner();
    assert!(bytes.len() < 1 << 20, "{} bytes are no bomb", bytes.len());
    let reported = of_bytes("file", bytes).expect_err("a bomb").to_string();
    assert!(
        reported.starts_with("unpacks to more than 128 MiB"),
        "{reported}"
    );
}

#[test]
fn one_long_text_in_many_cells_is_refused() {
    let long = "x".repeat(1 << 20);
    let cells: String = (1..=80)
        .map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\" t=\"s\"><v>0</v></c></row>"))
        .collect();
    let reported = of_bytes("file", workbook(&[("Genders", &cells)], &[&long]))
        .expect_err("too much")
        .to_string();
    assert_eq!(
        reported,
        "sheet Genders, row 65: there are more than 64 MiB of text; this is not a file of combo lists"
    );
}

#[test]
fn a_row_far_below_is_refused_and_costs_nothing() {
    let far = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    let reported = of_bytes("file", workbook(&[("Genders", far)], &[]))
        .expect_err("too far")
        .to_string();
    assert_eq!(
        reported,
        "sheet Genders, row 1048576: there are more than 200000 rows; this is not a file of combo lists"
    );
}

#[test]
fn a_workbook_that_is_cut_or_bent_never_breaks_the_program() {
    let bytes = workbook(&[("Outcomes", RIGHT)], &["Code", "00"]);
    for length in 0..bytes.len() {
        let _ = of_bytes("file", bytes[..length].to_vec()); // any answer will do
    }
    // What is inside may be bent too, without the archive's check sums noticing.
    let rows = [
        "<row r=\"0\"><c r=\"A0\"><v>1</v></c></row>",
        "<row r=\"99999999999\"><c r=\"A1\"><v>1</v></c></row>",
        "<row r=\"1\"><c r=\"1\"><v>1</v></c></row>",
        "<row r=\"1\"><c r=\"ZZZZZZZZ1\"><v>1</v></c></row>",
        "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>4294967295</v></c></row>",
        "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>-1</v></c></row>",
        "<row r=\"1\"><c r=\"A1\" t=\"s\"></c></row>",
        "<row r=\"1\"><c r=\"A1\" s=\"99999\"><v>1e999</v></c></row>",
        "<row r=\"1\"><c r=\"A1\" t=\"str\"><f>1+1</f><v>&bogus;</v></c></row>",
        "<row><c><v>1</v></c><c><v>2</v></c></row>",
        "<row r=\"1\"><c r=\"A1\"><v>1",
    ];
    for data in rows {
        let _ = of_bytes("file", workbook(&[("Outcomes", data)], &["Code"]));
    }
}
