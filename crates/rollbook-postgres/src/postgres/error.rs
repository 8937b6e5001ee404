//! What a database answered that it should not, without what it says of values: those may name a pupil.

use std::time::Duration;

use thiserror::Error;
use tokio_postgres::error::{DbError, SqlState};

/// Why something could not be published.
#[derive(Clone, Debug, Error)]
pub enum DatabaseError {
    /// The address cannot be used.
    #[error("the address in `url` cannot be used: {0}")]
    Address(String),
    /// No server answers there, or the connection was cut.
    #[error("no connection to the database: {0}")]
    Connection(String),
    /// It does not answer any more.
    #[error("the database did not answer within {} seconds", .0.as_secs())]
    Slow(Duration),
    /// It refused a statement.
    #[error("the database refuses it ({code}): {message}")]
    Refused {
        /// SQLSTATE.
        code: String,
        /// What it said where that holds no value, and what to do.
        message: String,
    },
    /// Other sources publish a table with another key.
    #[error(
        "other sources ({sources}) publish the table {table} with another key, so their mirrors have another version of the connector; \
         it continues when all have the same"
    )]
    OtherKey {
        /// The table.
        table: String,
        /// Who does.
        sources: String,
    },
    /// A newer program made our own tables.
    #[error("a newer rollbook made the tables (version {0}); install that version here too")]
    Newer(i32),
    /// A table was changed by other means.
    #[error(
        "the table {0} is not as it was made: it was dropped or changed by other means; `rollbook publish rebuild` makes it again"
    )]
    OtherColumns(String),
    /// There is a table of another program.
    #[error(
        "there is a table {0} that Rollbook did not make; nothing was changed: set another `schema`, or rename that table"
    )]
    ForeignTable(String),
    /// Tables are to be changed, which is done alone.
    #[error("the tables are to be changed")]
    Differs,
    /// Nothing can be named so that no other has the same name.
    #[error("the system gives no random numbers")]
    NoRandomNumbers,
    /// The answer is not as it should be.
    #[error("unexpected answer of the database: {0}")]
    Answer(String),
}

impl DatabaseError {
    /// Whether the statement failed because of what it found, so that the database itself works.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { .. } => !self.is_of_connection(),
            Self::OtherKey { .. }
            | Self::Newer(_)
            | Self::OtherColumns(_)
            | Self::ForeignTable(_)
            | Self::Differs => true,
            _ => false,
        }
    }

    /// Whether another attempt fails likewise, because nothing was sent.
    pub fn is_of_this_side(&self) -> bool {
        matches!(self, Self::Address(_) | Self::NoRandomNumbers)
    }

    /// Whether it is about the tables of one stream, for as long as others do not change something.
    pub fn is_of_stream(&self) -> bool {
        match self {
            Self::OtherKey { .. } | Self::ForeignTable(_) => true,
            // A view of an operator's own, or what has the name of a table.
            Self::Refused { code, .. } => ["2BP01", "42P07"].contains(&code.as_str()),
            _ => false,
        }
    }

    /// Whether the statement waited too long for others, or was given up for them: a moment later it may pass.
    pub fn is_busy(&self) -> bool {
        let busy = [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ];
        self.is_one_of(&busy)
    }

    /// Whether the server, or a pooler before it, has ended the connection or takes no more.
    fn is_of_connection(&self) -> bool {
        const EXCEPTIONS: &str = "08";
        let ended = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        let is_exception =
            matches!(self, Self::Refused { code, .. } if code.starts_with(EXCEPTIONS));
        is_exception || self.is_one_of(&ended)
    }

    /// Whether another publisher did the same at the same time.
    pub fn is_conflict(&self) -> bool {
        let conflicts = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_COLUMN,
            SqlState::DUPLICATE_OBJECT,
            SqlState::DUPLICATE_SCHEMA,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ];
        self.is_one_of(&conflicts)
    }

    fn is_one_of(&self, states: &[SqlState]) -> bool {
        let Self::Refused { code, .. } = self else {
            return false;
        };
        states.iter().any(|state| state.code() == code)
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => refused(refusal),
            None => Self::Connection(causes(&error)),
        }
    }
}

/// An error and what is behind it: none of them holds a statement's values.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn refused(refusal: &DbError) -> DatabaseError {
    let code = refusal.code().code();
    let message = match advice(code) {
        Some(advice) => format!("{}; {advice}", refusal.message()),
        None if holds_no_value(code) => refusal.message().to_owned(),
        None => {
            let place = refusal.table().map(|table| format!(" of {table}"));
            format!("a value{} does not fit", place.unwrap_or_default())
        }
    };
    DatabaseError::Refused {
        code: code.to_owned(),
        message,
    }
}

/// Classes whose words name objects and no values.
fn holds_no_value(code: &str) -> bool {
    !["22", "23", "P0", "XX"]
        .iter()
        .any(|class| code.starts_with(class))
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "correct user and password in `url`",
        "3D000" => "create the database, or correct its name in `url`",
        "42501" => "grant it: the user of `url` must own the schema or be allowed to create it",
        "2BP01" => "a view of your own uses it: drop that, and create it again afterwards",
        "42P07" => "another program made it: set another `schema`, or rename that",
        "53300" => "allow more connections, or put PgBouncer in front",
        "53100" => "the database's disk is full",
        "55P03" => "others work on the tables; it is tried again in a moment",
        _ => return None,
    })
}
