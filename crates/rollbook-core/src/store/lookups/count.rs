//! How many values have no label, and how many no line in a crosswalk.
//!
//! One walk through a table for all its references, with the lists in memory: asking the lists by SQL
//! once a value would take ten times as long for a table with sixty references.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::{ComboTable, Crosswalk, MappedColumn, References};
use crate::model::By;
use crate::store::error::StoreError;
use crate::store::table::quote;

/// Different values, and rows that hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Different values.
    pub codes: u64,
    /// Rows with one of them.
    pub rows: u64,
}

/// The values of entries, to find a column's value among them.
#[derive(Default)]
struct Known {
    numbers: HashSet<i64>,
    texts: HashSet<String>,
}

impl Known {
    fn add(&mut self, value: Plain<'_>) {
        match value {
            Plain::Number(number) => self.numbers.insert(number),
            Plain::Text(text) => self.texts.insert(text.to_owned()),
        };
    }

    fn holds(&self, value: Plain<'_>) -> bool {
        match value {
            Plain::Number(number) => self.numbers.contains(&number),
            Plain::Text(text) => self.texts.contains(text),
        }
    }
}

/// A value as it is compared: an id as a number where it is one, everything else as text.
#[derive(Clone, Copy)]
enum Plain<'a> {
    Number(i64),
    Text(&'a str),
}

fn plain<'a>(value: ValueRef<'a>, by: By, room: &'a mut String) -> Option<Plain<'a>> {
    let text = match (value, by) {
        (ValueRef::Null, _) => return None,
        (ValueRef::Integer(number), By::Id) => return Some(Plain::Number(number)),
        (ValueRef::Text(text), _) => std::str::from_utf8(text).unwrap_or_default(),
        (ValueRef::Integer(number), _) => {
            *room = number.to_string();
            room
        }
        (ValueRef::Real(number), _) => {
            *room = number.to_string();
            room
        }
        (ValueRef::Blob(_), _) => "",
    };
    Some(match (by, text.parse()) {
        (By::Id, Ok(number)) => Plain::Number(number),
        _ => Plain::Text(text),
    })
}

/// For each column of a table that refers to a list: the values that the list does not hold.
pub fn unlabelled(
    connection: &Connection,
    references: &References,
    combos: &ComboTable,
) -> rusqlite::Result<Vec<Count>> {
    let mut lists: BTreeMap<(&str, &str), Known> = BTreeMap::new();
    for (_, reference) in &references.columns {
        let by = combos.column(reference.by);
        if !lists.contains_key(&(reference.list.as_str(), by)) {
            let known = known(connection, combos, &reference.list, reference.by)?;
            lists.insert((&reference.list, by), known);
        }
    }
    let columns = &references.columns;
    let known: Vec<&Known> = columns
        .iter()
        .map(|(_, reference)| &lists[&(reference.list.as_str(), combos.column(reference.by))])
        .collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| quote(name)).collect();
    let table = quote(&format!("{}_{}", references.source, references.stream));
    let mut statement = connection.prepare(&format!("SELECT {} FROM {table}", names.join(", ")))?;
    let mut counts = vec![Count::default(); columns.len()];
    let mut missed: Vec<Known> = columns.iter().map(|_| Known::default()).collect();
    let mut room = String::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (index, (_, reference)) in columns.iter().enumerate() {
            let Some(value) = plain(row.get_ref(index)?, reference.by, &mut room) else {
                continue;
            };
            if !known[index].holds(value) {
                counts[index].rows += 1;
                missed[index].add(value);
            }
        }
    }
    for (count, missed) in counts.iter_mut().zip(&missed) {
        count.codes = (missed.numbers.len() + missed.texts.len()) as u64;
    }
    Ok(counts)
}

fn known(
    connection: &Connection,
    combos: &ComboTable,
    list: &str,
    by: By,
) -> rusqlite::Result<Known> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = ?1",
        quote(combos.column(by)),
        quote(&combos.name()),
        quote(&combos.list)
    );
    let mut known = Known::default();
    let mut room = String::new();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([list])?;
    while let Some(row) = rows.next()? {
        if let Some(value) = plain(row.get_ref(0)?, by, &mut room) {
            known.add(value);
        }
    }
    Ok(known)
}

/// The values of a column that no line of a crosswalk names, the most frequent first; none when
/// the crosswalk has an `otherwise`.
pub fn unmapped_values(
    connection: &Connection,
    crosswalk: &Crosswalk,
    column: &MappedColumn,
) -> Result<Vec<(String, u64)>, StoreError> {
    if crosswalk.lines.iter().any(|(value, _)| value.is_none()) {
        return Ok(Vec::new());
    }
    let mapped: HashSet<&str> = crosswalk
        .lines
        .iter()
        .filter_map(|(value, _)| value.as_deref())
        .collect();
    let mut found = values_of(connection, column)?;
    found.retain(|(value, _)| !mapped.contains(value.as_str()));
    Ok(found)
}

/// The values of a column as texts with the number of their rows, the most frequent first.
pub fn values_of(
    connection: &Connection,
    column: &MappedColumn,
) -> Result<Vec<(String, u64)>, StoreError> {
    let what = StoreError::sql("count the values of a column");
    let sql = format!(
        "SELECT CAST({name} AS TEXT), count(*) FROM {table} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
        name = quote(&column.column),
        table = quote(&column.table()),
    );
    let mut statement = connection.prepare(&sql).map_err(&what)?;
    statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// The same in numbers.
pub fn unmapped(
    connection: &Connection,
    crosswalk: &Crosswalk,
    column: &MappedColumn,
) -> Result<Count, StoreError> {
    let values = unmapped_values(connection, crosswalk, column)?;
    Ok(Count {
        codes: values.len() as u64,
        rows: values.iter().map(|(_, rows)| rows).sum(),
    })
}
