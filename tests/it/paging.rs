//! Parts of the tests' own vendor: its paging, its faults, its log, its lists.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

/// How this vendor pages and what it declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Offset and limit, and the size of the list in `X-Total-Count`.
    TotalInHeader,
    /// Offset and limit, and the size of the list in the body.
    TotalInBody,
    /// Offset and limit, without the size.
    Silent,
    /// A `Link` header to the next page, and `X-Total-Count`.
    Linked,
}

/// The fault of one response.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status; with a `Retry-After` of one second, unless it is 403.
    Status(u16),
    /// 429 with a `Retry-After` of this many seconds.
    Later(u32),
    /// This status, with a body and headers that repeat every secret the vendor has received or issued.
    Echo(u16),
    /// 200 with the first half of the page.
    Half,
    /// 200 with no rows at all.
    Empty,
    /// The page's first row is duplicated.
    Duplicate,
    /// This total in place of the right one.
    Total(usize),
    /// No response until the test releases it.
    Wait,
}

/// A request, as a script sees it.
pub struct VendorRequest<'a> {
    /// The list: `users`.
    pub list: &'a str,
    /// The number of this request of the list since the script was set, from one.
    pub nth: u32,
    /// The rows to skip.
    pub offset: usize,
}

/// One request of the log.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub status: u16,
    pub received: Instant,
    pub answered: Instant,
}

/// A list in the order of its keys, with each row as it is sent and its stamp.
#[derive(Default)]
pub struct List {
    pub rows: Vec<Value>,
    sent: Vec<(String, String)>,
}

impl List {
    pub fn of(mut rows: Vec<Value>) -> Self {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        rows.sort_by_cached_key(|row| text(row, "sourcedId"));
        let sent = rows
            .iter()
            .map(|row| (text(row, "dateLastModified"), row.to_string()))
            .collect();
        Self { rows, sent }
    }

    /// The rows as they are sent: those changed since the filter's time, if there is a filter.
    pub fn filtered(&self, filter: Option<&String>) -> Vec<&str> {
        let since = filter.and_then(|filter| {
            filter
                .strip_prefix("dateLastModified>='")?
                .strip_suffix('\'')
        });
        let is_asked = |stamp: &str| since.is_none_or(|since| stamp >= since);
        self.sent
            .iter()
            .filter(|(stamp, _)| is_asked(stamp))
            .map(|(_, row)| row.as_str())
            .collect()
    }
}
