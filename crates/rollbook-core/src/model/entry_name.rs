//! The names of what the daemon schedules: the jobs, and the backup of the mirror.
//!
//! Ordered, compared and stored as texts. A job's name has no dot, so none is ever the backup's.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::name::JobName;
use crate::document::text_value::ValueError;

const BACKUP: &str = "store.backup";

/// The name of an entry of the schedule.
#[derive(Clone, Debug)]
pub enum EntryName {
    /// A job.
    Job(JobName),
    /// The scheduled backup, `store.backup`.
    Backup,
}

impl EntryName {
    /// The name as a text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Job(name) => name.as_str(),
            Self::Backup => BACKUP,
        }
    }

    /// The job, unless it is the backup.
    pub fn job(&self) -> Option<&JobName> {
        match self {
            Self::Job(name) => Some(name),
            Self::Backup => None,
        }
    }
}

impl From<&JobName> for EntryName {
    fn from(name: &JobName) -> Self {
        Self::Job(name.clone())
    }
}

impl FromStr for EntryName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            BACKUP => Ok(Self::Backup),
            name => name.parse().map(Self::Job),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for EntryName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EntryName {}

impl PartialEq<str> for EntryName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EntryName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<JobName> for EntryName {
    fn eq(&self, other: &JobName) -> bool {
        self.job() == Some(other)
    }
}

impl PartialOrd for EntryName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntryName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for EntryName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for EntryName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for EntryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EntryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
