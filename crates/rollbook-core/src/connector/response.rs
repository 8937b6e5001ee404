//! One response as a page: its rows, its total, the next page.
//!
//! Pure: bytes and headers in, facts out. A 200 without the rows' member is a failed page, never "no rows"
//! (webuntis-oneroster.md 3.3); `null` and an empty body mean "no rows" only if the connector declares it. Other forms
//! of an empty or one-row list (`null`, `{}`, `{"0": {…}}`, one object) are recognised.

mod body;
mod pieces;
mod reader;
mod scalar;
mod search;
mod stated_outcome;

pub use self::reader::PageReader;
use super::decode::{Decoded, Decoder, RowReader};
use super::file::NameMatch;
use super::link::NextPage;
use crate::model::ErrorCodes;
#[cfg(test)]
use crate::model::UnexpectedResponse;

/// The paths of a page's parts, from the connector.
#[derive(Clone, Debug, Default)]
pub struct PageShape {
    /// Positions of the rows, in order of preference.
    pub rows: Vec<RowsPath>,
    /// The body `null` means no rows.
    pub null_is_empty: bool,
    /// No body means no rows.
    pub blank_is_empty: bool,
    /// An object without the member of the rows means no rows, if the connector names all that it has instead.
    pub missing_is_empty: bool,
    /// Members that are dropped without a report.
    pub ignored: Vec<String>,
    /// Header with the whole list's size.
    pub total_header: Option<String>,
    /// Members with it.
    pub total_member: Vec<String>,
    /// Where the next cursor or address is.
    pub next: Option<NextPath>,
    /// It is an address: only a text can be one.
    pub next_is_address: bool,
    /// Dotted path of the member that is true while there is another page.
    pub more: Option<String>,
    /// Members that say whether it is a failure.
    pub errors: ErrorCodes,
    /// How member names are matched.
    pub names: NameMatch,
}

impl PageShape {
    fn is_path(&self, wanted: &[String], at: &[String]) -> bool {
        wanted.len() == at.len()
            && wanted
                .iter()
                .zip(at)
                .all(|(wanted, name)| self.same(wanted, name))
    }

    fn same(&self, wanted: &str, name: &str) -> bool {
        match self.names {
            NameMatch::Exact => wanted == name,
            NameMatch::AnyCase => wanted.eq_ignore_ascii_case(name),
        }
    }

    /// Whether the connector says what the member around the rows is for, or what is below it.
    fn names_it(&self, at: &[String]) -> bool {
        let joined = at.join(".");
        let leads = |wanted: &str| {
            let rest = wanted.split_at_checked(joined.len());
            rest.is_some_and(|(front, rest)| {
                self.same(front, &joined) && (rest.is_empty() || rest.starts_with('.'))
            })
        };
        let next = self.next.as_ref().map(|next| match next {
            NextPath::Member(path) | NextPath::Picked { list: path, .. } => path,
        });
        let mut named = (self.total_member.iter().chain(&self.ignored))
            .chain(next)
            .chain(&self.more);
        let is_total = || self.total_member.iter().any(|path| is_total(path, at));
        named.any(|path| leads(path)) || is_total() || self.leads_to_rows(at)
    }

    /// Rows may be somewhere below.
    fn leads_to_rows(&self, at: &[String]) -> bool {
        self.rows.iter().any(|path| match path {
            RowsPath::Member(path) | RowsPath::Named(path) => {
                path.len() > at.len() && self.is_path(&path[..at.len()], at)
            }
            RowsPath::Body | RowsPath::One | RowsPath::AnyMember => false,
        })
    }
}

/// Where the next cursor or address is in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPath {
    /// A member's dotted path; a name may hold dots itself.
    Member(String),
    /// One element of a list, and a member of it.
    Picked {
        /// The list's dotted path.
        list: String,
        /// The member that identifies the element.
        by: String,
        /// Its value there.
        is: String,
        /// The member with the cursor or address.
        member: String,
    },
}

impl NextPath {
    /// Reads `"meta.next"`, `"@odata.nextLink"` or `"links[rel=next].uri"`; nothing when it is none of them.
    pub fn read(text: &str) -> Option<Self> {
        let Some((list, rest)) = text.split_once('[') else {
            let plain = !text.is_empty() && !text.contains(']');
            return plain.then(|| Self::Member(text.to_owned()));
        };
        let (test, member) = rest.split_once("].")?;
        let (by, is) = test.split_once('=')?;
        let parts = [list, by, is, member].map(|part| part.trim().to_owned());
        if parts.iter().any(String::is_empty) {
            return None;
        }
        let [list, by, is, member] = parts;
        Some(Self::Picked {
            list,
            by,
            is,
            member,
        })
    }
}

/// The path of the rows in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsPath {
    /// The body itself is the array.
    Body,
    /// The body is one row.
    One,
    /// Whatever member holds an array.
    AnyMember,
    /// A member, by its path.
    Member(Vec<String>),
    /// The members of an object, by its path: each is a row, and its name is the row's `@key`.
    Named(Vec<String>),
}

