//! Changes of rows as JSON objects: what `rollbook changes --json` prints and a hook's program reads.

use serde_json::{Map, Value, json};

use rollbook_core::model::TableColumn;
use rollbook_core::model::row::{Cell, Cells};
use rollbook_core::store::queries::ChangedRow;

/// A column of a change that is told.
pub struct ShownColumn<'a> {
    index: usize,
    /// Its name.
    pub name: &'a str,
    /// Its value before, of a changed row.
    pub before: Option<Cell<'a>>,
    /// Its value; of a removed row the last one.
    pub after: Cell<'a>,
}

/// The wanted columns that differ; of added and removed rows the wanted ones without the key. No names: all are wanted.
pub fn shown_columns<'a>(change: &'a ChangedRow<'_>, columns: &[String]) -> Vec<ShownColumn<'a>> {
    let mut before = change.before();
    let mut shown = Vec::new();
    for (index, (column, after)) in change.table.columns.iter().zip(change.row()).enumerate() {
        let before = before.as_mut().and_then(Iterator::next);
        let is_told = match before {
            Some(before) => before != after,
            None => !change.table.key.contains(&index),
        };
        if is_told && (columns.is_empty() || columns.contains(&column.name)) {
            shown.push(ShownColumn {
                index,
                name: &column.name,
                before,
                after,
            });
        }
    }
    shown
}

/// A change with its run, time, stream, key and row, and what was before.
pub fn change_json(
    change: &ChangedRow<'_>,
    shown: &[ShownColumn<'_>],
    columns: &[String],
) -> Value {
    let table = change.table;
    let members = |row: Cells<'_>, is_in: &dyn Fn(usize) -> bool| {
        let columns = table.columns.iter().zip(row).enumerate();
        let columns = columns.filter(|(index, _)| is_in(*index));
        let member = |(_, (column, cell)): (usize, (&TableColumn, Cell<'_>))| {
            (column.name.clone(), cell.json(column.kind))
        };
        Value::Object(columns.map(member).collect::<Map<_, _>>())
    };
    let is_shown = |index| shown.iter().any(|column| column.index == index);
    let mut object = json!({
        "run": change.run,
        "at": change.at,
        "stream": table.name(),
        "change": change.kind.as_str(),
        "key": members(change.row(), &|index| table.key.contains(&index)),
        "row": members(change.row(), &|index| columns.is_empty() || is_shown(index)),
    });
    if let Some(before) = change.before() {
        object["before"] = members(before, &is_shown);
    }
    object
}
