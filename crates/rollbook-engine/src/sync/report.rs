//! What a run reports: progress while it runs, and the result.

use std::sync::Arc;
use std::time::Duration;

use super::job::Job;
use rollbook_core::model::row::Reject;
use rollbook_core::model::{Class, JobName, Outcome, ParkReason, SourceName, StreamName};
use rollbook_core::store::StoreError;
use rollbook_core::store::held::HeldRows;
use rollbook_core::store::queries::Gap;
use rollbook_core::store::runs::StreamRecord;

/// One stream's part of a run.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// What is recorded of it, with how it ended.
    pub record: StreamRecord,
    /// Why it parks its job, if it does.
    pub park: Option<ParkReason>,
    /// What an approval would be bound to, if the guard refused it.
    pub hold: Option<String>,
    /// Its difference, if it was not applied: the run was held or dry.
    pub held_rows: Option<Arc<HeldRows>>,
    /// Rejected rows, by reason.
    pub rejects: Vec<(Reject, u64)>,
    /// Whether its record was written together with its rows.
    pub written: bool,
    /// The vendor's time at the first request, if sent.
    pub vendor_time: Option<jiff::Timestamp>,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Its number; none for a dry run.
    pub run: Option<i64>,
    /// Its job.
    pub job: JobName,
    /// Its source.
    pub source: SourceName,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it parks its job, if it does.
    pub park: Option<ParkReason>,
    /// The message for the admin.
    pub message: Option<String>,
    /// Its streams in order.
    pub streams: Vec<StreamReport>,
    /// Values in its streams that have no label or no line in a crosswalk.
    pub gaps: Vec<Gap>,
    /// The vendor asked for no requests before this time.
    pub deferred_until: Option<jiff::Timestamp>,
}

impl RunReport {
    /// A run that has not read anything yet.
    pub fn begun(job: &Job, run: Option<i64>) -> Self {
        Self {
            run,
            job: job.name.clone(),
            source: job.source.name.clone(),
            outcome: Outcome::Ok,
            park: None,
            message: None,
            streams: Vec::new(),
            gaps: Vec::new(),
            deferred_until: None,
        }
    }

    /// A run that was stopped.
    pub fn stopped(job: &Job, run: Option<i64>) -> Self {
        let message =
            Some("stopped before it ended; unfinished streams were not written".to_owned());
        Self {
            outcome: Outcome::Interrupted,
            message,
            ..Self::begun(job, run)
        }
    }

    /// A run that panicked; what it had not committed is discarded.
    pub fn panicked(job: &Job, run: Option<i64>) -> Self {
        let message = Some(
            "internal error (panic); unfinished streams were not written; please report it"
                .to_owned(),
        );
        Self {
            outcome: Outcome::Failed(Class::Permanent),
            message,
            ..Self::begun(job, run)
        }
    }

    /// A run that the mirror itself would not take.
    pub fn of_store_error(job: &Job, run: Option<i64>, error: &StoreError) -> Self {
        Self {
            outcome: Outcome::Failed(error.class()),
            message: Some(error.to_string()),
            ..Self::begun(job, run)
        }
    }

    /// The vendor refused a credential that worked before, which may be its fault: the run has failed, and the job is not
    /// parked. `again`: when a tick may run it.
    pub fn retry_credential(&mut self, again: jiff::Timestamp) {
        let failed = Outcome::Failed(Class::Auth);
        for stream in &mut self.streams {
            if stream.record.outcome == Outcome::Parked {
                (stream.record.outcome, stream.park) = (failed, None);
            }
        }
        (self.outcome, self.park) = (failed, None);
        let message = self.message.take().unwrap_or_default();
        self.message = Some(format!(
            "{message}; the credential worked before, so the first tick after {} UTC tries it again",
            again.strftime("%Y-%m-%d %H:%M:%S")
        ));
    }

    /// The run's outcome is that of its worst stream. One in which no stream could be read has failed, also where each
    /// of them may be missing.
    pub fn conclude(mut self) -> Self {
        let severity = |stream: &StreamReport| stream.record.outcome.severity();
        let Some(worst) = self.streams.iter().max_by_key(|stream| severity(stream)) else {
            return self;
        };
        let (outcome, park) = (worst.record.outcome, worst.park);
        let is_all = |outcome| self.streams.iter().all(|one| one.record.outcome == outcome);
        if is_all(Outcome::NotServed) {
            self.outcome = Outcome::Failed(Class::Permanent);
            self.message = Some(nothing_served(&self.source, &self.streams));
            return self;
        }
        let messages = self.streams.iter();
        let messages: Vec<String> = messages
            .filter(|stream| severity(stream) == outcome.severity())
            .filter_map(|stream| {
                let record = &stream.record;
                Some(format!("{}: {}", record.stream, record.message.as_deref()?))
            })
            .collect();
        self.outcome = match outcome {
            Outcome::NotServed => Outcome::Ok,
            outcome => outcome,
        };
        self.park = park.filter(|_| outcome == Outcome::Parked);
        self.message = (!messages.is_empty()).then(|| messages.join("; "));
        self
    }
}

