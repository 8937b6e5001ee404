//! Monotone totals since the daemon's start, for metrics: they never fall, whatever is purged or reloaded.
//!
//! Part of the history file (`run_history.rs`). A restart begins again at zero, which `since` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::added_runs::AddedRuns;
use super::entry_name::EntryName;
use super::name::{SourceName, StreamName};
use super::outcome::Outcome;
use super::stream_result::StreamResult;

/// Upper bounds of the durations of runs, in milliseconds: a run of nothing new takes a second, a first reading hours.
pub const RUN_BOUNDS_MS: &[u64] = &[
    1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000, 14_400_000,
];

/// Upper bounds of the latency of requests, in milliseconds: up to the limit of a whole request.
pub const LATENCY_BOUNDS_MS: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000,
];

/// All totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// When the daemon started, UTC: everything is counted from then on.
    pub since: String,
    /// By source and stream: runs that ended since.
    pub streams: Vec<StreamTotals>,
    /// By job: runs that ended since.
    pub jobs: Vec<JobTotals>,
    /// By source: requests since.
    pub sources: Vec<SourceTotals>,
}

/// Rows of a stream. Held, failed and interrupted readings count only as far as they were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamTotals {
    /// Its source.
    pub source: SourceName,
    /// Its name.
    pub stream: StreamName,
    /// Received rows.
    pub received: u64,
    /// Added rows.
    pub new: u64,
    /// Changed rows.
    pub changed: u64,
    /// Removed rows.
    pub removed: u64,
    /// Rejected rows.
    pub rejected: u64,
}

/// Runs of a job that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTotals {
    /// Its name.
    pub job: EntryName,
    /// Runs by outcome; an outcome that did not occur is missing.
    pub runs: BTreeMap<String, u64>,
    /// How long they took.
    pub duration: Histogram,
}

/// Requests to a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTotals {
    /// Its name.
    pub source: SourceName,
    /// Requests for pages with every repetition, by how they ended: `ok` or the class of the failure.
    pub requests: BTreeMap<String, u64>,
    /// From sending a request to the end of its response.
    pub latency: Histogram,
    /// Token requests, by how they ended: `ok` or the class of the failure.
    pub token_requests: BTreeMap<String, u64>,
}

/// A cumulative histogram of lengths of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// By upper bound, the smallest first. Longer ones are in `count` only.
    pub buckets: Vec<HistogramBucket>,
    /// How many there are.
    pub count: u64,
    /// All together, in milliseconds.
    pub sum_ms: u64,
}

/// What took no longer than a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramBucket {
    /// The bound, in milliseconds.
    pub up_to_ms: u64,
    /// How many, those of smaller bounds included.
    pub count: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new(bounds_ms: &[u64]) -> Self {
        let bucket = |up_to_ms: &u64| HistogramBucket {
            up_to_ms: *up_to_ms,
            count: 0,
        };
        Self {
            buckets: bounds_ms.iter().map(bucket).collect(),
            count: 0,
            sum_ms: 0,
        }
    }

    /// Adds a length.
    pub fn add(&mut self, length_ms: u64) {
        let from = self
            .buckets
            .partition_point(|bucket| bucket.up_to_ms < length_ms);
        for bucket in &mut self.buckets[from..] {
            bucket.count += 1;
        }
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(length_ms);
    }
}

/// Totals, computed from the records of runs that ended since a daemon started.
#[derive(Clone, Debug, Default)]
pub struct TotalsFold {
    added: AddedRuns,
    /// Streams and jobs so far; the caller adds the sources.
    pub totals: Totals,
}

impl TotalsFold {
    /// Counts runs behind this one, which is the last that ended before the daemon started.
    pub fn behind(run: i64, since: String) -> Self {
        Self {
            added: AddedRuns::behind(run),
            totals: Totals {
                since,
                ..Totals::default()
            },
        }
    }

    /// Only records of runs behind this one are missing.
    pub fn through(&self) -> i64 {
        self.added.through()
    }

    /// Adds a stream's part of a run, unless its run was added before the last [`TotalsFold::end`].
    pub fn add_stream(&mut self, result: &StreamResult<'_>) {
        if !self.added.begin(result.run) {
            return;
        }
        let streams = &mut self.totals.streams;
        let order = |known: &StreamTotals| {
            (known.source.as_str(), known.stream.as_str()).cmp(&(result.source, result.stream))
        };
        let index = match streams.binary_search_by(order) {
            Ok(index) => index,
            Err(index) => {
                let (Ok(source), Ok(stream)) = (result.source.parse(), result.stream.parse())
                else {
                    return;
                };
                streams.insert(index, StreamTotals::new(source, stream));
                index
            }
        };
        let stream = &mut streams[index];
        stream.new += result.new;
        stream.changed += result.changed;
        stream.removed += result.removed;
        // A difference that was not applied received and rejected nothing that is in the mirror.
        if result.outcome.is_good() || result.outcome == Outcome::Incomplete {
            stream.received += result.received;
            stream.rejected += result.rejected;
        }
    }

    /// Adds a run, as [`TotalsFold::add_stream`] does.
    pub fn add_run(&mut self, run: i64, job: &EntryName, outcome: Outcome, duration_ms: u64) {
        if !self.added.begin(run) {
            return;
        }
        let jobs = &mut self.totals.jobs;
        let index = match jobs.binary_search_by(|known| known.job.cmp(job)) {
            Ok(index) => index,
            Err(index) => {
                jobs.insert(index, JobTotals::new(job.clone()));
                index
            }
        };
        let job = &mut jobs[index];
        *job.runs.entry(outcome.as_str().to_owned()).or_default() += 1;
        job.duration.add(duration_ms);
    }

    /// As [`AddedRuns::end`].
    pub fn end(&mut self, first_open: Option<i64>) {
        self.added.end(first_open);
    }
}

impl StreamTotals {
    fn new(source: SourceName, stream: StreamName) -> Self {
        Self {
            source,
            stream,
            received: 0,
            new: 0,
            changed: 0,
            removed: 0,
            rejected: 0,
        }
    }
}

impl JobTotals {
    fn new(job: EntryName) -> Self {
        Self {
            job,
            runs: BTreeMap::new(),
            duration: Histogram::new(RUN_BOUNDS_MS),
        }
    }
}

#[cfg(test)]
mod tests;
