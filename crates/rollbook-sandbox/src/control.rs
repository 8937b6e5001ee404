//! A test's hand on a running vendor: what was asked of it, and what it shall do next.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::authorization::Authorization;
use super::clock::Clock;
use super::edits::Edits;
use super::faults::{FaultPlan, Faults};
use super::shared::Shared;
use super::tokens::Tokens;

/// What one vendor's server has seen.
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
    /// Requests by path, without query, as they were asked for.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.paths
            .lock()
            .map(|paths| paths.clone())
            .unwrap_or_default()
    }

    /// Requests whose path begins like this.
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

    /// Requests that would have changed something at the vendor; a client must never make one.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Answers with status 401.
    pub fn unauthorized(&self) -> u64 {
        self.unauthorized.load(Ordering::Relaxed)
    }

    /// Requests struck by a fault.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// The most requests that were being answered at one time.
    pub fn most_at_once(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn saw(&self, path: &str, for_token: bool) {
        if let Ok(mut paths) = self.paths.lock() {
            *paths.entry(path.to_owned()).or_default() += 1;
        }
        if for_token {
            self.tokens.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn saw_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn saw_unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn saw_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as being answered until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Inside {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        Inside(Arc::clone(self))
    }
}

/// A request that is being answered.
pub(crate) struct Inside(Arc<Counters>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything by which a test looks into one vendor and steers it.
#[derive(Debug)]
pub struct Control {
    /// What was asked.
    pub counters: Arc<Counters>,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// The vendor's access tokens.
    pub tokens: Arc<Tokens>,
    /// The vendor's authorization server: codes, grants, its switches and its counts.
    pub authorization: Authorization,
    /// The clock by which tokens grow old.
    pub clock: Arc<Clock>,
    /// Rows that move while they are read.
    pub edits: Edits,
}

impl Control {
    /// A vendor nobody has spoken to yet.
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
