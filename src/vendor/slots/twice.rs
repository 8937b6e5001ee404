//! A member that a row has twice: the last one counts, and a difference is told.

use super::*;

/// What a member had given before the row said it once more.
#[derive(Debug)]
pub struct Before(Vec<(Leaf, Vec<u8>)>);

impl Slots<'_> {
    /// Forgets what a member gave, because the row has it once more: the last one counts.
    pub fn forget(&mut self, leaves: Vec<Leaf>) -> Before {
        let mut before = Vec::new();
        for leaf in leaves {
            let slot = &mut self.slots[leaf.column];
            if slot.rank < leaf.rank {
                continue;
            }
            let mut cell = Vec::new();
            if slot.rank == leaf.rank {
                cell.extend_from_slice(&self.bytes[slot.start..slot.end]);
                *slot = EMPTY;
            }
            let is_other = |other: Leaf| other.column != leaf.column || other.rank != leaf.rank;
            let mismatches = self.mismatches.len();
            self.mismatches.retain(|mismatch| is_other(mismatch.leaf));
            if self.mismatches.len() < mismatches {
                cell.push(u8::MAX); // is no cell, so it differs from all
            }
            before.push((leaf, cell));
        }
        Before(before)
    }

    /// Compares what the member gave the second time.
    pub fn compare(&mut self, before: Before) {
        for (leaf, cell) in before.0 {
            let slot = self.slots[leaf.column];
            let now = match slot.rank == leaf.rank {
                true => &self.bytes[slot.start..slot.end],
                false => &[][..],
            };
            if now != cell {
                self.repairs.push((leaf.column, Repair::Repeated));
            }
        }
    }
}
