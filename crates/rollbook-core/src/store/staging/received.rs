//! Pages as they are received: decoded, or known with the rows that the table has of them.

use super::key_order::is_ascending;
use super::matching::StoredRow;
use super::{Staging, WaitingRows};
use crate::model::row::Cells;
use crate::store::error::StoreError;
use crate::store::known_pages::{
    NewPage, PageHash, PageOutline, PagePart, SeenRow, SeenRows, cells_at,
};

/// The rows of a page, on their way to be compared.
pub struct PageRows {
    /// The rows.
    pub rows: WaitingRows,
    /// What is known of the page itself.
    pub note: PageNote,
}

/// What is known of a page besides its rows.
#[derive(Debug)]
pub enum PageNote {
    /// Nothing that is kept.
    None,
    /// What is to be kept.
    New(NewPage),
    /// It was received before.
    Known(PageHash),
}

impl Staging {
    /// Compares a page with the table and puts aside what differs.
    ///
    /// # Errors
    /// As [`Staging::add`].
    pub fn receive(&mut self, page: PageRows) -> Result<(), StoreError> {
        let mut outline = PageOutline::new();
        let is_new = matches!(page.note, PageNote::New(_));
        let mut is_sorted = true;
        page.rows.each_part(|part| {
            match &part {
                PagePart::Decoded(rows) => {
                    self.add(rows)?;
                    if is_new {
                        is_sorted &= is_ascending(rows, &self.table.key);
                        outline.add(rows, &self.table.key);
                    }
                }
                PagePart::Seen(rows) => {
                    self.add_seen(rows)?;
                    if is_new {
                        outline.add_seen(rows);
                    }
                }
            }
            Ok(())
        })?;
        match page.note {
            PageNote::Known(hash) => self.pages.know(hash),
            PageNote::New(page) if is_sorted => self
                .pages
                .add(page, outline, &self.table)
                .map_err(StoreError::sql("put aside what is known of a page"))?,
            PageNote::New(_) | PageNote::None => {}
        }
        Ok(())
    }

    /// Compares a page of which the first `known` rows were received before, unless the list moved; the others are received
    /// again later.
    ///
    /// # Errors
    /// As [`Staging::add`].
    pub fn receive_again(&mut self, page: PageRows, known: u64) -> Result<(), StoreError> {
        let rows = page.rows;
        // Which rows are the first is unknown where some have no readable key.
        let has_rejects = rows.outlines().any(|rows| rows.problems.rejected() > 0);
        let mut left = if has_rejects { 0 } else { known as usize };
        rows.each(|mut before| {
            let ahead = match has_rejects {
                true => std::mem::take(&mut before),
                false => before.split_off(left),
            };
            left -= before.len();
            self.add_recheck(&before, &ahead)
        })
    }

    /// Takes note of rows that the table has.
    fn add_seen(&mut self, rows: &SeenRows) -> Result<(), StoreError> {
        self.share.receive(rows.rows().len(), rows.byte_count())?;
        self.plan.read += rows.rows().len() as u64;
        self.count_values(rows.values());
        self.entries.clear();
        for row in rows.rows() {
            self.see_row(row)
                .map_err(StoreError::sql("compare a known page"))?;
        }
        self.stage_entries()
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
            Some(cells) => self.take(Cells::of(&cells), row.fingerprint, Some(known)),
            None => Err(rusqlite::Error::QueryReturnedNoRows),
        }
    }
}
