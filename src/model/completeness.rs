//! What a reading of a list says about completeness: whether a row that was not received may count as missing.
//!
//! Pure. All rules in one table: `docs/ARCHITECTURE.md`, "Is the reading complete?". The walk (`vendor/paging.rs`) says what it saw of its list;
//! what follows for the rows of the mirror is decided in `model/absence.rs`.

use std::fmt;

/// Whether all rows of a list were received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// The end was reached in order and every declared total agrees, or one answer held all.
    Proven,
    /// The end was reached in order, and nothing declares how many rows there are.
    Unproven,
    /// Something says that rows are missing.
    Contradicted(Inconsistency),
}

impl Completeness {
    /// Whether something says that rows are missing.
    pub fn is_contradicted(&self) -> bool {
        matches!(self, Self::Contradicted(_))
    }

    /// The word in tables.
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
    /// Several empty pages in a row that each promise another one.
    EmptyPages,
    /// A next link or cursor that was followed before.
    Circle,
    /// Keys were received twice that were not duplicates in the reading before: rows moved from page to page.
    Duplicates {
        /// How many rows.
        rows: u64,
    },
    /// Another program rebuilt the mirror's file during the reading.
    MirrorRebuilt,
    /// The changes that are read page by page were others at each look.
    Unsteady,
    /// A page was received a second time: the server does not move on.
    SamePage,
    /// The server gives no rows where it gave some a moment ago: the list became shorter while it was read.
    Shrunk,
    /// The server counts pages or something else where the connector says that it counts rows.
    OffsetMeaning {
        /// The parameter.
        parameter: String,
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
                "received {received} of {declared} rows that the server declares; a total that never agrees is \
                 ignored by `page.total = \"ignore\"` in the connector"
            ),
            Self::TotalMoved { from, to } => write!(
                f,
                "the declared total moved from {from} to {to} while the list was read"
            ),
            Self::NextLink => f.write_str(
                "the link to the next page cannot be understood, so its rows were not received; compare `page` \
                 of the connector with an answer",
            ),
            Self::MissingPage => {
                f.write_str("the server linked to a next page and then says that there is none")
            }
            Self::BehindTheEnd => f.write_str("rows were received behind an empty page"),
            Self::NoContent => f.write_str(
                "an answer without content was received twice where the server promised another page",
            ),
            Self::EmptyPages => f.write_str(
                "three empty pages in a row promised another one; if an empty page ends this list, say \
                 `page.until = [\"empty\"]` in the connector",
            ),
            Self::Circle => {
                f.write_str("the link to the next page leads back to a page that was read")
            }
            Self::Duplicates { rows: 1 } => f.write_str(
                "1 row was received twice, so another one may be missing: the list moved while it was read",
            ),
            Self::Duplicates { rows } => write!(
                f,
                "{rows} rows were received twice, so as many others may be missing: the list moved while it was read"
            ),
            Self::MirrorRebuilt => {
                f.write_str("another program rebuilt the mirror's file during the reading")
            }
            Self::Unsteady => f.write_str(
                "the list of changes was another one at each look, so some may be missing",
            ),
            Self::SamePage => f.write_str(
                "the same page was received twice: the server does not move on; correct `page` of the connector, or \
                 say `page.until = [\"repeat\"]` where it gives all rows in one answer",
            ),
            Self::Shrunk => f.write_str("the list became shorter while it was read"),
            Self::OffsetMeaning { parameter } => write!(
                f,
                "the server counts something else than rows in `{parameter}`; if it counts pages, say \
                 `page.by = \"number\"` in the connector"
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
