//! The pages of a reading: what is kept of them when it is applied.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Transaction, params};
use xxhash_rust::xxh3::Xxh3;

use super::{Blocks, PageHash, RowsOutline, SeenRows};
use crate::model::Table;
use crate::model::row::{Cells, Rows};
use crate::store::scratch::{ScratchAccess, scratch_database};
use crate::store::sql_cells::SqlCell;

/// The most pages of a stream that are kept.
const MAX_PAGES: usize = 20_000;

/// A page with fewer bytes of cells is decoded sooner than it is looked for. The pages of tests are small.
const MIN_BYTES: usize = if cfg!(any(test, feature = "testing")) {
    1
} else {
    4 << 10
};

/// Bytes of blocks that stay in memory until they are written.
const MAX_BLOCK_BYTES: usize = if cfg!(any(test, feature = "testing")) {
    1 << 10
} else {
    256 << 10
};

/// What is kept of a page besides its rows.
#[derive(Debug)]
pub struct NewPage {
    /// Its hash.
    pub hash: PageHash,
    /// Its metadata, in the form of who asks.
    pub metadata: String,
    /// Its blocks.
    pub blocks: Blocks,
    /// When the oldest of its rows were decoded; nothing where all were now.
    pub decoded: Option<String>,
}

/// What the rows of a page come to, part by part.
pub(in crate::store) struct PageOutline {
    first: Option<FirstRow>,
    /// Without its digest, which ends with the last row.
    rows: RowsOutline,
    digest: Xxh3,
    is_plain: bool,
}

/// Where a page begins.
#[derive(Debug)]
enum FirstRow {
    /// Its row number.
    Stored(i64),
    /// The cells of its key.
    Received(Vec<u8>),
}

/// What a reading received.
#[derive(Default)]
pub(in crate::store) struct ReceivedPages {
    known: HashSet<PageHash>,
    new: HashMap<PageHash, ReceivedPage>,
    blocks: NewBlocks,
}

struct ReceivedPage {
    first: FirstRow,
    metadata: String,
    decoded: Option<String>,
    rows: RowsOutline,
}

/// The blocks of new pages: in memory while they are few, else in a private database.
#[derive(Default)]
struct NewBlocks {
    pages: Vec<(PageHash, Vec<u8>)>,
    bytes: usize,
    database: Option<Connection>,
}

impl PageOutline {
    pub fn new() -> Self {
        Self {
            first: None,
            rows: RowsOutline::default(),
            digest: Xxh3::new(),
            is_plain: true,
        }
    }

    /// Adds rows that were decoded.
    pub fn add(&mut self, rows: &Rows, key: &[usize]) {
        self.is_plain &= rows.is_empty() || rows.is_plain();
        if self.first.is_none() && !rows.is_empty() {
            let mut first = Vec::new();
            for column in key {
                first.extend_from_slice(rows.row(0).bytes_at(*column));
            }
            self.first = Some(FirstRow::Received(first));
        }
        self.rows.count += rows.len();
        self.rows.bytes += rows.byte_count();
        self.add_prints(rows.fingerprints().iter().copied());
        self.add_values(&rows.values);
    }

    /// Adds rows that the table has.
    pub fn add_seen(&mut self, rows: &SeenRows) {
        if self.first.is_none() {
            let first = rows.rows().first();
            self.first = first.map(|row| FirstRow::Stored(row.number));
        }
        self.rows.count += rows.rows().len();
        self.rows.bytes += rows.byte_count();
        self.add_prints(rows.rows().iter().map(|row| row.fingerprint));
        self.add_values(rows.values());
    }

    fn add_prints(&mut self, prints: impl Iterator<Item = i64>) {
        prints.for_each(|print| self.digest.update(&print.to_le_bytes()));
    }

    fn add_values(&mut self, values: &[u32]) {
        let sums = &mut self.rows.values;
        if sums.len() < values.len() {
            sums.resize(values.len(), 0);
        }
        for (sum, values) in sums.iter_mut().zip(values) {
            *sum += values;
        }
    }
}

impl ReceivedPages {
    /// Takes note of a page that is known.
    pub fn know(&mut self, hash: PageHash) {
        self.known.insert(hash);
    }

