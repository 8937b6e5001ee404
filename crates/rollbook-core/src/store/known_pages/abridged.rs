//! A response without the blocks of rows that are known: what is left of it is decoded as a response of its own.
//!
//! Blocks are looked for wherever an object begins, by their first bytes. Whether that was between two rows is seen afterwards:
//! the decoder says where each row begins, and a block that was left out must have been in front of one. JSON with whole rows
//! and the commas behind them left out of a list is JSON with the other rows of that list.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::blocks::{BlockIndex, Blocks, DecodedText, RowBlock, hash_of, start_of, stored_block};
use super::seen::{self, SeenRow};
use super::{KnownPage, KnownPages, PagePart, SeenRows};
use crate::model::row::Rows;
use crate::store::error::StoreError;

/// The most pages whose blocks are looked for in one response: where its rows moved, they are of two.
const MAX_PAGES: usize = 4;

/// A response without some blocks.
pub struct AbridgedBody {
    /// What is left.
    pub text: Vec<u8>,
    /// The metadata of the pages that the blocks are of.
    pub metadata: Vec<String>,
    pages: Arc<KnownPages>,
    context: u128,
    gaps: Vec<BodyGap>,
    /// When the oldest block was decoded.
    decoded: Option<String>,
}

/// Blocks that were left out one behind the other.
struct BodyGap {
    /// Where, in what is left.
    at: u32,
    rows: Vec<SeenRow>,
    blocks: Vec<(RowBlock, Vec<u8>)>,
}

/// The rows of a page, some of which may not have been decoded now.
#[derive(Default)]
pub struct PageParts {
    /// All its rows.
    pub parts: Vec<PagePart>,
    /// The newest time of the rows that were not decoded.
    pub newest: Option<Timestamp>,
    /// All its blocks.
    pub blocks: Blocks,
    /// When the oldest of them was decoded, if not now.
    pub decoded: Option<String>,
}

impl KnownPages {
    /// A response without the blocks that are known, if it has some; `context` as for [`super::PageHash::of`].
    pub fn abridge(
        self: &Arc<Self>,
        context: u128,
        body: &[u8],
    ) -> Result<Option<AbridgedBody>, StoreError> {
        if self.pages.is_empty() {
            return Ok(None);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.store.reader()?;
        let what = StoreError::sql("find known rows");
        let mut search = BlockSearch::new(self, &reader).map_err(&what)?;
        let mut left = AbridgedBody {
            text: Vec::new(),
            metadata: Vec::new(),
            pages: Arc::clone(self),
            context,
            gaps: Vec::new(),
            decoded: None,
        };
        if search.index.starts.is_empty() {
            return Ok(None);
        }
        let (mut at, mut kept_from) = (0, 0);
        while let Some(found) = memchr::memchr(b'{', &body[at..]) {
            let here = at + found;
            at = here + 1;
            let Some(start) = start_of(context, &body[here..]) else {
                break;
            };
            let found = search.find(start, context, &body[here..]).map_err(&what)?;
            if let Some((page, block, values)) = found {
                left.text.extend_from_slice(&body[kept_from..here]);
                left.leave_out(page, block, values);
                at = here + block.length as usize;
                kept_from = at;
            }
        }
        left.text.extend_from_slice(&body[kept_from..]);
        Ok((!left.gaps.is_empty()).then_some(left))
    }
}

/// Finds blocks one by one.
struct BlockSearch<'a> {
    known: &'a KnownPages,
    reader: &'a Connection,
    index: &'a BlockIndex,
    loaded: Vec<LoadedPage<'a>>,
    /// The block behind the last one that began where it was looked for: page and number.
    next: Option<(u32, u32)>,
}

/// A page whose blocks are looked for.
struct LoadedPage<'a> {
    number: u32,
    page: &'a KnownPage,
    blocks: Vec<u8>,
    /// The rows that the table has of it; read when the bytes of a block were found.
    rows: Option<Vec<SeenRow>>,
}

impl<'a> BlockSearch<'a> {
    fn new(known: &'a KnownPages, reader: &'a Connection) -> rusqlite::Result<Self> {
        let index = match known.blocks.get() {
            Some(index) => index,
            None => {
                let index = BlockIndex::load(reader, &known.table, &known.pages)?;
                known.blocks.get_or_init(|| index)
            }
        };
        Ok(Self {
            known,
            reader,
            index,
            loaded: Vec::new(),
            next: None,
        })
    }

