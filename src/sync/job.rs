//! What a run works with: a source with its session, a job with its streams. Built by `app/`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::adapt::Adaptation;
use super::client::PageClient;
use crate::connector::api::StreamSpec;
use crate::model::guard::GuardRules;
use crate::model::{ApplyMode, Cause, History, JobName, ReadMode, SourceName, StreamName, Table};
use crate::store::fitting::Layout;
use crate::store::lookups::Lookups;
use crate::store::references::StreamReference;
use crate::store::staging::Feed;

/// One account at a vendor, shared by all its jobs.
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Sends its requests.
    pub client: Arc<dyn PageClient>,
    /// The most concurrent requests.
    pub in_flight: usize,
    /// Lists from settings, for `for_each.setting`.
    pub lists: BTreeMap<String, Vec<String>>,
    /// Address, tenant and client, one a line: the account according to the configuration.
    pub address: String,
    /// The stream and column with the account's name.
    pub identity: Option<Identity>,
    routes: Mutex<BTreeMap<StreamName, usize>>,
    adaptations: Mutex<BTreeMap<StreamName, SearchState>>,
}

impl Source {
    /// A source to which no request was sent yet.
    pub fn new(
        name: SourceName,
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
            adaptations: Mutex::default(),
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
    pub fn route(&self, stream: &StreamName) -> usize {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(stream)
            .copied()
            .unwrap_or(0)
    }

    /// Remembers which of a stream's paths works.
    pub fn set_route(&self, stream: &StreamName, path: usize) {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(stream.clone(), path);
    }

    /// What this process found out of a stream's parameters.
    pub fn adaptation(&self, stream: &StreamName) -> Option<Adaptation> {
        self.search_state(stream, |search_state| search_state.adaptation.clone())
    }

    /// Remembers which parameters of a stream work.
    pub fn set_adaptation(&self, stream: &StreamName, adaptation: Adaptation) {
        self.search_state(stream, |search_state| {
            *search_state = SearchState {
                adaptation: Some(adaptation),
                skip_searches: 0,
            }
        });
    }

    /// Whether it is worth the requests to find out which parameters of a stream work.
    pub fn may_search(&self, stream: &StreamName) -> bool {
        self.search_state(stream, |search_state| {
            let may = search_state.skip_searches == 0;
            search_state.skip_searches = search_state.skip_searches.saturating_sub(1);
            may
        })
    }

    /// Remembers that no change of a stream's parameters helps.
    pub fn search_failed(&self, stream: &StreamName) {
        self.search_state(stream, |search_state| {
            search_state.skip_searches = SEARCH_PAUSE
        });
    }

    fn search_state<T>(&self, stream: &StreamName, act: impl FnOnce(&mut SearchState) -> T) -> T {
        let mut adaptations = self
            .adaptations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(adaptations.entry(stream.clone()).or_default())
    }
}

/// A stream whose rows identify the account.
pub struct Identity {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// The column with the name.
    pub column: usize,
}

/// After a failed search, this many refused walks of a stream pass before the next one.
const SEARCH_PAUSE: u32 = 20;

#[derive(Default)]
struct SearchState {
    adaptation: Option<Adaptation>,
    /// Walks until the next search.
    skip_searches: u32,
}

/// One job, ready to run.
pub struct Job {
    /// Its name: the file's.
    pub name: JobName,
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
    /// Changes with the configuration of the job or the source.
    pub config_fingerprint: String,
}

impl Job {
    /// The names of the tables that it writes.
    pub fn tables(&self) -> Vec<String> {
        let streams = self.streams.iter();
        streams.map(|stream| stream.table.name()).collect()
    }
}

/// What is requested of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// What starts it.
    pub cause: Cause,
    /// Read everything, regardless of checkpoints.
    pub full: bool,
    /// Work out the plan and write nothing.
    pub dry: bool,
}

/// One stream of a job.
pub struct StreamJob {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// Its table.
    pub table: Arc<Table>,
    /// The tables of the source that items or feeds are read from, by stream.
    pub parents: BTreeMap<StreamName, Arc<Table>>,
    /// The job's choice; the connector's default if `None`.
    pub mode: Option<ReadMode>,
    /// How long old versions are kept.
    pub history: History,
    /// The guard's group column.
    pub group: Option<usize>,
    /// The job's number of readings that must miss a row.
    pub confirm: Option<u32>,
    /// The stream that lists deletions.
    pub feed: Option<Feed>,
    /// Columns that hold keys of other streams.
    pub references: Vec<StreamReference>,
}
