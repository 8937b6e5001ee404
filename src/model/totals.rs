//! Monotone totals since the daemon's start, for metrics: they never fall, whatever is purged or reloaded.
//!
//! Part of the history file (`run_history.rs`). A restart begins again at zero, which `since` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry_name::EntryName;
use super::name::{SourceName, StreamName};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_their_bounds_inclusive() {
        let mut histogram = Histogram::new(&[10, 100]);
        for length in [0, 10, 11, 100, 101] {
            histogram.add(length);
        }
        let counts: Vec<u64> = histogram
            .buckets
            .iter()
            .map(|bucket| bucket.count)
            .collect();
        assert_eq!(
            (counts, histogram.count, histogram.sum_ms),
            (vec![2, 4], 5, 222)
        );
    }

    #[test]
    fn bounds_grow() {
        for bounds in [RUN_BOUNDS_MS, LATENCY_BOUNDS_MS] {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        }
    }
}
