//! Pages that were received before: a response of the same bytes has the same rows, so it need not be decoded again.
//!
//! Nothing of a row is kept: only a hash of a response's bytes, its metadata (totals and the like), where its first row is in the
//! table, and a hash of all its rows' fingerprints. A page counts as known only if the table has exactly these rows one behind
//! the other, so what else has changed a row since is found. A page whose rows are not in the order of their keys, or about whose
//! rows there is something to report, is not kept, and none counts for more than a day.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use xxhash_rust::xxh3::Xxh3;

use super::database::Store;
use super::error::StoreError;
use super::person::exists;
use super::sql_cells::{SqlCell, SqlRawCell, read_cells};
use crate::model::row::{Cells, Rows};
use crate::model::{Table, scalar};

/// How long a page counts. What else decides about a row, such as the rules of a time zone, is found a day later at the latest.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The most pages of a stream that are kept.
const MAX_PAGES: usize = 20_000;

/// A page with fewer bytes of cells is decoded sooner than it is looked for. The pages of tests are small.
const MIN_BYTES: usize = if cfg!(any(test, feature = "testing")) {
    1
} else {
    4 << 10
};

/// A hash of a response's bytes, and of all that its rows depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageHash([u8; 16]);

impl PageHash {
    /// `context`: a hash of all that decides what becomes of the bytes.
    pub fn of<'a>(context: u128, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&context.to_le_bytes());
        for part in parts {
            hash.update(&part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.digest128().to_le_bytes())
    }
}

/// The known pages of one stream.
pub struct KnownPages {
    store: Arc<Store>,
    table: Arc<Table>,
    pages: HashMap<PageHash, Arc<KnownPage>>,
    /// One page at a time, so that one connection is enough.
    turn: Mutex<()>,
}

/// What is kept of a page, with the place of its first row: its row number, or the cells of its key before it is stored.
#[derive(Debug)]
struct PageOutline<F> {
    first: F,
    metadata: String,
    rows: usize,
    /// Of its rows as cells.
    bytes: usize,
    /// A hash of its rows' fingerprints.
    digest: i64,
    /// How many values other than null each column has.
    values: Vec<u32>,
}

type KnownPage = PageOutline<i64>;

/// A page whose rows the table has.
pub struct SeenPage {
    pages: Arc<KnownPages>,
    page: Arc<KnownPage>,
    hash: PageHash,
    rows: Vec<SeenRow>,
}

/// A row of the table that a page has too.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenRow {
    pub number: i64,
    pub fingerprint: i64,
    /// The number of its key, as [`Cells::fingerprint_of`] makes it.
    pub key: u64,
}

/// What is kept of a page besides its rows.
#[derive(Debug)]
pub struct NewPage {
    /// Its hash.
    pub hash: PageHash,
    /// Its metadata, in the form of who asks.
    pub metadata: String,
}

/// What a reading received.
#[derive(Debug, Default)]
pub(super) struct ReceivedPages {
    known: HashSet<PageHash>,
    new: HashMap<PageHash, PageOutline<Vec<u8>>>,
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
            turn: Mutex::new(()),
        }
    }

    /// The page with this hash, if it is known and the table still has its rows.
    pub fn find(self: &Arc<Self>, hash: PageHash) -> Result<Option<SeenPage>, StoreError> {
        let Some(page) = self.pages.get(&hash) else {
            return Ok(None);
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.store.reader()?;
        let rows = page
            .rows_in(&reader, &self.table)
            .map_err(StoreError::sql("compare a known page"))?;
        Ok(rows.map(|rows| SeenPage {
            pages: Arc::clone(self),
            page: Arc::clone(page),
            hash,
            rows,
        }))
    }
}

impl KnownPage {
    /// The rows of the table that are the page's; nothing if they are not the same any more.
    fn rows_in(
        &self,
        mirror: &Connection,
        table: &Table,
    ) -> rusqlite::Result<Option<Vec<SeenRow>>> {
        let Some(first) = key_at(mirror, table, self.first)? else {
            return Ok(None);
        };
        let width = table.key.len();
        let of_key: Vec<usize> = (0..width).collect();
        let mut walk = mirror.prepare_cached(&table.walk_sql())?;
        for (number, cell) in (1..).zip(Cells::of(&first).raw()) {
            walk.raw_bind_parameter(number, SqlRawCell(cell))?;
        }
        let mut found = Vec::with_capacity(self.rows);
        let mut key = Vec::new();
        let mut stored = walk.raw_query();
        while found.len() < self.rows {
            let Some(row) = stored.next()? else {
                return Ok(None);
            };
            key.clear();
            read_cells(row, 0, width, &mut key)?;
            found.push(SeenRow {
                number: row.get(width)?,
                fingerprint: row.get(width + 1)?,
                key: Cells::of(&key).fingerprint_of(&of_key),
            });
        }
        let digest = digest_of(found.iter().map(|row| row.fingerprint));
        Ok((digest == self.digest).then_some(found))
    }
}

impl SeenPage {
    /// Its metadata.
    pub fn metadata(&self) -> &str {
        &self.page.metadata
    }

