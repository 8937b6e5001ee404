//! Why a pass ended before everything was published.

use crate::app::publish::AttemptFailure;
use crate::postgres::DatabaseError;
use crate::store::StoreError;

/// Why a pass ended before everything was published.
#[derive(Debug)]
pub(super) enum PassError {
    /// The mirror cannot be read or written.
    Store(StoreError),
    /// The database does not let it.
    Refused(String),
    /// It does not let the tables of some streams be as they should; the others are published.
    Streams(String),
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
        match (error.is_of_stream(), error.is_refusal()) {
            (true, _) => Self::Streams(why),
            (false, true) => Self::Refused(why),
            (false, false) => Self::Lost(why),
        }
    }
}

impl From<PassError> for AttemptFailure {
    fn from(failure: PassError) -> Self {
        let is_partial = matches!(failure, PassError::Streams(_));
        let (why, claimed_by) = match failure {
            PassError::Store(error) => (error.to_string(), None),
            PassError::Refused(why) | PassError::Lost(why) | PassError::Streams(why) => (why, None),
            PassError::Overtaken => {
                let why = "another publisher published the source meanwhile";
                (why.to_owned(), None)
            }
            PassError::Claimed { by, why } => (why, Some(by)),
        };
        Self {
            why,
            claimed_by,
            is_partial,
        }
    }
}
