//! Why a pass ended before everything was published.

use crate::app::publish::{AttemptFailure, FailureKind};
use rollbook_core::store::StoreError;
use rollbook_postgres::postgres::DatabaseError;

/// Why a pass ended before everything was published.
#[derive(Debug)]
pub(super) enum PassError {
    /// The mirror cannot be read or written.
    Store(StoreError),
    /// The database does not let it.
    Refused(String),
    /// It does not let the tables of some streams be as they should; the others are published.
    Streams(String),
    /// It waited too long for others.
    Busy(String),
    /// Tables are to be changed, which is done alone.
    Differs,
    /// Another publisher has written the row of the source: the next attempt finds out which.
    Overtaken,
    /// Another mirror publishes the source.
    Claimed {
        /// Its machine.
        by: String,
        /// What to do.
        why: String,
    },
    /// The connection is of no use any more.
    Lost(String),
}

impl From<StoreError> for PassError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DatabaseError> for PassError {
    fn from(error: DatabaseError) -> Self {
        let why = error.to_string();
        match error {
            DatabaseError::Differs => Self::Differs,
            _ if error.is_of_stream() => Self::Streams(why),
            _ if error.is_busy() => Self::Busy(why),
            _ if error.is_refusal() || error.is_of_this_side() => Self::Refused(why),
            _ => Self::Lost(why),
        }
    }
}

impl From<PassError> for AttemptFailure {
    fn from(failure: PassError) -> Self {
        let overtaken = || "another publisher published the source meanwhile".to_owned();
        let (kind, why) = match failure {
            PassError::Store(error) => (FailureKind::Lasting, error.to_string()),
            PassError::Refused(why) => (FailureKind::Lasting, why),
            PassError::Streams(why) => (FailureKind::SomeStreams, why),
            PassError::Busy(why) => (FailureKind::Busy, why),
            PassError::Differs => (FailureKind::Busy, DatabaseError::Differs.to_string()),
            PassError::Overtaken => (FailureKind::Busy, overtaken()),
            PassError::Claimed { by, why } => (FailureKind::Claimed(by), why),
            PassError::Lost(why) => (FailureKind::Lost, why),
        };
        Self { kind, why }
    }
}
