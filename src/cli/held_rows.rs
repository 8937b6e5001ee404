//! The rows that a held run, or a dry run, would add, change and remove: keys, and the columns by which people know them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::exit::Exit;
use super::out;
use super::table::{self, grouped, many, one_line};
use rollbook_core::store::held::HeldKind;
use rollbook_core::store::queries::{self, HeldLine, HeldRow, Reader};
use rollbook_engine::setup::Setup;

/// Options that show rows.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct HeldRowsOptions {
    /// List the rows: which would be added, changed and removed
    #[arg(long)]
    pub rows: bool,
    /// Only rows that would be removed
    #[arg(long, requires = "rows")]
    removed: bool,
    /// Only rows that would be added
    #[arg(long, requires = "rows")]
    new: bool,
    /// Only rows that would be changed
    #[arg(long, requires = "rows")]
    changed: bool,
    /// Print the rows as CSV
    #[arg(long, requires = "rows", conflicts_with = "json")]
    csv: bool,
}

impl HeldRowsOptions {
    fn kinds(&self) -> Vec<HeldKind> {
        let is_wanted = |kind: &HeldKind| match kind {
            HeldKind::Removed => self.removed,
            HeldKind::New => self.new,
            HeldKind::Changed => self.changed,
        };
        let wanted: Vec<HeldKind> = HeldKind::ALL.into_iter().filter(is_wanted).collect();
        match wanted.is_empty() {
            true => HeldKind::ALL.to_vec(),
            false => wanted,
        }
    }
}

/// A stream's rows of one kind.
struct RowsOfKind {
    stream: String,
    kind: HeldKind,
    /// How many there are; at most so many are listed.
    total: u64,
    rows: Vec<HeldRow>,
}

/// Prints the rows of a run.
pub fn print(
    reader: &Reader,
    setup: Option<&Setup>,
    run: i64,
    options: &HeldRowsOptions,
    json: bool,
) -> Result<(), Exit> {
    let streams = queries::held_streams(reader, run)?;
    let mut groups = Vec::new();
    for stream in &streams {
        let Some(table) = queries::table(reader, &stream.source, &stream.stream)? else {
            continue;
        };
        let columns = display(setup, stream);
        for kind in options.kinds() {
            groups.push(RowsOfKind {
                stream: table.name(),
                kind,
                total: total(stream, kind),
                rows: queries::held_rows(reader, run, &table, kind, &columns)?,
            });
        }
    }
    groups.retain(|group| group.total > 0);
    if json {
        out::json(&as_json(&groups));
    } else if options.csv {
        out::text(csv(&groups)?);
    } else {
        out::text(text(&groups));
    }
    Ok(())
}

fn total(stream: &HeldLine, kind: HeldKind) -> u64 {
    match kind {
        HeldKind::New => stream.new,
        HeldKind::Changed => stream.changed,
        HeldKind::Removed => stream.removed,
    }
}

/// The columns by which people know the rows of a stream, as the connector says.
fn display(setup: Option<&Setup>, stream: &HeldLine) -> Vec<String> {
    let source = setup.and_then(|setup| setup.sources.get(&stream.source));
    let Some(spec) = source.and_then(|source| source.streams.get(&stream.stream)) else {
        return Vec::new();
    };
    let names = spec.display.iter().map(|index| &spec.columns[*index].name);
    names.cloned().collect()
}

/// `34 rows of rosters_users would be removed, 2 added and 5 changed`, a line for each stream.
pub fn summary(streams: &[HeldLine]) -> String {
    let line = |stream: &HeldLine| {
        format!(
            "{}_{}: {} would be removed, {} added, {} changed\n",
            stream.source,
            stream.stream,
            many(stream.removed, "row", "rows"),
            grouped(stream.new),
            grouped(stream.changed),
        )
    };
    streams.iter().map(line).collect()
}

fn key_text(key: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match key {
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => plain(other),
    }
}

