//! Is the mirror what was written to it? SQLite's own check, our tables, and rows against their fingerprints; points have none.
//!
//! SQLite does not notice a flipped bit inside a value; the fingerprint of the row does. Findings name tables and row
//! numbers, never a value.

use std::path::Path;

use rusqlite::{Connection, Row};
use serde::Serialize;

use crate::model::row::Cells;
use crate::model::scalar;
use crate::model::{SourceName, StreamName, Table};
use crate::store::database::reader;
use crate::store::error::StoreError;
use crate::store::queries::{mirrored, table};
use crate::store::schema;
use crate::store::sql_cells::read_cells;

/// The most errors that SQLite reports.
const MAX_ERRORS: u32 = 20;

/// Which rows are compared with their fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyScope {
    /// All.
    All,
    /// So many of each table, chosen by chance from this seed.
    Sample {
        /// Rows of each table.
        rows: u32,
        /// The same seed chooses the same rows.
        seed: u64,
    },
}

/// What was checked at, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Tables of streams.
    pub tables: u64,
    /// Rows that were compared with their fingerprints.
    pub rows: u64,
    /// What is wrong; nothing when the mirror is whole.
    pub problems: Vec<String>,
    /// What is worth knowing: tables that Rollbook did not make.
    pub notes: Vec<String>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies one snapshot of a mirror, or of a copy of one. It may be in use.
///
/// # Errors
/// When it cannot be opened, is no mirror, or is too damaged to begin.
pub fn verify(path: &Path, scope: VerifyScope) -> Result<Verified, StoreError> {
    let connection = reader(path)?;
    let what = StoreError::sql("verify the mirror");
    let snapshot = connection.unchecked_transaction().map_err(&what)?;
    let mut found = Verified::default();
    if schema::version(&snapshot)? == 0 {
        found.problems.push("it contains no mirror".to_owned());
        return Ok(found);
    }
    check_structure(&snapshot, &mut found)?;
    if let Some(version) = schema::outdated(&snapshot)? {
        found.notes.push(format!(
            "its tables are those of an older rollbook (schema {version}); rows are compared after an upgrade or `rollbook restore`"
        ));
        return Ok(found);
    }
    let streams = mirrored(&snapshot)?;
    for (source, stream) in &streams {
        let name = format!("{source}_{stream}");
        match table(&snapshot, source, stream) {
            Ok(Some(table)) => check_table(&snapshot, &table, scope, &mut found),
            Ok(None) => found
                .problems
                .push(format!("the table {name} is missing or has no key")),
            Err(error) => found.problems.push(format!("{name}: {error}")),
        }
    }
    found.notes.extend(foreign(&snapshot, &streams)?);
    Ok(found)
}

fn check_structure(connection: &Connection, found: &mut Verified) -> Result<(), StoreError> {
    let what = StoreError::sql("check the mirror's structure");
    let mut check = connection
        .prepare(&format!("PRAGMA integrity_check({MAX_ERRORS})"))
        .map_err(&what)?;
    let mut rows = check.query([]).map_err(&what)?;
    loop {
        let message = match rows.next() {
            Ok(Some(row)) => row.get::<_, String>(0).map_err(&what)?,
            Ok(None) => return Ok(()),
            Err(error) => {
                found.problems.push(what(error).to_string());
                return Ok(());
            }
        };
        if message != "ok" {
            found.problems.push(format!("SQLite reports: {message}"));
        }
    }
}

fn check_table(connection: &Connection, table: &Table, scope: VerifyScope, found: &mut Verified) {
    found.tables += 1;
    let name = table.name();
    match has_index(connection, table) {
        Ok(true) => {}
        Ok(false) => found
            .problems
            .push(format!("the key index {name}_walk is missing")),
        Err(error) => found.problems.push(format!("{name}: {error}")),
    }
    if table.series {
        return check_points(connection, table, scope, found);
    }
    let mut rows = CheckedRows::default();
    let checked = match scope {
        VerifyScope::All => all(connection, table, &mut rows),
        VerifyScope::Sample { rows: most, seed } => {
            sample(connection, table, most, seed, &mut rows)
        }
    };
    found.rows += rows.checked;
    if let Err(error) = checked {
        let error = StoreError::sql("read its rows")(error);
        found.problems.push(format!("{name}: {error}"));
    }
    if let Some(first) = rows.first_wrong {
        found.problems.push(format!(
            "{name}: {} of {} checked rows do not match their fingerprint; the first is row number {first}",
            rows.wrong, rows.checked
        ));
    }
}

