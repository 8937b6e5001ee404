//! What a hook is told of: the runs of a job, or a bundle of files.

use std::fmt;
use std::str::FromStr;

use super::name::{BundleName, JobName};
use crate::document::text_value::ValueError;

const JOB: &str = "job ";
const BUNDLE: &str = "bundle ";

/// What a hook is told of. Its text is stored in the mirror.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookSubject {
    /// Runs of this job that changed something.
    Job(JobName),
    /// This bundle, when it was written.
    Bundle(BundleName),
}

impl fmt::Display for HookSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(name) => write!(f, "{JOB}{name}"),
            Self::Bundle(name) => write!(f, "{BUNDLE}{name}"),
        }
    }
}

impl FromStr for HookSubject {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(job) = text.strip_prefix(JOB) {
            return job.parse().map(Self::Job);
        }
        match text.strip_prefix(BUNDLE) {
            Some(bundle) => bundle.parse().map(Self::Bundle),
            None => Err(ValueError::new("this is neither a job nor a bundle")),
        }
    }
}
