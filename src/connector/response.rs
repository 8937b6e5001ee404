//! One response as a page: its rows, its total, the next page.
//!
//! Pure: bytes and headers in, facts out. A 200 without the rows' member is a failed page, never "no rows"
//! (webuntis-oneroster.md 3.3); `null` and an empty body mean "no rows" only if the connector declares it. Other forms
//! of an empty or one-row list (`null`, `{}`, `{"0": {…}}`, one object) are recognised.

mod body;
mod scalar;
mod search;

use serde::de::DeserializeSeed as _;

use self::body::BodySeed;
use super::decode::{Decoded, Decoder, RowReader};
use super::file::NameMatch;
use super::link::NextPage;
use super::repair;
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

    /// Rows may be somewhere below.
    fn leads_to_rows(&self, at: &[String]) -> bool {
        self.rows.iter().any(|path| match path {
            RowsPath::Member(path) => path.len() > at.len() && self.is_path(&path[..at.len()], at),
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
}

impl RowsPath {
    /// Reads `"[]"`, `"{}"`, `"*"` or a dotted path.
    pub fn read(text: &str) -> Self {
        match text {
            "[]" => Self::Body,
            "{}" => Self::One,
            "*" => Self::AnyMember,
            path => Self::Member(path.split('.').map(str::to_owned).collect()),
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
    /// The next cursor or address, if the body contains it.
    pub next: NextPage,
    /// Whether there is another page, if the body states it.
    pub more: Option<bool>,
    /// There was no body.
    pub no_content: bool,
    /// It has no rows, and not in the form of an empty list.
    pub odd_empty: bool,
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

/// Reads a response. The error never quotes it.
pub fn read(
    shape: &PageShape,
    decoder: &Decoder,
    body: &[u8],
    total_header: Option<&str>,
) -> Result<DecodedPage, UnexpectedResponse> {
    let (text, is_damaged) = repair::utf8(body);
    let text = &*text;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let total = total_header.and_then(header_total);
    if text.is_empty() || text == "null" {
        let (allowed, what) = if text.is_empty() {
            (shape.blank_is_empty, "nothing")
        } else {
            (shape.null_is_empty, "null")
        };
        let expected = format!("expected rows, got {what}");
        return match allowed {
            true => Ok(DecodedPage {
                total,
                no_content: text.is_empty(),
                ..DecodedPage::default()
            }),
            false if text.is_empty() => Err(UnexpectedResponse::of_server(expected)),
            false => Err(UnexpectedResponse::of_form(expected)),
        };
    }
    if text.starts_with('<') {
        return Err(UnexpectedResponse::of_server(
            "expected JSON, got a web page",
        ));
    }
    let as_it_is = match is_damaged || decoder.needs_digits() {
        true => None,
        false => match parse(shape, decoder, (text, false), total) {
            Ok(Some(page)) => return Ok(page),
            Err(Fault::NotJson(error)) if error.is_eof() => return Err(not_json(&error)),
            Err(Fault::Lacks(message)) => return Err(UnexpectedResponse::of_form(message)),
            Err(Fault::NotJson(error)) => Some(error),
            Ok(None) => None,
        },
    };
    let repaired = repair::repaired(text);
    match parse(shape, decoder, (&repaired, true), total) {
        Ok(Some(page)) => Ok(page),
        Ok(None) => Err(UnexpectedResponse::of_value(
            "the response contains a number that cannot be read",
        )),
        Err(Fault::Lacks(message)) => Err(UnexpectedResponse::of_form(message)),
        // The position is the one in the original response, if known.
        Err(Fault::NotJson(error)) => Err(not_json(&as_it_is.unwrap_or(error))),
    }
}

/// Why a text gave no page.
enum Fault {
    NotJson(serde_json::Error),
    Lacks(String),
}

/// One reading of a text; nothing where it has to be repaired first.
fn parse(
    shape: &PageShape,
    decoder: &Decoder,
    (text, repaired): (&str, bool),
    total: Option<u64>,
) -> Result<Option<DecodedPage>, Fault> {
    let mut search = PageSearch {
        shape,
        decoder,
        repaired,
        reader: decoder.reader(text.len(), repaired),
        page: DecodedPage::default(),
        total: None,
        found: None,
        empty: None,
        wrong: None,
        names: Vec::new(),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    BodySeed {
        search: &mut search,
        at: Vec::new(),
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end())
    .map_err(Fault::NotJson)?;
    match (search.found, search.empty) {
        (Some(_), _) => {}
        (None, Some(odd)) => search.page.odd_empty = odd,
        (None, None) => return Err(Fault::Lacks(search.nothing_found())),
    }
    // Where header and body disagree, the larger one is not agreed with by mistake.
    search.page.total = total.max(search.total.map(|(_, total)| total));
    let Some(decoded) = search.reader.finish() else {
        return Ok(None);
    };
    search.page.decoded = decoded;
    Ok(Some(search.page))
}

/// A number, or the end of a `Content-Range`: `0-19/60`.
fn header_total(text: &str) -> Option<u64> {
    let text = text.rsplit('/').next().unwrap_or(text);
    text.trim().parse().ok()
}

/// serde_json's messages for syntax errors contain no content; those for wrong types might.
fn not_json(error: &serde_json::Error) -> UnexpectedResponse {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        let reason = format!("the JSON ends early at line {line} column {column}");
        UnexpectedResponse::of_server(reason)
    } else {
        let reason = format!("the JSON is invalid at line {line} column {column}");
        UnexpectedResponse::of_value(reason)
    }
}

struct PageSearch<'s, 'd> {
    shape: &'s PageShape,
    decoder: &'d Decoder,
    /// The text went through `repair.rs`.
    repaired: bool,
    reader: RowReader<'d>,
    page: DecodedPage,
    /// The declared total, and the rank of the member that stated it: lower is better.
    total: Option<(usize, u64)>,
    /// An empty list was found at the rows' path; whether in an unusual form.
    empty: Option<bool>,
    /// What the rows' path holds instead of rows.
    wrong: Option<String>,
    /// The rank of the path where rows were found: lower is better.
    found: Option<usize>,
    names: Vec<String>,
}

#[cfg(test)]
mod tests;
