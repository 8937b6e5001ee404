//! Why a request came to nothing, as somebody can branch on it.
//!
//! The sentences are next door in `sentence.rs`. No kind holds a URL's query, a body, a header's
//! value or a text of the vendor's; a code is kept only when the description knows the word.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::Class;
use crate::model::retry::Worth;

/// A request or a token that could not be had.
#[derive(Clone)]
pub struct HttpError(Box<Failure>);

#[derive(Clone)]
pub(super) struct Failure {
    /// The step as it stands after "could not": `read page 3 of users`.
    pub step: String,
    /// Whom was asked; empty when nobody was.
    pub host: String,
    /// How many attempts were made.
    pub attempts: u32,
    pub kind: Kind,
}

/// The ways in which a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A setting is wrong; nothing was sent.
    Setup(String),
    /// An address leads out of the source's base address; nothing was sent.
    Astray,
    /// A name leads into this machine's own network, which nobody allowed: the name, and the range in words.
    Inward(String, &'static str),
    /// No connection.
    Unreachable(Unreachable),
    /// The server's certificate is not accepted; the sentence says why.
    Certificate(String),
    /// The connection broke, or what came was not HTTP.
    Cut,
    /// A limit of time was reached.
    TooSlow(Slow, Duration),
    /// A status that passes by itself: 408, 425, 429, 500, 502, 503, 504; with the wait asked for.
    Busy(u16, Option<Duration>),
    /// The token was refused, and a new one too.
    Unauthorised(u16),
    /// 403.
    Forbidden,
    /// 404, 405, 410, or a code that says so.
    Missing(u16, Option<String>),
    /// A code that says "too much at once", or 413.
    TooMany(u16, Option<String>),
    /// A redirect, with the host that it names.
    Redirect(u16, Option<String>),
    /// Any other status.
    Rejected(u16),
    /// An answer against the contract; why, without any of its text.
    BadAnswer(u16, String),
    /// A body beyond the limit (bytes).
    TooLarge(u64),
    /// A body that unpacks to more than a hundred times its size.
    Bomb,
    /// A `Content-Encoding` that was not asked for.
    Encoding,
    /// The server asked to wait for longer than the run has.
    Deferred(u16, Timestamp),
    /// The day's requests are used up.
    Quota(u32, Timestamp),
    /// The run's time is over.
    OutOfTime,
    /// The token endpoint refused the credential: status, and the standard's word for it.
    GrantRefused(u16, Option<&'static str>),
    /// The password was refused less than a day ago, maybe by another process; not asked before this time.
    PasswordRests(Timestamp),
    /// A person has to sign in anew: to this source by command, or with a new token where none is named.
    SignInNeeded(Option<String>),
    /// The issuer's document says what it may not; the sentence fits after "its document".
    DocumentRefused(String),
    /// A sign-in by browser came to nothing; the sentence says why.
    SignInFailed(String),
    /// A refresh was sent and its answer is lost or unreadable, so the token may be used up.
    GrantUnclear,
    /// Too many token requests failed; the next one may go out then; the last failure's sentence.
    GrantPaused(Timestamp, String),
    /// The vault could not be read or written.
    Vault(String),
    /// The vault is sealed and its key is not there; nothing was sent.
    VaultShut(String),
    /// The day's count could not be kept.
    Count(String),
}

/// Why there was no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host's name is not known.
    NoSuchHost,
    /// Nobody listens, or the network says no.
    Refused,
    /// Nobody answered in time.
    Silent,
    /// TLS could not be agreed on.
    Handshake,
}

/// Which limit of time was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// No headers.
    FirstByte,
    /// Silence within the body.
    Idle,
    /// The whole request.
    Whole,
    /// Bytes came, but too few.
    Pace,
}

impl Kind {
    /// How often the session asks again.
    pub(super) fn worth(&self) -> Worth {
        match self {
            Self::Unreachable(_) | Self::Cut | Self::TooSlow(..) | Self::Busy(..) => Worth::Several,
            Self::BadAnswer(..) => Worth::OneMore,
            Self::Setup(_)
            | Self::Astray
            | Self::Inward(..)
            | Self::Certificate(_)
            | Self::Unauthorised(_)
            | Self::Forbidden
            | Self::Missing(..)
            | Self::TooMany(..)
            | Self::Redirect(..)
            | Self::Rejected(_)
            | Self::TooLarge(_)
            | Self::Bomb
            | Self::Encoding
            | Self::Deferred(..)
            | Self::Quota(..)
            | Self::OutOfTime
            | Self::GrantRefused(..)
            | Self::PasswordRests(_)
            | Self::SignInNeeded(_)
            | Self::SignInFailed(_)
            | Self::DocumentRefused(_)
            | Self::GrantUnclear
            | Self::GrantPaused(..)
            | Self::Vault(_)
            | Self::VaultShut(_)
            | Self::Count(_) => Worth::Nothing,
        }
    }

