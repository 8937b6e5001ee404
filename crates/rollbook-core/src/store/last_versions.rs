//! The rows of a reading that were received more than once: for each key the version that stays.
//!
//! In memory while they are few. A list that is sent twice has as many as it has rows, and they lie in a private database
//! then.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::scratch::{ScratchAccess, scratch_database};

/// The most bytes of keys and rows in memory.
const MAX_IN_MEMORY: usize = 4 << 20;

/// Versions by the bytes of their key.
#[derive(Default)]
pub(super) struct LastVersions {
    few: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
    many: Option<Connection>,
    len: u64,
}

impl LastVersions {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a row, unless the version so far stays.
    pub(super) fn offer(
        &mut self,
        key: Vec<u8>,
        row: &[u8],
        stays: impl Fn(&[u8]) -> bool,
    ) -> rusqlite::Result<()> {
        if let Some(database) = &self.many {
            let before = version(database, &key)?;
            if before.as_deref().is_some_and(stays) {
                return Ok(());
            }
            self.len += u64::from(before.is_none());
            return write(database, &key, row);
        }
        let before = self.few.get(&key);
        if before.is_some_and(|row| stays(row)) {
            return Ok(());
        }
        self.bytes += key.len() + row.len();
        self.bytes -= before.map_or(0, |before| key.len() + before.len());
        self.len += u64::from(before.is_none());
        self.few.insert(key, row.to_vec());
        if self.bytes > MAX_IN_MEMORY {
            self.spill()?;
        }
        Ok(())
    }

    /// Takes the version of a key out.
    pub(super) fn remove(&mut self, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
        let found = match &self.many {
            None => self.few.remove(key),
            Some(database) => {
                let found = version(database, key)?;
                if found.is_some() {
                    database
                        .prepare_cached("DELETE FROM version WHERE key = ?1")?
                        .execute([key])?;
                }
                found
            }
        };
        self.len -= u64::from(found.is_some());
        Ok(found)
    }

    #[cold]
    fn spill(&mut self) -> rusqlite::Result<()> {
        let database = scratch_database(
            4096,
            ScratchAccess::ByKey,
            "CREATE TABLE version (key BLOB PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID;",
        )?;
        for (key, row) in std::mem::take(&mut self.few) {
            write(&database, &key, &row)?;
        }
        self.many = Some(database);
        Ok(())
    }
}

fn version(database: &Connection, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    database
        .prepare_cached("SELECT row FROM version WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

fn write(database: &Connection, key: &[u8], row: &[u8]) -> rusqlite::Result<()> {
    database
        .prepare_cached("INSERT OR REPLACE INTO version VALUES (?1, ?2)")?
        .execute(params![key, row])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in memory and beyond it: the later version stays, unless the earlier one is greater.
    #[test]
    fn few_and_many_versions() {
        for length in [10, MAX_IN_MEMORY / 20] {
            let row = |mark: u8| vec![mark; length];
            let mut last = LastVersions::default();
            for (mark, key) in (0..3).flat_map(|mark| (0..50_u8).map(move |key| (mark, key))) {
                let mark = if key == 7 { 9 - mark } else { mark };
                let stays = |before: &[u8]| before[0] > mark;
                last.offer(vec![key], &row(mark), stays).expect("room");
            }
            assert_eq!(last.many.is_some(), length > 10);
            assert_eq!(last.len, 50);
            for (key, expected) in [(7, Some(row(9))), (8, Some(row(2))), (8, None), (99, None)] {
                let found = last.remove(&[key]).expect("readable");
                assert!(found == expected, "{key}");
            }
            assert!(!last.is_empty());
        }
    }
}