/// Each stream of a job may be missing, and all of them are.
fn nothing_served(source: &SourceName, streams: &[StreamReport]) -> String {
    let first = streams.first();
    let why = first.and_then(|stream| {
        let why = stream.record.message.as_deref()?;
        Some(format!(" ({}: {why})", stream.record.stream))
    });
    format!(
        "no stream of this job could be read: {source} serves none of them{}; check the rights of its credential, \
         or remove from the job the streams that this account does not have",
        why.unwrap_or_default()
    )
}

/// The progress of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A stream begins.
    Start {
        /// The source.
        source: SourceName,
        /// The stream.
        stream: StreamName,
    },
    /// A page was received.
    Page {
        /// The source.
        source: SourceName,
        /// The stream.
        stream: StreamName,
        /// Rows so far.
        rows: u64,
        /// Rows of the whole list, where known.
        total: Option<u64>,
    },
    /// No progress is expected for this long: a request, a pause, a lock held by another run.
    ExpectSilence(Duration),
    /// A stream has ended.
    End {
        /// The source.
        source: SourceName,
        /// The stream.
        stream: StreamName,
        /// How.
        outcome: Outcome,
    },
}

/// Receives the progress of a run.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;

    fn stream(name: &str, outcome: Outcome, message: &str) -> StreamReport {
        StreamReport {
            record: StreamRecord {
                outcome,
                message: (!message.is_empty()).then(|| message.to_owned()),
                ..StreamRecord::new(named(name))
            },
            park: (outcome == Outcome::Parked).then_some(ParkReason::SignInNeeded),
            hold: None,
            held_rows: None,
            rejects: Vec::new(),
            written: false,
            vendor_time: None,
        }
    }

    /// Concludes a run of streams `a`, `b`, … that ended like this, each saying its own name.
    fn check(outcomes: &[Outcome], expected: Outcome, messages: Option<&str>) {
        let names = ["a", "b", "c"];
        let streams = outcomes.iter().zip(names).map(|(outcome, name)| {
            let message = if *outcome == Outcome::Ok { "" } else { name };
            stream(name, *outcome, message)
        });
        let report = RunReport {
            run: None,
            job: named("job"),
            source: named("north"),
            outcome: Outcome::Ok,
            park: None,
            message: None,
            streams: streams.collect(),
            gaps: Vec::new(),
            deferred_until: None,
        };
        let report = report.conclude();
        assert_eq!(report.outcome, expected, "{outcomes:?}");
        assert_eq!(report.message.as_deref(), messages, "{outcomes:?}");
        let is_parked = expected == Outcome::Parked;
        assert_eq!(report.park.is_some(), is_parked, "{outcomes:?}");
    }

    #[test]
    fn a_run_is_as_bad_as_its_worst_stream() {
        use Outcome::*;
        let failed = Failed(Class::Contract);
        check(&[], Ok, None);
        check(&[Ok, Ok], Ok, None);
        check(&[Ok, NotServed], Ok, Some("b: b"));
        check(&[OkWithRejects, NotServed], OkWithRejects, Some("a: a"));
        check(&[Incomplete, OkWithRejects], Incomplete, Some("a: a"));
        check(&[Interrupted, Incomplete], Incomplete, Some("b: b"));
        check(&[Held, Incomplete, Held], Held, Some("a: a; c: c"));
        check(&[failed, Held], failed, Some("a: a"));
        check(&[NotServed, failed], failed, Some("b: b"));
        check(&[failed, Parked], Parked, Some("b: b"));
    }

    #[test]
    fn a_run_in_which_nothing_could_be_read_has_failed() {
        let messages = "no stream of this job could be read: north serves none of them (a: a); check the rights of its credential, or remove from the job the streams that this account does not have";
        for outcomes in [&[Outcome::NotServed; 1][..], &[Outcome::NotServed; 3]] {
            check(outcomes, Outcome::Failed(Class::Permanent), Some(messages));
        }
    }
}
