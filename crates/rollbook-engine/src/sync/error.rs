//! Why a stream or a run could not be finished.

use rollbook_core::model::{Class, Outcome, ParkReason, SourceName, StreamName};
use rollbook_core::store::StoreError;
use rollbook_http::http::{HttpError, HttpErrorKind, Refused};

/// A failure of a stream.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The vendor or the connection to it.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The mirror.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Another run holds the stream's table.
    #[error("another run still reads `{stream}` of {source_name}; waited {waited}")]
    Busy {
        /// The stream.
        stream: StreamName,
        /// The source.
        source_name: SourceName,
        /// How long, for the message.
        waited: String,
    },
    /// The reading panicked.
    #[error("internal error (panic) while reading {stream}; please report it")]
    Panicked {
        /// The stream.
        stream: StreamName,
    },
}

impl Failure {
    /// What it means for the run.
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Busy { .. } => Class::Transient,
            Self::Panicked { .. } => Class::Permanent,
        }
    }

    /// The outcome of the stream. A refused sign-in parks the job; a missing permission for one stream does not, and
    /// the others continue.
    pub fn outcome(&self) -> Outcome {
        match self.park_reason() {
            Some(_) => Outcome::Parked,
            None => Outcome::Failed(self.class()),
        }
    }

    /// Why the job is parked after it, if it is.
    pub fn park_reason(&self) -> Option<ParkReason> {
        let error = self.http()?;
        match error.kind() {
            HttpErrorKind::SignInNeeded(_) => Some(ParkReason::SignInNeeded),
            HttpErrorKind::VaultShut(_) => Some(ParkReason::VaultShut),
            HttpErrorKind::RefreshOpen(_) => Some(ParkReason::RefreshOpen),
            HttpErrorKind::GrantRefused(refusal) if refusal.refused == Refused::Password => {
                Some(ParkReason::PasswordRefused)
            }
            HttpErrorKind::PasswordRests(rest) if rest.needs_person => {
                Some(ParkReason::PasswordRefused)
            }
            // It ends when the clock is right.
            HttpErrorKind::Forbidden | HttpErrorKind::SignatureRefused(_, Some(_)) => None,
            _ => (error.class() == Class::Auth).then_some(ParkReason::CredentialRefused),
        }
    }

    /// The same of another step, where it is the vendor's.
    pub(super) fn in_step(self, step: String) -> Self {
        match self {
            Self::Http(error) => Self::Http(error.in_step(step)),
            other => other,
        }
    }

    /// The same after earlier attempts at the same page.
    pub(super) fn after_attempts(self, earlier: u32) -> Self {
        match self {
            Self::Http(error) => {
                let attempts = error.attempts() + earlier;
                Self::Http(error.after_attempts(attempts))
            }
            other => other,
        }
    }

    /// How often the request was tried that made it fail; 0 where no request did.
    pub fn attempts(&self) -> u64 {
        self.http().map_or(0, |error| u64::from(error.attempts()))
    }

    /// Every stream of the source fails for the same reason.
    pub fn is_of_the_source(&self) -> bool {
        self.http().is_some_and(|error| {
            let is_of_the_credential = error.class() == Class::Auth && !error.is_forbidden();
            error.is_of_the_source() || is_of_the_credential || error.is_password_resting()
        })
    }

    /// The vendor's error, if it was one.
    pub fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            Self::Store(_) | Self::Busy { .. } | Self::Panicked { .. } => None,
        }
    }
}
