//! A validator of OneRoster CSV sets, written from `docs/contracts/oneroster-csv.md` alone.
//!
//! It uses nothing of the program and no CSV library, so that a mistake in the program's files is not repeated here.
//! The rules are named in oneroster-csv.md 7. Where a set cannot be read in full, rules across files are not checked,
//! since every reference to an unread row would be reported.

use std::collections::BTreeMap;

use links::Sheets;
use manifest::Mode;
use report::Report;

#[path = "oneroster_csv/links.rs"]
mod links;
#[path = "oneroster_csv/manifest.rs"]
mod manifest;
#[cfg(test)]
#[path = "oneroster_csv/mutations.rs"]
mod mutations;
#[path = "oneroster_csv/report.rs"]
mod report;
#[path = "oneroster_csv/rows.rs"]
mod rows;
#[cfg(test)]
#[path = "oneroster_csv/samples.rs"]
mod samples;
#[path = "oneroster_csv/schema.rs"]
mod schema;
#[path = "oneroster_csv/text.rs"]
mod text;
#[path = "oneroster_csv/values.rs"]
mod values;

/// The version that the set must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1p1,
    V1p2,
}

/// What is wrong with a set of files by name, for example `users.csv`; nothing if it is valid.
///
/// Form of a message: `users.csv line 2 column username: required: blank`. Line 0 is the file as a whole.
pub fn problems(version: Version, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut report = Report::default();
    check_file_names(version, files, &mut report);
    let modes = manifest::modes(version, files.get("manifest.csv"), &mut report);
    if let Some(modes) = modes {
        check_presence(version, &modes, files, &mut report);
        let sheets = read_sheets(version, &modes, files, &mut report);
        if !report.is_broken {
            links::check(version, &sheets, &mut report);
        }
    }
    report.problems
}

fn check_file_names(version: Version, files: &BTreeMap<String, Vec<u8>>, report: &mut Report) {
    let known = schema::files(version);
    for file in files.keys().filter(|file| *file != "manifest.csv") {
        let name = file.strip_suffix(".csv").unwrap_or_default();
        if !known.contains(&name) {
            report.add(
                file,
                0,
                "-",
                "file-name",
                "not a file of this version at the root of the set",
            );
        }
    }
}

fn check_presence(
    version: Version,
    modes: &BTreeMap<String, Mode>,
    files: &BTreeMap<String, Vec<u8>>,
    report: &mut Report,
) {
    let tables = schema::tables(version);
    for (name, mode) in modes {
        let file = format!("{name}.csv");
        let is_supplied = files.contains_key(&file);
        let is_declared = *mode != Mode::Absent;
        if is_declared && !tables.iter().any(|table| table.name == name) {
            report.add(&file, 0, "-", "scope", "not a rostering file");
        } else if is_declared && !is_supplied {
            report.broken(
                &file,
                0,
                "-",
                "presence",
                "declared in the manifest, not supplied",
            );
        } else if is_supplied && !is_declared {
            report.broken(
                &file,
                0,
                "-",
                "presence",
                "supplied, absent in the manifest",
            );
        }
    }
}

fn read_sheets(
    version: Version,
    modes: &BTreeMap<String, Mode>,
    files: &BTreeMap<String, Vec<u8>>,
    report: &mut Report,
) -> Sheets {
    let mut sheets = Sheets::new();
    for table in schema::tables(version) {
        let mode = modes.get(table.name).copied().unwrap_or(Mode::Absent);
        let bytes = files.get(&format!("{}.csv", table.name));
        let (Some(bytes), true) = (bytes, mode != Mode::Absent) else {
            continue;
        };
        let name = table.name.to_owned();
        if let Some(sheet) = rows::sheet(version, table, mode, bytes, report) {
            sheets.insert(name, sheet);
        }
    }
    sheets
}
