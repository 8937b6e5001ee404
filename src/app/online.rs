//! Asks every source for one token and one page of one row of each stream: would a run be let in?
//!
//! The same way as in a run. What the vendor calls the account is told too, so that an admin sees whose data
//! it is before the first row is mirrored.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{App, InForce, Setup, SourceSetup, tables};
use crate::http::{HttpError, RunBudget};
use crate::model::Class;
use crate::model::row::Rows;
use crate::store::database::reader;
use crate::store::fitting::Layout;
use crate::sync::items::Item;
use crate::sync::probe::{one_item, probe};
use crate::sync::{Failure, Source, StreamJob};
use crate::vendor::api::StreamSpec;

/// Longer than this nobody waits for one source.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of asking a source.
#[derive(Debug, Serialize)]
pub struct SourceOnline {
    /// The source.
    pub source: String,
    /// What the vendor calls the account, where its description says how to learn that.
    pub account: Option<String>,
    /// Scopes that were asked for and not granted, as far as the vendor says.
    pub missing_scopes: Vec<String>,
    /// Why nothing, or nothing more, was asked of it.
    pub sentence: Option<String>,
    /// Its streams, in the order of its jobs.
    pub streams: Vec<StreamOnline>,
}

/// What came of asking for a stream.
#[derive(Debug, Serialize)]
pub struct StreamOnline {
    /// The stream.
    pub stream: String,
    /// What came of it.
    pub result: Answered,
    /// Why it did not answer.
    pub sentence: Option<String>,
}

/// Whether a stream answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// It did.
    Ok,
    /// Not served here, which the description allows.
    NotServed,
    /// There was nothing to ask for, or no way to.
    NotAsked,
    /// It did not.
    Failed,
}

impl SourceOnline {
    /// Whether a run would be let in everywhere.
    pub fn is_fine(&self) -> bool {
        let is_bad = |stream: &StreamOnline| stream.result == Answered::Failed;
        self.sentence.is_none() && !self.streams.iter().any(is_bad)
    }

    fn add(&mut self, stream: &str, result: Answered, sentence: Option<String>) {
        self.streams.push(StreamOnline {
            stream: stream.to_owned(),
            result,
            sentence,
        });
    }
}

impl App {
    /// Asks a source. `mirror` is looked at for streams that are read for the rows of another one.
    pub async fn ask_online(&self, name: &str, mirror: Option<&Path>) -> SourceOnline {
        let InForce { setup, layout } = self.in_force();
        let mut found = SourceOnline {
            source: name.to_owned(),
            account: None,
            missing_scopes: Vec::new(),
            sentence: None,
            streams: Vec::new(),
        };
        let (source, config) = match (self.source(&setup, name), setup.source(name)) {
            (Ok(source), Some(config)) => (source, config),
            (Err(sentence), _) => {
                found.sentence = Some(sentence);
                return found;
            }
            (Ok(_), None) => return found,
        };
        let budget = RunBudget::new(&self.clock, PATIENCE);
        let asks = asks(&setup, &layout, config, &source);
        if asks.is_empty() {
            found.sentence = Some("no job reads it, so there was nothing to ask for".to_owned());
        }
        for (spec, job) in asks {
            if found.sentence.is_some() {
                found.add(&spec.name, Answered::NotAsked, None);
                continue;
            }
            let item = match &job {
                Some(job) => one_item(job, &source, || mirror.and_then(|path| reader(path).ok())),
                None => Ok(Some(Item::default())),
            };
            let rows = match item {
                Ok(Some(item)) => probe(&source, &spec, &item, &self.clock, &budget).await,
                Ok(None) => {
                    found.add(&spec.name, Answered::NotAsked, Some(no_rows_yet(&spec)));
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

impl SourceOnline {
    /// What a stream's answer says of it, and of the whole source.
    fn note(&mut self, spec: &StreamSpec, is_read: bool, rows: &Result<Rows, Failure>) {
        let error = match rows {
            Ok(_) => return self.add(&spec.name, Answered::Ok, None),
            Err(error) => error,
        };
        let is_refused = error
            .http()
            .is_some_and(|error| error.is_forbidden() || error.is_missing());
        if !is_read && is_refused {
            let sentence = "it was asked for the account's name alone, and no job reads it";
            return self.add(&spec.name, Answered::NotServed, Some(sentence.to_owned()));
        }
        let result = if spec.optional && is_refused {
            Answered::NotServed
        } else {
            Answered::Failed
        };
        self.add(&spec.name, result, Some(error.to_string()));
        // What is no matter of this stream would only be said again, and asked of the vendor again.
        let is_of_the_stream =
            is_refused || matches!(error.class(), Class::Permanent | Class::Contract);
        let is_of_the_source = error.http().is_some_and(HttpError::is_of_the_source);
        if !is_of_the_stream || is_of_the_source {
            self.sentence = Some(error.to_string());
        }
    }
}

/// The streams to ask for: those of the source's jobs, each once, and the one that names the account.
fn asks(
    setup: &Setup,
    layout: &Arc<Layout>,
    config: &SourceSetup,
    source: &Arc<Source>,
) -> Vec<(Arc<StreamSpec>, Option<Arc<StreamJob>>)> {
    let mut asks: Vec<(Arc<StreamSpec>, Option<Arc<StreamJob>>)> = Vec::new();
    let jobs = setup
        .jobs
        .iter()
        .filter(|(_, job)| job.source.as_str() == source.name);
    for (name, job) in jobs {
        for stream in tables::job(setup, layout, name.as_str(), job, Arc::clone(source)).streams {
            if asks.iter().all(|(spec, _)| spec.name != stream.spec.name) {
                asks.push((Arc::clone(&stream.spec), Some(stream)));
            }
        }
    }
    let names_the_account = config.description.identity.as_ref().and_then(|identity| {
        let spec = config.streams.get(&identity.stream)?;
        let is_new = asks.iter().all(|(other, _)| other.name != spec.name);
        (is_new && spec.for_each.is_none()).then(|| Arc::clone(spec))
    });
    asks.extend(names_the_account.map(|spec| (spec, None)));
    asks
}

fn no_rows_yet(spec: &StreamSpec) -> String {
    let each = spec.for_each.as_ref();
    let parent = each.and_then(|each| each.stream.as_deref());
    format!(
        "it is read for the rows of {}, and the mirror has none yet",
        parent.unwrap_or("another stream")
    )
}

/// The account's name in the first row, if this is the stream where it stands.
fn account(config: &SourceSetup, spec: &StreamSpec, rows: &Rows) -> Option<String> {
    let identity = config.description.identity.as_ref()?;
    let column = spec.column(&identity.column)?;
    if identity.stream != spec.name || rows.is_empty() {
        return None;
    }
    rows.row(0).at(column).text().map(str::to_owned)
}
