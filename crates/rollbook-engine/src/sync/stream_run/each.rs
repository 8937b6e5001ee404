//! `apply = "each"`: each stream by itself, in the job's order. Streams whose list is silent are read again at the end.

use std::sync::Arc;
use std::time::Duration;

use super::reports::{failed_feed, removals_unknown};
use super::{DanglingRows, Preconditions, StreamRun, StreamStep};
use crate::sync::error::Failure;
use crate::sync::job::StreamJob;
use crate::sync::read::Context;
use crate::sync::report::{RunReport, StreamReport};
use rollbook_core::model::{Outcome, StreamName};
use rollbook_core::store::accounts;
use rollbook_http::http::{Effort, HttpError};

/// After so many streams in a row that had rows and are refused, no other is requested: the credential was revoked.
const REVOKED: u32 = 2;

/// A run whose streams are applied one by one.
struct Each<'a> {
    run: &'a StreamRun<'a>,
    context: &'a Context<'a>,
    preconditions: &'a Preconditions,
    report: RunReport,
    /// Streams whose list was not answered at all, with the time at their start; the others are read meanwhile.
    silent: Vec<(&'a Arc<StreamJob>, Duration, Failure)>,
    /// Streams in a row that had rows and are refused now.
    refused: u32,
    /// A stream ended the run.
    is_over: bool,
}

impl StreamRun<'_> {
    pub(super) async fn each(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
    ) -> RunReport {
        let mut each = Each {
            run: self,
            context,
            preconditions,
            report: RunReport::begun(self.job, self.run),
            silent: Vec::new(),
            refused: 0,
            is_over: false,
        };
        if each.all().await {
            each.silent_again().await;
        }
        each.finish()
    }

    /// Reads and applies one stream by itself.
    async fn one(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
        stream: &Arc<StreamJob>,
        failed_feed: Option<(StreamName, Outcome)>,
    ) -> Result<StreamReport, Failure> {
        let _lock = self.locks.lock(context.budget, stream).await?;
        match self.read(context, preconditions, stream).await? {
            StreamStep::Ready(mut ready) => {
                if let Some((feed, outcome)) = failed_feed.filter(|_| !ready.reading.full) {
                    removals_unknown(&mut ready.report, &feed, outcome);
                }
                let parts = self
                    .apply(preconditions, vec![*ready], DanglingRows::Accept)
                    .await?;
                let part = parts.and_then(|mut parts| parts.pop());
                part.ok_or_else(|| Failure::Panicked {
                    stream: stream.spec.name.clone(),
                })
            }
            StreamStep::Done(part) => Ok(*part),
        }
    }
}

impl<'a> Each<'a> {
    /// Reads every stream once; returns whether the run goes on.
    async fn all(&mut self) -> bool {
        let streams = &self.run.job.streams;
        for (position, stream) in streams.iter().enumerate() {
            let is_last = position + 1 == streams.len();
            let may_wait = !is_last && is_one_list(stream) && !self.is_feed(stream);
            let effort = if may_wait {
                Effort::FIRST
            } else {
                Effort::USUAL
            };
            let started = self.run.clock.running();
            let part = match self.one(stream, effort).await {
                Err(error) if may_wait && is_silence(&error) => {
                    self.silent.push((stream, started, error));
                    continue;
                }
                part => part,
            };
            let is_revoked = self.is_revoked(stream, &part) && !is_last;
            let part = match is_revoked {
                true => part.map_err(|error| error.in_step(revoked(&stream.spec.name))),
                false => part,
            };
            if self.add(stream, started, part) || is_revoked {
                return false;
            }
        }
        true
    }

    /// Reads the silent streams with what is left of their attempts.
    async fn silent_again(&mut self) {
        for (stream, started, first) in std::mem::take(&mut self.silent) {
            if self.is_over {
                self.silent.push((stream, started, first));
                continue;
            }
            let part = self.one(stream, Effort::SECOND).await;
            let part = part.map_err(|error| match is_silence(&error) {
                true => error.after_attempts(Effort::FIRST.silences),
                false => error,
            });
            self.add(stream, started, part);
        }
    }

    /// The report, with what is known of streams that were not read to their end.
    fn finish(mut self) -> RunReport {
        for (stream, started, error) in std::mem::take(&mut self.silent) {
            self.add(stream, started, Err(error));
        }
        self.run.in_order(&mut self.report);
        self.run.note_unrequested(&mut self.report);
        self.report.conclude()
    }

    async fn one(&self, stream: &Arc<StreamJob>, effort: Effort) -> Result<StreamReport, Failure> {
        let context = Context {
            effort,
            ..*self.context
        };
        let feed = failed_feed(stream, &self.report.streams);
        self.run
            .one(&context, self.preconditions, stream, feed)
            .await
    }

    /// Adds a stream's part to the report; returns whether the run ends with it.
    fn add(
        &mut self,
        stream: &Arc<StreamJob>,
        started: Duration,
        part: Result<StreamReport, Failure>,
    ) -> bool {
        let (part, is_last) = (self.run).record_failure(stream, part, started, &mut self.report);
        self.run.report_end(&part);
        self.report.streams.push(part);
        self.is_over |= is_last;
        is_last
    }

    /// Counts streams that had rows and are refused by 403; returns whether there are too many in a row.
    fn is_revoked(&mut self, stream: &StreamJob, part: &Result<StreamReport, Failure>) -> bool {
        let is_forbidden = |error: &Failure| error.http().is_some_and(HttpError::is_forbidden);
        let had_rows = || {
            let reader = self.run.store.reader()?;
            accounts::ever_had_rows(&reader, &stream.table.name())
        };
        let is_refused = part.as_ref().is_err_and(is_forbidden) && had_rows().unwrap_or(false);
        self.refused = if is_refused { self.refused + 1 } else { 0 };
        self.refused >= REVOKED
    }

    /// Another stream of the job needs its rows first.
    fn is_feed(&self, stream: &StreamJob) -> bool {
        let streams = self.run.job.streams.iter();
        let mut feeds = streams.filter_map(|other| other.feed.as_ref());
        feeds.any(|feed| feed.stream == stream.spec.name)
    }
}

fn revoked(stream: &StreamName) -> String {
    format!("read {stream} (refused like the stream before it, so no other was requested)")
}

/// Items of a stream are read concurrently: a silent one delays no other.
fn is_one_list(stream: &StreamJob) -> bool {
    stream.spec.for_each.is_none() && stream.spec.window.is_none()
}

fn is_silence(error: &Failure) -> bool {
    error.http().is_some_and(HttpError::is_silence)
}
