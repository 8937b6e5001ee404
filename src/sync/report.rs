//! What a run says of itself: while it goes on, and when it has ended.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::model::Class;
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
    /// The vendor asked to be left alone until then.
    pub deferred_until: Option<jiff::Timestamp>,
}

/// News from a run that goes on.
#[derive(Clone, Debug)]
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
