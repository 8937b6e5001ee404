//! What the run records say of the last days: the content of the history file, and how records become days.
//!
//! Names, counts and times only; no message, no row. The reference is `docs/reference/history-file.md`; a change that breaks
//! readers needs another [`HISTORY_SCHEMA`]. A page is made of these types, so that it needs no mirror.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::added_runs::AddedRuns;
use super::class::Class;
use super::name::{JobName, SourceName, StreamName};
use super::outcome::Outcome;
pub use super::stream_result::{RejectResult, StreamResult};
use super::stream_set::StreamSet;
pub use super::totals::{
    Histogram, HistogramBucket, JobTotals, SourceTotals, StreamTotals, Totals,
};

/// The schema's version.
pub const HISTORY_SCHEMA: u32 = 1;

/// A stream has at most so many days: a school year and the end of the one before.
pub const HISTORY_DAYS: i64 = 400;

/// A source has at most so many days.
pub const SOURCE_DAYS: usize = 60;

/// Reasons of rejects of a stream and day that are listed.
pub const MOST_REASONS: usize = 10;

/// Runs of a job in its strip.
pub const STRIP_RUNS: usize = 30;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHistory {
    /// [`HISTORY_SCHEMA`] of the writer.
    pub schema: u32,
    /// Version of Rollbook.
    pub version: String,
    /// Absolute path of the mirror.
    pub mirror: String,
    /// When this was computed, UTC.
    pub written: String,
    /// All configured jobs, by name.
    pub jobs: Vec<JobRuns>,
    /// All sources with a record, by name.
    pub sources: Vec<SourceHistory>,
    /// All streams with a record, by source and name.
    pub streams: Vec<StreamDays>,
    /// How large the files are.
    pub storage: StorageUse,
    /// Totals since the daemon's start; `null` if no daemon computed this.
    #[serde(default)]
    pub totals: Option<Totals>,
}

/// The last runs of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRuns {
    /// Its name.
    pub job: JobName,
    /// Its source.
    pub source: SourceName,
    /// When its last good run of all streams ended, UTC; `null` if none is recorded.
    pub last_good: Option<String>,
    /// Its last runs that ended, [`STRIP_RUNS`] at most, the oldest first.
    pub runs: Vec<PastRun>,
    /// The streams that these runs read, by name.
    pub streams: Vec<StreamName>,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its number.
    pub run: i64,
    /// When it started, UTC.
    pub started: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took; zero if the clock was set back meanwhile.
    pub duration_ms: u64,
    /// The only streams that it read; `null` for all.
    pub only: Option<StreamSet>,
}

/// A source: its last days, and what its vendor allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHistory {
    /// Its name.
    pub source: SourceName,
    /// Days with a run, [`SOURCE_DAYS`] at most, the oldest first.
    pub days: Vec<SourceDay>,
    /// Requests of today and their limit; `null` without a limit.
    #[serde(default)]
    pub quota: Option<QuotaUse>,
    /// Its token; `null` before the daemon's first token, and for a key.
    #[serde(default)]
    pub token: Option<TokenUse>,
}

/// What was requested of a source on one day, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDay {
    /// The day.
    pub day: Date,
    /// Runs with at least one stream.
    pub runs: u64,
    /// Requested pages; repeated requests are not counted.
    pub pages: u64,
    /// Received rows.
    pub received: u64,
    /// Streams that were not read, by class of the failure.
    pub failures: BTreeMap<String, u64>,
}

/// Requests against a source's daily limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaUse {
    /// Requests of the day.
    pub used: u64,
    /// How many a day are allowed.
    pub limit: u64,
    /// When the count begins again, UTC.
    pub resets_at: String,
}

/// A source's access token; never the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// When it expires, UTC; `null` if the vendor does not say. It is renewed before, when a run needs it.
    pub expires_at: Option<String>,
    /// Whether a person must sign in.
    pub sign_in_needed: bool,
}

/// The days of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDays {
    /// Its source.
    pub source: SourceName,
    /// Its name.
    pub stream: StreamName,
    /// Days with a run, [`HISTORY_DAYS`] at most, the oldest first.
    pub days: Vec<HistoryDay>,
}