fn name_text(row: &HeldRow) -> String {
    let known: Vec<&str> = row.values.iter().flatten().map(String::as_str).collect();
    known.join(", ")
}

fn text(groups: &[RowsOfKind]) -> String {
    if groups.is_empty() {
        return "No row would be added, changed or removed.\n".to_owned();
    }
    let mut text = String::new();
    for group in groups {
        let verb = match group.kind {
            HeldKind::New => "added",
            HeldKind::Changed => "changed",
            HeldKind::Removed => "removed",
        };
        let rows = many(group.total, "row", "rows");
        text.push_str(&format!("{}: {rows} would be {verb}\n", group.stream));
        let lines = group
            .rows
            .iter()
            .map(|row| [key_text(&row.key), name_text(row)].map(|text| one_line(&text)));
        text.push_str(&table::indented(2, lines));
        let unlisted = group.total.saturating_sub(group.rows.len() as u64);
        if unlisted > 0 {
            text.push_str(&format!(
                "  and {} more, which are not kept\n",
                grouped(unlisted)
            ));
        }
    }
    text
}

fn csv(groups: &[RowsOfKind]) -> Result<String, Exit> {
    let failed =
        |error: &dyn std::fmt::Display| Exit::failed(format!("could not write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |fields: [&str; 4]| writer.write_record(fields).map_err(|error| failed(&error));
    write(["table", "difference", "key", "name"])?;
    for group in groups {
        for row in &group.rows {
            let (key, name) = (key_text(&row.key), name_text(row));
            write([&group.stream, group.kind.as_str(), &key, &name])?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

fn as_json(groups: &[RowsOfKind]) -> BTreeMap<&str, BTreeMap<&'static str, Value>> {
    let mut tables: BTreeMap<&str, BTreeMap<&'static str, Value>> = BTreeMap::new();
    for group in groups {
        let value = serde_json::json!({ "total": group.total, "rows": group.rows });
        tables
            .entry(&group.stream)
            .or_default()
            .insert(group.kind.as_str(), value);
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;
    use serde_json::json;

    fn row(kind: HeldKind, key: Value, values: &[Option<&str>]) -> HeldRow {
        HeldRow {
            kind: kind.as_str().to_owned(),
            key,
            values: values.iter().map(|text| text.map(str::to_owned)).collect(),
        }
    }

    #[test]
    fn the_rows_of_a_held_run() {
        let groups = [
            RowsOfKind {
                stream: "north_users".to_owned(),
                kind: HeldKind::Removed,
                total: 3,
                rows: vec![
                    row(
                        HeldKind::Removed,
                        json!(["u1"]),
                        &[Some("Ada"), Some("Byron, Lady")],
                    ),
                    row(HeldKind::Removed, json!(["u2"]), &[None, None]),
                ],
            },
            RowsOfKind {
                stream: "north_marks".to_owned(),
                kind: HeldKind::New,
                total: 1,
                rows: vec![row(HeldKind::New, json!([7, "2026-03-02"]), &[])],
            },
        ];
        assert_eq!(
            text(&groups),
            "north_users: 3 rows would be removed\n\
             \x20 u1  Ada, Byron, Lady\n\
             \x20 u2\n\
             \x20 and 1 more, which are not kept\n\
             north_marks: 1 row would be added\n\
             \x20 7 2026-03-02\n"
        );
        let lines = csv(&groups).map_err(Exit::into_text).expect("CSV");
        assert_eq!(
            lines,
            "table,difference,key,name\n\
             north_users,removed,u1,\"Ada, Byron, Lady\"\n\
             north_users,removed,u2,\n\
             north_marks,new,7 2026-03-02,\n"
        );
    }

    #[test]
    fn what_an_approval_would_do() {
        let stream = HeldLine {
            rule: None,
            rows: None,
            source: named("north"),
            stream: named("users"),
            new: 1200,
            changed: 0,
            removed: 1,
        };
        assert_eq!(
            summary(&[stream]),
            "north_users: 1 row would be removed, 1,200 added, 0 changed\n"
        );
    }
}
