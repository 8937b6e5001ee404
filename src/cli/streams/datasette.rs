//! Metadata for Datasette, which shows an SQLite file in a browser: what tables and columns mean, and which are internal.
//!
//! The format is the file of `datasette --metadata`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::{ColumnLine, notes};
use super::mirrored::MirroredTable;

/// The whole file.
#[derive(Debug, Serialize)]
pub struct DatasetteFile {
    title: &'static str,
    databases: BTreeMap<String, Database>,
}

#[derive(Debug, Serialize)]
struct Database {
    tables: BTreeMap<String, TableMetadata>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum TableMetadata {
    Described {
        description: String,
        columns: BTreeMap<String, String>,
    },
    Hidden {
        hidden: bool,
    },
}

/// The metadata of a mirror with this name (the file's, without its extension). Tables of ended versions and Rollbook's
/// `own` tables are hidden: they can still be opened.
pub fn metadata(database: String, mirrored: &[MirroredTable], own: Vec<String>) -> DatasetteFile {
    let histories = mirrored
        .iter()
        .map(|table| format!("{}_history", table.name));
    let hidden = histories
        .chain(own)
        .map(|name| (name, TableMetadata::Hidden { hidden: true }));
    let described = mirrored
        .iter()
        .map(|table| (table.name.clone(), described(table)));
    let tables = described.chain(hidden).collect();
    DatasetteFile {
        title: "Rollbook",
        databases: BTreeMap::from([(database, Database { tables })]),
    }
}

fn described(table: &MirroredTable) -> TableMetadata {
    let columns = table.columns.iter();
    let note = |column: &ColumnLine| {
        let key = column.key.then(|| "key".to_owned());
        let parts = key.into_iter().chain(Some(notes(column)));
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        parts.join("; ")
    };
    let columns = columns.map(|column| (column.column.clone(), note(column)));
    TableMetadata::Described {
        description: table.title.clone(),
        columns: columns.filter(|(_, note)| !note.is_empty()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::tests::column;
    use super::*;

    #[test]
    fn tables_are_described_or_hidden() {
        let users = MirroredTable {
            name: "north_users".to_owned(),
            title: "North: a person".to_owned(),
            columns: vec![
                ColumnLine {
                    key: true,
                    meaning: "the server's id".to_owned(),
                    ..column("id")
                },
                column("name"),
                ColumnLine {
                    refers_to: Some("north_orgs.id".to_owned()),
                    ..column("org")
                },
            ],
        };
        let metadata = metadata(
            "mirror".to_owned(),
            &[users],
            vec!["rollbook_runs".to_owned()],
        );
        assert_eq!(
            serde_json::to_value(metadata).expect("JSON"),
            serde_json::json!({
                "title": "Rollbook",
                "databases": {"mirror": {"tables": {
                    "north_users": {
                        "description": "North: a person",
                        "columns": {"id": "key; the server's id", "org": "refers to north_orgs.id"},
                    },
                    "north_users_history": {"hidden": true},
                    "rollbook_runs": {"hidden": true},
                }}},
            })
        );
    }
}
