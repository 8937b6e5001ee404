//! Why a request failed, as an enum to branch on.
//!
//! `message.rs` has the messages. No kind contains a URL's query, a body, a header's
//! value or text of the vendor; an error code is kept only when the connector lists it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::refusal::{PasswordRest, TokenRefusal};
use rollbook_core::model::retry::RetryLimit;
use rollbook_core::model::{Class, ResponseFault, SourceName, UnexpectedResponse};

/// A failed request or token request.
#[derive(Clone)]
pub struct HttpError(Box<HttpFailure>);

#[derive(Clone)]
pub(crate) struct HttpFailure {
    /// The step, as it reads after "could not": `read page 3 of users`.
    pub step: String,
    /// The host of the request; empty when none was sent.
    pub host: String,
    pub attempts: u32,
    /// A shared wait before the next attempt, which Rollbook chose and not the vendor.
    pub pause: Duration,
    pub kind: HttpErrorKind,
    /// The vendor's own word for it.
    pub quoted: Option<String>,
    /// All requests of the source fail; none is sent before this time.
    pub rests_until: Option<Timestamp>,
}

/// The kinds of failed requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// A setting is wrong; nothing was sent.
    Setup(String),
    /// An address is outside the source's base address; nothing was sent.
    OutsideBaseUrl,
    /// A name resolves to this machine or its network, which is not allowed: the name, and the range in words.
    PrivateAddress(String, &'static str),
    /// No connection.
    Unreachable(Unreachable),
    /// No connection through the proxy: its host and port.
    Proxy(String, ProxyFailure),
    /// The server's certificate is not accepted; a complete message.
    Certificate(String),
    /// The connection broke, or the response was not HTTP.
    Cut,
    /// A time limit was reached.
    TooSlow(Slow, Duration),
    /// A transient status: 408, 425, 429, 500, 502, 503, 504; with the requested wait.
    Unavailable(u16, Option<Duration>),
    /// The token was refused, and a new one too.
    Unauthorised(u16),
    /// A signature was refused; and how far this machine's clock is ahead of the server's, in seconds, if notably.
    SignatureRefused(u16, Option<i64>),
    /// 403.
    Forbidden,
    /// 404, 405, 410, or an error code with that meaning.
    Missing(u16, Option<String>),
    /// 413, or an error code that means "too much at once".
    TooMuchRequested(u16, Option<String>),
    /// A redirect, with its target host.
    Redirect(u16, Option<String>),
    /// Any other status.
    HttpStatus(u16),
    /// A response with a good status that is no page.
    UnexpectedResponse(u16, UnexpectedResponse),
    /// A body beyond the limit (bytes).
    TooLarge(u64),
    /// A body that decompresses to more than a hundred times its size.
    Bomb,
    /// A `Content-Encoding` that was not requested.
    Encoding,
    /// The server requested a longer wait than the run has left.
    Deferred(u16, Timestamp),
    /// The daily limit of requests is reached; when it resets.
    Quota(u32, Timestamp),
    /// All requests of the source fail, maybe those of other jobs: when the next one is sent, and the last failure's message.
    Resting(Timestamp, String),
    /// The run's time limit is reached.
    OutOfTime,
    /// The token endpoint refused the credential with an error object of RFC 6749 5.2.
    GrantRefused(TokenRefusal),
    /// Neither a token nor an error object: status, and what was received, such as a web page. Maybe from a proxy.
    NoTokenResponse(u16, String),
    /// The password is not sent for now, so that no account is locked; maybe because of another process.
    PasswordRests(PasswordRest),
    /// A person must sign in again: to this source with `rollbook login`, or with a new token where `None`.
    SignInNeeded(Option<SourceName>),
    /// The issuer's document is not acceptable; the message fits after "its document".
    DocumentRefused(String),
    /// A sign-in by browser failed; a complete message.
    SignInFailed(String),
    /// A refresh was sent and its response is lost or unreadable, so the token may be used up.
    GrantUnclear,
    /// In a cluster: the end of a refresh of this source is not known, here or at another worker; nothing was sent since.
    RefreshOpen(SourceName),
    /// In a cluster: no token was requested for now; the reason fits after "because".
    NotRefreshed(&'static str),
    /// Too many token requests failed: when the next one is allowed, and the last failure's message.
    GrantPaused(Timestamp, String),
    /// The vault could not be read or written.
    Vault(String),
    /// The vault is sealed and its key is missing; nothing was sent.
    VaultShut(String),
    /// The daily count could not be stored.
    Count(String),
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host's name does not resolve.
    NoSuchHost,
    /// Nothing listens, or the network rejects the connection.
    Refused,
    /// No response in time.
    Silent,
    /// The TLS handshake failed.
    Handshake,
}

/// Why there is no connection through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFailure {
    /// Its name does not resolve.
    NoSuchHost,
    /// Nothing listens, or the network rejects the connection.
    Down,
    /// No connection in time, to the proxy or through it.
    Silent,
    /// It closed the connection.
    Cut,
    /// It refuses to connect to the server, with this status, if that is known.
    Refused(Option<u16>),
}

