//! What must change in a table so that a source's columns fit in. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::quote;
use rollbook_core::model::published::{PublishedTable, SOURCE_COLUMN};
use rollbook_core::model::row::Kind;

/// What a column is when sources disagree about its type.
const COMMON: &str = "text";

/// The type that a column of this kind has.
pub fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "bigint",
        Kind::Real => "double precision",
        Kind::Boolean => "boolean",
        Kind::Date => "date",
        Kind::Timestamp => "timestamp with time zone",
        Kind::Json => "jsonb",
    }
}

/// Whether a column of this kind may have a type.
pub(super) fn is_ours(found: &str, kind: Kind) -> bool {
    found == type_of(kind) || found == COMMON
}

/// A column as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
}

/// A table as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActualTable {
    pub columns: Vec<TargetColumn>,
    /// The names of the primary key's columns, in its order.
    pub key: Vec<String>,
}

/// What other sources want of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// The types of columns.
    pub types: BTreeMap<String, Vec<String>>,
    /// Places in the key, the columns there, and their types.
    pub key: BTreeSet<(i32, String, String)>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableChange {
    Create,
    /// The key is another one: the rows cannot stay.
    Recreate,
    Add {
        column: String,
        kind: String,
    },
    Drop {
        column: String,
    },
    /// Values are kept as text.
    ToText {
        column: String,
    },
    /// Values of another type are not.
    Replace {
        column: String,
        kind: String,
    },
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LayoutPlan {
    pub changes: Vec<TableChange>,
    /// Columns that other sources have and this one does not have any more.
    pub emptied: Vec<String>,
    /// The types of the columns afterwards, in the order of the columns.
    pub types: Vec<String>,
    /// Whether values of other sources are lost, or spelled as those sources would not.
    pub is_lossy: bool,
    /// Whether the key is another one than that of other sources.
    pub is_refused: bool,
}

/// What must change so that a table takes the columns of a source; `others` are the types that other sources want.
pub(super) fn plan(
    actual: Option<&ActualTable>,
    table: &PublishedTable,
    others: &Others,
) -> LayoutPlan {
    let wanted = |column: &str, kind: Kind| {
        let mine = type_of(kind);
        let types = others.types.get(column);
        let agreed = types.is_none_or(|types| types.iter().all(|one| one == mine));
        if agreed { mine } else { COMMON }
    };
    if !others.key.is_empty() && others.key != key_of(table) {
        return LayoutPlan {
            is_refused: true,
            ..LayoutPlan::default()
        };
    }
    let types = table
        .columns
        .iter()
        .map(|column| wanted(&column.name, column.kind).to_owned());
    let types: Vec<String> = types.collect();
    let key = table
        .key
        .iter()
        .map(|key| table.columns[*key].name.as_str());
    let key: Vec<&str> = [SOURCE_COLUMN].into_iter().chain(key).collect();
    let of_others = !others.types.is_empty();
    let Some(actual) = actual else {
        return LayoutPlan {
            changes: vec![TableChange::Create],
            types,
            is_lossy: of_others,
            ..LayoutPlan::default()
        };
    };
    let differs = |(column, kind): (&rollbook_core::model::published::PublishedColumn, &String)| {
        let found = actual.columns.iter().find(|one| one.name == column.name);
        found.is_none_or(|found| found.kind != *kind)
    };
    let key_changed = actual.key != key
        || table
            .key
            .iter()
            .any(|key| differs((&table.columns[*key], &types[*key])));
    if key_changed {
        return LayoutPlan {
            changes: vec![TableChange::Recreate],
            types,
            is_lossy: of_others,
            ..LayoutPlan::default()
        };
    }
    let (mut changes, is_lossy) = columns_to_change(actual, (table, &types), others);
    let mut emptied = Vec::new();
    for column in &actual.columns {
        let is_mine =
            column.name == SOURCE_COLUMN || table.columns.iter().any(|one| one.name == column.name);
        match (is_mine, others.types.contains_key(&column.name)) {
            (true, _) => {}
            (false, true) => emptied.push(column.name.clone()),
            (false, false) => changes.push(TableChange::Drop {
                column: column.name.clone(),
            }),
        }
    }
    LayoutPlan {
        changes,
        emptied,
        types,
        is_lossy,
        is_refused: false,
    }
}

/// What must change so that a table has the columns of a source, and whether other sources lose values by that.
fn columns_to_change(
    actual: &ActualTable,
    (table, types): (&PublishedTable, &[String]),
    others: &Others,
) -> (Vec<TableChange>, bool) {
    let (mut changes, mut is_lossy) = (Vec::new(), false);
    for (column, kind) in table.columns.iter().zip(types) {
        let (name, kind) = (column.name.clone(), kind.clone());
        match actual.columns.iter().find(|one| one.name == name) {
            None => changes.push(TableChange::Add { column: name, kind }),
            Some(found) if found.kind == kind => {}
            Some(_) => {
                // As text, theirs have the database's spelling.
                is_lossy |= others.types.contains_key(&name);
                changes.push(match kind == COMMON {
                    true => TableChange::ToText { column: name },
                    false => TableChange::Replace { column: name, kind },
                });
            }
        }
    }
    (changes, is_lossy)
}

fn key_of(table: &PublishedTable) -> BTreeSet<(i32, String, String)> {
    let key = (1..).zip(&table.key);
    let place = key.map(|(place, key)| {
        let column = &table.columns[*key];
        (place, column.name.clone(), type_of(column.kind).to_owned())
    });
    place.collect()
}

impl TableChange {
    /// Whether rows lack values that they had, or have to get.
    pub fn is_of_values(&self) -> bool {
        !matches!(self, Self::Drop { .. })
    }

    /// Whether a view over the table may hinder it.
    pub fn touches_view(&self) -> bool {
        !matches!(self, Self::Create | Self::Add { .. })
    }

    pub fn sql(&self, schema: &str, name: &str, table: (&PublishedTable, &[String])) -> String {
        let place = format!("{}.{}", quote(schema), quote(name));
        match self {
            Self::Create => create(&place, table),
            Self::Recreate => format!("DROP TABLE {place}; {}", create(&place, table)),
            Self::Add { column, kind } => {
                format!("ALTER TABLE {place} ADD COLUMN {} {kind}", quote(column))
            }
            Self::Drop { column } => format!("ALTER TABLE {place} DROP COLUMN {}", quote(column)),
            Self::ToText { column } => {
                let column = quote(column);
                format!(
                    "ALTER TABLE {place} ALTER COLUMN {column} TYPE {COMMON} USING {column}::{COMMON}"
                )
            }
            Self::Replace { column, kind } => {
                let column = quote(column);
                format!("ALTER TABLE {place} DROP COLUMN {column}, ADD COLUMN {column} {kind}")
            }
        }
    }
}

/// Keys are compared byte by byte, as in the mirror: rows are read in their order.
fn create(place: &str, (table, types): (&PublishedTable, &[String])) -> String {
    let mut lines = vec![format!("{SOURCE_COLUMN} text COLLATE \"C\" NOT NULL")];
    for (number, (column, kind)) in table.columns.iter().zip(types).enumerate() {
        let is_key = table.key.contains(&number);
        let collation = match (is_key, kind.as_str()) {
            (true, "text") => " COLLATE \"C\"",
            _ => "",
        };
        let must = if is_key { " NOT NULL" } else { "" };
        lines.push(format!("{} {kind}{collation}{must}", quote(&column.name)));
    }
    let key = table.key.iter().map(|key| quote(&table.columns[*key].name));
    let key: Vec<String> = [SOURCE_COLUMN.to_owned()].into_iter().chain(key).collect();
    lines.push(format!("PRIMARY KEY ({})", key.join(", ")));
    format!("CREATE TABLE {place} (\n  {}\n)", lines.join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::Table;

    /// What there is (`name type`, the first two are the key), what other sources want, what is done.
    #[test]
    fn what_is_done_to_a_table() {
        let columns = [
            ("id", Kind::Integer),
            ("name", Kind::Text),
            ("born", Kind::Date),
        ];
        let table = PublishedTable::live(&Table::plain("users", &columns));
        let own = "_since timestamp with time zone, _run bigint";
        let same = format!("source text, id bigint, name text, born date, {own}");
        for (actual, others, expected) in [
            (None, "", "Create"),
            // It was dropped by other means.
            (None, "name text", "Create, lossy"),
            (Some(same.clone()), "", ""),
            (Some(same.replace("name text, ", "")), "", "Add name text"),
            (Some(format!("{same}, old text")), "", "Drop old"),
            (Some(format!("{same}, old text")), "old text", "empty old"),
            (
                Some(same.replace("born date", "born text")),
                "",
                "Replace born date",
            ),
            (
                Some(same.replace("born date", "born text")),
                "born text",
                "",
            ),
            (Some(same.clone()), "born text", "ToText born, lossy"),
            (
                Some(same.replace("born date", "born bigint")),
                "born date",
                "Replace born date, lossy",
            ),
            (Some(same.replace("id bigint", "id text")), "", "Recreate"),
            (
                Some(same.replace(
                    "source text, id bigint",
                    "source text, other text, id bigint",
                )),
                "name text",
                "Recreate, lossy",
            ),
            (Some(same.clone()), "id bigint", ""),
            (Some(same.clone()), "id text", "refused"),
        ] {
            let pair = |text: &str| {
                let (name, kind) = text.split_once(' ').expect("a name and a type");
                (name.to_owned(), kind.to_owned())
            };
            let columns = |text: &str| -> Vec<TargetColumn> {
                let parts = text.split(", ").map(pair);
                parts
                    .map(|(name, kind)| TargetColumn { name, kind })
                    .collect()
            };
            let actual = actual.map(|text| {
                let columns = columns(&text);
                let key = columns[..2].iter().map(|column| column.name.clone());
                ActualTable {
                    key: key.collect(),
                    columns,
                }
            });
            let mut wanted = Others::default();
            for (name, kind) in others.split(", ").filter(|text| !text.is_empty()).map(pair) {
                if name == "id" {
                    wanted.key.insert((1, name.clone(), kind.clone()));
                }
                wanted.types.entry(name).or_default().push(kind);
            }
            let plan = plan(actual.as_ref(), &table, &wanted);
            let mut found: Vec<String> = plan.changes.iter().map(shown).collect();
            found.extend(plan.emptied.iter().map(|name| format!("empty {name}")));
            found.extend(plan.is_refused.then(|| "refused".to_owned()));
            found.extend(plan.is_lossy.then(|| "lossy".to_owned()));
            assert_eq!(found.join(", "), expected, "{actual:?} {others}");
        }
    }

    fn shown(change: &TableChange) -> String {
        match change {
            TableChange::Create => "Create".to_owned(),
            TableChange::Recreate => "Recreate".to_owned(),
            TableChange::Add { column, kind } => format!("Add {column} {kind}"),
            TableChange::Drop { column } => format!("Drop {column}"),
            TableChange::ToText { column } => format!("ToText {column}"),
            TableChange::Replace { column, kind } => format!("Replace {column} {kind}"),
        }
    }
}
