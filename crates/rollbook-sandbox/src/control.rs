//! A test's handle on a running vendor: counters, faults, tokens and edits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::authorization::Authorization;
use super::clock::Clock;
use super::edits::Edits;
use super::faults::{FaultPlan, Faults};
use super::shared::Shared;
use super::tokens::Tokens;

/// Request counts of one vendor's server.
#[derive(Debug, Default)]
pub struct Counters {
    paths: Mutex<BTreeMap<String, u64>>,
    tokens: AtomicU64,
    writes: AtomicU64,
    unauthorized: AtomicU64,
    faults: AtomicU64,
    now: AtomicU64,
    most: AtomicU64,
}

impl Counters {
    /// Requests by path, without query.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.paths
            .lock()
            .map(|paths| paths.clone())
            .unwrap_or_default()
    }

    /// Requests with this path prefix.
    pub fn requests_under(&self, prefix: &str) -> u64 {
        self.requests()
            .iter()
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(_, count)| count)
            .sum()
    }

    /// Requests to a token endpoint.
    pub fn token_requests(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Requests that would change data at the vendor; a client must never make one.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Responses with status 401.
    pub fn unauthorized(&self) -> u64 {
        self.unauthorized.load(Ordering::Relaxed)
    }

    /// Requests that received an injected fault.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// The largest number of concurrent requests.
    pub fn max_concurrent(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn count_request(&self, path: &str, for_token: bool) {
        if let Ok(mut paths) = self.paths.lock() {
            *paths.entry(path.to_owned()).or_default() += 1;
        }
        if for_token {
            self.tokens.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as active until the guard is dropped.
    pub(crate) fn begin_request(self: &Arc<Self>) -> ActiveRequest {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        ActiveRequest(Arc::clone(self))
    }
}

pub(crate) struct ActiveRequest(Arc<Counters>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything a test needs to observe and control one vendor.
#[derive(Debug)]
pub struct Control {
    /// Request counts.
    pub counters: Arc<Counters>,
    /// Injected faults.
    pub faults: FaultPlan,
    /// The vendor's access tokens.
    pub tokens: Arc<Tokens>,
    /// The vendor's authorization server: codes, grants, switches and counts.
    pub authorization: Authorization,
    /// The clock by which tokens expire.
    pub clock: Arc<Clock>,
    /// Edits between two pages of a list.
    pub edits: Edits,
}

impl Control {
    /// A vendor before its first request.
    pub fn new(vendor: &'static str, shared: &Arc<Shared>, faults: Faults) -> Arc<Self> {
        let clock = Arc::new(Clock::default());
        let tokens = Arc::new(Tokens::new(vendor, Arc::clone(shared), Arc::clone(&clock)));
        Arc::new(Self {
            counters: Arc::default(),
            faults: FaultPlan::new(faults),
            authorization: Authorization::new(
                vendor,
                Arc::clone(shared),
                Arc::clone(&clock),
                Arc::clone(&tokens),
            ),
            tokens,
            clock,
            edits: Edits::default(),
        })
    }
}
