//! Decodes one page while its body arrives: rows are put aside part by part, and what the pager needs is summed up.

use std::sync::Arc;

use jiff::Timestamp;
use xxhash_rust::xxh3::Xxh3;

use super::known::{ListPages, PageMetadata, newest_column, total_header};
use super::read_page::ReadPage;
use crate::sync::client::Batch;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::decode::Decoder;
use rollbook_core::connector::file::PageBy;
use rollbook_core::connector::link;
use rollbook_core::connector::paging::PageFacts;
use rollbook_core::connector::response::{self, DecodedPage, PageReader};
use rollbook_core::model::UnexpectedResponse;
use rollbook_core::model::row::{Cells, Rows};
use rollbook_core::store::suppression::RowFilter;
use rollbook_core::store::{
    NewPage, PageNote, PagePart, PageRows, SeenRows, StagingSpace, StoreError, WaitingRows,
    newest_of,
};
use rollbook_http::http::{BodyDecoder, Reply};

/// How a page is decoded.
pub(super) struct BodyRules {
    pub spec: Arc<StreamSpec>,
    pub decoder: Arc<Decoder>,
    pub filter: Option<Arc<RowFilter>>,
    pub pages: Option<ListPages>,
    pub space: Arc<StagingSpace>,
    pub is_first: bool,
}

/// A page whose body is being read.
pub(super) struct PageBody {
    rules: Arc<BodyRules>,
    reader: PageReader,
    rows: Result<WaitingRows, StoreError>,
    sums: Sums,
    /// Nothing was taken from the front of the body.
    is_whole: bool,
}

/// What is known of the rows so far.
#[derive(Default)]
struct Sums {
    received: u64,
    has_rows: bool,
    fingerprint: Xxh3,
    first_row: Option<u64>,
    last_row: Option<u64>,
    /// The watermark of the first row and of the last one, which may lack one.
    span: Option<(String, Option<String>)>,
    newest: Option<Timestamp>,
}

impl PageBody {
    pub fn new(rules: Arc<BodyRules>) -> Self {
        Self {
            rows: Ok(WaitingRows::new(&rules.space)),
            rules,
            reader: PageReader::default(),
            sums: Sums::default(),
            is_whole: true,
        }
    }

    fn add_seen(&mut self, rows: SeenRows) {
        self.sums.add_seen(&rows);
        if let Ok(waiting) = &mut self.rows {
            waiting.push_seen(rows);
        }
    }

    fn add(&mut self, mut rows: Rows, replaces: bool) {
        if replaces {
            self.sums = Sums::default();
            if let Ok(waiting) = &mut self.rows {
                waiting.clear();
            }
        }
        self.sums.add(&self.rules.spec, &rows);
        if let Some(filter) = &self.rules.filter {
            // After what the pager and the checkpoint need: all rows count as received.
            filter.apply(&mut rows);
        }
        if let Ok(waiting) = &mut self.rows
            && let Err(error) = waiting.push(rows)
        {
            self.rows = Err(error);
        }
    }
}