    /// How many values other than null each column has.
    pub fn values(&self) -> &[u32] {
        &self.page.values
    }

    pub(super) fn hash(&self) -> PageHash {
        self.hash
    }

    pub(super) fn rows(&self) -> &[SeenRow] {
        &self.rows
    }

    /// The bytes of its rows as cells.
    pub(super) fn byte_count(&self) -> usize {
        self.page.bytes
    }

    /// Its rows themselves.
    pub(super) fn read(&self) -> Result<Rows, StoreError> {
        let what = StoreError::sql("read a known page");
        let reader = self.pages.store.reader()?;
        let mut rows = Rows::with_room(self.page.bytes);
        for row in &self.rows {
            let cells = cells_at(&reader, &self.pages.table, row.number).map_err(&what)?;
            // It was there just now.
            let cells = cells
                .ok_or(rusqlite::Error::QueryReturnedNoRows)
                .map_err(&what)?;
            rows.push(|bytes| bytes.extend_from_slice(&cells));
        }
        rows.values.clone_from(&self.page.values);
        Ok(rows)
    }
}

impl ReceivedPages {
    /// Takes note of a page that is known.
    pub(super) fn know(&mut self, hash: PageHash) {
        self.known.insert(hash);
    }

    /// Takes note of a page of these rows, which are in the order of their keys, if it is one that can be known.
    pub(super) fn add(&mut self, page: NewPage, rows: &Rows, table: &Table) {
        let is_kept = self.known.len() + self.new.len() < MAX_PAGES
            && !table.series
            && !table.key.is_empty()
            && rows.byte_count() >= MIN_BYTES
            && rows.is_plain();
        if !is_kept {
            return;
        }
        let mut first = Vec::new();
        let key = table.key.iter();
        key.for_each(|column| rows.row(0).at(*column).write(&mut first));
        let outline = PageOutline {
            first,
            metadata: page.metadata,
            rows: rows.len(),
            bytes: rows.byte_count(),
            digest: digest_of(rows.iter().map(Cells::fingerprint)),
            values: rows.values.clone(),
        };
        self.new.insert(page.hash, outline);
    }

    /// Writes down what was received; of a whole reading, that nothing else was.
    pub(super) fn write(
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
            "INSERT OR REPLACE INTO rollbook_known_pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        for (hash, received) in &self.new {
            for (number, cell) in (1..).zip(Cells::of(&received.first)) {
                find.raw_bind_parameter(number, SqlCell(cell))?;
            }
            let number: Option<i64> = match find.raw_query().next()? {
                Some(row) => Some(row.get(0)?),
                None => None,
            };
            // A row that was received and not stored, such as one that its status removes.
            let Some(first) = number else { continue };
            insert.execute(params![
                table.source,
                table.stream,
                hash.0,
                now,
                received.metadata,
                first,
                received.rows as i64,
                received.bytes as i64,
                received.digest,
                joined(&received.values)
            ])?;
        }
        Ok(())
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
) -> rusqlite::Result<HashMap<PageHash, Arc<KnownPage>>> {
    let mut select = reader.prepare_cached(
        "SELECT hash, metadata, first, rows, bytes, digest, \"values\" FROM rollbook_known_pages \
         WHERE source = ?1 AND stream = ?2 AND decoded BETWEEN ?3 AND ?4",
    )?;
    let times = [oldest, now].map(scalar::to_canonical);
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    select
        .query_map(
            params![table.source, table.stream, times[0], times[1]],
            |row| {
                let values: String = row.get(6)?;
                let page = KnownPage {
                    metadata: row.get(1)?,
                    first: row.get(2)?,
                    rows: size(row.get(3)?),
                    bytes: size(row.get(4)?),
                    digest: row.get(5)?,
                    values: values
                        .split_ascii_whitespace()
                        .flat_map(str::parse)
                        .collect(),
                };
                Ok((PageHash(row.get(0)?), Arc::new(page)))
            },
        )?
        .collect()
}

/// The cells of the key of the row with a number.
fn key_at(mirror: &Connection, table: &Table, number: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    read_at(mirror, &table.key_at_sql(), table.key.len(), number)
}

/// All cells of the row with a number.
pub(super) fn cells_at(
    mirror: &Connection,
    table: &Table,
    number: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    read_at(mirror, &table.row_at_sql(), table.columns.len(), number)
}

fn read_at(
    mirror: &Connection,
    sql: &str,
    count: usize,
    number: i64,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut cells = Vec::new();
    mirror
        .prepare_cached(sql)?
        .query_row([number], |row| read_cells(row, 0, count, &mut cells))
        .optional()
        .map(|found| found.map(|()| cells))
}

fn digest_of(fingerprints: impl Iterator<Item = i64>) -> i64 {
    let mut digest = Xxh3::new();
    fingerprints.for_each(|fingerprint| digest.update(&fingerprint.to_le_bytes()));
    digest.digest() as i64
}

fn joined(values: &[u32]) -> String {
    let texts: Vec<String> = values.iter().map(u32::to_string).collect();
    texts.join(" ")
}
