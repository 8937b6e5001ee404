//! What a run did to one stream, as it is recorded: what histories and totals are computed from.

use jiff::civil::Date;

use super::outcome::Outcome;

/// One stream's part of a run that ended, as it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct StreamResult<'a> {
    /// The run.
    pub run: i64,
    /// Its source.
    pub source: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// When the run started.
    pub day: Date,
    /// How the stream's part ended.
    pub outcome: Outcome,
    /// Whether it was a full reading that no total contradicts.
    pub is_complete: bool,
    /// Added rows.
    pub new: u64,
    /// Changed rows.
    pub changed: u64,
    /// Removed rows.
    pub removed: u64,
    /// Rows that were received as they are.
    pub unchanged: u64,
    /// Missing rows that were not removed.
    pub missing: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// Requested pages.
    pub pages: u64,
    /// Received rows.
    pub received: u64,
}

impl StreamResult<'_> {
    /// The rows of the table, where the record alone says it: every row was received, or is missing and still there.
    pub(super) fn counted_rows(&self) -> Option<u64> {
        let is_counted = self.is_complete && self.outcome.is_good() && self.rejected == 0;
        is_counted.then_some(self.new + self.changed + self.unchanged + self.missing)
    }
}

/// What one stream's part of a run rejected, as it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct RejectResult<'a> {
    /// The run.
    pub run: i64,
    /// Its source.
    pub source: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// When the run started.
    pub day: Date,
    /// Where in the row, as the connector writes it.
    pub path: &'a str,
    /// What was found instead; never the value.
    pub reason: &'a str,
    /// How many rows or cells.
    pub rows: u64,
}
