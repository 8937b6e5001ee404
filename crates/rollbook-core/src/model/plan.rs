//! The difference between a vendor and the mirror, as a value.
//!
//! The same numbers feed the dry run, the guard, the log and the run's record. Not the rows
//! themselves: those are put aside in the store.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::absence::Duplicates;
use super::row::Repair;

/// What applying a reading of one stream would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Rows in the table before.
    pub live: u64,
    /// Rows read, rejected ones not counted.
    pub read: u64,
    /// Rows of the table that were received.
    pub known: u64,
    /// Rows whose key is not in the table.
    pub new: u64,
    /// Rows of the table that were received with another content.
    pub changed: u64,
    /// Rows that were received unchanged.
    pub unchanged: u64,
    /// Rows of the table whose status marks them as removed.
    pub by_status: u64,
    /// Rows of the table that were not received and are confirmed as removed, by enough readings or by a deletion feed.
    pub removed: u64,
    /// Rows of the table that were not received and need another reading.
    pub unconfirmed: u64,
    /// Keys that were received more than once.
    pub duplicates: Duplicates,
    /// Rows that could not be taken.
    pub rejected: u64,
    /// Those of them without a readable key.
    pub unidentified: u64,
    /// Distinct rows of erased people: they were read, and are neither new nor known.
    pub suppressed: u64,
    /// Distinct points that are kept no longer: they were read, and are neither new nor known.
    pub expired: u64,
    /// Rows that were received in an older version than the stored one, for the first time.
    pub older: u64,
    /// Cells that could not be read, by column.
    pub unreadable: BTreeMap<String, CellLoss>,
    /// Values that were repaired before they were accepted, by column.
    pub repaired: BTreeMap<(String, Repair), u64>,
    /// Columns that had values in most rows and have none in this reading.
    pub emptied: Vec<String>,
    /// Losses by value of the guard's group column.
    pub groups: BTreeMap<Option<String>, GroupLoss>,
    /// Whether missing rows count.
    pub full: bool,
    /// Whether all rows were asked for, and not changes only.
    pub was_read_in_full: bool,
    /// Another program rebuilt the mirror's file during the reading, so it is unknown which rows were received.
    pub rebuilt: bool,
    pub(super) lost_keys: u64,
}

/// The cells of a column that could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellLoss {
    /// How many.
    pub unreadable: u64,
    /// How many values of the column could be read.
    pub readable: u64,
}

/// What one group would lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupLoss {
    /// Its rows in the table.
    pub live: u64,
    /// Those that were not received.
    pub lost: u64,
}

impl Plan {
    /// The plan of a reading that has not begun, for a table of so many rows.
    pub fn of_table(live: u64) -> Self {
        Self {
            live,
            ..Self::default()
        }
    }

    /// Distinct rows received.
    pub fn distinct(&self) -> u64 {
        self.known + self.new
    }

    /// Rows of the table that would leave it now or after one more reading.
    pub fn lost(&self) -> u64 {
        self.removed + self.unconfirmed + self.by_status
    }

    /// Whether applying it would write a row.
    pub fn writes(&self) -> bool {
        self.new + self.changed + self.removed + self.by_status > 0
    }

    /// Counts a row of the table that was not received.
    pub fn missing(&mut self, key: &[u8], removed: bool) {
        if removed {
            self.removed += 1;
        } else {
            self.unconfirmed += 1;
        }
        self.lost_keys = self.lost_keys.wrapping_add(xxh3_64(key));
    }

    /// A deletion feed confirms an unconfirmed removal.
    pub fn confirm_missing(&mut self) {
        self.unconfirmed -= 1;
        self.removed += 1;
    }

    /// Counts a loss for a group.
    pub fn lose(&mut self, group: Option<String>) {
        self.groups.entry(group).or_default().lost += 1;
    }

    /// A number for what is lost: an approval holds for the same loss only. The order of the rows does not matter.
    pub fn loss_fingerprint(&self) -> u64 {
        let mut bytes = Vec::new();
        for number in [self.lost_keys, self.lost(), self.by_status, self.live] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for column in self.emptied.iter().chain(self.unreadable.keys()) {
            bytes.extend_from_slice(column.as_bytes());
            bytes.push(0);
        }
        xxh3_64(&bytes)
    }
}
