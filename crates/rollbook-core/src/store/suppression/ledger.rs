//! The ledger of erasures and the list, as tables of the mirror, of each backup, and of the vault.
//!
//! The same tables everywhere: the mirror is replaced by a restore, and the vault may be lost with a machine; what either
//! of them knows holds for both. No text that a person types is stored, and nothing of the erased person but keyed hashes.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{HashTarget, Suppressed, SuppressedKind, Suppression};
use crate::model::Table;
use crate::store::error::StoreError;

/// The name of the list's table; entries leave it only when an erasure is lifted.
pub const SUPPRESSED: &str = "rollbook_suppressed";

/// The tables.
pub const TABLES: &str = "
CREATE TABLE rollbook_erasures (
  id TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  by_user TEXT NOT NULL,
  reason TEXT NOT NULL,
  person BLOB NOT NULL,
  state TEXT NOT NULL
) STRICT;
CREATE TABLE rollbook_erasure_counts (
  id TEXT NOT NULL,
  place TEXT NOT NULL,
  erased INTEGER NOT NULL,
  cut INTEGER NOT NULL,
  PRIMARY KEY (id, place)
) STRICT;
CREATE TABLE rollbook_suppressed (
  erasure TEXT NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  columns TEXT NOT NULL,
  kind TEXT NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (hash, erasure, source)
) STRICT;
CREATE TABLE rollbook_suppression_keys (
  name TEXT PRIMARY KEY,
  key_id TEXT,
  secret BLOB NOT NULL
) STRICT;
";

/// The place that counts rewritten and removed copies of the mirror.
pub const COPIES: &str = "copies";

/// How far an erasure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// Its rows are suppressed; some copy or freed space may still hold them.
    Pending,
    /// Nothing of it is left.
    Done,
    /// Its suppression was lifted: what the vendor sends is taken again.
    Lifted,
}

impl ErasureState {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Lifted => "lifted",
        }
    }

    /// A word that is unknown is an erasure to be finished.
    fn parse(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "lifted" => Self::Lifted,
            _ => Self::Pending,
        }
    }
}

/// One erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its name: eight hexadecimal digits.
    pub id: String,
    /// When it began, as the mirror writes times.
    pub at: String,
    /// The name of the user who ran the command.
    pub by_user: String,
    /// The reason, one of a fixed list.
    pub reason: String,
    /// The keyed hash of what the admin named.
    pub person: Vec<u8>,
    /// How far it is.
    pub state: ErasureState,
    /// How many rows were erased or changed, by place.
    pub counts: Vec<ErasureCount>,
}

/// What an erasure did in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureCount {
    /// A table, or `copies`.
    pub place: String,
    /// Rows that were erased; for `copies` the rewritten or removed files.
    pub erased: u64,
    /// Rows out of which a reference or a value was cut.
    pub cut: u64,
}

/// A stored key: its name, the id of the vault's key that it is sealed with, and the bytes.
pub type KeyCell = (String, Option<String>, Vec<u8>);

/// Whether a database has the tables: one of an older Rollbook does not.
pub fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT count(*) = 1 FROM sqlite_schema WHERE name = 'rollbook_suppressed'",
        [],
        |row| row.get(0),
    )
}

/// All erasures, oldest first.
pub fn erasures(connection: &Connection) -> Result<Vec<Erasure>, StoreError> {
    let what = StoreError::sql("read the ledger of erasures");
    let mut all = connection
        .prepare(
            "SELECT id, at, by_user, reason, person, state FROM rollbook_erasures ORDER BY at, id",
        )
        .map_err(&what)?;
    let mut counts = connection
        .prepare(
            "SELECT place, erased, cut FROM rollbook_erasure_counts WHERE id = ?1 ORDER BY place",
        )
        .map_err(&what)?;
    let mut found = all
        .query_map([], |row| {
            Ok(Erasure {
                id: row.get(0)?,
                at: row.get(1)?,
                by_user: row.get(2)?,
                reason: row.get(3)?,
                person: row.get(4)?,
                state: ErasureState::parse(&row.get::<_, String>(5)?),
                counts: Vec::new(),
            })
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<Erasure>>>)
        .map_err(&what)?;
    for one in &mut found {
        one.counts = counts
            .query_map([&one.id], |row| {
                Ok(ErasureCount {
                    place: row.get(0)?,
                    erased: row.get::<_, i64>(1)? as u64,
                    cut: row.get::<_, i64>(2)? as u64,
                })
            })
            .and_then(Iterator::collect)
            .map_err(&what)?;
    }
    Ok(found)
}

/// Writes an erasure down, or its new state, and the entries of its list.
pub fn record(
    connection: &Connection,
    erasure: &Erasure,
    entries: &[(Suppressed, SuppressedKind)],
) -> Result<(), StoreError> {
    let what = StoreError::sql("write the ledger of erasures");
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_erasures VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                erasure.id,
                erasure.at,
                erasure.by_user,
                erasure.reason,
                erasure.person,
                erasure.state.as_str()
            ],
        )
        .map_err(&what)?;
    for count in &erasure.counts {
        connection
            .execute(
                "INSERT OR REPLACE INTO rollbook_erasure_counts VALUES (?1, ?2, ?3, ?4)",
                params![
                    erasure.id,
                    count.place,
                    count.erased as i64,
                    count.cut as i64
                ],
            )
            .map_err(&what)?;
    }
    for (entry, kind) in entries {
        insert_entry(connection, &erasure.id, entry, *kind).map_err(&what)?;
    }
    Ok(())
}

