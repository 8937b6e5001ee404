//! Lists in every layout, and names in every spelling.

use super::*;
use crate::spreadsheets::commas;

const KNOWN: &[&str] = &[
    "genders",
    "countries",
    "enrolment-statuses",
    "highest-school-level-completed",
    "fh-additional-entrance-criteria",
    "nz-main-activities-prior-to-study",
    "outcomes",
    "nz-outcomes",
];

fn known() -> Vec<String> {
    KNOWN.iter().map(|name| (*name).to_owned()).collect()
}

fn sheet(name: &str, text: &str) -> Sheet {
    commas::read(name, text.as_bytes().to_vec()).expect("CSV")
}

/// `list (known or new): code=label at row, ...`
fn reported(sheets: &[Sheet]) -> Vec<String> {
    let found = find_lists(sheets, &known()).expect("lists");
    let entry = |entry: &FileEntry| {
        let code = match &entry.code {
            Some(Code::Text(text)) => format!("{text:?}"),
            Some(Code::Number(text)) => text.clone(),
            None => String::new(),
        };
        let row = entry.location.row.unwrap_or_default();
        format!(
            "{code}={} at {row}",
            entry.label.as_deref().unwrap_or_default()
        )
    };
    found
        .lists
        .iter()
        .map(|list| {
            let entries: Vec<String> = list.entries.iter().map(entry).collect();
            let known = if list.known { "known" } else { "new" };
            format!("{} ({known}): {}", list.name, entries.join(", "))
        })
        .collect()
}

#[test]
fn every_layout_is_understood() {
    let expected = [
        "countries (known): \"AT\"=Austria at 3",
        "genders (known): \"F\"=Female at 2",
    ];
    let rows = [
        (
            "a sheet a list",
            vec![
                sheet("Genders", "GenderId,Code,Description\n1,F,Female\n"),
                sheet(
                    "Country",
                    "Valid from March\nCODE,Long Description\nAT,Austria\n",
                ),
            ],
        ),
        (
            "a column that names the list",
            vec![sheet(
                "Sheet1",
                "Combo List,Id,Code,Description,IsActive\n/combos/genders,1,F,Female,true\nCountries,9,AT,Austria,true\n",
            )],
        ),
        (
            "two columns a list",
            vec![sheet(
                "All",
                "Gender Code,Gender Description,Countries Code,Countries Description\nF,Female,,\n,,AT,Austria\n",
            )],
        ),
    ];
    for (why, sheets) in rows {
        assert_eq!(reported(&sheets), expected, "{why}");
    }
    let columns = [sheet("All", "Genders,Countries\nFemale,Austria\nMale,\n")];
    assert_eq!(
        reported(&columns),
        [
            "countries (known): \"Austria\"= at 2",
            "genders (known): \"Female\"= at 2, \"Male\"= at 3"
        ],
        "a column per list and property of an entry"
    );
}

#[test]
fn names_are_known_in_every_spelling_and_only_where_one_is_meant() {
    let rows = [
        ("genders", Some("genders")),
        ("Gender", Some("genders")),
        ("Enrolment Status", Some("enrolment-statuses")),
        ("EnrolmentStatuses", Some("enrolment-statuses")),
        ("enrolment_statuses", Some("enrolment-statuses")),
        ("Country", Some("countries")),
        ("/combos/countries", Some("countries")),
        ("NZ Outcomes", Some("nz-outcomes")),
        (
            "nz-main-activities-prior-to-stu",
            Some("nz-main-activities-prior-to-study"),
        ),
        ("nz-main-activities", None),
        ("Nationalities", None),
        ("", None),
    ];
    let known = known();
    let finder = Finder {
        known: &known,
        lists: BTreeMap::new(),
        notes: Vec::new(),
    };
    for (name, expected) in rows {
        assert_eq!(finder.known_list(name), expected, "{name}");
    }
}

#[test]
fn what_is_passed_over_is_told() {
    let sheets = [
        sheet("Read me", "This file helps you to map\nyour own codes\n"),
        sheet(
            "All",
            "List,Code,Description\n,X,No list\nNationalities,1,One\n",
        ),
    ];
    let found = find_lists(&sheets, &known()).expect("a list");
    let notes: Vec<String> = found
        .notes
        .iter()
        .map(|note| format!("{}: {}", note.location, note.message))
        .collect();
    assert_eq!(
        notes,
        [
            "sheet Read me: no header row found; the sheet is skipped",
            "sheet All, row 2: the row names no list; it is skipped"
        ]
    );
    assert_eq!(reported(&sheets), ["Nationalities (new): 1=One at 3"]);
    let none = find_lists(&sheets[..1], &known())
        .expect_err("no list")
        .to_string();
    assert!(
        none.starts_with("no combo list found; a sheet needs"),
        "{none}"
    );
}

#[test]
fn a_number_is_doubted_and_a_text_is_not() {
    let cell = |cell, typed| code_of(&cell, typed).expect("a code");
    let text = |text: &str| SheetCell::Text(text.to_owned());
    let number = |text: &str| Code::Number(text.to_owned());
    assert_eq!(cell(SheetCell::Number(0.0), true), number("0"));
    assert_eq!(cell(SheetCell::Number(1101.0), true), number("1101"));
    assert_eq!(cell(SheetCell::Number(1.5), true), number("1.5"));
    assert_eq!(cell(text("0"), true), Code::Text("0".to_owned()));
    assert_eq!(cell(text("0"), false), number("0"));
    assert_eq!(cell(text("00"), false), Code::Text("00".to_owned()));
    assert_eq!(cell(text("@@"), false), Code::Text("@@".to_owned()));
}
