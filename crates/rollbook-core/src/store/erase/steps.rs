//! The steps of an erasure that write the mirror and the vault; each can be repeated.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::clean::{Cleaned, clean};
use super::{ErasedRows, apply};
use crate::model::{SourceName, StreamName, Table};
use crate::store::error::StoreError;
use crate::store::lookups::{self, Lookups};
use crate::store::person::{PersonKey, entries_of, find, tables_of};
use crate::store::published;
use crate::store::suppression::{self, Erasure, ErasureState, HashTarget, Suppression};
use crate::store::vault::{Vault, load_suppression, open_suppression};

/// A wanted erasure.
#[derive(Clone, Debug)]
pub struct ErasureOrder {
    /// The rows that are the person, one for each source.
    pub people: Vec<PersonKey>,
    /// When, as the mirror writes times.
    pub at: String,
    /// The user who wants it.
    pub by_user: String,
    /// Why, a word of a fixed list.
    pub reason: String,
}

/// Suppresses a person and deletes their rows from the mirror. First the vault knows the erasure, then the mirror in one
/// transaction with the deletions; so what was deleted is suppressed.
///
/// # Errors
/// When vault or mirror cannot be written: then the mirror is unchanged. If the vault was written before, the next start
/// completes the erasure.
pub fn begin(
    connection: &mut Connection,
    vault: &Vault,
    order: &ErasureOrder,
    codes: &Lookups,
) -> Result<(Erasure, Suppression), StoreError> {
    let what = StoreError::sql("erase a person");
    let transaction = connection.transaction().map_err(&what)?;
    vault.need_suppression_key(&transaction)?;
    let mut list = open_suppression(vault, &transaction)?;
    let tables = tables_of(&transaction, &[])?;
    let mut entries = entries_of(&list, &tables, &order.people)
        .map_err(|problem| StoreError::Refused { problem })?;
    for (entry, kind) in &entries {
        list.insert(entry.clone(), *kind);
    }
    let found = find(&transaction, &list, &tables)?;
    let named: Vec<String> = order
        .people
        .iter()
        .flat_map(|one| one.key.clone())
        .collect();
    let erased = apply(&transaction, &found, &tables, &named)?;
    let Some((first, _)) = entries.first() else {
        let problem = "no row is named".to_owned();
        return Err(StoreError::Refused { problem });
    };
    let of_time = HashTarget {
        columns: "erasure".to_owned(),
        ..first.target.clone()
    };
    let digits = list.hash(&of_time, &[order.at.clone(), hex(&first.hash)]);
    let erasure = Erasure {
        id: hex(&digits.unwrap_or_default()[..4]),
        at: order.at.clone(),
        by_user: order.by_user.clone(),
        reason: order.reason.clone(),
        person: first.hash.to_vec(),
        state: ErasureState::Pending,
        counts: erased.counts.clone(),
    };
    entries.extend(found.added.iter().cloned());
    super::fault::step()?;
    vault.record_erasure(&erasure, &entries)?;
    super::fault::step()?;
    suppression::record(&transaction, &erasure, &entries)?;
    count_codes(&transaction, &erased, &tables, codes)?;
    published::note_erasure(&transaction, &erased.with_versions)?;
    super::fault::step()?;
    transaction.commit().map_err(&what)?;
    super::fault::step()?;
    Ok((erasure, found.list))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts codes without a label again, of tables that lost rows.
fn count_codes(
    transaction: &Transaction<'_>,
    erased: &ErasedRows,
    tables: &[Table],
    codes: &Lookups,
) -> Result<(), StoreError> {
    let codes = codes.of_tables(tables);
    let mut sources: Vec<&SourceName> = erased.tables.iter().map(|(source, _)| source).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let changed = erased.tables.iter().filter(|(one, _)| one == source);
        let streams: Vec<StreamName> = changed.map(|(_, stream)| stream.clone()).collect();
        lookups::after_rows(transaction, &codes, source, &streams)?;
    }
    Ok(())
}

/// Deletes what an interrupted step left, rewrites the mirror's file and cuts its log. Returns the pending erasures, the
/// list, and whether the log is cut.
///
/// # Errors
/// When there is no room, or the list cannot be opened.
pub fn clean_mirror(
    connection: &mut Connection,
    vault: &Vault,
    mirror: &Path,
) -> Result<(Vec<String>, Suppression, Cleaned), StoreError> {
    let what = StoreError::sql("finish an erasure");
    let list = load_suppression(vault, connection)?;
    let pending = suppression::erasures(connection)?
        .into_iter()
        .filter(|one| one.state == ErasureState::Pending)
        .map(|one| one.id)
        .collect();
    let transaction = connection.transaction().map_err(&what)?;
    let tables = tables_of(&transaction, &[])?;
    let found = find(&transaction, &list, &tables)?;
    let again = apply(&transaction, &found, &tables, &[])?;
    if !again.with_versions.is_empty() {
        published::note_erasure(&transaction, &again.with_versions)?;
    }
    super::fault::step()?;
    transaction.commit().map_err(&what)?;
    super::fault::step()?;
    let cleaned = clean(connection, mirror)?;
    super::fault::step()?;
    Ok((pending, list, cleaned))
}

/// Notes that erasures are finished, in the mirror and then in the vault.
///
/// # Errors
/// When one of them cannot be written.
pub fn finish(
    connection: &Connection,
    vault: &Vault,
    ids: &[String],
    copies: u64,
) -> Result<(), StoreError> {
    suppression::set_done(connection, ids, copies)?;
    super::fault::step()?;
    vault.finish_erasures(ids, copies)
}

/// Lifts the suppression of an erasure; returns how many entries it had, or nothing when it is unknown, and the list.
///
/// # Errors
/// When mirror or vault cannot be written.
pub fn lift(
    connection: &Connection,
    vault: &Vault,
    id: &str,
) -> Result<(Option<u64>, Suppression), StoreError> {
    let lifted = suppression::lift(connection, id)?;
    super::fault::step()?;
    if lifted.is_some() {
        vault.lift_erasure(id)?;
    }
    Ok((lifted, load_suppression(vault, connection)?))
}
