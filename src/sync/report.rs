//! What a run says of itself: while it goes on, and when it has ended.

use std::sync::Arc;
use std::time::Duration;

use super::job::Job;
use crate::model::row::Reject;
use crate::model::{Class, Outcome, ParkReason};
use crate::store::StoreError;
use crate::store::look::Gap;
use crate::store::runs::StreamRecord;

/// One stream's part of a run.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// What is recorded of it, with how it ended.
    pub record: StreamRecord,
    /// Why it parks its job, if its outcome says so.
    pub park: Option<ParkReason>,
    /// What an approval would be bound to, if the guard refused it.
    pub hold: Option<String>,
    /// Rows that could not be taken, by reason.
    pub rejects: Vec<(Reject, u64)>,
    /// Whether its record was written together with its rows.
    pub written: bool,
    /// The vendor's time when it was asked first, if it says.
    pub stated: Option<jiff::Timestamp>,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Its number; none for a dry run.
    pub run: Option<i64>,
    /// Its job.
    pub job: String,
    /// Its source.
    pub source: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it parks its job, if its outcome says so.
    pub park: Option<ParkReason>,
    /// What there is to say.
    pub sentence: Option<String>,
    /// Its streams in order.
    pub streams: Vec<StreamReport>,
    /// Values in its streams that have no label or no line in a crosswalk.
    pub gaps: Vec<Gap>,
    /// The vendor asked to be left alone until then.
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
            sentence: None,
            streams: Vec::new(),
            gaps: Vec::new(),
            deferred_until: None,
        }
    }

    /// A run that somebody stopped.
    pub fn stopped(job: &Job, run: Option<i64>) -> Self {
        let sentence = Some("stopped before it ended; nothing half was kept".to_owned());
        Self {
            outcome: Outcome::Interrupted,
            sentence,
            ..Self::begun(job, run)
        }
    }

    /// A run in which a part of the program broke; what it had not committed is gone.
    pub fn broken(job: &Job, run: Option<i64>) -> Self {
        let sentence =
            Some("a part of rollbook broke; nothing half was kept; please report it".to_owned());
        Self {
            outcome: Outcome::Failed(Class::Permanent),
            sentence,
            ..Self::begun(job, run)
        }
    }

    /// A run that the mirror itself would not take.
    pub fn of_store_error(job: &Job, run: Option<i64>, error: &StoreError) -> Self {
        Self {
            outcome: Outcome::Failed(error.class()),
            sentence: Some(error.to_string()),
            ..Self::begun(job, run)
        }
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
            self.sentence = Some(nothing_served(&self.source, &self.streams));
            return self;
        }
        let said = self.streams.iter();
        let said: Vec<String> = said
            .filter(|stream| severity(stream) == outcome.severity())
            .filter_map(|stream| {
                let record = &stream.record;
                Some(format!(
                    "{}: {}",
                    record.stream,
                    record.sentence.as_deref()?
                ))
            })
            .collect();
        self.outcome = match outcome {
            Outcome::NotServed => Outcome::Ok,
            outcome => outcome,
        };
        self.park = park.filter(|_| outcome == Outcome::Parked);
        self.sentence = (!said.is_empty()).then(|| said.join("; "));
        self
    }
}

/// Each stream of a job may be missing, and all of them are.
fn nothing_served(source: &str, streams: &[StreamReport]) -> String {
    let first = streams.first();
    let why = first.and_then(|stream| {
        let why = stream.record.sentence.as_deref()?;
        Some(format!(" ({}: {why})", stream.record.stream))
    });
    format!(
        "nothing could be read: {source} serves no stream of this job{}; see whether its credential still has the rights, \
         or leave out of the job what this account does not have",
        why.unwrap_or_default()
    )
}

/// News from a run that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A stream begins.
    Start {
        /// The source.
        source: String,
        /// The stream.
        stream: String,
    },
    /// A page came.
    Page {
        /// The source.
        source: String,
        /// The stream.
        stream: String,
        /// Rows so far.
        rows: u64,
        /// Rows of the whole list, where known.
        total: Option<u64>,
    },
    /// Nothing more may be heard for this long: a request, a pause, another run that is in the way.
    Quiet(Duration),
    /// A stream has ended.
    End {
        /// The source.
        source: String,
        /// The stream.
        stream: String,
        /// How.
        outcome: Outcome,
    },
}

/// Somebody who is told.
pub type Watch = Arc<dyn Fn(Progress) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str, outcome: Outcome, sentence: &str) -> StreamReport {
        StreamReport {
            record: StreamRecord {
                stream: name.to_owned(),
                outcome,
                sentence: (!sentence.is_empty()).then(|| sentence.to_owned()),
                ..StreamRecord::default()
            },
            park: (outcome == Outcome::Parked).then_some(ParkReason::SignInNeeded),
            hold: None,
            rejects: Vec::new(),
            written: false,
            stated: None,
        }
    }

    /// Concludes a run of streams `a`, `b`, … that ended like this, each saying its own name.
    fn check(outcomes: &[Outcome], expected: Outcome, said: Option<&str>) {
        let names = ["a", "b", "c"];
        let streams = outcomes.iter().zip(names).map(|(outcome, name)| {
            let sentence = if *outcome == Outcome::Ok { "" } else { name };
            stream(name, *outcome, sentence)
        });
        let report = RunReport {
            run: None,
            job: "job".to_owned(),
            source: "north".to_owned(),
            outcome: Outcome::Ok,
            park: None,
            sentence: None,
            streams: streams.collect(),
            gaps: Vec::new(),
            deferred_until: None,
        };
        let report = report.conclude();
        assert_eq!(report.outcome, expected, "{outcomes:?}");
        assert_eq!(report.sentence.as_deref(), said, "{outcomes:?}");
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
        let said = "nothing could be read: north serves no stream of this job (a: a); see whether its credential still has \
                    the rights, or leave out of the job what this account does not have";
        for outcomes in [&[Outcome::NotServed; 1][..], &[Outcome::NotServed; 3]] {
            check(outcomes, Outcome::Failed(Class::Permanent), Some(said));
        }
    }
}
