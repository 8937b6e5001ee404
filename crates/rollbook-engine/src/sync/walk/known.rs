//! Responses that were received before, and their metadata.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sync::client::Batch;
use crate::sync::items::Item;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::decode::Decoded;
use rollbook_core::connector::file::PageBy;
use rollbook_core::connector::paging::{NextPage, PageFacts};
use rollbook_core::connector::response;
use rollbook_core::model::{Unlisted, debug_fingerprint};
use rollbook_core::store::{
    AbridgedBody, Blocks, DecodedText, KnownPages, PageHash, PageNote, PageRows, StagingSpace,
    WaitingRows,
};
use rollbook_http::http::Reply;

/// The known pages of one list.
#[derive(Clone)]
pub struct ListPages {
    pages: Arc<KnownPages>,
    /// A hash of all that decides how its responses are read.
    context: u128,
}

/// What a response holds besides its rows.
#[derive(Serialize, Deserialize)]
pub(super) struct PageMetadata {
    facts: PageFacts,
    newest: Option<Timestamp>,
    unlisted: BTreeSet<String>,
}

impl ListPages {
    /// Those of an item's list. `stream` is a hash of what decides how all lists of the stream are read.
    pub fn of(pages: &Arc<KnownPages>, stream: u128, item: &Item) -> Self {
        Self {
            pages: Arc::clone(pages),
            context: debug_fingerprint(&(stream, &item.variables)),
        }
    }

    /// The hash of a response; nothing where more than its body and its total says what it holds. A total in a header is none of
    /// it: one row more would make each page of a list another one.
    pub(super) fn hash(&self, spec: &StreamSpec, reply: &Reply) -> Option<PageHash> {
        let has_links = spec.page.by == PageBy::Link || spec.page.next_header.is_some();
        if reply.status != 200 || has_links {
            return None;
        }
        Some(PageHash::of(self.context, &reply.body))
    }

    /// What a response was decoded to before, if it is known.
    pub(super) fn find(
        &self,
        hash: PageHash,
        (spec, reply): (&StreamSpec, &Reply),
        space: &Arc<StagingSpace>,
    ) -> Option<Batch> {
        // What is wrong with the mirror is found where rows are compared.
        let page = self.pages.find(hash).ok()??;
        let mut metadata = PageMetadata::read(page.metadata)?;
        let total = total_header(spec, reply).and_then(response::header_total);
        metadata.facts.total = metadata.facts.total.max(total);
        let mut rows = WaitingRows::new(space);
        rows.push_seen(page.rows);
        let note = PageNote::Known(hash);
        Some(Batch {
            facts: metadata.facts,
            newest: metadata.newest,
            unlisted: Unlisted::of_names(metadata.unlisted),
            server_time: reply.date,
            redirected: reply.redirected,
            asked: None,
            rows: Ok(PageRows { rows, note }),
        })
    }

    /// A response without the rows that are known of it, if there are some. Where rows are asked for by the watermark of
    /// the last one, it has few that were received before.
    pub(super) fn abridge(&self, spec: &StreamSpec, reply: &Reply) -> Option<AbridgedBody> {
        if spec.watermark.is_some() {
            return None;
        }
        self.pages.abridge(self.context, &reply.body).ok()?
    }

    /// What finds the rows of a decoded response in others.
    pub(super) fn blocks(&self, spec: &StreamSpec, reply: &Reply, decoded: &Decoded) -> Blocks {
        self.pages.blocks(&DecodedText {
            text: &reply.body,
            starts: &decoded.starts,
            rows: &decoded.rows,
            context: self.context,
            newest: newest_column(spec),
        })
    }
}

/// The header with the size of the whole list.
pub(super) fn total_header<'r>(spec: &StreamSpec, reply: &'r Reply) -> Option<&'r str> {
    let name = spec.shape.total_header.as_deref();
    // RFC 9110 14.4: what follows the slash is the size of the whole.
    reply.headers.get(name.unwrap_or("content-range"))
}

/// The column whose newest value a walk finds.
pub(super) fn newest_column(spec: &StreamSpec) -> Option<usize> {
    let since = spec.since.as_ref().map(|since| since.column);
    since.or(spec.window.as_ref().map(|window| window.column))
}

impl PageMetadata {
    fn read(kept: &str) -> Option<Self> {
        serde_json::from_str(kept).ok()
    }

    /// The names of members that no column lists, of all pages that rows are of.
    pub(super) fn unlisted(kept: &[String]) -> Option<Unlisted> {
        let mut all = Unlisted::default();
        for kept in kept {
            all.add(Unlisted::of_names(Self::read(kept)?.unlisted));
        }
        Some(all)
    }

    /// In the form in which it is kept; nothing of a response with names that look like values, or with an address or a cursor of
    /// the next page, which is for this reading alone.
    pub(super) fn of(
        facts: &PageFacts,
        body_total: Option<u64>,
        newest: Option<Timestamp>,
        unlisted: &Unlisted,
    ) -> Option<String> {
        if facts.next != NextPage::default() {
            return None;
        }
        let metadata = Self {
            facts: PageFacts {
                total: body_total,
                ..facts.clone()
            },
            newest,
            unlisted: unlisted.names()?.clone(),
        };
        serde_json::to_string(&metadata).ok()
    }
}