    /// The block that begins a text, if it is known and the table has its rows; with the page it is of, and its counts of
    /// values.
    fn find(
        &mut self,
        start: u64,
        context: u128,
        text: &[u8],
    ) -> rusqlite::Result<Option<(&LoadedPage<'a>, RowBlock, Vec<u8>)>> {
        let columns = self.known.table.columns.len();
        let follows = self.next.and_then(|(page, number)| {
            let loaded = self.loaded.iter().find(|loaded| loaded.number == page)?;
            let (block, _) = stored_block(&loaded.blocks, columns, number)?;
            (block.start == start).then_some((page, number))
        });
        let Some((page, number)) = follows.or_else(|| self.index.starts.get(&start).copied())
        else {
            return Ok(None);
        };
        let Some(loaded) = self.load(page)? else {
            return Ok(None);
        };
        let Some((block, values)) = stored_block(&self.loaded[loaded].blocks, columns, number)
        else {
            return Ok(None);
        };
        let values = values.to_vec();
        self.next = Some((page, number + 1));
        let is_same = text
            .get(..block.length as usize)
            .is_some_and(|text| hash_of(context, text) == block.hash);
        if !is_same {
            return Ok(None);
        }
        let page = &mut self.loaded[loaded];
        let rows = match page.rows.take() {
            Some(rows) => rows,
            None => self.known.rows_of(self.reader, page.page)?,
        };
        let rows = page.rows.insert(rows);
        let is_stored = rows
            .get(block.range())
            .is_some_and(|rows| seen::are(rows, block.digest));
        Ok(is_stored.then_some((page, block, values)))
    }

    /// The index of a page among those that are loaded.
    fn load(&mut self, number: u32) -> rusqlite::Result<Option<usize>> {
        let index = self.loaded.iter().position(|page| page.number == number);
        if index.is_some() || self.loaded.len() == MAX_PAGES {
            return Ok(index);
        }
        let hash = self.index.pages[number as usize];
        let Some(page) = self.known.pages.get(&hash) else {
            return Ok(None);
        };
        let table = &self.known.table;
        let blocks = self
            .reader
            .prepare_cached(
                "SELECT blocks FROM rollbook_known_pages WHERE source = ?1 AND stream = ?2 AND hash = ?3",
            )?
            .query_row(params![table.source, table.stream, hash.0], |row| row.get(0))
            .optional()?;
        self.loaded.push(LoadedPage {
            number,
            page,
            blocks: blocks.unwrap_or_default(),
            rows: None,
        });
        Ok(Some(self.loaded.len() - 1))
    }
}

impl AbridgedBody {
    fn leave_out(&mut self, of: &LoadedPage<'_>, block: RowBlock, values: Vec<u8>) {
        let at = self.text.len() as u32;
        if self.gaps.last().is_none_or(|gap| gap.at != at) {
            self.gaps.push(BodyGap {
                at,
                rows: Vec::new(),
                blocks: Vec::new(),
            });
        }
        if let (Some(gap), Some(rows)) = (self.gaps.last_mut(), &of.rows) {
            gap.rows.extend_from_slice(&rows[block.range()]);
            gap.blocks.push((block, values));
        }
        if !self.metadata.contains(&of.page.metadata) {
            self.metadata.push(of.page.metadata.clone());
        }
        let oldest = self.decoded.get_or_insert_with(|| of.page.decoded.clone());
        if of.page.decoded < *oldest {
            oldest.clone_from(&of.page.decoded);
        }
    }

    /// Puts the rows of what is left and the others together; nothing where a block was left out elsewhere than in front of a
    /// row, or where there is something to report about a row. `starts` and `newest` as in [`DecodedText`].
    pub fn join(self, mut rows: Rows, starts: &[u32], newest: Option<usize>) -> Option<PageParts> {
        let text = DecodedText {
            text: &self.text,
            starts,
            rows: &rows,
            context: self.context,
            newest,
        };
        if !text.has_blocks() {
            return None;
        }
        let mut blocks = Blocks::new(self.pages.table.columns.len());
        let mut times = Vec::new();
        let mut rows_before = Vec::with_capacity(self.gaps.len());
        let mut done = 0;
        for gap in &self.gaps {
            let before = starts.binary_search(&gap.at).ok()?;
            blocks.add_decoded(&text, done..before);
            for (block, values) in &gap.blocks {
                blocks.add_known(block, values);
                times.extend(block.newest);
            }
            rows_before.push(before);
            done = before;
        }
        blocks.add_decoded(&text, done..rows.len());
        let mut parts = Vec::with_capacity(2 * self.gaps.len() + 1);
        for (gap, before) in self.gaps.into_iter().zip(rows_before).rev() {
            let behind = rows.split_off(before);
            parts.push(PagePart::Decoded(Box::new(behind)));
            parts.push(PagePart::Seen(gap.seen(&self.pages)));
        }
        parts.push(PagePart::Decoded(Box::new(rows)));
        parts.reverse();
        let newest = times.into_iter().max();
        Some(PageParts {
            parts,
            newest: newest.and_then(|time| Timestamp::from_microsecond(time).ok()),
            blocks,
            decoded: self.decoded,
        })
    }
}

impl BodyGap {
    fn seen(self, pages: &Arc<KnownPages>) -> SeenRows {
        let mut sums = vec![0; pages.table.columns.len()];
        let mut bytes = 0;
        for (block, values) in &self.blocks {
            bytes += block.bytes as usize;
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum += u32::from(*values);
            }
        }
        SeenRows::new(pages, self.rows, (bytes, sums))
    }
}
