//! Whom the mirror must not take back: keyed hashes of the keys of erased rows, and what they mean for received rows.
//!
//! An entry is an HMAC of stream, columns and values, so that neither a name nor an id is stored. The list and its
//! key are in the mirror, and so in every backup, and also in the vault (`ledger.rs` compares them). The surprise: a row
//! *about* a person has no entry that suppresses it by its own key, because the vendor may give that row to another
//! person; what it refers to decides.

mod filter;
mod key;
mod ledger;

use std::collections::HashMap;
use std::sync::Arc;

pub use filter::{Cuts, Fate, HashTarget, RowFilter};
pub use key::{Hash, SuppressionKey};
pub use ledger::{
    COPIES, Erasure, ErasureCount, ErasureState, KeyCell, SUPPRESSED, TABLES, any_pending,
    erasures, exchange, has_tables, inherit, key_cells, knows_by, lift, record, renew_keys,
    save_key, set_done, set_pending, suppressed,
};

use crate::model::debug_fingerprint;

/// What an entry of the list is about; a greater one suppresses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuppressedKind {
    /// The key, or another referenced column, of a row about the person: references to it are cut.
    About,
    /// Another column of the erased row by which other rows refer to it.
    Alias,
    /// The key of the erased row: the row itself is not taken back.
    Row,
}

impl SuppressedKind {
    const ALL: [Self; 3] = [Self::About, Self::Alias, Self::Row];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Alias => "alias",
            Self::Row => "row",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Suppressed {
    /// What the hash is of.
    pub target: HashTarget,
    /// The keyed hash of the values.
    pub hash: Hash,
}

/// The list with its keys.
#[derive(Clone, Debug, Default)]
pub struct Suppression {
    /// The first one makes new entries; others are of mirrors that were brought here.
    keys: Vec<Arc<SuppressionKey>>,
    entries: HashMap<HashTarget, HashMap<Hash, SuppressedKind>>,
}

impl Suppression {
    /// A list without entries.
    pub fn new(keys: Vec<SuppressionKey>) -> Self {
        Self {
            keys: keys.into_iter().map(Arc::new).collect(),
            entries: HashMap::new(),
        }
    }

    /// Whether no row is suppressed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A hash of all entries.
    pub fn fingerprint(&self) -> u128 {
        let entries = self.entries.iter().flat_map(|(target, entries)| {
            let one = move |entry| debug_fingerprint(&(target, entry));
            entries.iter().map(one)
        });
        entries.fold(0, u128::wrapping_add)
    }

    /// The hash that a new entry gets; nothing without a key.
    pub fn hash(&self, target: &HashTarget, values: &[String]) -> Option<Hash> {
        Some(self.keys.first()?.hash(target, values))
    }

    /// Adds an entry; returns whether it is new, or suppresses more than before.
    pub fn insert(&mut self, entry: Suppressed, kind: SuppressedKind) -> bool {
        let of_target = self.entries.entry(entry.target).or_default();
        let known = of_target.get(&entry.hash).copied();
        if known >= Some(kind) {
            return false;
        }
        of_target.insert(entry.hash, kind);
        true
    }

    /// Whether a word is the key of an erased row, in any stream with a key of one column.
    pub fn has_word(&self, word: &str) -> bool {
        let word = [word.to_owned()];
        let mut targets = self.entries.keys();
        targets.any(|target| !target.columns.contains(',') && self.kind(target, &word).is_some())
    }

    /// Whether there may be entries for a target.
    pub fn concerns(&self, target: &HashTarget) -> bool {
        self.entries.contains_key(target)
    }

    /// What is known of values; nothing where they are of no erased person.
    pub fn kind(&self, target: &HashTarget, values: &[String]) -> Option<SuppressedKind> {
        let of_target = self.entries.get(target)?;
        let hashes = self.keys.iter().map(|key| key.hash(target, values));
        hashes
            .filter_map(|hash| of_target.get(&hash).copied())
            .max()
    }
}

#[cfg(test)]
mod tests;