    /// The wait that the server asked for.
    pub(super) fn asked(&self) -> Option<Duration> {
        match self {
            Self::Busy(_, asked) => *asked,
            _ => None,
        }
    }

    /// Puts the kind beside what was tried and whom was asked.
    pub(crate) fn at(self, step: impl Into<String>, host: impl Into<String>) -> HttpError {
        let (step, host) = (step.into(), host.into());
        HttpError(Box::new(Failure {
            step,
            host,
            attempts: 1,
            kind: self,
        }))
    }
}

impl HttpError {
    /// Who branches on it, and how.
    pub fn class(&self) -> Class {
        match &self.0.kind {
            Kind::Unreachable(_)
            | Kind::Cut
            | Kind::TooSlow(..)
            | Kind::Busy(..)
            | Kind::Deferred(..)
            | Kind::Quota(..)
            | Kind::OutOfTime
            | Kind::GrantUnclear
            | Kind::GrantPaused(..)
            | Kind::Vault(_)
            | Kind::Count(_) => Class::Transient,
            Kind::Unauthorised(_)
            | Kind::Forbidden
            | Kind::GrantRefused(..)
            | Kind::PasswordRests(_)
            | Kind::SignInNeeded(_)
            | Kind::SignInFailed(_)
            | Kind::VaultShut(_) => Class::Auth,
            Kind::Setup(_)
            | Kind::Inward(..)
            | Kind::Certificate(_)
            | Kind::Missing(..)
            | Kind::TooMany(..)
            | Kind::Redirect(..)
            | Kind::Rejected(_) => Class::Permanent,
            Kind::Astray
            | Kind::BadAnswer(..)
            | Kind::DocumentRefused(_)
            | Kind::TooLarge(_)
            | Kind::Bomb
            | Kind::Encoding => Class::Contract,
        }
    }

    /// The kind, for whoever needs more than the class.
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// How many attempts were made for it.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The status of the last answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            Kind::Busy(status, _)
            | Kind::Unauthorised(status)
            | Kind::Missing(status, _)
            | Kind::TooMany(status, _)
            | Kind::Redirect(status, _)
            | Kind::Rejected(status)
            | Kind::BadAnswer(status, _)
            | Kind::Deferred(status, _)
            | Kind::GrantRefused(status, _) => Some(status),
            Kind::Forbidden => Some(403),
            _ => None,
        }
    }

    /// The vendor's error code, when it is one of the words that its description knows.
    pub fn code(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Missing(_, code) | Kind::TooMany(_, code) => code.as_deref(),
            _ => None,
        }
    }

    /// Asking for less at once may help: the caller shrinks its window or its page.
    pub fn is_too_many(&self) -> bool {
        matches!(self.0.kind, Kind::TooMany(..) | Kind::TooSlow(..))
    }

    /// There is no such path or thing.
    pub fn is_missing(&self) -> bool {
        matches!(self.0.kind, Kind::Missing(..))
    }

    /// The token is good, the right is missing.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.0.kind, Kind::Forbidden)
    }

    /// No request before this time.
    pub fn deferred_until(&self) -> Option<Timestamp> {
        match self.0.kind {
            Kind::Deferred(_, until) | Kind::Quota(_, until) | Kind::GrantPaused(until, _) => {
                Some(until)
            }
            _ => None,
        }
    }

    /// The run's time is over.
    pub fn is_out_of_time(&self) -> bool {
        matches!(self.0.kind, Kind::OutOfTime)
    }

    /// It is the same for everything that this source is asked.
    pub fn is_of_the_source(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Setup(_) | Kind::Inward(..) | Kind::Certificate(_) | Kind::DocumentRefused(_)
        )
    }

    /// Only a person who signs in can help.
    pub fn is_sign_in_needed(&self) -> bool {
        matches!(self.0.kind, Kind::SignInNeeded(_))
    }

    pub(super) fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// The same failure, seen from the run: it has no time for the wait that was asked for.
    pub(super) fn deferred(mut self, until: Timestamp) -> Self {
        self.0.kind = Kind::Deferred(self.status().unwrap_or_default(), until);
        self
    }

    pub(super) fn failure(&self) -> &Failure {
        &self.0
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpError({self})")
    }
}

impl std::error::Error for HttpError {}
