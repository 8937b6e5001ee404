//! What is measured of a source while it is used: requests, latency, token requests, the day's count, when its token expires.
//!
//! Counted where requests are sent and read when the history file is written. It outlives the session, because a reload may make
//! another one and a counter must not fall. A lock is held for a few additions only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use rollbook_core::model::run_history::{Histogram, QuotaUse, SourceTotals};
use rollbook_core::model::totals::LATENCY_BOUNDS_MS;
use rollbook_core::model::{Class, SourceName, scalar};

/// The measurements of one source since the daemon's start.
#[derive(Debug, Default)]
pub struct SourceMetrics(Mutex<Measured>);

#[derive(Debug)]
struct Measured {
    requests: BTreeMap<&'static str, u64>,
    latency: Histogram,
    token_requests: BTreeMap<&'static str, u64>,
    quota: Option<DayUse>,
    token_expiry: Option<Timestamp>,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            requests: BTreeMap::new(),
            latency: Histogram::new(LATENCY_BOUNDS_MS),
            token_requests: BTreeMap::new(),
            quota: None,
            token_expiry: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct DayUse {
    used: u32,
    limit: u32,
    ends: Timestamp,
}

impl SourceMetrics {
    /// Counts a request for a page; no class is a page that was read.
    pub(super) fn count_request(&self, failure: Option<Class>, latency: Duration) {
        let mut measured = self.measured();
        *measured.requests.entry(name(failure)).or_default() += 1;
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        measured.latency.add(latency);
    }

    /// Counts a token request; no class is a token.
    pub(crate) fn count_token_request(&self, failure: Option<Class>) {
        *self
            .measured()
            .token_requests
            .entry(name(failure))
            .or_default() += 1;
    }

    /// Notes when the token in use expires; `None` if the vendor does not say.
    pub(crate) fn note_token(&self, expiry: Option<Timestamp>) {
        self.measured().token_expiry = expiry;
    }

    /// Notes the count of a day that ends then.
    pub(super) fn note_day(&self, used: u32, limit: u32, ends: Timestamp) {
        // The count includes the request that was refused for it.
        let used = used.min(limit);
        self.measured().quota = Some(DayUse { used, limit, ends });
    }

    /// The counters.
    pub fn totals(&self, source: &SourceName) -> SourceTotals {
        let measured = self.measured();
        let owned = |counts: &BTreeMap<&str, u64>| {
            let counts = counts.iter();
            counts
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect()
        };
        SourceTotals {
            source: source.clone(),
            requests: owned(&measured.requests),
            latency: measured.latency.clone(),
            token_requests: owned(&measured.token_requests),
        }
    }

    /// The day's count; `None` without a limit and before the first request.
    pub fn quota(&self, now: Timestamp) -> Option<QuotaUse> {
        let DayUse { used, limit, ends } = self.measured().quota?;
        let (used, ends) = match now < ends {
            true => (used, ends),
            // No request yet on this day.
            false => {
                let days = now.duration_since(ends).as_hours() / 24 + 1;
                (
                    0,
                    scalar::saturating_add(ends, SignedDuration::from_hours(24 * days)),
                )
            }
        };
        Some(QuotaUse {
            used: u64::from(used),
            limit: u64::from(limit),
            resets_at: scalar::to_canonical(ends),
        })
    }

    /// When the token in use expires.
    pub fn token_expiry(&self) -> Option<Timestamp> {
        self.measured().token_expiry
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(failure: Option<Class>) -> &'static str {
    failure.map_or("ok", Class::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;

    #[test]
    fn requests_are_counted_by_how_they_ended() {
        let metrics = SourceMetrics::default();
        let second = Duration::from_secs(1);
        for failure in [None, Some(Class::Transient), None] {
            metrics.count_request(failure, second);
        }
        metrics.count_token_request(Some(Class::Auth));
        let totals = metrics.totals(&named("north"));
        let requests: Vec<_> = totals.requests.into_iter().collect();
        assert_eq!(
            requests,
            [("ok".to_owned(), 2), ("transient".to_owned(), 1)]
        );
        assert_eq!((totals.latency.count, totals.latency.sum_ms), (3, 3000));
        assert_eq!(totals.token_requests["auth"], 1);
    }

    #[test]
    fn the_count_of_a_day_ends_with_it() {
        let time = |text: &str| text.parse().expect("a time");
        let metrics = SourceMetrics::default();
        let noon = time("2026-03-02T12:00:00Z");
        assert_eq!(metrics.quota(noon), None);
        metrics.note_day(101, 100, time("2026-03-03T00:00:00Z"));
        for (now, used, resets_at) in [
            (noon, 100, "2026-03-03T00:00:00.000Z"),
            (time("2026-03-03T00:00:00Z"), 0, "2026-03-04T00:00:00.000Z"),
            (time("2026-03-05T23:00:00Z"), 0, "2026-03-06T00:00:00.000Z"),
        ] {
            let quota = metrics.quota(now).expect("a limit");
            assert_eq!((quota.used, quota.limit), (used, 100));
            assert_eq!(quota.resets_at, resets_at);
        }
    }
}
