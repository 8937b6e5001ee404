//! Pages as they are received: decoded, or known with the rows that the table has of them.

use std::sync::Arc;

use super::key_order::is_ascending;
use super::matching::StoredRow;
use super::{Staging, StagingSpace, WaitingRows};
use crate::model::row::{Cells, Rows};
use crate::store::error::StoreError;
use crate::store::known_pages::{NewPage, SeenPage, SeenRow, cells_at};

/// The rows of a page, on their way to be compared.
pub enum PageRows {
    /// Decoded, and what else is kept of the page.
    Decoded(WaitingRows, Option<NewPage>),
    /// Of a page that was received before.
    Seen(SeenPage),
}

impl PageRows {
    /// Calls `act` with each part of the rows, in their order.
    pub fn each(
        self,
        mut act: impl FnMut(Rows) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Decoded(rows, _) => rows.each(act),
            Self::Seen(page) => act(page.read()?),
        }
    }

    /// The rows, also of a page that was received before.
    pub fn decoded(self, space: &Arc<StagingSpace>) -> Result<WaitingRows, StoreError> {
        match self {
            Self::Decoded(rows, _) => Ok(rows),
            Self::Seen(page) => {
                let mut rows = WaitingRows::new(space);
                rows.push(page.read()?)?;
                Ok(rows)
            }
        }
    }
}

impl Staging {
    /// Compares a page with the table and puts aside what differs.
    ///
    /// # Errors
    /// As [`Staging::add`].
    pub fn receive(&mut self, page: PageRows) -> Result<(), StoreError> {
        match page {
            PageRows::Seen(page) => self.add_seen(&page),
            PageRows::Decoded(rows, page) => {
                // A page that something is kept of has one part.
                let mut page = page;
                rows.each(|rows| {
                    self.add(&rows)?;
                    if let Some(page) = page.take()
                        && is_ascending(&rows, &self.table.key)
                    {
                        self.pages.add(page, &rows, &self.table);
                    }
                    Ok(())
                })
            }
        }
    }

    /// Compares a page of which the first `known` rows were received before, unless the list moved; the others are received
    /// again later.
    ///
    /// # Errors
    /// As [`Staging::add`].
    pub fn receive_again(&mut self, page: PageRows, known: u64) -> Result<(), StoreError> {
        let page = page.decoded(self.share.space())?;
        // Which rows are the first is unknown where some have no readable key.
        let has_rejects = page.outlines().any(|rows| rows.problems.rejected() > 0);
        let mut left = if has_rejects { 0 } else { known as usize };
        page.each(|mut before| {
            let ahead = match has_rejects {
                true => std::mem::take(&mut before),
                false => before.split_off(left),
            };
            left -= before.len();
            self.add_recheck(&before, &ahead)
        })
    }

    /// Takes note of a page whose rows the table has.
    fn add_seen(&mut self, page: &SeenPage) -> Result<(), StoreError> {
        let rows = page.rows();
        self.share.receive(rows.len(), page.byte_count())?;
        self.plan.read += rows.len() as u64;
        self.count_values(page.values());
        self.entries.clear();
        for row in rows {
            self.see_row(row)
                .map_err(StoreError::sql("compare a known page"))?;
        }
        self.stage_entries()?;
        self.pages.know(page.hash());
        Ok(())
    }

    fn see_row(&mut self, row: &SeenRow) -> rusqlite::Result<()> {
        let number = row.number;
        if !self.changed.contains(number) {
            self.see_key(row.key, number);
            return Ok(());
        }
        // Received before in another version: which one stays is decided when both are applied.
        let known = StoredRow {
            number,
            fingerprint: row.fingerprint,
        };
        match cells_at(&self.mirror, &self.table, number)? {
            Some(cells) => self.take(Cells::of(&cells), Some(known)),
            None => Err(rusqlite::Error::QueryReturnedNoRows),
        }
    }
}
