//! What a run works with: a source with its session, a job with its streams. Built by `app/`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::adapt::Learned;
use super::client::PageClient;
use crate::model::History;
use crate::model::guard::GuardRules;
use crate::store::Table;
use crate::store::fitting::Layout;
use crate::store::lookups::Lookups;
use crate::store::references::Reference;
use crate::store::staging::Feed;
use crate::vendor::api::StreamSpec;

/// One account at a vendor, shared by all its jobs.
pub struct Source {
    /// Its name.
    pub name: String,
    /// Sends its requests.
    pub client: Arc<dyn PageClient>,
    /// Requests that may be under way at once.
    pub in_flight: usize,
    /// Lists from settings, for `for_each.setting`.
    pub lists: BTreeMap<String, Vec<String>>,
    /// Address, tenant and client, one a line: whose account it is by the configuration.
    pub address: String,
    /// Where the vendor says whose account it is.
    pub identity: Option<Identity>,
    routes: Mutex<BTreeMap<String, usize>>,
    learned: Mutex<BTreeMap<String, Lesson>>,
}

impl Source {
    /// A source that has not been asked anything yet.
    pub fn new(
        name: String,
        client: Arc<dyn PageClient>,
        in_flight: usize,
        lists: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self {
            name,
            client,
            in_flight,
            lists,
            address: String::new(),
            identity: None,
            routes: Mutex::default(),
            learned: Mutex::default(),
        }
    }

    /// The same for an account.
    pub fn with_account(self, address: String, identity: Option<Identity>) -> Self {
        Self {
            address,
            identity,
            ..self
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

    /// What this process found out of a stream's parameters.
    pub fn learned(&self, stream: &str) -> Option<Learned> {
        self.lesson(stream, |lesson| lesson.learned.clone())
    }

    /// Remembers which parameters of a stream work.
    pub fn set_learned(&self, stream: &str, learned: Learned) {
        self.lesson(stream, |lesson| {
            *lesson = Lesson {
                learned: Some(learned),
                rest: 0,
            }
        });
    }

    /// Whether it is worth the requests to find out which parameters of a stream work.
    pub fn may_search(&self, stream: &str) -> bool {
        self.lesson(stream, |lesson| {
            let may = lesson.rest == 0;
            lesson.rest = lesson.rest.saturating_sub(1);
            may
        })
    }

    /// Remembers that no change of a stream's parameters helps.
    pub fn search_failed(&self, stream: &str) {
        self.lesson(stream, |lesson| lesson.rest = REST);
    }

    fn lesson<T>(&self, stream: &str, act: impl FnOnce(&mut Lesson) -> T) -> T {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        act(learned.entry(stream.to_owned()).or_default())
    }
}

/// A stream whose rows say whose account it is.
pub struct Identity {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// The column with the name.
    pub column: usize,
}

/// So many refused walks of a stream go by before its parameters are searched again.
const REST: u32 = 20;

#[derive(Default)]
struct Lesson {
    learned: Option<Learned>,
    /// Walks until the next search.
    rest: u32,
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
    /// The tables of the whole configuration that the job was built of.
    pub layout: Arc<Layout>,
    /// Another one when the job's or the source's configuration says something else.
    pub config_fingerprint: String,
}

impl Job {
    /// The names of the tables that it writes.
    pub fn tables(&self) -> Vec<String> {
        let streams = self.streams.iter();
        streams.map(|stream| stream.table.name()).collect()
    }
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
    /// Columns whose values are keys of other streams.
    pub references: Vec<Reference>,
}