/// Points carry no fingerprint: their times, which are most of what they are, must be times.
fn check_points(connection: &Connection, table: &Table, scope: VerifyScope, found: &mut Verified) {
    let name = table.name();
    let most = match scope {
        VerifyScope::All => i64::MAX,
        VerifyScope::Sample { rows, .. } => i64::from(rows),
    };
    let counted = (table.key.last()).map_or(Ok((0, 0)), |time| {
        count_points(connection, table, *time, most)
    });
    match counted {
        Ok((checked, wrong)) => {
            found.rows += checked;
            if wrong > 0 {
                found.problems.push(format!(
                    "{name}: {wrong} of {checked} checked points have no valid time"
                ));
            }
        }
        Err(error) => {
            let error = StoreError::sql("read its points")(error);
            found.problems.push(format!("{name}: {error}"));
        }
    }
}

fn count_points(
    connection: &Connection,
    table: &Table,
    time: usize,
    most: i64,
) -> rusqlite::Result<(u64, u64)> {
    let sql = format!(
        "SELECT {} FROM {} LIMIT ?1",
        table.names_of(&[time]),
        table.quoted()
    );
    let (mut checked, mut wrong) = (0, 0);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([most])?;
    while let Some(row) = rows.next()? {
        checked += 1;
        let time = row.get_ref(0)?.as_str().ok().and_then(scalar::parse);
        wrong += u64::from(time.is_none());
    }
    Ok((checked, wrong))
}

#[derive(Default)]
struct CheckedRows {
    checked: u64,
    wrong: u64,
    first_wrong: Option<i64>,
    bytes: Vec<u8>,
}

impl CheckedRows {
    fn check(&mut self, row: &Row<'_>, columns: usize) -> rusqlite::Result<()> {
        let (number, fingerprint): (i64, i64) = (row.get(0)?, row.get(1)?);
        // Our own columns are not part of the fingerprint; a time at least must be one.
        let since = row.get_ref(2)?.as_str().ok().and_then(scalar::parse);
        self.bytes.clear();
        read_cells(row, 3, columns, &mut self.bytes)?;
        self.checked += 1;
        if since.is_none() || Cells::of(&self.bytes).fingerprint() != fingerprint {
            self.wrong += 1;
            self.first_wrong.get_or_insert(number);
        }
        Ok(())
    }
}

fn select(table: &Table, rest: &str) -> String {
    format!(
        "SELECT rowid, _fingerprint, _since, {} FROM {} {rest}",
        table.all_names(),
        table.quoted()
    )
}

fn all(connection: &Connection, table: &Table, found: &mut CheckedRows) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&select(table, "NOT INDEXED"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.check(row, table.columns.len())?;
    }
    Ok(())
}

/// Rows by number, each time the first from a random number on; in a table with gaps some are chosen more often.
fn sample(
    connection: &Connection,
    table: &Table,
    most: u32,
    seed: u64,
    found: &mut CheckedRows,
) -> rusqlite::Result<()> {
    let ends = format!("SELECT min(rowid), max(rowid) FROM {}", table.quoted());
    let ends = connection.query_row(&ends, [], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    let (Some(first), Some(last)) = ends else {
        return Ok(()); // an empty table
    };
    if last.saturating_sub(first) < i64::from(most) {
        return all(connection, table, found);
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut statement = connection.prepare(&select(
        table,
        "NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid LIMIT 1",
    ))?;
    for _ in 0..most {
        let mut rows = statement.query([chance.i64(first..=last)])?;
        if let Some(row) = rows.next()? {
            found.check(row, table.columns.len())?;
        }
    }
    Ok(())
}

fn has_index(connection: &Connection, table: &Table) -> Result<bool, StoreError> {
    if table.series {
        return Ok(true); // its points lie in the order of their key
    }
    connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ?1 || '_walk' AND tbl_name = ?1",
            [table.name()],
            |row| row.get(0),
        )
        .map_err(StoreError::sql("find an index"))
}

/// Tables that are neither a stream's nor Rollbook's own.
fn foreign(
    connection: &Connection,
    streams: &[(SourceName, StreamName)],
) -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("list the tables");
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'rollbook\\_%' ESCAPE '\\' ORDER BY name")
        .map_err(&what)?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)?;
    let is_ours = |name: &str| {
        let live = name.strip_suffix("_history").unwrap_or(name);
        let is = |(source, stream): &(SourceName, StreamName)| {
            let table = format!("{source}_{stream}");
            table == name || table == live
        };
        streams.iter().any(is)
    };
    Ok(names
        .into_iter()
        .filter(|name| !is_ours(name))
        .map(|name| format!("the table {name} was not made by rollbook"))
        .collect())
}
