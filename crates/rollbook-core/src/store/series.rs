//! Steps of a time series: the rows of several and the checkpoints behind them in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::apply::{Applied, Removals, Stamp, apply};
use super::checkpoints::{self, Checkpoint};
use super::error::StoreError;
use super::{Staged, accounts};
use crate::model::account::Account;
use crate::model::{SourceName, Table};

/// A step that was read and belongs into the mirror.
pub struct SeriesStep {
    /// The item's name among the checkpoints.
    pub item: String,
    /// Its index among the items, which are in the order of their keys: points in the order of the table are written
    /// quickest.
    pub index: usize,
    /// What differs.
    pub staged: Staged,
    /// How far the item is known with it. Its number of rows is that from before the reading.
    pub checkpoint: Checkpoint,
}

/// What the steps of a reading have written, or would write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesWritten {
    /// Rows.
    pub applied: Applied,
    /// Rows that were new when they were compared, and are in an earlier step of the same commit.
    pub unchanged: u64,
    /// How many rows of each item were ever new.
    pub rows: BTreeMap<String, i64>,
}

impl SeriesWritten {
    /// Counts new rows of an item; returns how many it ever had.
    pub fn count(&mut self, item: &str, checkpoint: &Checkpoint, new: u64) -> i64 {
        let rows = self.rows.entry(item.to_owned()).or_insert(checkpoint.rows);
        *rows = rows.saturating_add(i64::try_from(new).unwrap_or(i64::MAX));
        *rows
    }
}

/// Steps that are written at once.
pub struct SeriesCommit {
    /// The steps, in the order in which they were read.
    pub steps: Vec<SeriesStep>,
    /// What the reading has written before.
    pub written: SeriesWritten,
    /// The run, and its time.
    pub stamp: Stamp,
    /// The stream's table.
    pub table: Arc<Table>,
    /// The source.
    pub source: SourceName,
    /// The account that was read.
    pub account: Account,
}

impl SeriesCommit {
    /// Writes them; returns what the reading has written with them.
    pub fn write(mut self, connection: &mut Connection) -> Result<SeriesWritten, StoreError> {
        let what = StoreError::sql("apply steps of a time series");
        let transaction = connection.transaction().map_err(&what)?;
        self.steps.sort_by_key(|step| step.index); // keeps the order of an item's steps
        for step in &mut self.steps {
            let applied = apply(&transaction, &step.staged, &self.stamp, Removals::None)?;
            self.written.applied.new += applied.new;
            self.written.applied.changed += applied.changed;
            self.written.unchanged += step.staged.plan.new.saturating_sub(applied.new);
            step.checkpoint.rows = (self.written).count(&step.item, &step.checkpoint, applied.new);
            checkpoints::save(&transaction, &self.table, &step.item, &step.checkpoint)?;
        }
        accounts::save(&transaction, &self.source, &self.account)?;
        transaction.commit().map_err(&what)?;
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests;
