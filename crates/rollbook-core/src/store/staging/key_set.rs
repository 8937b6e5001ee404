//! A set of keys that may be larger than memory should be.
//!
//! The last ones are in memory. The others are in a private database, in blocks in order; a Bloom
//! filter says of nearly every key that is not among them that it is not, so that hardly any is looked up.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::store::scratch::{ScratchAccess, scratch_database};

/// Keys in memory; a table of them takes 9 MB.
const MAX_RECENT: usize = (1 << 20) / 8 * 7;

/// Keys of a block.
const BLOCK: usize = 512;

/// Bits of the filter, 16 MB: of ten million keys it takes one in two hundred for another that is there.
const FILTER_BITS: u64 = 1 << 27;

/// Bits of a key in the filter.
const PROBES: u64 = 4;

/// Keys by their numbers, which are spread over all 64 bits.
#[derive(Default)]
pub(super) struct KeySet {
    recent: HashSet<u64>,
    spilled: Option<Spilled>,
    len: u64,
}

/// Keys that are not in memory.
struct Spilled {
    database: Connection,
    filter: Vec<u64>,
    /// For each run the first key of each of its blocks, and the number of its first block.
    runs: Vec<(Vec<u64>, i64)>,
    blocks: i64,
    /// Keys that were removed.
    gone: HashSet<u64>,
}

impl KeySet {
    /// Returns whether it was not in it.
    pub(super) fn insert(&mut self, key: u64) -> rusqlite::Result<bool> {
        if let Some(spilled) = &mut self.spilled
            && spilled.may_contain(key)
            && spilled.contains(key)?
        {
            return Ok(false);
        }
        let is_new = self.recent.insert(key);
        self.len += u64::from(is_new);
        if self.recent.len() >= MAX_RECENT {
            self.spill()?;
        }
        Ok(is_new)
    }

    pub(super) fn contains(&self, key: u64) -> rusqlite::Result<bool> {
        Ok(self.recent.contains(&key)
            || match &self.spilled {
                Some(spilled) => spilled.may_contain(key) && spilled.contains(key)?,
                None => false,
            })
    }

    /// Returns whether it was in it.
    pub(super) fn remove(&mut self, key: u64) -> rusqlite::Result<bool> {
        let was_there = self.recent.remove(&key)
            || match &mut self.spilled {
                Some(spilled) => spilled.remove(key)?,
                None => false,
            };
        self.len -= u64::from(was_there);
        Ok(was_there)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    #[cold]
    fn spill(&mut self) -> rusqlite::Result<()> {
        let mut keys: Vec<u64> = self.recent.drain().collect();
        keys.sort_unstable();
        let spilled = match self.spilled.take() {
            Some(spilled) => spilled,
            None => Spilled::new()?,
        };
        self.spilled.insert(spilled).add(&keys)
    }
}

impl Spilled {
    fn new() -> rusqlite::Result<Self> {
        let database = scratch_database(
            1024,
            ScratchAccess::ByKey,
            "CREATE TABLE block (number INTEGER PRIMARY KEY, keys BLOB NOT NULL);",
        )?;
        Ok(Self {
            database,
            filter: vec![0; (FILTER_BITS / 64) as usize],
            runs: Vec::new(),
            blocks: 0,
            gone: HashSet::new(),
        })
    }

    /// Adds keys in order, of which none is there.
    fn add(&mut self, keys: &[u64]) -> rusqlite::Result<()> {
        let mut insert = self
            .database
            .prepare_cached("INSERT INTO block VALUES (?1, ?2)")?;
        let mut firsts = Vec::with_capacity(keys.len() / BLOCK + 1);
        let first_block = self.blocks;
        for block in keys.chunks(BLOCK) {
            let bytes: Vec<u8> = block.iter().flat_map(|key| key.to_le_bytes()).collect();
            insert.execute(params![self.blocks, bytes])?;
            firsts.push(block[0]);
            self.blocks += 1;
        }
        drop(insert);
        for key in keys {
            for bit in bits_of(*key) {
                self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        self.runs.push((firsts, first_block));
        Ok(())
    }

    fn may_contain(&self, key: u64) -> bool {
        bits_of(key).all(|bit| self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
    }

    fn contains(&self, key: u64) -> rusqlite::Result<bool> {
        if self.gone.contains(&key) {
            return Ok(false);
        }
        let mut select = self
            .database
            .prepare_cached("SELECT keys FROM block WHERE number = ?1")?;
        for (firsts, first_block) in &self.runs {
            let Some(block) = firsts.partition_point(|first| *first <= key).checked_sub(1) else {
                continue;
            };
            let number = first_block + block as i64;
            let found = select.query_row([number], |row| {
                let keys = row.get_ref(0)?.as_blob()?.as_chunks::<8>().0;
                Ok(keys
                    .binary_search_by_key(&key, |bytes| u64::from_le_bytes(*bytes))
                    .is_ok())
            });
            if found.optional()? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remove(&mut self, key: u64) -> rusqlite::Result<bool> {
        let is_there = self.may_contain(key) && self.contains(key)?;
        if is_there {
            self.gone.insert(key);
        }
        Ok(is_there)
    }
}

fn bits_of(key: u64) -> impl Iterator<Item = u64> {
    (0..PROBES).map(move |probe| key.wrapping_add(probe.wrapping_mul(key >> 32 | 1)) % FILTER_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }

    /// Two runs are spilled, and some keys are in memory.
    #[test]
    fn each_key_is_new_once() {
        let many = MAX_RECENT as u64 * 2 + 1000;
        let mut set = KeySet::default();
        for number in 0..many {
            assert!(set.insert(key(number)).expect("room"), "{number}");
        }
        assert!(set.spilled.is_some());
        for number in (0..many).step_by(997) {
            assert!(!set.insert(key(number)).expect("readable"), "{number}");
            assert!(set.contains(key(number)).expect("readable"), "{number}");
            assert!(!set.contains(key(many + number)).expect("readable"));
        }
        assert_eq!(set.len(), many);
        for number in [5, many - 1] {
            assert!(set.remove(key(number)).expect("readable"), "{number}");
            assert!(!set.contains(key(number)).expect("readable"), "{number}");
            assert!(!set.remove(key(number)).expect("readable"), "{number}");
            assert!(set.insert(key(number)).expect("room"), "{number}");
            assert!(!set.insert(key(number)).expect("room"), "{number}");
        }
        assert_eq!(set.len(), many);
    }
}
