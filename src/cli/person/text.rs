//! The report for a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use super::outputs::CopyEntry;
use super::report::{PersonView, RowView, TableView, VersionView};
use crate::cli::table::{TextTable, blocks, bullets, indented, left, many, minute, wrap};
use rollbook_core::model::scalar::display_time;
use rollbook_core::store::person::PersonKey;

/// The whole report as text.
pub(super) fn page(view: &PersonView, width: Option<usize>) -> String {
    let mut parts = vec![head(view)];
    for table in &view.tables {
        for row in &table.rows {
            parts.push(row_part(view, table, row, width));
        }
    }
    parts.push(titled(
        "Rows of others that refer to this person",
        references(view),
    ));
    parts.push(titled(
        "Matches",
        indented(
            2,
            view.matches.iter().map(|one| {
                [
                    one.set.clone(),
                    pair(&one.rows),
                    format!("by rule {}", one.rule),
                    format!("since {}", minute(&one.since)),
                ]
            }),
        ),
    ));
    let records = view.records.iter().map(|one| {
        [
            one.table.clone(),
            many(one.rows, "row", "rows"),
            format!("removed {}", one.leaves),
        ]
    });
    parts.push(titled(
        "Records without values, by the key",
        indented(2, records),
    ));
    parts.push(titled(
        "Copies of the mirror with rows of this person",
        files(&view.copies),
    ));
    parts.push(titled("Other files", files(&view.outputs)));
    let mentions = view.mentions.iter();
    let mentions = mentions.map(|one| [one.table.clone(), many(one.rows, "row", "rows")]);
    parts.push(titled(
        "Rows of others in which the name or an address occurs (not shown: they are about others)",
        indented(2, mentions),
    ));
    parts.push(bullets(NOTES));
    wrap(&blocks(parts), width)
}

/// What the report does not show.
pub(super) const NOTES: [&str; 2] = [
    "Times are UTC. Columns without a value are left out.",
    "Not in it: what the vendor keeps, copies in other places such as a backup of this machine, and what other programs have read.",
];

fn titled(title: &str, body: String) -> String {
    match body.is_empty() {
        true => String::new(),
        false => format!("{title}:\n{body}"),
    }
}

fn head(view: &PersonView) -> String {
    let rows: u64 = view
        .tables
        .iter()
        .map(|table| table.rows.len() as u64)
        .sum();
    let tables = view.tables.len() as u64;
    let keys = view.person.iter().map(|key| [name(key)]);
    format!(
        "What is kept of this person, {}: {} of {}\n{}",
        minute(&view.made),
        many(rows, "row", "rows"),
        many(tables, "table", "tables"),
        indented(2, keys)
    )
}

/// `north_users 4711`
pub(super) fn name(key: &PersonKey) -> String {
    format!("{} {}", key.table, key.key.join(" "))
}

pub(super) fn pair(rows: &[PersonKey; 2]) -> String {
    format!("{} = {}", name(&rows[0]), name(&rows[1]))
}

/// `id = 7`
pub(super) fn key(row: &RowView) -> String {
    let parts: Vec<String> = row
        .key
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    parts.join(", ")
}

/// When a row was seen, and when it is removed.
pub(super) fn facts(row: &RowView) -> String {
    let state = match row.in_the_mirror {
        true => "In the mirror",
        false => "Not in the mirror any more",
    };
    let last_seen = match (&row.last_seen, &row.missing_since) {
        (_, Some(since)) => format!("missing since {}", minute(since)),
        (Some(at), None) => format!("last seen {}", minute(at)),
        (None, None) => "not read since".to_owned(),
    };
    format!(
        "{state}; first seen {}, {last_seen}; removed {}.",
        minute(&row.first_seen),
        row.leaves
    )
}

fn row_part(view: &PersonView, table: &TableView, row: &RowView, width: Option<usize>) -> String {
    let about = match table.is_person {
        true => "",
        false => ", about this person",
    };
    let title = match table.title.as_str() {
        "" => String::new(),
        title => format!(" ({title})"),
    };
    let mut text = format!(
        "{}{title}: {}{about}\n  From {}. {}\n",
        table.table,
        key(row),
        view.origin(&table.source),
        facts(row)
    );
    let mut columns = TextTable::new([left("column"), left("value"), left("meaning")]);
    if let Some(newest) = row.versions.first() {
        for (number, (column, value)) in newest.values.iter().enumerate() {
            if !value.is_null() {
                columns.row([
                    column.clone(),
                    shown(newest, column, value),
                    meaning(table, number),
                ]);
            }
        }
    }
    text.push_str(&columns.render(width));
    for (newer, version) in row.versions.iter().zip(row.versions.iter().skip(1)) {
        let _ = writeln!(text, "  {}", older(newer, version)); // a text takes anything
    }
    text
}

/// What a column means, and how its values were changed.
pub(super) fn meaning(table: &TableView, column: usize) -> String {
    let Some(column) = table.columns.get(column) else {
        return String::new();
    };
    let parts = [column.meaning.as_str(), column.masking.unwrap_or_default()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// A value, and what a code means.
pub(super) fn shown(version: &VersionView, column: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => "no value".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    let mut labels = version.labels.iter();
    let label = labels.find(|(name, label)| name == column && *label != text);
    match label {
        Some((_, label)) => format!("{text} ({label})"),
        None => text,
    }
}

/// An old version: when it was, and where it differs from the next one.
pub(super) fn older(newer: &VersionView, version: &VersionView) -> String {
    let differences: Vec<String> = (version.values.iter().zip(&newer.values))
        .filter(|((_, old), (_, new))| old != new)
        .map(|((column, old), _)| format!("{column}: {}", shown(version, column, old)))
        .collect();
    let differences = match differences.is_empty() {
        true => "the same values".to_owned(),
        false => differences.join(", "),
    };
    format!(
        "{} to {}: {differences} (removed {})",
        display_time(&version.since),
        version
            .until
            .as_deref()
            .map(display_time)
            .unwrap_or_default(),
        version.leaves
    )
}

fn references(view: &PersonView) -> String {
    let rows = view.references.iter().map(|one| {
        [
            one.table.clone(),
            one.key.join(" "),
            one.columns.join(", "),
            if one.ended { "old version" } else { "" }.to_owned(),
        ]
    });
    indented(2, rows)
}

fn files(entries: &[CopyEntry]) -> String {
    let rows = entries.iter().map(|entry| {
        [
            minute(&entry.made),
            entry.file.display().to_string(),
            entry.what.to_owned(),
            entry
                .rows
                .map(|rows| many(rows, "row", "rows"))
                .unwrap_or_default(),
            format!("removed {}", entry.leaves),
        ]
    });
    indented(2, rows)
}

#[cfg(test)]
mod tests;
