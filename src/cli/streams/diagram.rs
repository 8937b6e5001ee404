//! The mirrored tables and how they join, as a Mermaid entity relationship diagram.
//!
//! Combo lists explain dozens of columns of a table: one line stands for all of them, and their columns are left out.

use std::fmt::Write as _;

use super::columns::ColumnLine;
use super::mirrored::MirroredTable;

/// The diagram's text. A table that a column refers to and no job reads is not drawn.
pub fn mermaid(tables: &[MirroredTable]) -> String {
    let mut text = "erDiagram\n".to_owned();
    for table in tables {
        entity(&mut text, table);
    }
    for table in tables {
        relations(&mut text, table, tables);
    }
    text
}

/// A table with its key and its references.
fn entity(text: &mut String, table: &MirroredTable) {
    let _ = writeln!(text, "    {} {{", table.name); // a `String` takes every text
    for column in &table.columns {
        let marks = match (column.key, reference(column)) {
            (true, Some(_)) => "PK, FK",
            (true, None) => "PK",
            (false, Some(_)) => "FK",
            (false, None) => continue,
        };
        let _ = writeln!(text, "        {} {} {marks}", column.r#type, column.column);
    }
    text.push_str("    }\n");
}

fn relations(text: &mut String, table: &MirroredTable, tables: &[MirroredTable]) {
    let is_only_key = |column: &ColumnLine| {
        column.key && table.columns.iter().filter(|column| column.key).count() == 1
    };
    let mut line = |from: &str, to: &str, target: &str, label: &str| {
        if tables.iter().any(|table| table.name == target) {
            let _ = writeln!(text, "    {} {from}--{to} {target} : {label}", table.name);
        }
    };
    for column in &table.columns {
        if let Some((target, _)) = reference(column) {
            let from = if is_only_key(column) { "|o" } else { "}o" };
            let to = if column.r#type == "json" { "o{" } else { "o|" };
            line(from, to, target, &column.column);
        }
    }
    let lists = table.columns.iter().find(|column| column.combo.is_some());
    if let Some((target, _)) = lists.and_then(target) {
        line("}o", "o{", target, "\"combo lists\"");
    }
}

/// Table and column that a column refers to; not those of a combo list.
fn reference(column: &ColumnLine) -> Option<(&str, &str)> {
    target(column).filter(|_| column.combo.is_none())
}

fn target(column: &ColumnLine) -> Option<(&str, &str)> {
    column.refers_to.as_deref()?.split_once('.')
}

#[cfg(test)]
mod tests {
    use super::super::columns::tests::column;
    use super::*;

    fn table(name: &str, columns: Vec<ColumnLine>) -> MirroredTable {
        MirroredTable {
            name: name.to_owned(),
            title: String::new(),
            columns,
        }
    }

    #[test]
    fn keys_and_references_are_drawn() {
        let key = |name: &str| ColumnLine {
            key: true,
            ..column(name)
        };
        let refers = |name: &str, to: &str| ColumnLine {
            refers_to: Some(to.to_owned()),
            ..column(name)
        };
        let tables = [
            table(
                "north_users",
                vec![
                    key("id"),
                    column("name"),
                    ColumnLine {
                        r#type: "json",
                        ..refers("orgs", "north_orgs.id")
                    },
                    ColumnLine {
                        combo: Some("genders".to_owned()),
                        ..refers("gender", "north_lists.id")
                    },
                    refers("room", "north_rooms.id"),
                ],
            ),
            table(
                "north_orgs",
                vec![key("id"), refers("parent", "north_orgs.id")],
            ),
            table(
                "north_details",
                vec![ColumnLine {
                    key: true,
                    ..refers("id", "north_users.id")
                }],
            ),
            table("north_lists", vec![key("list"), key("id")]),
        ];
        assert_eq!(
            mermaid(&tables),
            "erDiagram
    north_users {
        text id PK
        json orgs FK
        text room FK
    }
    north_orgs {
        text id PK
        text parent FK
    }
    north_details {
        text id PK, FK
    }
    north_lists {
        text list PK
        text id PK
    }
    north_users }o--o{ north_orgs : orgs
    north_users }o--o{ north_lists : \"combo lists\"
    north_orgs }o--o| north_orgs : parent
    north_details |o--o| north_users : id
"
        );
    }
}
