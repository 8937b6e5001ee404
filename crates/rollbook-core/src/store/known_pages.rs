//! Pages that were received before: a response of the same bytes has the same rows, so it need not be decoded again. Of one that
//! has changed only the blocks of rows that have are decoded.
//!
//! Nothing of a row is kept: only hashes of a response's bytes, its metadata (totals and the like), where its first row is in the
//! table, hashes of its rows' fingerprints, and the newest change time of some rows. Rows count as known only if the table has exactly these one behind the other, so
//! what else has changed a row since is found. A page whose rows are not in the order of their keys, or about whose rows there
//! is something to report, is not kept, and what was decoded counts for a day.

mod abridged;
mod blocks;
mod received;
mod seen;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use xxhash_rust::xxh3::Xxh3;

pub use self::abridged::{AbridgedBody, PageParts};
pub use self::blocks::{Blocks, DecodedText, newest_of};
pub use self::received::NewPage;
pub(super) use self::received::{PageOutline, ReceivedPages};
pub use self::seen::{PagePart, SeenRows};
pub(super) use self::seen::{SeenRow, cells_at};

use self::blocks::BlockIndex;
use super::database::Store;
use super::error::StoreError;
use super::person::exists;
use crate::model::{Table, scalar};

/// How long a page counts. What else decides about a row, such as the rules of a time zone, is found a day later at the latest.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A hash of a response's bytes, and of all that its rows depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageHash([u8; 16]);

impl PageHash {
    /// `context`: a hash of all that decides what becomes of the bytes.
    pub fn of(context: u128, body: &[u8]) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&context.to_le_bytes());
        hash.update(body);
        Self(hash.digest128().to_le_bytes())
    }
}

/// The known pages of one stream.
pub struct KnownPages {
    store: Arc<Store>,
    table: Arc<Table>,
    pages: HashMap<PageHash, KnownPage>,
    /// Read when a page has changed.
    blocks: OnceLock<BlockIndex>,
    /// One page at a time, so that one connection is enough.
    turn: Mutex<()>,
}

/// What is kept of a page.
#[derive(Debug)]
struct KnownPage {
    /// When it was decoded, or the oldest of its blocks.
    decoded: String,
    metadata: String,
    /// The row number of its first row.
    first: i64,
    outline: RowsOutline,
}

/// What is kept of a page's rows.
#[derive(Debug, Default)]
struct RowsOutline {
    count: usize,
    /// Of the rows as cells.
    bytes: usize,
    /// A hash of their fingerprints.
    digest: i64,
    /// How many values other than null each column has.
    values: Vec<u32>,
}

/// A page whose rows the table has.
pub struct SeenPage<'p> {
    /// Its metadata.
    pub metadata: &'p str,
    /// Its rows.
    pub rows: SeenRows,
}

impl KnownPages {
    /// Those of a stream that count at this time.
    pub fn load(
        store: &Arc<Store>,
        table: &Arc<Table>,
        now: Timestamp,
    ) -> Result<Arc<Self>, StoreError> {
        let oldest = scalar::saturating_add(now, -COUNTS_FOR);
        let reader = store.reader()?;
        let pages =
            load(&reader, table, (oldest, now)).map_err(StoreError::sql("read known pages"));
        Ok(Arc::new(Self {
            pages: pages?,
            ..Self::none(store, table)
        }))
    }

    /// None of them, for a reading in which each page is decoded and kept.
    pub fn none(store: &Arc<Store>, table: &Arc<Table>) -> Self {
        Self {
            store: Arc::clone(store),
            table: Arc::clone(table),
            pages: HashMap::new(),
            blocks: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    /// The page with this hash, if it is known and the table still has its rows.
    pub fn find(self: &Arc<Self>, hash: PageHash) -> Result<Option<SeenPage<'_>>, StoreError> {
        let Some(page) = self.pages.get(&hash) else {
            return Ok(None);
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self
            .rows_of(&*self.store.reader()?, page)
            .map_err(StoreError::sql("compare a known page"))?;
        let outline = &page.outline;
        if rows.len() < outline.count || !seen::are(&rows, outline.digest) {
            return Ok(None);
        }
        let rows = SeenRows::new(self, rows, (outline.bytes, outline.values.clone()));
        Ok(Some(SeenPage {
            metadata: &page.metadata,
            rows,
        }))
    }

    /// The rows of the table from a page's first row on, as many as the page has.
    fn rows_of(&self, mirror: &Connection, page: &KnownPage) -> rusqlite::Result<Vec<SeenRow>> {
        seen::rows_from(mirror, &self.table, page.first, page.outline.count)
    }

    /// The blocks of a text that was decoded whole; none where rows cannot be found in it.
    pub fn blocks(&self, text: &DecodedText<'_>) -> Blocks {
        let mut blocks = Blocks::new(self.table.columns.len());
        if text.has_blocks() {
            let whole: Range<usize> = 0..text.rows.len();
            blocks.add_decoded(text, whole);
        }
        blocks
    }
}

/// Forgets all pages, also in a database that has none yet: their metadata has hashes of keys.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<()> {
    match exists(connection, "rollbook_known_pages")? {
        true => connection.execute_batch("DELETE FROM rollbook_known_pages"),
        false => Ok(()),
    }
}

fn load(
    reader: &Connection,
    table: &Table,
    (oldest, now): (Timestamp, Timestamp),
) -> rusqlite::Result<HashMap<PageHash, KnownPage>> {
    let mut select = reader.prepare_cached(
        "SELECT hash, decoded, metadata, first, rows, bytes, digest, \"values\" FROM rollbook_known_pages \
         WHERE source = ?1 AND stream = ?2 AND decoded BETWEEN ?3 AND ?4",
    )?;
    let times = [oldest, now].map(scalar::to_canonical);
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    select
        .query_map(
            params![table.source, table.stream, times[0], times[1]],
            |row| {
                let values: String = row.get(7)?;
                let page = KnownPage {
                    decoded: row.get(1)?,
                    metadata: row.get(2)?,
                    first: row.get(3)?,
                    outline: RowsOutline {
                        count: size(row.get(4)?),
                        bytes: size(row.get(5)?),
                        digest: row.get(6)?,
                        values: values
                            .split_ascii_whitespace()
                            .flat_map(str::parse)
                            .collect(),
                    },
                };
                Ok((PageHash(row.get(0)?), page))
            },
        )?
        .collect()
}
