//! What a failure means for the run: who branches on it, and how.
//!
//! Not the failures themselves: each floor has its own error enum with a `class()`.

use std::fmt;

/// The six kinds of failure, as the table in `docs/ARCHITECTURE.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A hiccup: timeout, cut connection, 429, 5xx. Waited out and tried again, then the next tick.
    Transient,
    /// The vendor does not accept who we are. One new token, then the job is parked.
    Auth,
    /// The vendor says no, and would again: other 4xx, a redirect, a bad certificate.
    Permanent,
    /// The answer is not what the contract says: HTML for JSON, a member missing, a body too large.
    Contract,
    /// Our own guard refuses an implausible difference. Waits for an admin.
    Refused,
    /// The mirror is damaged or read-only, or the disk lost what was written. The daemon ends.
    Fatal,
}

impl Class {
    const ALL: [Self; 6] = [
        Self::Transient,
        Self::Auth,
        Self::Permanent,
        Self::Contract,
        Self::Refused,
        Self::Fatal,
    ];

    /// The word in tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Auth => "auth",
            Self::Permanent => "permanent",
            Self::Contract => "contract",
            Self::Refused => "refused",
            Self::Fatal => "fatal",
        }
    }

    /// The class that a word of a table means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
