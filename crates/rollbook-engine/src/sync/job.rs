//! What a run works with: a source with its session, a job with its streams. Built by `app/`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::client::PageClient;
use super::stream_memory::StreamMemory;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::model::guard::GuardRules;
use rollbook_core::model::{
    ApplyMode, Cause, History, JobName, ReadMode, Retain, SourceName, StreamName, StreamSet, Table,
};
use rollbook_core::store::fitting::Layout;
use rollbook_core::store::lookups::Lookups;
use rollbook_core::store::references::StreamReference;
use rollbook_core::store::staging::Feed;

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
    /// How its streams are requested, where the server differs from the connector.
    pub memory: StreamMemory,
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
            memory: StreamMemory::default(),
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
}

/// A stream whose rows identify the account.
pub struct Identity {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// The column with the name.
    pub column: usize,
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
    /// The stream of this name.
    pub fn stream(&self, name: &StreamName) -> Option<&Arc<StreamJob>> {
        self.streams.iter().find(|stream| stream.spec.name == *name)
    }

    /// The job with some of its streams, in its order; `None` if it has none of them.
    pub fn only(mut self, streams: &StreamSet) -> Option<Self> {
        self.streams
            .retain(|stream| streams.contains(&stream.spec.name));
        (!self.streams.is_empty()).then_some(self)
    }

    /// The names of the tables that it writes.
    pub fn tables(&self) -> Vec<String> {
        let streams = self.streams.iter();
        streams.map(|stream| stream.table.name()).collect()
    }
}

/// What is requested of a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What starts it.
    pub cause: Cause,
    /// Read everything, regardless of checkpoints.
    pub full: bool,
    /// Work out the plan and write nothing.
    pub dry: bool,
    /// The only streams that are read; all of the job's if `None`. Such a run says nothing about the job as a whole: it does
    /// not make the job fresh, and uses up no approval.
    pub only: Option<StreamSet>,
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
    /// How long rows are kept after a date of their own.
    pub retain: Option<Retain>,
    /// The guard's group column.
    pub group: Option<usize>,
    /// The job's number of readings that must miss a row.
    pub confirm: Option<u32>,
    /// The stream that lists deletions.
    pub feed: Option<Feed>,
    /// Columns that hold keys of other streams.
    pub references: Vec<StreamReference>,
}
