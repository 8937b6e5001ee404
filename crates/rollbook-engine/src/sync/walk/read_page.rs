//! A response that was read: decoded whole, or only the rows that are not known.

use super::known::{ListPages, PageMetadata, newest_column};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::decode::Decoder;
use rollbook_core::connector::response::{DecodedPage, PageReader};
use rollbook_core::store::{PagePart, PageParts};
use rollbook_http::http::Reply;

/// A response that was read.
#[derive(Default)]
pub(super) struct ReadPage {
    /// Without its rows.
    pub page: DecodedPage,
    pub rows: PageParts,
}

impl ReadPage {
    /// One that was decoded whole; `pages` where it may be known from then on.
    pub fn whole(
        mut page: DecodedPage,
        pages: Option<&ListPages>,
        spec: &StreamSpec,
        reply: &Reply,
    ) -> Self {
        let blocks = pages.map(|pages| pages.blocks(spec, reply, &page.decoded));
        let rows = std::mem::take(&mut page.decoded.rows);
        let rows = PageParts {
            parts: vec![PagePart::Decoded(Box::new(rows))],
            blocks: blocks.unwrap_or_default(),
            ..PageParts::default()
        };
        Self { page, rows }
    }

    /// One of which only the rows were decoded that are not known. Nothing where none is known, or where there is something to
    /// say about it: it has to be decoded whole.
    pub fn abridged(
        pages: &ListPages,
        (spec, decoder): (&StreamSpec, &Decoder),
        reply: &Reply,
        total: Option<&str>,
    ) -> Option<Self> {
        let body = pages.abridge(spec, reply)?;
        let reader = PageReader::default();
        let page = reader.finish(&spec.shape, decoder, &body.text, total);
        let mut page = page.ok()?;
        let unlisted = PageMetadata::unlisted(&body.metadata)?;
        page.decoded.unlisted.add(unlisted);
        let rows = std::mem::take(&mut page.decoded.rows);
        let rows = body.join(rows, &page.decoded.starts, newest_column(spec))?;
        Some(Self { page, rows })
    }
}
