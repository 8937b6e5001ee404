//! What a run says of itself: while it goes on, and when it has ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::job::Job;
use crate::model::Class;
use crate::model::row::Reject;
use crate::store::StoreError;
use crate::store::look::Gap;
use crate::store::runs::StreamRecord;

/// How a run or a stream ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All is as the vendor says.
    Ok,
    /// The same, but for rows that could not be taken.
    OkWithRejects,
    /// The guard refused; an admin may approve.
    Held,
    /// It could not be read.
    Failed(#[serde(skip)] Class),
    /// A person must act: sign in, grant a right.
    Parked,
    /// It was stopped.
    Interrupted,
    /// The vendor does not serve it here, which is allowed.
    LeftOut,
}

impl Outcome {
    /// The word in tables and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OkWithRejects => "ok_with_rejects",
            Self::Held => "held",
            Self::Failed(_) => "failed",
            Self::Parked => "parked",
            Self::Interrupted => "interrupted",
            Self::LeftOut => "left_out",
        }
    }

    /// Whether the mirror is now as the vendor says.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Ok | Self::OkWithRejects | Self::LeftOut)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One stream's part of a run.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// What is recorded of it.
    pub record: StreamRecord,
    /// How it ended.
    pub outcome: Outcome,
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

    /// The run's outcome is that of its worst stream.
    pub fn conclude(mut self) -> Self {
        let rank = |outcome: &Outcome| match outcome {
            Outcome::Ok => 0,
            Outcome::LeftOut => 1,
            Outcome::OkWithRejects => 2,
            Outcome::Interrupted => 3,
            Outcome::Held => 4,
            Outcome::Failed(_) => 5,
            Outcome::Parked => 6,
        };
        if let Some(worst) = self
            .streams
            .iter()
            .max_by_key(|stream| rank(&stream.outcome))
        {
            self.outcome = match &worst.outcome {
                Outcome::LeftOut => Outcome::Ok,
                outcome => outcome.clone(),
            };
            let said = self
                .streams
                .iter()
                .filter(|stream| rank(&stream.outcome) == rank(&worst.outcome));
            let sentences: Vec<String> = said
                .filter_map(|stream| {
                    Some(format!(
                        "{}: {}",
                        stream.record.stream,
                        stream.record.sentence.as_deref()?
                    ))
                })
                .collect();
            self.sentence = (!sentences.is_empty()).then(|| sentences.join("; "));
        }
        self
    }
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