    /// Takes note of a page whose rows are in the order of their keys, if it is one that can be known.
    pub fn add(
        &mut self,
        page: NewPage,
        outline: PageOutline,
        table: &Table,
    ) -> rusqlite::Result<()> {
        let is_kept = self.known.len() + self.new.len() < MAX_PAGES
            && !table.series
            && !table.key.is_empty()
            && outline.rows.bytes >= MIN_BYTES
            && outline.is_plain;
        let Some(first) = outline.first.filter(|_| is_kept) else {
            return Ok(());
        };
        let received = ReceivedPage {
            first,
            metadata: page.metadata,
            decoded: page.decoded,
            rows: RowsOutline {
                digest: outline.digest.digest() as i64,
                ..outline.rows
            },
        };
        self.new.insert(page.hash, received);
        self.blocks.add(page.hash, page.blocks.stored())
    }

    /// Writes down what was received; of a whole reading, that nothing else was.
    pub fn write(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        (now, is_whole): (&str, bool),
    ) -> rusqlite::Result<()> {
        if is_whole {
            self.forget_others(transaction, table)?;
        }
        if self.new.is_empty() {
            return Ok(());
        }
        let mut find = transaction.prepare_cached(&table.row_number_sql())?;
        let mut insert = transaction.prepare_cached(
            "INSERT OR REPLACE INTO rollbook_known_pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        self.blocks.each(|hash, blocks| {
            let Some(page) = self.new.get(&hash) else {
                return Ok(());
            };
            let first = match &page.first {
                FirstRow::Stored(number) => Some(*number),
                FirstRow::Received(key) => {
                    for (number, cell) in (1..).zip(Cells::of(key)) {
                        find.raw_bind_parameter(number, SqlCell(cell))?;
                    }
                    find.raw_query().next()?.map(|row| row.get(0)).transpose()?
                }
            };
            // A row that was received and not stored, such as one that its status removes.
            let Some(first) = first else { return Ok(()) };
            insert.execute(params![
                table.source,
                table.stream,
                hash.0,
                page.decoded.as_deref().unwrap_or(now),
                page.metadata,
                first,
                page.rows.count as i64,
                page.rows.bytes as i64,
                page.rows.digest,
                joined(&page.rows.values),
                blocks,
            ])?;
            Ok(())
        })
    }

    fn forget_others(&self, transaction: &Transaction<'_>, table: &Table) -> rusqlite::Result<()> {
        let hashes: Vec<[u8; 16]> = transaction
            .prepare_cached(
                "SELECT hash FROM rollbook_known_pages WHERE source = ?1 AND stream = ?2",
            )?
            .query_map(params![table.source, table.stream], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut delete = transaction.prepare_cached(
            "DELETE FROM rollbook_known_pages WHERE source = ?1 AND stream = ?2 AND hash = ?3",
        )?;
        for hash in hashes {
            let page = PageHash(hash);
            if !self.known.contains(&page) && !self.new.contains_key(&page) {
                delete.execute(params![table.source, table.stream, hash])?;
            }
        }
        Ok(())
    }
}

impl NewBlocks {
    fn add(&mut self, hash: PageHash, blocks: Vec<u8>) -> rusqlite::Result<()> {
        self.bytes += blocks.len();
        self.pages.push((hash, blocks));
        if self.bytes <= MAX_BLOCK_BYTES {
            return Ok(());
        }
        let database = match self.database.take() {
            Some(database) => database,
            None => scratch_database(
                128,
                ScratchAccess::InOrder,
                "CREATE TABLE page (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, blocks BLOB NOT NULL);",
            )?,
        };
        let database = self.database.insert(database);
        let mut insert =
            database.prepare_cached("INSERT INTO page (hash, blocks) VALUES (?1, ?2)")?;
        for (hash, blocks) in self.pages.drain(..) {
            insert.execute(params![hash.0, blocks])?;
        }
        self.bytes = 0;
        Ok(())
    }

    fn each(
        &self,
        mut act: impl FnMut(PageHash, &[u8]) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        if let Some(database) = &self.database {
            let mut select =
                database.prepare_cached("SELECT hash, blocks FROM page ORDER BY number")?;
            let mut pages = select.query([])?;
            while let Some(page) = pages.next()? {
                act(PageHash(page.get(0)?), page.get_ref(1)?.as_blob()?)?;
            }
        }
        for (hash, blocks) in &self.pages {
            act(*hash, blocks)?;
        }
        Ok(())
    }
}

fn joined(values: &[u32]) -> String {
    let texts: Vec<String> = values.iter().map(u32::to_string).collect();
    texts.join(" ")
}
