//! What a cluster knows of a source beside its lease, without a person: how its jobs ended.

use serde::{Deserialize, Serialize};

use super::JobName;

/// The jobs of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSummary {
    /// By name.
    pub jobs: Vec<JobSummary>,
}

/// How a job ended last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSummary {
    /// The job.
    pub job: JobName,
    /// The outcome of its last run, as its word.
    pub outcome: Option<String>,
    /// When that ended.
    pub ended: Option<String>,
    /// Whether it waits for a person.
    pub parked: bool,
    /// The run that waits for an approval.
    pub held: Option<i64>,
}