impl ProxyFailure {
    /// Whether the next attempt may succeed.
    fn is_transient(self) -> bool {
        match self {
            Self::NoSuchHost | Self::Down | Self::Silent | Self::Cut => true,
            Self::Refused(status) => {
                status.is_none_or(|status| matches!(status, 408 | 425 | 429 | 500..))
            }
        }
    }
}

/// Which time limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// No headers.
    FirstByte,
    /// A pause within the body.
    Idle,
    /// The whole request.
    Whole,
    /// Bytes were received, but too few.
    Pace,
    /// The run ended first.
    Run,
}

impl HttpErrorKind {
    /// How often the session retries.
    pub(crate) fn retry_limit(&self) -> RetryLimit {
        match self {
            Self::TooSlow(Slow::Run, _) => RetryLimit::Never,
            Self::Proxy(_, failure) if failure.is_transient() => RetryLimit::Policy,
            Self::Unreachable(_) | Self::Cut | Self::TooSlow(..) | Self::Unavailable(..) => {
                RetryLimit::Policy
            }
            Self::NoTokenResponse(..) => RetryLimit::Policy,
            Self::UnexpectedResponse(_, bad) if bad.fault == ResponseFault::Server => {
                RetryLimit::Policy
            }
            Self::UnexpectedResponse(..) => RetryLimit::Once,
            Self::Setup(_)
            | Self::OutsideBaseUrl
            | Self::PrivateAddress(..)
            | Self::Proxy(..)
            | Self::Certificate(_)
            | Self::Unauthorised(_)
            | Self::SignatureRefused(..)
            | Self::Forbidden
            | Self::Missing(..)
            | Self::TooMuchRequested(..)
            | Self::Redirect(..)
            | Self::HttpStatus(_)
            | Self::TooLarge(_)
            | Self::Bomb
            | Self::Encoding
            | Self::Deferred(..)
            | Self::Quota(..)
            | Self::Resting(..)
            | Self::OutOfTime
            | Self::GrantRefused(_)
            | Self::PasswordRests(_)
            | Self::SignInNeeded(_)
            | Self::SignInFailed(_)
            | Self::DocumentRefused(_)
            | Self::GrantUnclear
            | Self::RefreshOpen(_)
            | Self::NotRefreshed(_)
            | Self::GrantPaused(..)
            | Self::Vault(_)
            | Self::VaultShut(_)
            | Self::Count(_) => RetryLimit::Never,
        }
    }

    /// The wait that the server requested.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable(_, retry_after) => *retry_after,
            _ => None,
        }
    }

    /// Adds the step and the host.
    pub fn at(self, step: impl Into<String>, host: impl Into<String>) -> HttpError {
        let (step, host) = (step.into(), host.into());
        HttpError(Box::new(HttpFailure {
            step,
            host,
            attempts: 1,
            pause: Duration::ZERO,
            kind: self,
            quoted: None,
            rests_until: None,
        }))
    }
}

impl HttpError {
    /// The class that decides what the run and the job do.
    pub fn class(&self) -> Class {
        self.0.kind.class()
    }
}

impl HttpErrorKind {
    /// [`HttpError::class`] of an error of this kind.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Proxy(_, failure) if failure.is_transient() => Class::Transient,
            Self::Unreachable(_)
            | Self::Cut
            | Self::TooSlow(..)
            | Self::Unavailable(..)
            | Self::NoTokenResponse(..)
            | Self::Deferred(..)
            | Self::Quota(..)
            | Self::Resting(..)
            | Self::OutOfTime
            | Self::GrantUnclear
            | Self::NotRefreshed(_)
            | Self::GrantPaused(..)
            | Self::Vault(_)
            | Self::Count(_) => Class::Transient,
            Self::UnexpectedResponse(_, bad) if bad.fault == ResponseFault::Server => {
                Class::Transient
            }
            Self::Unauthorised(_)
            | Self::SignatureRefused(..)
            | Self::Forbidden
            | Self::GrantRefused(_)
            | Self::SignInNeeded(_)
            | Self::SignInFailed(_)
            | Self::RefreshOpen(_)
            | Self::VaultShut(_) => Class::Auth,
            Self::PasswordRests(rest) if rest.needs_person => Class::Auth,
            Self::PasswordRests(_) => Class::Transient,
            Self::Setup(_)
            | Self::PrivateAddress(..)
            | Self::Proxy(..)
            | Self::Certificate(_)
            | Self::Missing(..)
            | Self::TooMuchRequested(..)
            | Self::Redirect(..)
            | Self::HttpStatus(_) => Class::Permanent,
            Self::OutsideBaseUrl
            | Self::UnexpectedResponse(..)
            | Self::DocumentRefused(_)
            | Self::TooLarge(_)
            | Self::Bomb
            | Self::Encoding => Class::Contract,
        }
    }
}

impl HttpError {
    /// The kind, where the class is not enough.
    pub fn kind(&self) -> &HttpErrorKind {
        &self.0.kind
    }

