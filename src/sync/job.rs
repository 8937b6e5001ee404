//! What a run works with: a source with its session, a job with its streams. Built by `app/`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::http::Session;
use crate::model::History;
use crate::model::guard::GuardRules;
use crate::store::Table;
use crate::store::lookups::Lookups;
use crate::store::staging::Feed;
use crate::vendor::api::StreamSpec;

/// One account at a vendor, shared by all its jobs.
pub struct Source {
    /// Its name.
    pub name: String,
    /// The one way to it.
    pub session: Session,
    /// Requests that may be under way at once.
    pub in_flight: usize,
    /// Lists from settings, for `for_each.setting`.
    pub lists: BTreeMap<String, Vec<String>>,
    routes: Mutex<BTreeMap<String, usize>>,
    busy: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Source {
    /// A source that has not been asked anything yet.
    pub fn new(
        name: String,
        session: Session,
        in_flight: usize,
        lists: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self {
            name,
            session,
            in_flight,
            lists,
            routes: Mutex::default(),
            busy: Mutex::default(),
        }
    }

    /// Which of a stream's paths worked last.
    pub fn route(&self, stream: &str) -> usize {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(stream)
            .copied()
            .unwrap_or(0)
    }

    /// Remembers which of a stream's paths works.
    pub fn set_route(&self, stream: &str, path: usize) {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(stream.to_owned(), path);
    }

    /// A stream is read by one run at a time, whatever jobs name it.
    pub fn turn(&self, stream: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.entry(stream.to_owned()).or_default().clone()
    }
}

/// When a job's streams become visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyMode {
    /// All in one transaction, or none.
    Together,
    /// Each as soon as it is read.
    Each,
}

/// One job, ready to run.
pub struct Job {
    /// Its name: the file's.
    pub name: String,
    /// Where it reads.
    pub source: Arc<Source>,
    /// What it reads, in order.
    pub streams: Vec<Arc<StreamJob>>,
    /// When its streams become visible.
    pub apply: ApplyMode,
    /// What the guard allows.
    pub guard: GuardRules,
    /// How long a run may take.
    pub timeout: Duration,
    /// What is added to the codes of the source's tables.
    pub lookups: Arc<Lookups>,
    /// A text that changes when the job's or the source's configuration does.
    pub shape: String,
}

/// One stream of a job.
pub struct StreamJob {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// Where it goes.
    pub table: Arc<Table>,
    /// The tables of all streams of the source that items or feeds come from, by stream.
    pub parents: BTreeMap<String, Arc<Table>>,
    /// Incremental or full, where the job says so.
    pub incremental: Option<bool>,
    /// How long old versions are kept.
    pub history: History,
    /// The column that the guard looks at one value at a time.
    pub group: Option<usize>,
    /// How many readings must miss a row, where the job says so.
    pub confirm: Option<u32>,
    /// The stream that lists deletions.
    pub feed: Option<Feed>,
}
