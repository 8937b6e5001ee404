//! Blocks: some rows of a page one behind the other, with the bytes between the first of them and the row behind the last.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::seen::digest_of;
use super::{KnownPage, PageHash};
use crate::model::row::{Cells, RawCell, Rows};
use crate::model::{Table, scalar};

/// The rows of a block, so that a row that changed costs little more than itself. Those of tests are small.
const ROWS: usize = if cfg!(any(test, feature = "testing")) {
    2
} else {
    16
};

/// The bytes that a block is found by. Where they are the same in many rows, because a key comes late, few blocks are found.
const START: usize = if cfg!(any(test, feature = "testing")) {
    20
} else {
    256
};

/// What is kept of a block, but for how many values each column has.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowBlock {
    /// A hash of the bytes that it is found by.
    pub start: u64,
    /// A hash of its bytes.
    pub hash: u128,
    /// Of its text.
    pub length: u32,
    /// Of its rows as cells.
    pub bytes: u32,
    /// The rows of the page before it.
    pub before: u32,
    pub rows: u32,
    /// A hash of its rows' fingerprints.
    pub digest: i64,
    /// The newest time of its rows, in microseconds since 1970.
    pub newest: Option<i64>,
}

/// A text whose rows were decoded.
pub struct DecodedText<'a> {
    /// The text.
    pub text: &'a [u8],
    /// Where the object of each row begins in it.
    pub starts: &'a [u32],
    /// Its rows.
    pub rows: &'a Rows,
    /// A hash of all that decides what becomes of the bytes.
    pub context: u128,
    /// The column whose newest time matters.
    pub newest: Option<usize>,
}

/// The blocks of a page, as they are stored.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    columns: usize,
    bytes: Vec<u8>,
    /// The rows so far, in blocks or not.
    rows: usize,
}

/// Where the blocks of all pages are.
#[derive(Default)]
pub(super) struct BlockIndex {
    pub pages: Vec<PageHash>,
    /// The page and the block in it that start with bytes of a hash.
    pub starts: HashMap<u64, (u32, u32)>,
}

/// The bytes of a stored [`RowBlock`]; those of its counts of values follow, one for each column.
const FIXED: usize = 8 + 16 + 4 * 4 + 8 + 8;

/// What a block without a time has for one.
const NO_TIME: i64 = i64::MIN;

impl RowBlock {
    /// Its rows among those of its page.
    pub fn range(&self) -> Range<usize> {
        let first = self.before as usize;
        first..first + self.rows as usize
    }

    fn write(&self, values: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.start.to_le_bytes());
        bytes.extend_from_slice(&self.hash.to_le_bytes());
        for number in [self.length, self.bytes, self.before, self.rows] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.digest.to_le_bytes());
        bytes.extend_from_slice(&self.newest.unwrap_or(NO_TIME).to_le_bytes());
        bytes.extend_from_slice(values);
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        fn number<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
            let (number, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(*number)
        }
        let bytes = &mut bytes;
        let start = u64::from_le_bytes(number(bytes)?);
        let hash = u128::from_le_bytes(number(bytes)?);
        let mut small = || number(bytes).map(u32::from_le_bytes);
        let (length, size, before, rows) = (small()?, small()?, small()?, small()?);
        let digest = i64::from_le_bytes(number(bytes)?);
        let newest = i64::from_le_bytes(number(bytes)?);
        Some(Self {
            start,
            hash,
            length,
            bytes: size,
            before,
            rows,
            digest,
            newest: (newest != NO_TIME).then_some(newest),
        })
    }
}

/// A hash of the bytes that a block which begins here is found by.
pub(super) fn start_of(context: u128, text: &[u8]) -> Option<u64> {
    let start = text.get(..START)?;
    Some(xxh3_64_with_seed(start, seed(context)))
}

/// A hash of a block's bytes.
pub(super) fn hash_of(context: u128, text: &[u8]) -> u128 {
    xxh3_128_with_seed(text, seed(context))
}

fn seed(context: u128) -> u64 {
    (context >> 64) as u64 ^ context as u64
}