    /// Number of attempts, the first included.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The status of the last response, if one was received.
    pub fn status(&self) -> Option<u16> {
        match self.0.kind {
            HttpErrorKind::Unavailable(status, _)
            | HttpErrorKind::Unauthorised(status)
            | HttpErrorKind::SignatureRefused(status, _)
            | HttpErrorKind::Missing(status, _)
            | HttpErrorKind::TooMuchRequested(status, _)
            | HttpErrorKind::Redirect(status, _)
            | HttpErrorKind::HttpStatus(status)
            | HttpErrorKind::UnexpectedResponse(status, _)
            | HttpErrorKind::Deferred(status, _) => Some(status),
            HttpErrorKind::GrantRefused(ref refusal) => Some(refusal.status),
            HttpErrorKind::Forbidden => Some(403),
            _ => None,
        }
    }

    /// The vendor's error code, if its connector lists it.
    pub fn code(&self) -> Option<&str> {
        match &self.0.kind {
            HttpErrorKind::Missing(_, code) | HttpErrorKind::TooMuchRequested(_, code) => {
                code.as_deref()
            }
            _ => None,
        }
    }

    /// A smaller request may succeed: the vendor reports it, its gateway gave up (wisenet.md 3.7), or the response was
    /// under way and too long. Silence is no sign of it.
    pub fn is_too_many(&self) -> bool {
        matches!(
            self.0.kind,
            HttpErrorKind::TooMuchRequested(..)
                | HttpErrorKind::TooLarge(_)
                | HttpErrorKind::TooSlow(Slow::Whole | Slow::Pace, _)
                | HttpErrorKind::Unavailable(504, _)
        )
    }

    /// The server accepted the request and sent nothing.
    pub fn is_silence(&self) -> bool {
        matches!(self.0.kind, HttpErrorKind::TooSlow(Slow::FirstByte, _))
    }

    /// One value makes the response unreadable.
    pub fn is_bad_value(&self) -> bool {
        matches!(&self.0.kind, HttpErrorKind::UnexpectedResponse(_, bad) if bad.fault == ResponseFault::Value)
    }

    /// The path or the object does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self.0.kind, HttpErrorKind::Missing(..))
    }

    /// The token is accepted, a right is missing.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.0.kind, HttpErrorKind::Forbidden)
    }

    /// The time before which no request is allowed.
    pub fn deferred_until(&self) -> Option<Timestamp> {
        match self.0.kind {
            HttpErrorKind::Deferred(_, until)
            | HttpErrorKind::Quota(_, until)
            | HttpErrorKind::Resting(until, _)
            | HttpErrorKind::GrantPaused(until, _) => Some(until),
            _ => self.0.rests_until,
        }
    }

    /// The run's time limit is reached.
    pub fn is_out_of_time(&self) -> bool {
        matches!(
            self.0.kind,
            HttpErrorKind::OutOfTime | HttpErrorKind::TooSlow(Slow::Run, _)
        )
    }

    /// Every request to this source fails for the same reason.
    pub fn is_of_the_source(&self) -> bool {
        matches!(
            self.0.kind,
            HttpErrorKind::Setup(_)
                | HttpErrorKind::PrivateAddress(..)
                | HttpErrorKind::Proxy(..)
                | HttpErrorKind::Certificate(_)
                | HttpErrorKind::DocumentRefused(_)
                | HttpErrorKind::NotRefreshed(_)
        )
    }

    /// No token is requested for now, because the password must not be sent.
    pub fn is_password_resting(&self) -> bool {
        matches!(self.0.kind, HttpErrorKind::PasswordRests(_))
    }

    /// A person must sign in.
    pub fn is_sign_in_needed(&self) -> bool {
        matches!(self.0.kind, HttpErrorKind::SignInNeeded(_))
    }

    /// With the vendor's own word for it.
    pub(crate) fn quoting(mut self, word: Option<String>) -> Self {
        self.0.quoted = word.or(self.0.quoted);
        self
    }

    /// After which the source is left alone.
    pub(crate) fn resting_until(mut self, until: Option<Timestamp>) -> Self {
        self.0.rests_until = until.or(self.0.rests_until);
        self
    }

    /// The same with another step.
    pub fn in_step(mut self, step: String) -> Self {
        self.0.step = step;
        self
    }

    /// The least wait before the next attempt, which Rollbook chose.
    pub(crate) fn pause(&self) -> Duration {
        self.0.pause
    }

    /// The same failure with what is left of the wait that the server requested.
    pub(crate) fn waiting(mut self, left: Duration) -> Self {
        if let HttpErrorKind::Unavailable(_, Some(wait)) = &mut self.0.kind {
            *wait = left;
        }
        self
    }

    pub(crate) fn with_pause(mut self, pause: Duration) -> Self {
        self.0.pause = pause;
        self
    }

    /// The same, with how often it was tried.
    pub fn after_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// The same failure as [`HttpErrorKind::Deferred`]: the run has no time left for the requested wait.
    pub(crate) fn deferred(mut self, until: Timestamp) -> Self {
        self.0.kind = HttpErrorKind::Deferred(self.status().unwrap_or_default(), until);
        self
    }

    pub(crate) fn failure(&self) -> &HttpFailure {
        &self.0
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpError({self})")
    }
}

impl std::error::Error for HttpError {}
