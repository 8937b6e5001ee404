//! The requests of a source with a daily limit, counted in the cluster's database in blocks.
//!
//! A block is added to the count before its first request is sent, so that a crash loses a part of one block, and no number of
//! takeovers sends more than the limit. What is left of a block is taken back when a run ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::ClusterDatabase;
use rollbook_core::model::SourceName;
use rollbook_http::http::DayCount;
use rollbook_postgres::postgres::DatabaseError;

/// A block is this part of the limit, and at least one request.
const BLOCKS: u32 = 50;

/// The counts of this worker's sources.
pub struct ClusterDays {
    database: Arc<ClusterDatabase>,
    runtime: Handle,
    blocks: Mutex<HashMap<SourceName, Block>>,
}

/// Requests that were counted and may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    day: String,
    /// The day's total with the next request of this block.
    next: u32,
    left: u32,
}

impl Block {
    /// One that ends at this total of the day.
    fn ending_at(total: i64, size: u32, day: &str) -> Self {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        Self {
            day: day.to_owned(),
            next: total.saturating_sub(size).saturating_add(1),
            left: size,
        }
    }

    /// The day's total with one more request.
    fn take(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let total = self.next;
        self.next = self.next.saturating_add(1);
        Some(total)
    }
}

impl ClusterDays {
    /// Counts in this database. Called in a runtime, which does the work.
    pub fn new(database: Arc<ClusterDatabase>) -> Self {
        Self {
            database,
            runtime: Handle::current(),
            blocks: Mutex::default(),
        }
    }

    fn blocks(&self) -> std::sync::MutexGuard<'_, HashMap<SourceName, Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, source: &SourceName, day: &str, requests: i64) -> Result<i64, DatabaseError> {
        self.runtime.block_on(async {
            let transaction = self.database.begin().await?;
            let table = transaction.tokens();
            let total = table.count(source.as_str(), day, requests).await?;
            transaction.commit().await?;
            Ok(total)
        })
    }
}

impl DayCount for ClusterDays {
    fn add(&self, source: &SourceName, day: &str, limit: u32) -> Result<u32, String> {
        // Held to the end, so that requests at once share a block.
        let mut blocks = self.blocks();
        if let Some(block) = blocks.get_mut(source)
            && block.day == day
            && let Some(total) = block.take()
        {
            return Ok(total);
        }
        let size = (limit / BLOCKS).max(1);
        let counted = self.count(source, day, size.into());
        let total = counted.map_err(|error| format!("the cluster's database: {error}"))?;
        let mut block = Block::ending_at(total, size, day);
        let total = block.take().unwrap_or(u32::MAX);
        blocks.insert(source.clone(), block);
        Ok(total)
    }

    fn give_back(&self, source: &SourceName) {
        let Some(block) = self.blocks().remove(source).filter(|block| block.left > 0) else {
            return;
        };
        if let Err(error) = self.count(source, &block.day, -i64::from(block.left)) {
            let requests = block.left;
            tracing::debug!(source = %source, requests, "requests that were not sent stay counted: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_each_total_once() {
        for (total, size, expected) in [
            (1, 1, vec![1]),
            (20, 20, (1..=20).collect()),
            (45, 5, vec![41, 42, 43, 44, 45]),
        ] {
            let mut block = Block::ending_at(total, size, "2026-03-02");
            let taken: Vec<u32> = std::iter::from_fn(|| block.take()).collect();
            assert_eq!(taken, expected, "{total}");
        }
    }
}