impl DecodedText<'_> {
    /// Whether it is known where each of its rows is, and there is nothing to report about any.
    pub fn has_blocks(&self) -> bool {
        self.rows.is_plain() && self.starts.len() == self.rows.len()
    }
}

/// The newest time that a column of some rows has.
pub fn newest_of<'r>(rows: impl Iterator<Item = Cells<'r>>, column: usize) -> Option<Timestamp> {
    let texts = rows.filter_map(|row| match row.raw_at(column) {
        RawCell::Text(text) => Some(text),
        _ => None,
    });
    let newest = std::str::from_utf8(texts.max()?).ok()?;
    scalar::parse(newest)
}

impl Blocks {
    /// None yet, of a table with so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            columns,
            ..Self::default()
        }
    }

    /// Adds some rows of a text as blocks. The last row of a text is in none, because what follows it is no row.
    pub(super) fn add_decoded(&mut self, text: &DecodedText<'_>, rows: Range<usize>) {
        let end = rows.end.min(text.rows.len() - 1);
        let mut first = rows.start;
        while first < end {
            let next = end.min(first + ROWS);
            self.add_one(text, first..next, self.rows + first - rows.start);
            first = next;
        }
        self.rows += rows.len();
    }

    fn add_one(&mut self, text: &DecodedText<'_>, rows: Range<usize>, before: usize) {
        let (from, to) = (text.starts[rows.start], text.starts[rows.end]);
        let Some(bytes) = text.text.get(from as usize..to as usize) else {
            return;
        };
        let Some(start) = start_of(text.context, bytes) else {
            return;
        };
        let mut values = vec![0; self.columns];
        let mut size = 0;
        for number in rows.clone() {
            let row = text.rows.row(number);
            size += row.bytes().len();
            row.count_values(&mut values);
        }
        let digest = digest_of(text.rows.fingerprints()[rows.clone()].iter().copied());
        let newest = text
            .newest
            .and_then(|column| newest_of(rows.clone().map(|row| text.rows.row(row)), column));
        let block = RowBlock {
            start,
            hash: hash_of(text.context, bytes),
            length: bytes.len() as u32,
            bytes: size as u32,
            before: before as u32,
            rows: rows.len() as u32,
            digest,
            newest: newest.map(Timestamp::as_microsecond),
        };
        block.write(&values, &mut self.bytes);
    }

    /// Adds a block that is known already.
    pub(super) fn add_known(&mut self, block: &RowBlock, values: &[u8]) {
        let block = RowBlock {
            before: self.rows as u32,
            ..*block
        };
        block.write(values, &mut self.bytes);
        self.rows += block.rows as usize;
    }

    /// As they are stored.
    pub(super) fn stored(self) -> Vec<u8> {
        self.bytes
    }
}

/// One of the blocks that are stored for a page, with the number of values in each column.
pub(super) fn stored_block(
    stored: &[u8],
    columns: usize,
    number: u32,
) -> Option<(RowBlock, &[u8])> {
    let chunk = stored.chunks_exact(FIXED + columns).nth(number as usize)?;
    Some((RowBlock::read(chunk)?, &chunk[FIXED..]))
}

impl BlockIndex {
    /// That of the pages that count.
    pub fn load(
        reader: &Connection,
        table: &Table,
        pages: &HashMap<PageHash, KnownPage>,
    ) -> rusqlite::Result<Self> {
        let mut index = Self::default();
        let mut select = reader.prepare_cached(
            "SELECT hash, blocks FROM rollbook_known_pages WHERE source = ?1 AND stream = ?2",
        )?;
        let mut stored = select.query(params![table.source, table.stream])?;
        while let Some(row) = stored.next()? {
            let hash = PageHash(row.get(0)?);
            if !pages.contains_key(&hash) {
                continue;
            }
            let page = index.pages.len() as u32;
            let blocks = row.get_ref(1)?.as_blob()?;
            let blocks = blocks.chunks_exact(FIXED + table.columns.len());
            for (number, block) in (0..).zip(blocks.filter_map(RowBlock::read)) {
                index.starts.entry(block.start).or_insert((page, number));
            }
            index.pages.push(hash);
        }
        Ok(index)
    }
}
