//! What starts a run.

use std::fmt;

use serde::{Serialize, Serializer};

use super::stream_set::StreamSet;

/// What starts a run; stored as [`Cause::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The job's schedule.
    Schedule,
    /// A tick was missed, and the job wants it made up for.
    CatchUp,
    /// `rollbook sync` or another command.
    Command,
    /// An admin has approved what the job held back.
    Approval,
    /// The vendor called a webhook of the job's source.
    Webhook,
}

/// Why a run starts, and what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    /// Why.
    pub cause: Cause,
    /// Also incremental streams are read in full.
    pub full: bool,
    /// The only streams that are read; all of the job's if `None`.
    pub only: Option<StreamSet>,
}

impl From<Cause> for RunStart {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            full: false,
            only: None,
        }
    }
}

impl Cause {
    const ALL: [Self; 5] = [
        Self::Schedule,
        Self::CatchUp,
        Self::Command,
        Self::Approval,
        Self::Webhook,
    ];

    /// The value in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::CatchUp => "catch_up",
            Self::Command => "command",
            Self::Approval => "approval",
            Self::Webhook => "webhook",
        }
    }

    /// The inverse of [`Cause::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
        }
        for word in ["", "tick", "catch-up"] {
            assert_eq!(Cause::parse(word), None, "{word}");
        }
    }
}