impl BodyDecoder<Batch> for PageBody {
    fn take(&mut self, body: &mut Vec<u8>) -> Result<(), UnexpectedResponse> {
        self.is_whole = false;
        let rules = Arc::clone(&self.rules);
        let piece = self.reader.take(&rules.spec.shape, &rules.decoder, body)?;
        if let Some(piece) = piece {
            self.add(piece.rows, piece.replaces);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, reply: &Reply) -> Result<Batch, UnexpectedResponse> {
        let rules = Arc::clone(&self.rules);
        let spec = &rules.spec;
        let pages = rules.pages.as_ref().filter(|_| self.is_whole);
        let hash = pages.and_then(|pages| pages.hash(spec, reply));
        if let (Some(pages), Some(hash)) = (pages, hash)
            && let Some(batch) = pages.find(hash, (spec, reply), &rules.space)
        {
            return Ok(batch);
        }
        let total = total_header(spec, reply);
        let is_blank = || reply.body.iter().all(u8::is_ascii_whitespace);
        let known = pages.filter(|_| hash.is_some());
        // reliability.md 2.1: suspect. What it means depends on what was promised, which the pager knows.
        let read = if reply.status == 204 || (!rules.is_first && self.sums.is_empty() && is_blank())
        {
            ReadPage {
                page: DecodedPage::without_content(),
                ..ReadPage::default()
            }
        } else if let Some(read) =
            known.and_then(|pages| ReadPage::abridged(pages, (spec, &rules.decoder), reply, total))
        {
            read
        } else {
            let reader = std::mem::take(&mut self.reader);
            let page = reader.finish(&spec.shape, &rules.decoder, &reply.body, total)?;
            ReadPage::whole(page, known, spec, reply)
        };
        let (page, rows) = (read.page, read.rows);
        for part in rows.parts {
            match part {
                PagePart::Decoded(rows) => self.add(*rows, page.replaces),
                PagePart::Seen(rows) => self.add_seen(rows),
            }
        }
        self.sums.newest = self.sums.newest.max(rows.newest);
        let sums = self.sums;
        let facts = PageFacts {
            received: sums.received,
            total: page.total,
            next: match spec.page.by {
                PageBy::Link => link::next(&reply.headers.all("link")),
                by => match &spec.page.next_header {
                    Some(name) => {
                        let is_address = by == PageBy::NextUrl;
                        response::next_in_header(&reply.headers.all(name), is_address)
                    }
                    None => page.next,
                },
            },
            next_identity: String::new(),
            more: page.more,
            no_content: page.no_content,
            odd_empty: page.odd_empty,
            lacks_rows: page.lacks_rows,
            is_part: reply.status == 206,
            fingerprint: sums.has_rows.then(|| sums.fingerprint.digest()),
            first_row: sums.first_row,
            last_row: sums.last_row,
            span: sums.span.and_then(|(first, last)| Some((first, last?))),
        };
        let unlisted = page.decoded.unlisted;
        let kept = hash.and_then(|hash| {
            let metadata = PageMetadata::of(&facts, page.body_total, sums.newest, &unlisted)?;
            Some(NewPage {
                hash,
                metadata,
                blocks: rows.blocks,
                decoded: rows.decoded,
            })
        });
        let note = kept.map_or(PageNote::None, PageNote::New);
        Ok(Batch {
            facts,
            newest: sums.newest,
            unlisted,
            server_time: reply.date,
            redirected: reply.redirected,
            asked: None,
            rows: self.rows.map(|rows| PageRows { rows, note }),
        })
    }
}

impl Sums {
    fn is_empty(&self) -> bool {
        self.received == 0
    }

    fn add(&mut self, spec: &StreamSpec, rows: &Rows) {
        self.received += rows.received() as u64;
        if rows.is_empty() {
            return;
        }
        // By its key a row is the same also where a value moves from request to request.
        let print_of = |row: Cells<'_>| match spec.key.is_empty() {
            true => row.fingerprint() as u64,
            false => row.fingerprint_of(&spec.key),
        };
        let ends = (print_of(rows.row(0)), print_of(rows.row(rows.len() - 1)));
        self.add_prints(rows.fingerprints().iter().copied(), ends);
        let text_at =
            |column: usize, row: usize| rows.row(row).at(column).text().map(str::to_owned);
        if let Some(column) = spec.watermark {
            let first = self.span.take().map(|(first, _)| first);
            let first = first.or_else(|| text_at(column, 0)).unwrap_or_default();
            self.span = Some((first, text_at(column, rows.len() - 1)));
        }
        if let Some(column) = newest_column(spec) {
            self.newest = self.newest.max(newest_of(rows.iter(), column));
        }
    }

    fn add_seen(&mut self, rows: &SeenRows) {
        self.received += rows.fingerprints().len() as u64;
        if let Some(ends) = rows.ends() {
            self.add_prints(rows.fingerprints(), ends);
        }
    }

    /// `ends`: what the first and the last row are the same by.
    fn add_prints(&mut self, fingerprints: impl Iterator<Item = i64>, (first, last): (u64, u64)) {
        self.has_rows = true;
        fingerprints.for_each(|print| self.fingerprint.update(&print.to_le_bytes()));
        self.first_row.get_or_insert(first);
        self.last_row = Some(last);
    }
}