fn insert_entry(
    connection: &Connection,
    erasure: &str,
    entry: &Suppressed,
    kind: SuppressedKind,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_suppressed VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            erasure,
            entry.target.source,
            entry.target.stream,
            entry.target.columns,
            kind.as_str(),
            entry.hash.as_slice()
        ])
        .map(drop)
}

/// The list of a database, with these keys.
pub fn suppressed(
    connection: &Connection,
    mut list: Suppression,
) -> Result<Suppression, StoreError> {
    for (_, entry, kind) in entries(connection)? {
        list.insert(entry, kind);
    }
    Ok(list)
}

fn entries(
    connection: &Connection,
) -> Result<Vec<(String, Suppressed, SuppressedKind)>, StoreError> {
    let what = StoreError::sql("read the suppression list");
    let mut all = connection
        .prepare("SELECT erasure, source, stream, columns, kind, hash FROM rollbook_suppressed")
        .map_err(&what)?;
    let found = all.query_map([], |row| {
        let target = HashTarget {
            source: row.get(1)?,
            stream: row.get(2)?,
            columns: row.get(3)?,
        };
        // What is unknown suppresses the most.
        let kind = SuppressedKind::parse(&row.get::<_, String>(4)?);
        let kind = kind.unwrap_or(SuppressedKind::Row);
        let hash = row.get(5)?;
        Ok((row.get(0)?, Suppressed { target, hash }, kind))
    });
    found.and_then(Iterator::collect).map_err(&what)
}

/// The stored keys.
pub fn key_cells(connection: &Connection) -> Result<Vec<KeyCell>, StoreError> {
    let what = StoreError::sql("read the key of the suppression list");
    let mut all = connection
        .prepare("SELECT name, key_id, secret FROM rollbook_suppression_keys ORDER BY name")
        .map_err(&what)?;
    all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Stores a key.
pub fn save_key(
    connection: &Connection,
    (name, key_id, secret): &KeyCell,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT OR REPLACE INTO rollbook_suppression_keys VALUES (?1, ?2, ?3)",
            params![name, key_id, secret],
        )
        .map(drop)
        .map_err(StoreError::sql("store the key of the suppression list"))
}

/// Whether erased people are known by the values of this column.
pub fn knows_by(connection: &Connection, table: &Table, column: &str) -> Result<bool, StoreError> {
    let what = StoreError::sql("read the suppression list");
    if !has_tables(connection).map_err(&what)? {
        return Ok(false);
    }
    connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM rollbook_suppressed WHERE source = ?1 AND stream = ?2 \
             AND instr(',' || columns || ',', ',' || ?3 || ','))",
            params![table.source, table.stream, column],
            |row| row.get(0),
        )
        .map_err(what)
}

/// Whether an erasure is not finished; a mirror that was not upgraded yet knows none.
pub fn any_pending(connection: &Connection) -> Result<bool, StoreError> {
    let what = StoreError::sql("find unfinished erasures");
    let pending = "SELECT EXISTS (SELECT 1 FROM rollbook_erasures WHERE state = 'pending')";
    match has_tables(connection).map_err(&what)? {
        true => connection
            .query_row(pending, [], |row| row.get(0))
            .map_err(&what),
        false => Ok(false),
    }
}

