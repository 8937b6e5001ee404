//! The input and output of a pager.

use serde::{Deserialize, Serialize};

use super::NextPage;
use crate::connector::file::{PageBy, RelativeTo};
use crate::connector::template::{self, Variables};
use crate::model::Completeness;

/// The rules of one stream's paging.
#[derive(Clone, Debug, Default)]
pub struct PageRules {
    /// The strategy.
    pub by: PageBy,
    /// Rows wanted on a page.
    pub size: u64,
    /// Parameter with the rows to skip.
    pub offset: Option<String>,
    /// Parameter with the rows wanted.
    pub limit: Option<String>,
    /// Parameter with the page's number.
    pub number: Option<String>,
    /// What `number` is for the first page, or `offset` for the first row.
    pub first: u64,
    /// Template of the value of `offset` or `number`.
    pub value: Option<String>,
    /// Parameter with the cursor.
    pub cursor: Option<String>,
    /// Request header with the cursor.
    pub cursor_header: Option<String>,
    /// Response header with the next cursor or address.
    pub next_header: Option<String>,
    /// What a relative address is relative to.
    pub relative_to: RelativeTo,
    /// Parameters that may be left out where the server refuses the first page.
    pub optional: Vec<String>,
    /// What the server declares as the list's size decides nothing.
    pub ignore_total: bool,
    /// A page with fewer rows than requested ends the list.
    pub short_ends: bool,
    /// The page before once more ends the list.
    pub repeat_ends: bool,
    /// A response without content is an empty list.
    pub blank_ends: bool,
    /// An empty page ends a list of links or cursors, whatever it promises.
    pub empty_ends: bool,
}

/// Names in a template of [`PageRules::value`].
const OFFSET: &str = "offset";
const NUMBER: &str = "number";
const SIZE: &str = "size";

impl PageRules {
    /// Whether a request says how many rows it wants.
    pub fn asks_size(&self) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        self.limit.is_some() || template::names(value).contains(&SIZE)
    }

    /// Whether the next page is requested behind the rows requested before, however many were received.
    pub fn counts_requested(&self) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        self.by == PageBy::Number && template::names(value).contains(&OFFSET)
    }

    /// The parameter that says how many rows are skipped.
    pub fn offset_name(&self) -> &Option<String> {
        match self.counts_requested() {
            true => &self.number,
            false => &self.offset,
        }
    }

    /// Its value behind so many rows.
    pub fn offset_value(&self, rows: u64, want: u64) -> String {
        if self.counts_requested() {
            let number = self.first.saturating_add(rows / want.max(1));
            return self.position_value(number, &[(NUMBER, number), (OFFSET, rows), (SIZE, want)]);
        }
        let offset = self.first.saturating_add(rows);
        self.position_value(offset, &[(OFFSET, offset), (SIZE, want)])
    }

    /// The value of `number` for the page with this number.
    pub fn number_value(&self, number: u64, want: u64) -> String {
        self.position_value(number, &[(NUMBER, number), (SIZE, want)])
    }

    fn position_value(&self, position: u64, variables: &[(&str, u64)]) -> String {
        let Some(value) = &self.value else {
            return position.to_string();
        };
        let variables = variables.iter();
        let variables = variables.map(|(name, number)| ((*name).to_owned(), number.to_string()));
        template::fill(value, &[&variables.collect::<Variables>()])
    }
}

/// The next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAsk {
    /// The page's position in the list, from one: a page that is requested again keeps it.
    pub number: u32,
    /// How many rows are wanted; what a full page holds.
    pub want: u64,
    /// Where it is.
    pub at: At,
    /// Attempts at this page so far, in other sizes.
    pub attempts: u32,
    /// All declared rows were received; this request only checks that the list ends there. An error in response is no
    /// failure, so it is not retried.
    pub closing: bool,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The only page, or the first.
    Start,
    /// After so many rows.
    Offset(u64),
    /// By its number.
    Number(u64),
    /// The address in the last response.
    Link(String),
    /// The cursor in the last response.
    Cursor(String),
    /// Changed at or after this time, so many rows of it skipped.
    Since {
        /// The change time, as the mirror writes it.
        from: String,
        /// Rows to skip.
        skip: u64,
    },
}

/// The facts of a page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PageFacts {
    /// Rows in it, equal duplicates and rejected ones too.
    pub received: u64,
    /// The declared size of the whole list.
    pub total: Option<u64>,
    /// The address or cursor of the next page.
    #[serde(skip)]
    pub next: NextPage,
    /// What all spellings of `next` have in common; its text where that is empty.
    #[serde(skip)]
    pub next_identity: String,
    /// Whether there is another page, if the server states it explicitly.
    pub more: Option<bool>,
    /// There was no list at all: 204, or an empty body.
    pub no_content: bool,
    /// It has no rows, and not in the form of an empty list.
    pub odd_empty: bool,
    /// It lacks the member of the rows, which the connector declares to be an empty list.
    pub lacks_rows: bool,
    /// The server calls it a part of the list (206).
    pub is_part: bool,
    /// The number of all its rows' bytes; nothing where no row could be read.
    pub fingerprint: Option<u64>,
    /// The number of its first row's bytes.
    pub first_row: Option<u64>,
    /// The number of its last row's bytes.
    pub last_row: Option<u64>,
    /// The change time of its first and last row (watermark).
    pub span: Option<(String, String)>,
}

/// What to do with a page's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageUse {
    /// They belong to the list.
    Accept,
    /// The first so many rows were received before, and the others are requested again, unless the list changed: new
    /// rows among the first, and others that are not received again, are kept and make the reading inconsistent.
    Compare(u64),
    /// They were received before.
    Skip,
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEnd {
    /// Whether all rows of the list were received.
    pub completeness: Completeness,
    /// The most rows in one response.
    pub largest_page: u64,
    /// Responses with rows.
    pub pages_with_rows: u64,
    /// The only page stated that there is no other: nothing can have moved between two responses.
    pub one_answer: bool,
    /// More than one response decides what the list holds, also an empty one behind a full page: rows may have moved from one
    /// to the other.
    pub several_answers: bool,
}
