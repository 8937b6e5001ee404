//! Combo lists on the command line: shown, searched, exported, and compared with files.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::installation::{Finished, Installation};
use crate::queries;

/// The shipped configuration with the state of this installation.
fn rollbook(installation: &Installation, arguments: &[&str]) -> Finished {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = installation.bare();
    command.arg("--config").arg(shipped.join("config"));
    command.arg("--jobs").arg(shipped.join("jobs"));
    command.arg("--state").arg(installation.path("state"));
    command.args(arguments);
    installation.start(command).end()
}

fn json(installation: &Installation, arguments: &[&str]) -> Value {
    let ran = rollbook(installation, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    serde_json::from_str(&ran.out).expect("JSON")
}

fn mirrored() -> Installation {
    let installation = Installation::empty();
    let ran = rollbook(&installation, &["demo", "--json", "--students", "20"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    installation
}

/// A workbook with one sheet of these cells.
fn workbook(sheet: &str, cells: &str) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let links = "http://schemas.openxmlformats.org/package/2006/relationships";
    let link = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"{links}\"><Relationship Id=\"r1\" Type=\"{office}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let parts = [
        ("_rels/.rels", link("officeDocument", "xl/workbook.xml")),
        (
            "xl/_rels/workbook.xml.rels",
            link("worksheet", "worksheets/sheet1.xml"),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"{sheet}\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{cells}</sheetData></worksheet>"),
        ),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default())
            .expect("begun");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

fn row(number: usize, cells: &[(&str, &str)]) -> String {
    let cell = |(column, (kind, text)): (char, &(&str, &str))| match *kind {
        "text" => format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
        _ => format!("<c r=\"{column}{number}\"><v>{text}</v></c>"),
    };
    let cells: String = ('A'..).zip(cells).map(cell).collect();
    format!("<row r=\"{number}\">{cells}</row>")
}

#[test]
fn lists_are_shown_searched_and_round_trip_through_csv() {
    let installation = mirrored();
    let mirror = installation.mirror();
    let lists = json(&installation, &["combos", "--json"]);
    let lists = lists.as_array().expect("lists");
    let counted: u64 = queries::one(&mirror, "SELECT count(DISTINCT list) FROM wisenet_combos");
    assert_eq!(lists.len() as u64, counted);
    let entries: i64 = lists
        .iter()
        .map(|list| {
            list["active"].as_i64().expect("a number") + list["retired"].as_i64().expect("a number")
        })
        .sum();
    assert_eq!(
        entries,
        queries::one::<i64>(&mirror, "SELECT count(*) FROM wisenet_combos")
    );

    let outcomes = json(&installation, &["combos", "outcomes", "--json"]);
    let codes: Vec<&str> = outcomes
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["code"].as_str())
        .collect();
    for code in ["00", "@@", "NS"] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    let found = json(&installation, &["combos", "--search", "@@", "--json"]);
    let found = found.as_array().expect("entries");
    assert!(
        found.len() > 1 && found.iter().all(|entry| entry["code"] == "@@"),
        "{found:?}"
    );
    let ran = rollbook(&installation, &["combos", "outcome"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("did you mean `outcomes`?"), "{ran:?}");

    let before = queries::content(&mirror, |_| true);
    let csv = rollbook(&installation, &["combos", "--csv"]);
    assert!(
        csv.out.contains("\"'@@\"") && csv.out.contains("\"00\""),
        "codes are not as they should be"
    );
    fs::write(installation.path("lists.csv"), &csv.out).expect("written");
    let messages = json(&installation, &["combos", "import", "lists.csv", "--json"]);
    assert_eq!(messages["same"], true, "{messages:#}");
    assert_eq!(messages["differences"]["same_lists"], counted);
    assert_eq!(
        queries::content(&mirror, |_| true),
        before,
        "the mirror was written"
    );
}

#[test]
fn a_workbook_is_compared_and_an_invalid_one_is_explained() {
    let installation = mirrored();
    let cells = [
        row(1, &[("text", "Outcomes of 2026")]),
        row(3, &[("text", "Code"), ("text", "Description")]),
        row(4, &[("text", "00"), ("text", "Something else")]),
        row(5, &[("text", "QQ"), ("text", "Not in the mirror")]),
        row(6, &[("number", "20")]),
    ];
    fs::write(
        installation.path("lists.xlsx"),
        workbook("Outcomes", &cells.concat()),
    )
    .expect("written");
    let messages = json(&installation, &["combos", "import", "lists.xlsx", "--json"]);
    let outcomes = &messages["differences"]["lists"][0];
    assert_eq!(outcomes["list"], "outcomes");
    assert_eq!(
        (
            &outcomes["labels"][0]["code"],
            &outcomes["labels"][0]["location"]["row"]
        ),
        (&"00".into(), &4.into())
    );
    assert_eq!(outcomes["only_in_file"][0]["code"], "QQ");
    assert_eq!(
        outcomes["same"], 1,
        "a number that is a code to the letter is one"
    );
    let numbers = [row(1, &[("text", "Code")]), row(2, &[("number", "0")])];
    fs::write(
        installation.path("zeros.xlsx"),
        workbook("outcomes", &numbers.concat()),
    )
    .expect("written");
    let ran = rollbook(&installation, &["combos", "import", "zeros.xlsx"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("zeros lost?") && ran.out.contains("may have been 00"),
        "{ran:?}"
    );

    fs::write(
        installation.path("broken.xlsx"),
        workbook(
            "outcomes",
            "<row r=\"9\"><c r=\"A9\" t=\"s\"><v>x</v></c></row>",
        ),
    )
    .expect("written");
    fs::write(installation.path("latin.csv"), b"List,Code\ngenders,\xe4\n").expect("written");
    for (file, words) in [
        (
            "broken.xlsx",
            "broken.xlsx: sheet outcomes: this is damaged",
        ),
        (
            "latin.csv",
            "latin.csv: sheet latin, row 2: this is not UTF-8",
        ),
        (
            "nowhere.csv",
            "nowhere.csv: cannot be read: it does not exist",
        ),
    ] {
        let ran = rollbook(&installation, &["combos", "import", file]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}