/// One day of a stream, UTC; a run counts for the day on which it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryDay {
    /// The day.
    pub day: Date,
    /// Runs that read the stream, or tried to.
    pub runs: u32,
    /// The worst outcome of them.
    pub outcome: Outcome,
    /// Added rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub new: u64,
    /// Changed rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changed: u64,
    /// Removed rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub removed: u64,
    /// Removals that need another reading: the most in one run, because each run counts the same rows again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unconfirmed: u64,
    /// Rows that a held run would remove: the most in one run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub would_be_removed: u64,
    /// Rejected rows: the most in one run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected: u64,
    /// Rejected rows and unreadable cells, by location and reason such as `grade: expected a number`: the most in one run,
    /// [`MOST_REASONS`] at most. Empty when `[store] rejects` has passed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected_by: BTreeMap<String, u64>,
    /// Rows of the table after the day's last run; `null` while no complete full reading is recorded.
    pub rows: Option<u64>,
    /// How long the readings took together.
    pub duration_ms: u64,
}

/// Sizes of files in bytes; `null` where a file does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageUse {
    /// The mirror.
    pub mirror_bytes: Option<u64>,
    /// Its write-ahead log.
    pub log_bytes: Option<u64>,
    /// The vault.
    pub vault_bytes: Option<u64>,
    /// What is free on the mirror's disk.
    pub free_bytes: Option<u64>,
    /// Backups in the configured folder.
    pub backups: u64,
    /// The newest of them.
    pub newest_backup: Option<NewestBackup>,
    /// When the next backup is due, UTC; `null` if none is scheduled.
    #[serde(default)]
    pub next_backup: Option<String>,
    /// From when on expired rows and records are purged again, UTC: after the first run that ends then. `null` before the
    /// first purge.
    #[serde(default)]
    pub next_purge: Option<String>,
}

/// A backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestBackup {
    /// When it was made, UTC.
    pub made: String,
    /// Its size.
    pub bytes: u64,
}

/// Days, computed from records in the order of runs. A record that ends later than one with a higher number is added later.
#[derive(Clone, Debug, Default)]
pub struct HistoryFold {
    added: AddedRuns,
    /// The streams and sources so far; the caller adds what else there is.
    pub history: RunHistory,
    /// The last run of each source that was counted.
    counted: BTreeMap<SourceName, i64>,
}

impl HistoryFold {
    /// Only records of runs behind this one are missing.
    pub fn through(&self) -> i64 {
        self.added.through()
    }

    /// Adds a record, unless its run was added before the last [`HistoryFold::end`].
    pub fn add(&mut self, result: &StreamResult<'_>) {
        if !self.added.begin(result.run) {
            return;
        }
        self.add_to_stream(result);
        self.add_to_source(result);
    }

    /// Adds rejected rows or unreadable cells of a run whose records were added since the last [`HistoryFold::end`].
    pub fn add_reject(&mut self, result: &RejectResult<'_>) {
        if !self.added.begin(result.run) {
            return;
        }
        let streams = &mut self.history.streams;
        let order = |known: &StreamDays| by_name(known, result.source, result.stream);
        let Ok(index) = streams.binary_search_by(order) else {
            return;
        };
        let days = &mut streams[index].days;
        if let Ok(index) = days.binary_search_by_key(&result.day, |day| day.day) {
            let reasons = &mut days[index].rejected_by;
            let reason = format!("{}: {}", result.path, result.reason);
            let rows = reasons.entry(reason).or_default();
            *rows = result.rows.max(*rows);
            drop_rarest(reasons);
        }
    }

    /// As [`AddedRuns::end`].
    pub fn end(&mut self, first_open: Option<i64>) {
        self.added.end(first_open);
    }

    /// Removes the days before this one.
    pub fn forget_before(&mut self, first: Date) {
        for stream in &mut self.history.streams {
            let old = stream.days.partition_point(|day| day.day < first);
            stream.days.drain(..old);
        }
        let streams = &mut self.history.streams;
        streams.retain(|stream| !stream.days.is_empty());
    }

    fn add_to_stream(&mut self, result: &StreamResult<'_>) {
        let streams = &mut self.history.streams;
        let order = |known: &StreamDays| by_name(known, result.source, result.stream);
        let index = match streams.binary_search_by(order) {
            Ok(index) => index,
            Err(index) => {
                let (Ok(source), Ok(stream)) = (result.source.parse(), result.stream.parse())
                else {
                    return;
                };
                let days = Vec::new();
                let new = StreamDays {
                    source,
                    stream,
                    days,
                };
                streams.insert(index, new);
                index
            }
        };
        add_to_days(&mut streams[index].days, result);
    }

