//! An answer as a decoder sees it: status, headers, body.
//!
//! Only fine answers get this far. The body is the vendor's text and must not be repeated in errors.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use crate::model::retry::http_date;

/// A whole answer with status 200 or 204.
#[derive(Debug)]
pub struct Reply {
    /// 200 or 204.
    pub status: u16,
    /// The answer's headers.
    pub headers: Headers,
    /// The server's own time, from `Date`.
    pub date: Option<Timestamp>,
    /// The unpacked body.
    pub body: Vec<u8>,
}

/// Headers of an answer.
#[derive(Clone, Debug, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// The first value of a header, when it is text; the name's case does not matter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    /// All values of a header in one text, as RFC 9110 5.3 joins them; `?` where one is not UTF-8.
    pub fn all(&self, name: &str) -> String {
        let values = self.0.get_all(name).iter();
        values
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or("?").trim())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The server's own time, from `Date`.
    pub(super) fn date(&self) -> Option<Timestamp> {
        http_date(self.get("date")?)
    }
}

impl From<HeaderMap> for Headers {
    fn from(headers: HeaderMap) -> Self {
        Self(headers)
    }
}

/// An answer that is not what the contract says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnswer {
    /// Why, in words of ours: a path and what was expected, never a value.
    pub reason: String,
}

impl BadAnswer {
    /// A contract fault with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}
