//! Tells a hook of runs or of a bundle: a program by standard input and environment, an address by a signed request.
//!
//! The request has numbers and names only. Only a program gets rows, if it asks for them.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::changes::{change_json, shown_columns};
use crate::setup::files::{HookConfig, SecretRef, Secrets};
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{BundleName, HookName, JobName, SourceName};
use rollbook_core::program::{self, ProgramCall};
use rollbook_core::store::StoreError;
use rollbook_core::store::database::reader;
use rollbook_core::store::hooks::JobNews;
use rollbook_core::store::queries::{self, ChangeRange};
use rollbook_http::http::{Post, post};

/// What a secret of Standard Webhooks begins with.
const SECRET_PREFIX: &str = "whsec_";

/// The rows that are written to a program at once, in bytes.
const CHUNK: usize = 1 << 16;

/// Chunks that wait for a slow program.
const WAITING_CHUNKS: usize = 4;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookNews {
    /// Runs of a job changed something.
    Runs {
        /// The job.
        job: JobName,
        /// Its source.
        source: SourceName,
        /// The last run that was told before.
        after: i64,
        /// What later ones did.
        news: JobNews,
    },
    /// A bundle was written.
    Bundle {
        /// The bundle.
        name: BundleName,
        /// When.
        at: Timestamp,
        /// Its folder or file; none of a bundle for `rollbook serve`.
        to: Option<PathBuf>,
        /// Its files.
        files: Vec<PathBuf>,
        /// Its rows.
        rows: u64,
        /// The last run that changed what is in it.
        run: Option<i64>,
    },
    /// Nothing: a person tries whether the hook works.
    Test,
}

/// A hook, and what it is told.
#[derive(Debug)]
pub struct HookCall<'a> {
    /// The hook.
    pub name: &'a HookName,
    /// Its table in `rollbook.toml`.
    pub config: &'a HookConfig,
    /// What happened.
    pub news: &'a HookNews,
    /// Now.
    pub now: Timestamp,
    /// Where a program's rows are read.
    pub mirror: &'a Path,
}

impl HookNews {
    fn kind(&self) -> &'static str {
        match self {
            Self::Runs { .. } => "run.changed",
            Self::Bundle { .. } => "bundle.written",
            Self::Test => "test",
        }
    }

    /// Its type, its time and what it is about: names and numbers.
    fn event(&self, hook: &HookName, now: Timestamp) -> Value {
        let (at, data) = match self {
            Self::Runs {
                job,
                source,
                after,
                news,
            } => {
                let streams = news.streams.iter().map(|stream| {
                    json!({
                        "stream": format!("{source}_{}", stream.stream),
                        "new": stream.new,
                        "changed": stream.changed,
                        "removed": stream.removed,
                    })
                });
                let data = json!({
                    "hook": hook.as_str(),
                    "job": job.as_str(),
                    "source": source.as_str(),
                    "after": after,
                    "run": news.run,
                    "streams": streams.collect::<Vec<_>>(),
                });
                (news.at.clone(), data)
            }
            Self::Bundle {
                name,
                at,
                to,
                files,
                rows,
                run,
            } => {
                let data = json!({
                    "hook": hook.as_str(),
                    "bundle": name.as_str(),
                    "to": to,
                    "files": files,
                    "rows": rows,
                    "run": run,
                });
                (to_canonical(*at), data)
            }
            Self::Test => {
                let data = json!({ "hook": hook.as_str() });
                (to_canonical(now), data)
            }
        };
        json!({ "type": self.kind(), "timestamp": at, "data": data })
    }
}

