//! `rollbook check --online`: requests one token per source and one row of each stream, as a run would.
//!
//! Also reads the vendor's name of the account, so that an admin sees which data it is before the first row is mirrored.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::jobs;
use super::{App, InForce};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::mask::PseudonymKey;
use rollbook_core::model::row::Rows;
use rollbook_core::model::{Class, SourceName, StreamName};
use rollbook_core::store::database::reader;
use rollbook_core::store::fitting::Layout;
use rollbook_engine::setup::{Setup, SourceSetup};
use rollbook_engine::sync::items::Item;
use rollbook_engine::sync::probe::{one_item, probe};
use rollbook_engine::sync::{Failure, Source, StreamJob};
use rollbook_http::http::{HttpError, RunBudget};

/// The time limit for one source.
const PREFLIGHT_TIMEOUT: Duration = Duration::from_secs(120);

/// The result for a source.
#[derive(Debug, Serialize)]
pub struct SourceCheck {
    /// The source.
    pub source: SourceName,
    /// The vendor's name of the account, if the connector defines where to find it.
    pub account: Option<String>,
    /// Scopes that were requested and not granted, as far as the vendor reports.
    pub missing_scopes: Vec<String>,
    /// Why no, or no further, streams were probed.
    pub message: Option<String>,
    /// Its streams, in the order of its jobs.
    pub streams: Vec<StreamCheck>,
}

/// The result for a stream.
#[derive(Debug, Serialize)]
pub struct StreamCheck {
    /// The stream.
    pub stream: StreamName,
    /// The result.
    pub result: ProbeResult,
    /// Why it is not `ok`.
    pub message: Option<String>,
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeResult {
    /// A row, or an empty page.
    Ok,
    /// Not available in this account; the connector marks it as optional.
    NotServed,
    /// Not requested: the source failed before, or there is no parent row yet.
    NotProbed,
    /// The request failed.
    Failed,
}

impl SourceCheck {
    /// Whether every stream can be read.
    pub fn is_fine(&self) -> bool {
        let is_bad = |stream: &StreamCheck| stream.result == ProbeResult::Failed;
        self.message.is_none() && !self.streams.iter().any(is_bad)
    }

    fn add(&mut self, stream: &StreamName, result: ProbeResult, message: Option<String>) {
        self.streams.push(StreamCheck {
            stream: stream.clone(),
            result,
            message,
        });
    }
}

impl App {
    /// Probes a source. `mirror` has the parent rows of streams that are read for each row of another.
    pub async fn check_online(&self, name: &SourceName, mirror: Option<&Path>) -> SourceCheck {
        let InForce { setup, layout } = self.in_force();
        let mut found = SourceCheck {
            source: name.clone(),
            account: None,
            missing_scopes: Vec::new(),
            message: None,
            streams: Vec::new(),
        };
        let (source, config) = match (self.source(&setup, name), setup.sources.get(name)) {
            (Ok(source), Some(config)) => (source, config),
            (Err(message), _) => {
                found.message = Some(message);
                return found;
            }
            (Ok(_), None) => return found,
        };
        let budget = RunBudget::new(&self.clock, PREFLIGHT_TIMEOUT);
        let probes = probes(&setup, &layout, config, &source);
        if probes.is_empty() {
            found.message = Some("no job reads this source, so nothing was requested".to_owned());
        }
        for (spec, job) in probes {
            if found.message.is_some() {
                found.add(&spec.name, ProbeResult::NotProbed, None);
                continue;
            }
            if let Some(message) = spec.unset() {
                found.add(&spec.name, ProbeResult::NotProbed, Some(message));
                continue;
            }
            let item = match &job {
                Some(job) => one_item(job, &source, || mirror.and_then(|path| reader(path).ok())),
                None => Ok(Some(Item::default())),
            };
            let rows = match item {
                Ok(Some(item)) => probe(&source, &spec, &item, &self.clock, &budget).await,
                Ok(None) => {
                    found.add(&spec.name, ProbeResult::NotProbed, Some(no_rows_yet(&spec)));
                    continue;
                }
                Err(error) => Err(error),
            };
            found.note(&spec, job.is_some(), &rows);
            if let Ok(rows) = rows {
                found.account = found
                    .account
                    .take()
                    .or_else(|| account(config, &spec, &rows));
            }
        }
        found.missing_scopes = source.client.missing_scopes().await;
        found
    }
}

impl SourceCheck {
    /// Records the result of a stream, and whether the whole source failed.
    fn note(&mut self, spec: &StreamSpec, is_read: bool, rows: &Result<Rows, Failure>) {
        let error = match rows {
            Ok(_) => return self.add(&spec.name, ProbeResult::Ok, None),
            Err(error) => error,
        };
        let is_refused = error
            .http()
            .is_some_and(|error| error.is_forbidden() || error.is_missing());
        if !is_read && is_refused {
            let message = "requested only for the account's name; no job reads it";
            return self.add(&spec.name, ProbeResult::NotServed, Some(message.to_owned()));
        }
        let result = if spec.optional && is_refused {
            ProbeResult::NotServed
        } else {
            ProbeResult::Failed
        };
        self.add(&spec.name, result, Some(error.to_string()));
        // If the cause is not this stream, the next ones would fail likewise: do not request them.
        let is_of_the_stream =
            is_refused || matches!(error.class(), Class::Permanent | Class::Contract);
        let is_of_the_source = error.http().is_some_and(HttpError::is_of_the_source);
        if !is_of_the_stream || is_of_the_source {
            self.message = Some(error.to_string());
        }
    }
}

/// The streams to probe: those of the source's jobs, each once, and the one that names the account.
fn probes(
    setup: &Setup,
    layout: &Arc<Layout>,
    config: &SourceSetup,
    source: &Arc<Source>,
) -> Vec<(Arc<StreamSpec>, Option<Arc<StreamJob>>)> {
    let mut probes: Vec<(Arc<StreamSpec>, Option<Arc<StreamJob>>)> = Vec::new();
    let jobs = setup
        .jobs
        .iter()
        .filter(|(_, job)| job.source == source.name);
    // Nothing of a probe is stored, so any key does; the installation's own may not exist yet.
    let pseudonyms = PseudonymKey::new(&[0; 32]);
    for (name, job) in jobs {
        let source = Arc::clone(source);
        let job = jobs::job(setup, layout, name, job, source, Some(&pseudonyms));
        for stream in job.streams {
            if probes.iter().all(|(spec, _)| spec.name != stream.spec.name) {
                probes.push((Arc::clone(&stream.spec), Some(stream)));
            }
        }
    }
    let names_the_account = config.connector.identity.as_ref().and_then(|identity| {
        let spec = config.streams.get(identity.stream.as_str())?;
        let is_new = probes.iter().all(|(other, _)| other.name != spec.name);
        (is_new && spec.for_each.is_none()).then(|| Arc::clone(spec))
    });
    probes.extend(names_the_account.map(|spec| (spec, None)));
    probes
}

fn no_rows_yet(spec: &StreamSpec) -> String {
    let each = spec.for_each.as_ref();
    let parent = each.and_then(|each| each.stream.as_deref());
    format!(
        "it is read for each row of {}, and the mirror has none yet",
        parent.unwrap_or("another stream")
    )
}

/// The account's name in the first row, if this is the stream with it.
fn account(config: &SourceSetup, spec: &StreamSpec, rows: &Rows) -> Option<String> {
    let identity = config.connector.identity.as_ref()?;
    let column = spec.column(&identity.column)?;
    if spec.name != *identity.stream.as_str() || rows.is_empty() {
        return None;
    }
    rows.row(0).at(column).text().map(str::to_owned)
}