/// The end of a path of [`RowsPath::Named`].
const NAMED: &str = "{*}";

impl RowsPath {
    /// Reads `"[]"`, `"{}"`, `"{*}"`, `"*"`, a dotted path, or one that ends in `.{*}`.
    pub fn read(text: &str) -> Self {
        let steps = |path: &str| path.split('.').map(str::to_owned).collect();
        match text {
            "[]" => Self::Body,
            "{}" => Self::One,
            "*" => Self::AnyMember,
            NAMED => Self::Named(Vec::new()),
            path => match path
                .strip_suffix(NAMED)
                .and_then(|path| path.strip_suffix('.'))
            {
                Some(path) => Self::Named(steps(path)),
                None => Self::Member(steps(path)),
            },
        }
    }

    /// The path of the object whose member holds the rows.
    pub fn parent(&self) -> Option<&[String]> {
        match self {
            Self::Member(path) | Self::Named(path) => path.split_last().map(|(_, parent)| parent),
            Self::Body | Self::One | Self::AnyMember => None,
        }
    }
}

/// The content of one response.
#[derive(Debug, Default)]
pub struct DecodedPage {
    /// Its rows.
    pub decoded: Decoded,
    /// The declared size of the whole list, if it is a valid number.
    pub total: Option<u64>,
    /// That which the body declares.
    pub body_total: Option<u64>,
    /// The next cursor or address, if the body contains it.
    pub next: NextPage,
    /// Whether there is another page, if the body states it.
    pub more: Option<bool>,
    /// There was no body.
    pub no_content: bool,
    /// It has no rows, and not in the form of an empty list.
    pub odd_empty: bool,
    /// It lacks the member of the rows.
    pub lacks_rows: bool,
    /// Rows of earlier pieces are none of the page's: a better path for them was found behind.
    pub replaces: bool,
}

impl DecodedPage {
    /// The response with status 204.
    pub fn without_content() -> Self {
        Self {
            no_content: true,
            ..Self::default()
        }
    }
}

/// Reads a response, as a whole and in pieces of many sizes, and compares what comes out. The error never quotes it.
#[cfg(test)]
pub fn read(
    shape: &PageShape,
    decoder: &Decoder,
    body: &[u8],
    total_header: Option<&str>,
) -> Result<DecodedPage, UnexpectedResponse> {
    let whole = PageReader::default().finish(shape, decoder, body, total_header);
    for size in [1, 3, 10, 64] {
        tests::compare_in_pieces(&whole, (shape, decoder, total_header), body, size);
    }
    whole
}

/// The next cursor or address in a header; what is no text is none, and not the end.
pub fn next_in_header(value: &str, is_address: bool) -> NextPage {
    match value {
        "?" => NextPage::Unclear,
        value => scalar::Scalar::Text(value.trim()).next(is_address),
    }
}

/// The size of the whole list in a header: a number, or the end of a `Content-Range`: `0-19/60`.
pub fn header_total(text: &str) -> Option<u64> {
    if text.trim_start().to_ascii_lowercase().starts_with("bytes") {
        return None;
    }
    let text = text.rsplit('/').next().unwrap_or(text);
    text.trim().parse().ok()
}

/// Whether `"*"` as the path of the total means this member.
fn is_total(wanted: &str, at: &[String]) -> bool {
    wanted == "*"
        && matches!(at, [name] if {
            let name = name.to_ascii_lowercase();
            name.contains("count") || name.contains("total")
        })
}

struct PageSearch<'s, 'd> {
    shape: &'s PageShape,
    decoder: &'d Decoder,
    /// The text went through `repair.rs`.
    repaired: bool,
    reader: RowReader<'d>,
    found: FoundParts,
    /// The text goes on with rows of the piece before it.
    continues: bool,
    /// Rows of earlier pieces were found at a worse path.
    replaces: bool,
}

/// What was found of a page so far, besides its rows.
#[derive(Clone, Debug, Default)]
struct FoundParts {
    next: NextPage,
    more: Option<bool>,
    /// The declared total, and the rank of the member that stated it: lower is better.
    total: Option<(usize, u64)>,
    /// An empty list was found at the rows' path; whether in an unusual form.
    empty: Option<bool>,
    /// The object was found that lacks the member of the rows.
    lacks_rows: bool,
    /// A member beside the rows, or in place of them, is named like an error, or by nothing in the connector.
    has_stranger: bool,
    /// Of a body whose members are the rows: the word for an error that one of them is named by.
    row_complaint: Option<&'static str>,
    /// What the rows' path holds instead of rows.
    wrong: Option<String>,
    /// The rank of the path where rows were found: lower is better.
    rows: Option<usize>,
    /// The last list where rows may be was the one that was taken.
    in_rows: bool,
    names: Vec<String>,
}

#[cfg(test)]
mod tests;
