//! The lines of crosswalks, each with the entry of the combo list that it means.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{ComboTable, Crosswalk, Lookups};
use crate::model::{CrosswalkName, SourceName};
use crate::store::error::StoreError;
use crate::store::table::quote;

/// What a target is in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// An entry in use.
    Ok,
    /// An entry that the vendor calls inactive.
    Retired,
    /// Two or more entries, without a rule to choose.
    Ambiguous,
    /// No entry.
    Missing,
    /// The list has not been read yet.
    Unread,
}

impl TargetState {
    /// The value in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Retired => "retired",
            Self::Ambiguous => "ambiguous",
            Self::Missing => "missing",
            Self::Unread => "unread",
        }
    }
}

/// A target with the entry that it means, where that is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// What was found.
    pub state: TargetState,
    /// The entry's id, as text: every column of ours has one type, which other programs rely on.
    pub id: Option<String>,
    /// The entry's code.
    pub code: Option<String>,
    /// What the entry means.
    pub label: Option<String>,
}

impl Resolved {
    fn nothing(state: TargetState) -> Self {
        Self {
            state,
            id: None,
            code: None,
            label: None,
        }
    }
}

/// Looks a target of a crosswalk up in the mirrored list.
pub fn resolve(
    connection: &Connection,
    combos: Option<&ComboTable>,
    crosswalk: &Crosswalk,
    target: &str,
) -> Result<Resolved, StoreError> {
    let what = StoreError::sql("look up a crosswalk's target");
    let Some(combos) = combos else {
        return Ok(Resolved::nothing(TargetState::Unread));
    };
    if !is_read(connection, combos, &crosswalk.list).map_err(&what)? {
        return Ok(Resolved::nothing(TargetState::Unread));
    }
    let found = entries(connection, combos, crosswalk, target).map_err(&what)?;
    let used: Vec<&Resolved> = found
        .iter()
        .filter(|entry| entry.state == TargetState::Ok)
        .collect();
    Ok(match (used.as_slice(), found.as_slice()) {
        ([entry], _) => (*entry).clone(),
        ([], [entry]) => entry.clone(),
        (_, []) => Resolved::nothing(TargetState::Missing),
        _ => Resolved::nothing(TargetState::Ambiguous),
    })
}

/// All lines of a crosswalk with what they mean.
pub fn resolve_all(
    connection: &Connection,
    combos: Option<&ComboTable>,
    crosswalk: &Crosswalk,
) -> Result<Vec<Resolved>, StoreError> {
    let lines = crosswalk.lines.iter();
    lines
        .map(|(_, target)| resolve(connection, combos, crosswalk, target))
        .collect()
}

fn is_read(connection: &Connection, combos: &ComboTable, list: &str) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT 1 FROM {} WHERE {} = ?1 LIMIT 1",
        quote(&combos.name()),
        quote(&combos.list)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found: Option<i64> = statement.query_row([list], |row| row.get(0)).optional()?;
    Ok(found.is_some())
}

fn entries(
    connection: &Connection,
    combos: &ComboTable,
    crosswalk: &Crosswalk,
    target: &str,
) -> rusqlite::Result<Vec<Resolved>> {
    let active = combos.active.as_deref().map_or("1".to_owned(), quote);
    let sql = format!(
        "SELECT CAST({id} AS TEXT), {code}, {label}, coalesce({active}, 1) FROM {table} WHERE {list} = ?1 AND {by} = ?2 ORDER BY {id}",
        id = quote(&combos.id),
        code = quote(&combos.code),
        label = quote(&combos.label),
        table = quote(&combos.name()),
        list = quote(&combos.list),
        by = quote(combos.column(crosswalk.by)),
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_map([crosswalk.list.as_str(), target], |row| {
            let state = if row.get(3)? {
                TargetState::Ok
            } else {
                TargetState::Retired
            };
            Ok(Resolved {
                state,
                id: row.get(0)?,
                code: row.get(1)?,
                label: row.get(2)?,
            })
        })?
        .collect()
}

/// One row of `rollbook_crosswalk` behind the crosswalk's name.
type CrosswalkRow = (
    Option<String>,
    SourceName,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Writes the lines of one crosswalk if they differ from the stored ones; returns whether they did.
pub fn write(
    transaction: &Transaction<'_>,
    lookups: &Lookups,
    crosswalk: &Crosswalk,
) -> Result<bool, StoreError> {
    let what = StoreError::sql("write a crosswalk");
    let resolved = resolve_all(transaction, lookups.combos_of(&crosswalk.source), crosswalk)?;
    let row = |((value, target), found): (&(Option<String>, String), Resolved)| -> CrosswalkRow {
        (
            value.clone(),
            crosswalk.source.clone(),
            crosswalk.list.clone(),
            target.clone(),
            found.state.as_str().to_owned(),
            found.id,
            found.code,
            found.label,
        )
    };
    let mut wanted: Vec<CrosswalkRow> = crosswalk.lines.iter().zip(resolved).map(row).collect();
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    if read(transaction, &crosswalk.name).map_err(&what)? == wanted {
        return Ok(false);
    }
    forget(transaction, &crosswalk.name).map_err(&what)?;
    for row in wanted {
        transaction
            .prepare_cached(
                "INSERT INTO rollbook_crosswalk VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    crosswalk.name,
                    row.0,
                    row.1,
                    row.2,
                    row.3,
                    row.4,
                    row.5,
                    row.6,
                    row.7
                ])
            })
            .map_err(&what)?;
    }
    Ok(true)
}

/// Takes the lines of a crosswalk away.
pub fn forget(transaction: &Transaction<'_>, crosswalk: &CrosswalkName) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM rollbook_crosswalk WHERE crosswalk = ?1")?
        .execute([crosswalk])?;
    Ok(())
}

fn read(connection: &Connection, crosswalk: &CrosswalkName) -> rusqlite::Result<Vec<CrosswalkRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT value, source, list, target, state, id, code, label FROM rollbook_crosswalk \
         WHERE crosswalk = ?1 ORDER BY value",
    )?;
    statement
        .query_map([crosswalk], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        })?
        .collect()
}
