//! `manifest.csv`, as in oneroster-csv.md 3.

use std::collections::BTreeMap;

use super::Version;
use super::report::Report;
use super::schema;
use super::text::{self, Record};

const FILE: &str = "manifest.csv";

/// How a data file is supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Absent,
    Bulk,
    Delta,
}

impl Mode {
    fn read(value: &str) -> Option<Self> {
        match value {
            "absent" => Some(Self::Absent),
            "bulk" => Some(Self::Bulk),
            "delta" => Some(Self::Delta),
            _ => None,
        }
    }
}

/// The mode of each data file, by its name without `.csv`; one that cannot be read is missing.
pub fn modes(
    version: Version,
    bytes: Option<&Vec<u8>>,
    report: &mut Report,
) -> Option<BTreeMap<String, Mode>> {
    let Some(bytes) = bytes else {
        report.broken(FILE, 0, "-", "manifest-missing", "the set has no manifest");
        return None;
    };
    let records = text::records(FILE, bytes, report)?;
    let (header, rows) = split(&records, report)?;
    if header.fields != ["propertyName", "value"] {
        report.broken(
            FILE,
            header.line,
            "1",
            "header",
            "the header is not propertyName,value",
        );
        return None;
    }
    let values = properties(rows, report);
    check_names(version, &values, report);
    check_versions(version, &values, report);
    Some(file_modes(version, &values, report))
}

fn split<'a>(records: &'a [Record], report: &mut Report) -> Option<(&'a Record, &'a [Record])> {
    let parts = records.split_first();
    if parts.is_none() {
        report.broken(FILE, 1, "1", "header", "no header row");
    }
    parts
}

/// Value and line of each property.
type Properties<'a> = BTreeMap<&'a str, (&'a str, usize)>;

fn properties<'a>(rows: &'a [Record], report: &mut Report) -> Properties<'a> {
    let mut found = Properties::new();
    for row in rows {
        let [name, value] = &row.fields[..] else {
            report.broken(FILE, row.line, "-", "field-count", "not 2 fields");
            continue;
        };
        if found.insert(name, (value, row.line)).is_some() {
            let text = format!("`{name}` is listed twice");
            report.add(FILE, row.line, "propertyName", "manifest-row", &text);
        }
    }
    found
}

fn required(version: Version) -> Vec<String> {
    let files = schema::files(version)
        .into_iter()
        .map(|name| format!("file.{name}"));
    ["manifest.version", "oneroster.version"]
        .into_iter()
        .map(str::to_owned)
        .chain(files)
        .collect()
}

fn check_names(version: Version, values: &Properties<'_>, report: &mut Report) {
    let required = required(version);
    for name in required
        .iter()
        .filter(|name| !values.contains_key(name.as_str()))
    {
        report.broken(
            FILE,
            0,
            "propertyName",
            "manifest-row",
            &format!("no row `{name}`"),
        );
    }
    let optional = ["source.systemName", "source.systemCode"];
    for (name, (_, line)) in values {
        if !optional.contains(name) && !required.iter().any(|known| known == name) {
            report.add(
                FILE,
                *line,
                "propertyName",
                "manifest-row",
                &format!("unknown property `{name}`"),
            );
        }
    }
}

fn check_versions(version: Version, values: &Properties<'_>, report: &mut Report) {
    let oneroster = match version {
        Version::V1p1 => "1.1",
        Version::V1p2 => "1.2",
    };
    for (name, expected) in [
        ("manifest.version", "1.0"),
        ("oneroster.version", oneroster),
    ] {
        if let Some((value, line)) = values.get(name).filter(|(value, _)| *value != expected) {
            let text = format!("`{name}` is `{value}`, not `{expected}`");
            report.add(FILE, *line, "value", "manifest-value", &text);
        }
    }
}

fn file_modes(
    version: Version,
    values: &Properties<'_>,
    report: &mut Report,
) -> BTreeMap<String, Mode> {
    let mut modes = BTreeMap::new();
    for name in schema::files(version) {
        let Some((value, line)) = values.get(format!("file.{name}").as_str()) else {
            continue;
        };
        match Mode::read(value) {
            Some(mode) => {
                modes.insert(name.to_owned(), mode);
            }
            None => {
                let text = format!("`{value}` is not absent, bulk or delta");
                report.broken(FILE, *line, "value", "manifest-value", &text);
            }
        }
    }
    modes
}
