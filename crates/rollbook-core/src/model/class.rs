//! The class of a failure, which decides how a run continues.
//!
//! Not the failures themselves: each floor has its own error enum with a `class()`.

use std::fmt;

/// The six kinds of failure, as the table in `docs/ARCHITECTURE.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Temporary: timeout, cut connection, 429, 5xx. Retried in this run, then at the next tick.
    Transient,
    /// The vendor refuses the credential. One new token is requested, then the job is parked.
    Auth,
    /// The vendor refuses the request and would refuse it again: other 4xx, a redirect, a bad certificate.
    Permanent,
    /// The response violates the contract: HTML instead of JSON, a missing member, a body that is too large.
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

    /// The value in tables and logs.
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

    /// The inverse of [`Class::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