impl HookCall<'_> {
    /// Tells the hook. Dropping the future ends a program.
    ///
    /// # Errors
    /// A message without a secret; what was told may have arrived nevertheless.
    pub async fn tell(&self, secrets: &Secrets) -> Result<(), String> {
        let event = self.news.event(self.name, self.now).to_string();
        match (&self.config.program, &self.config.url, &self.config.secret) {
            (Some(program), ..) => self.run(program, event).await,
            (None, Some(url), Some(secret)) => self.post((url, secret), secrets, event).await,
            _ => Ok(()), // no such configuration is in force
        }
    }

    async fn run(&self, program: &Path, event: String) -> Result<(), String> {
        let (mut job, mut run, mut bundle, mut to) = ("", String::new(), "", String::new());
        match self.news {
            HookNews::Runs {
                job: name, news, ..
            } => {
                (job, run) = (name.as_str(), news.run.to_string());
            }
            HookNews::Bundle {
                name, to: folder, ..
            } => {
                bundle = name.as_str();
                to = folder
                    .as_ref()
                    .map_or_else(String::new, |folder| folder.to_string_lossy().into_owned());
            }
            HookNews::Test => {}
        }
        let call = ProgramCall {
            program,
            arguments: &self.config.arguments,
            environment: &[
                ("ROLLBOOK_HOOK", self.name.as_str()),
                ("ROLLBOOK_EVENT", self.news.kind()),
                ("ROLLBOOK_JOB", job),
                ("ROLLBOOK_RUN", &run),
                ("ROLLBOOK_BUNDLE", bundle),
                ("ROLLBOOK_TO", &to),
            ],
            limit: self.config.timeout.0,
        };
        let first = stream::iter([format!("{event}\n").into_bytes()]);
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        let rows = stream::unfold(receiver, async |mut receiver| {
            Some((receiver.recv().await?, receiver))
        });
        let reading = self.reading(sender);
        let told = program::run(&call, first.chain(rows)).await;
        let read = match reading {
            Some(reading) => reading.await.unwrap_or(Err(StoreError::Panicked.into())),
            None => Ok(()),
        };
        // A program may end before it has read everything, and says itself whether that is a failure.
        match (told, read) {
            (Ok(()), Err(RowsError::Store(error))) => Err(error.to_string()),
            (told, _) => told,
        }
    }

    /// Begins to read the rows that a program wants, on a thread of its own.
    fn reading(
        &self,
        sender: mpsc::Sender<Vec<u8>>,
    ) -> Option<tokio::task::JoinHandle<Result<(), RowsError>>> {
        let HookNews::Runs {
            source,
            after,
            news,
            ..
        } = self.news
        else {
            return None;
        };
        if !self.config.changes {
            return None;
        }
        let (source, after, news) = (source.clone(), *after, news.clone());
        let mirror = self.mirror.to_owned();
        Some(tokio::task::spawn_blocking(move || {
            let reader = reader(&mirror)?;
            let mut ranges = Vec::new();
            for stream in &news.streams {
                let table = queries::table(&reader, &source, &stream.stream)?;
                ranges.extend(table.map(|table| ChangeRange {
                    table,
                    after_run: after,
                    through_run: news.run,
                    since: String::new(),
                    until: String::new(),
                }));
            }
            let mut chunks = Chunks {
                sender,
                bytes: Vec::new(),
            };
            let end = queries::changes(&reader, &ranges, |change| {
                let line = change_json(&change, &shown_columns(&change, &[]), &[]);
                match writeln!(chunks, "{line}") {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => ControlFlow::Break(error),
                }
            })?;
            match end {
                ControlFlow::Continue(()) => Ok(chunks.flush()?),
                ControlFlow::Break(error) => Err(error.into()),
            }
        }))
    }

    async fn post(
        &self,
        (url, secret): (&SecretRef, &SecretRef),
        secrets: &Secrets,
        body: String,
    ) -> Result<(), String> {
        let fetch = |secret| secrets.fetch(secret).map_err(|error| error.to_string());
        let (address, secret) = (fetch(url)?, fetch(secret)?);
        let key = key_of(secret.expose_secret())?;
        let id = message_id(&body);
        let at = self.now.as_second().to_string();
        let signature = signature(&key, &id, &at, &body);
        let request = Post {
            address: address.expose_secret(),
            bearer: None,
            headers: &[
                ("webhook-id", id),
                ("webhook-timestamp", at),
                ("webhook-signature", signature),
            ],
            content_type: "application/json",
            body,
        };
        post(request).await
    }
}

/// The same for every attempt to tell the same, and for nothing else.
fn message_id(body: &str) -> String {
    format!("msg_{:032x}", xxhash_rust::xxh3::xxh3_128(body.as_bytes()))
}

/// Why rows could not be read, or not be passed on.
enum RowsError {
    Store(StoreError),
    /// The program reads no more.
    Closed,
}

impl From<StoreError> for RowsError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for RowsError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Passes on bytes in pieces, and waits while too many are on their way.
struct Chunks {
    sender: mpsc::Sender<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let sent = self.sender.blocking_send(std::mem::take(&mut self.bytes));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The key in a secret: base64 behind `whsec_`, else the text itself.
fn key_of(secret: &str) -> Result<Vec<u8>, String> {
    match secret.trim().strip_prefix(SECRET_PREFIX) {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| format!("the secret begins with {SECRET_PREFIX}, but no base64 follows")),
        None => Ok(secret.trim().as_bytes().to_vec()),
    }
}

/// As Standard Webhooks 1.0.0 have it: HMAC-SHA256 of id, time and body.
fn signature(key: &[u8], id: &str, at: &str, body: &str) -> String {
    let signed = format!("{id}.{at}.{body}");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests;
