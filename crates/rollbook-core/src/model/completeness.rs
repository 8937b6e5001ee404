//! Whether a reading of a list is complete, so that a row that was not received may count as missing.
//!
//! Pure. All rules in one table: `docs/ARCHITECTURE.md`, "Is the reading complete?". The walk (`connector/paging.rs`)
//! reports what it observed; `model/absence.rs` decides what follows for the rows of the mirror.

use std::fmt;

/// Whether all rows of a list were received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The end was reached in order and every declared total agrees, or one answer held all.
    Proven,
    /// The end was reached in order, and nothing declares how many rows there are.
    Unproven,
    /// Something indicates that rows are missing.
    Contradicted(Inconsistency),
}

impl Completeness {
    /// Whether something indicates that rows are missing.
    pub fn is_contradicted(&self) -> bool {
        matches!(self, Self::Contradicted(_))
    }

    /// The value in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Contradicted(_) => "contradicted",
        }
    }

    /// That of two lists read together: the worse one; of two contradictions the first.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Contradicted(first), _) | (_, Self::Contradicted(first)) => {
                Self::Contradicted(first)
            }
            (Self::Unproven, _) | (_, Self::Unproven) => Self::Unproven,
            (Self::Proven, Self::Proven) => Self::Proven,
        }
    }
}

/// Why a reading cannot be complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inconsistency {
    /// The declared total disagrees with what was received.
    Total {
        /// Rows received, equal duplicates included.
        received: u64,
        /// Rows that the server declares.
        declared: u64,
        /// The last page with rows held fewer than a full one: the list ended by itself and was not cut at a page.
        short_end: bool,
    },
    /// The declared total changed from page to page.
    TotalMoved {
        /// First.
        from: u64,
        /// Later.
        to: u64,
    },
    /// A next link, address or cursor is there, or promised, and cannot be understood.
    NextLink,
    /// The server refuses a page that it linked to itself, as one that does not exist.
    MissingPage,
    /// Rows were received behind an empty page.
    BehindTheEnd,
    /// An answer without content where a page was promised.
    NoContent,
    /// The last answer calls itself a part of the list, of unknown size, and leads to no other.
    PartOfList,
    /// Several empty pages in a row that each promise another one.
    EmptyPages,
    /// A next link or cursor that was followed before.
    Circle,
    /// Keys were received twice that were not duplicates in the previous reading: rows moved from page to page.
    Duplicates {
        /// How many rows.
        rows: u64,
    },
    /// Another program rebuilt the mirror's file during the reading.
    MirrorRebuilt,
    /// The changes, which are read page by page, differed from reading to reading.
    Unsteady,
    /// A page was received a second time: the server does not move on.
    SamePage,
    /// The server returns no rows where it returned some before: the list became shorter while it was read.
    Shrunk,
    /// The server counts pages or something else where the connector expects rows.
    OffsetMeaning {
        /// The parameter.
        parameter: String,
    },
    /// A page ended at the server's own limit, below the requested size by which the next one was requested.
    PageLimit {
        /// Rows of the page.
        rows: u64,
        /// Rows requested.
        wanted: u64,
    },
    /// A list that is walked by its change time is not sorted by it.
    Unsorted,
    /// The list did not end.
    TooManyPages {
        /// Requests made.
        pages: u32,
    },
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total {
                received, declared, ..
            } => write!(
                f,
                "received {received} of {declared} declared rows; if the total is always wrong, set \
                 `page.total = \"ignore\"` in the connector"
            ),
            Self::TotalMoved { from, to } => write!(
                f,
                "the declared total changed from {from} to {to} while the list was read"
            ),
            Self::NextLink => f.write_str(
                "the link to the next page cannot be read, so the rows behind it were not received; compare `page` \
                 of the connector with a response",
            ),
            Self::MissingPage => {
                f.write_str("the server linked to a next page and then reported that it does not exist")
            }
            Self::BehindTheEnd => f.write_str("received rows behind an empty page"),
            Self::NoContent => f.write_str(
                "the server promised another page and returned no content twice",
            ),
            Self::PartOfList => f.write_str(
                "the server calls its answer a part of the list (206) and says neither how many rows the list has nor \
                 where it goes on; correct `page` of the connector",
            ),
            Self::EmptyPages => f.write_str(
                "three empty pages in a row promised another one; if an empty page ends this list, set \
                 `page.until = [\"empty\"]` in the connector",
            ),
            Self::Circle => {
                f.write_str("the link to the next page points to a page that was read before")
            }
            Self::Duplicates { rows: 1 } => f.write_str(
                "received 1 row twice, so another one may be missing: the list changed while it was read",
            ),
            Self::Duplicates { rows } => write!(
                f,
                "received {rows} rows twice, so as many others may be missing: the list changed while it was read"
            ),
            Self::MirrorRebuilt => {
                f.write_str("another program rebuilt the mirror's file during the reading")
            }
            Self::Unsteady => f.write_str(
                "the list of changes differed from reading to reading, so some may be missing",
            ),
            Self::SamePage => f.write_str(
                "received the same page twice: the server does not advance; correct `page` of the connector, or \
                 set `page.until = [\"repeat\"]` if it returns all rows in one response",
            ),
            Self::Shrunk => f.write_str("the list became shorter while it was read"),
            Self::OffsetMeaning { parameter } => write!(
                f,
                "the server does not count rows in `{parameter}`; if it counts pages, set \
                 `page.by = \"number\"` in the connector"
            ),
            Self::PageLimit { rows, wanted } => write!(
                f,
                "a page has {rows} rows where {wanted} were requested, and others follow: the server's limit seems to be \
                 lower; set `page.size` in the connector to that limit, {rows} at most"
            ),
            Self::Unsorted => f.write_str(
                "the list is not sorted by its change time; correct `page.column` or the query of the connector",
            ),
            Self::TooManyPages { pages } => write!(
                f,
                "the list did not end after {pages} pages; correct `page` of the connector"
            ),
        }
    }
}
