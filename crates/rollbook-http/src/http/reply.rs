//! A response as a decoder receives it: status, headers, body.
//!
//! Only successful responses. The body is the vendor's text and must not appear in errors.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use rollbook_core::model::retry::http_date;

/// A complete response with status 200, 204 or 206.
#[derive(Debug)]
pub struct Reply {
    /// 200, 204 or 206.
    pub status: u16,
    /// All headers; the body is already decompressed.
    pub headers: Headers,
    /// The server's own time, from `Date`.
    pub date: Option<Timestamp>,
    /// The server redirected the request to the same path with, or without, a slash at its end.
    pub redirected: bool,
    /// The decompressed body, as UTF-8.
    pub body: Vec<u8>,
}

/// The headers of a response.
#[derive(Clone, Debug, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// The first value of a header, if it is visible ASCII; the name is case-insensitive.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    /// All values of a header in one string, joined as in RFC 9110 5.3; `?` where one is not UTF-8.
    pub fn all(&self, name: &str) -> String {
        let values = self.0.get_all(name).iter();
        values
            .map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or("?").trim())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The server's own time, from `Date`.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        http_date(self.get("date")?)
    }
}

impl From<HeaderMap> for Headers {
    fn from(headers: HeaderMap) -> Self {
        Self(headers)
    }
}