    fn add_to_source(&mut self, result: &StreamResult<'_>) {
        let sources = &mut self.history.sources;
        let order = |known: &SourceHistory| known.source.as_str().cmp(result.source);
        let index = match sources.binary_search_by(order) {
            Ok(index) => index,
            Err(index) => {
                let Ok(source) = result.source.parse() else {
                    return;
                };
                sources.insert(index, SourceHistory::new(source));
                index
            }
        };
        let SourceHistory { source, days, .. } = &mut sources[index];
        let day = match days.binary_search_by_key(&result.day, |day| day.day) {
            Ok(index) => &mut days[index],
            Err(0) if days.len() == SOURCE_DAYS => return,
            Err(index) => {
                days.insert(index, SourceDay::new(result.day));
                let index = match days.len() > SOURCE_DAYS {
                    true => {
                        days.remove(0);
                        index - 1
                    }
                    false => index,
                };
                &mut days[index]
            }
        };
        if self.counted.get(result.source) != Some(&result.run) {
            self.counted.insert(source.clone(), result.run);
            day.runs += 1;
        }
        day.pages += result.pages;
        day.received += result.received;
        if let Some(class) = result.outcome.class() {
            *day.failures.entry(class.as_str().to_owned()).or_default() += 1;
        }
    }
}

impl SourceHistory {
    /// A source without a day.
    pub fn new(source: SourceName) -> Self {
        Self {
            source,
            days: Vec::new(),
            quota: None,
            token: None,
        }
    }
}

impl SourceDay {
    /// A day without a run.
    pub fn new(day: Date) -> Self {
        Self {
            day,
            runs: 0,
            pages: 0,
            received: 0,
            failures: BTreeMap::new(),
        }
    }

    /// Streams that were not read, without those that were held.
    pub fn failed(&self) -> u64 {
        let failed = self.failures.iter();
        let failed = failed.filter(|(class, _)| *class != Class::Refused.as_str());
        failed.map(|(_, streams)| streams).sum()
    }
}

fn drop_rarest(reasons: &mut BTreeMap<String, u64>) {
    if reasons.len() > MOST_REASONS
        && let Some(rarest) = reasons.iter().min_by_key(|(_, rows)| **rows)
    {
        let rarest = rarest.0.clone();
        reasons.remove(&rarest);
    }
}

fn by_name(known: &StreamDays, source: &str, stream: &str) -> Ordering {
    let known = (known.source.as_str(), known.stream.as_str());
    known.cmp(&(source, stream))
}

fn add_to_days(days: &mut Vec<HistoryDay>, result: &StreamResult<'_>) {
    let rows = days.last().and_then(|day| day.rows);
    // A run that took longer than a later one, or a clock that was set back.
    let index = days.iter().rposition(|day| day.day <= result.day);
    let index = match index {
        Some(index) if days[index].day == result.day => index,
        before => {
            let index = before.map_or(0, |before| before + 1);
            days.insert(index, HistoryDay::new(result.day));
            index
        }
    };
    let is_newest = index + 1 == days.len();
    let day = &mut days[index];
    if is_newest {
        let moved = rows.map(|rows| (rows + result.new).saturating_sub(result.removed));
        day.rows = result.counted_rows().or(moved);
    }
    let (held, unconfirmed) = match result.outcome {
        Outcome::Held => (result.missing, 0),
        _ => (0, result.missing),
    };
    day.runs += 1;
    if result.outcome.severity() > day.outcome.severity() {
        day.outcome = result.outcome;
    }
    day.new += result.new;
    day.changed += result.changed;
    day.removed += result.removed;
    day.unconfirmed = day.unconfirmed.max(unconfirmed);
    day.would_be_removed = day.would_be_removed.max(held);
    day.rejected = day.rejected.max(result.rejected);
    day.duration_ms += result.duration_ms;
}

impl HistoryDay {
    /// A day without a run.
    pub fn new(day: Date) -> Self {
        Self {
            day,
            runs: 0,
            outcome: Outcome::Ok,
            new: 0,
            changed: 0,
            removed: 0,
            unconfirmed: 0,
            would_be_removed: 0,
            rejected: 0,
            rejected_by: BTreeMap::new(),
            rows: None,
            duration_ms: 0,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