/// Notes that all pending erasures are finished, and how many copies were rewritten or removed.
pub fn set_done(connection: &Connection, ids: &[String], copies: u64) -> Result<(), StoreError> {
    let what = StoreError::sql("finish an erasure");
    for id in ids {
        connection
            .execute(
                "INSERT INTO rollbook_erasure_counts VALUES (?1, ?3, ?2, 0) \
                 ON CONFLICT (id, place) DO UPDATE SET erased = max(erased, excluded.erased)",
                params![id, copies as i64, COPIES],
            )
            .and_then(|_| {
                connection.execute(
                    "UPDATE rollbook_erasures SET state = 'done' WHERE id = ?1 AND state = 'pending'",
                    [id],
                )
            })
            .map_err(&what)?;
    }
    Ok(())
}

/// Notes that all erasures that are not lifted have to be finished (again).
pub fn set_pending(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE rollbook_erasures SET state = 'pending' WHERE state = 'done'",
            [],
        )
        .map(drop)
        .map_err(StoreError::sql("write the ledger of erasures"))
}

/// Lifts the suppression of an erasure; returns how many entries it had, or nothing when there is no such erasure.
pub fn lift(connection: &Connection, id: &str) -> Result<Option<u64>, StoreError> {
    let what = StoreError::sql("lift a suppression");
    let known = connection
        .execute(
            "UPDATE rollbook_erasures SET state = 'lifted' WHERE id = ?1",
            [id],
        )
        .map_err(&what)?;
    let entries = connection
        .execute("DELETE FROM rollbook_suppressed WHERE erasure = ?1", [id])
        .map_err(&what)?;
    Ok((known > 0).then_some(entries as u64))
}

/// Makes two databases know the same erasures, entries and keys. What `mirror` did not know is pending there: its rows may
/// still hold it. Returns whether there was any such erasure.
///
/// The caller opens and commits both transactions.
pub fn exchange(vault: &Connection, mirror: &Connection) -> Result<bool, StoreError> {
    let is_new = inherit(vault, mirror, |state| match state {
        ErasureState::Lifted => ErasureState::Lifted,
        ErasureState::Pending | ErasureState::Done => ErasureState::Pending,
    })?;
    inherit(mirror, vault, |state| state)?;
    let theirs = erasures(vault)?;
    for own in &erasures(mirror)? {
        // The mirror says how far it is, because the vault may be newer than a mirror that was copied back.
        let differs = |one: &&Erasure| one.id == own.id && one.state != own.state;
        if theirs.iter().any(|one| differs(&one)) {
            record(vault, own, &[])?;
        }
    }
    Ok(is_new)
}

/// Makes a database know what another one knows; `state` gives the state that a new erasure has there. Returns whether any
/// was new and is not lifted.
pub fn inherit(
    from: &Connection,
    to: &Connection,
    state: impl Fn(ErasureState) -> ErasureState,
) -> Result<bool, StoreError> {
    let known = erasures(to)?;
    let mut is_new = false;
    let mut lifted: HashSet<String> = known
        .iter()
        .filter(|one| one.state == ErasureState::Lifted)
        .map(|one| one.id.clone())
        .collect();
    for one in erasures(from)? {
        let is_lifted = one.state == ErasureState::Lifted;
        match known.iter().find(|own| own.id == one.id) {
            None => {
                is_new |= !is_lifted;
                let state = state(one.state);
                record(
                    to,
                    &Erasure {
                        state,
                        ..one.clone()
                    },
                    &[],
                )?;
            }
            Some(own) if is_lifted && own.state != ErasureState::Lifted => {
                lift(to, &one.id)?;
            }
            Some(_) => {}
        }
        if is_lifted {
            lifted.insert(one.id);
        }
    }
    let there: HashSet<_> = entries(to)?.into_iter().collect();
    for one in entries(from)? {
        if !there.contains(&one) && !lifted.contains(&one.0) {
            insert_entry(to, &one.0, &one.1, one.2)
                .map_err(StoreError::sql("write the suppression list"))?;
        }
    }
    let there = key_cells(to)?;
    for cell in key_cells(from)? {
        // A cell that differs is sealed with another key of the vault: the vault's own is the newer one.
        if !there.iter().any(|known| known.0 == cell.0) {
            save_key(to, &cell)?;
        }
    }
    Ok(is_new)
}

/// Gives a mirror the cells of the vault's keys, which follow a change of the vault's own key.
pub fn renew_keys(vault: &Connection, mirror: &Connection) -> Result<(), StoreError> {
    let there = key_cells(mirror)?;
    for cell in key_cells(vault)?
        .iter()
        .filter(|cell| !there.contains(cell))
    {
        save_key(mirror, cell)?;
    }
    Ok(())
}
