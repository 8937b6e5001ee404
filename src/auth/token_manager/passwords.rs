//! A password is sent a few times a day at most while it is not accepted, so that no account is locked
//! (fault-catalogue.md 104): once when the vendor refuses it, three times when the response is unclear.
//!
//! Servers report a wrong password as they like: by a web page, an empty body, a redirect, 500. So everything counts that is
//! neither a token nor a clear sign that the password was not read. The vault remembers it for restarts and other processes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::Inner;
use crate::auth::grant::{GrantStore, VaultError};
use crate::auth::token_request::{Endpoint, TokenRequest};
use crate::auth::token_response::Token;
use crate::auth::token_source::password_fingerprint;
use crate::http::blocking::blocking;
use crate::http::error::HttpErrorKind;
use crate::http::refusal::{PasswordRest, Refused};
use crate::model::{KeptRefusal, SourceName};

/// A refused password is not sent again for this long: a few attempts may lock a person's account.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(24 * 3600);

/// The same after the first, the second and each further unclear response: three times on the first day, then daily.
const AFTER_UNCLEAR: [Duration; 3] = [
    Duration::from_secs(10 * 60),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(24 * 3600),
];

impl Inner {
    /// Requests a token with the password, unless it must not be sent now. The vault's lock excludes other processes from the
    /// check to the note.
    pub(super) async fn send_password(
        &self,
        endpoint: &Endpoint,
        name: &str,
        password: &SecretString,
    ) -> Result<Token, HttpErrorKind> {
        // First, so that a document that cannot be read is no attempt with the password.
        endpoint.endpoint_url(&self.clock).await?;
        let _lock = self.in_vault(|vault, source| vault.lock(source)).await?;
        let mark = password_fingerprint(&endpoint.spec, name, password);
        let known = {
            let mark = mark.clone();
            self.in_vault(move |vault, source| vault.refusal(source, &mark))
                .await?
        };
        let now = self.clock.now();
        if let Some(rest) = known.and_then(|known| rest_of(known, now)) {
            return Err(HttpErrorKind::PasswordRests(rest));
        }
        let request = TokenRequest::Password(name, password);
        let outcome = endpoint.request_token(&request, &self.clock).await;
        let (next, outcome) = counted(known, outcome, self.clock.now());
        if next != known {
            self.note(mark, next).await;
        }
        outcome
    }

    async fn note(&self, mark: String, refusal: Option<KeptRefusal>) {
        let act = move |vault: &dyn GrantStore, source: &SourceName| {
            vault.note_refusal(source, &mark, refusal)
        };
        if let Err(error) = self.in_vault(act).await {
            let error = error.at(self.step(), "");
            tracing::warn!(source = %self.source, %error, "could not store whether the password was accepted; a restart sends it again");
        }
    }

    async fn in_vault<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn GrantStore, &SourceName) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, HttpErrorKind> {
        let (vault, source) = (Arc::clone(&self.vault), self.source.clone());
        blocking(move || act(&*vault, &source))
            .await
            .map_err(|error| HttpErrorKind::Vault(error.reason))
    }
}

/// The rest of a password that was rejected like this, if it is not over.
fn rest_of(known: KeptRefusal, now: Timestamp) -> Option<PasswordRest> {
    let length = length_of(known);
    let until = known.at.checked_add(length).ok()?;
    let left = until.duration_since(now);
    // A time in the future was stored with a wrong clock; it must not block for years.
    let is_plausible = left.is_positive() && left.unsigned_abs() <= 2 * length;
    is_plausible.then(|| PasswordRest {
        until,
        is_refused: known.is_clear,
        needs_person: needs_person(known),
        received: None,
    })
}

fn length_of(known: KeptRefusal) -> Duration {
    if known.is_clear {
        return AFTER_A_REFUSAL;
    }
    let step = known.attempts.saturating_sub(1).min(2) as usize;
    AFTER_UNCLEAR[step]
}

/// Whether a person must act.
fn needs_person(known: KeptRefusal) -> bool {
    known.is_clear || known.attempts as usize >= AFTER_UNCLEAR.len()
}

/// What to remember after this outcome, and the outcome for the callers.
fn counted(
    known: Option<KeptRefusal>,
    outcome: Result<Token, HttpErrorKind>,
    at: Timestamp,
) -> (Option<KeptRefusal>, Result<Token, HttpErrorKind>) {
    let kind = match outcome {
        Ok(token) => return (None, Ok(token)),
        Err(kind) => kind,
    };
    let attempts = known.map_or(0, |known| known.attempts).saturating_add(1);
    let received = match &kind {
        HttpErrorKind::GrantRefused(refusal) if refusal.refused == Refused::Client => {
            return (known, Err(kind));
        }
        HttpErrorKind::GrantRefused(_) => {
            let refusal = KeptRefusal {
                at,
                attempts,
                is_clear: true,
            };
            return (Some(refusal), Err(kind));
        }
        HttpErrorKind::Unavailable(500, _) => "500".to_owned(),
        HttpErrorKind::HttpStatus(status) => status.to_string(),
        HttpErrorKind::Redirect(status, Some(host)) => {
            format!("{status} with a redirect to {host}")
        }
        HttpErrorKind::Redirect(status, None) => format!("{status} with a redirect"),
        HttpErrorKind::NoTokenResponse(status, received) => format!("{status} with {received}"),
        HttpErrorKind::TooLarge(_) | HttpErrorKind::Bomb => "a response that is too large".into(),
        HttpErrorKind::Encoding => "a response in an unknown encoding".into(),
        // No response, a busy server, or nothing was sent.
        _ => return (known, Err(kind)),
    };
    let refusal = KeptRefusal {
        at,
        attempts,
        is_clear: false,
    };
    let rest = PasswordRest {
        until: at.checked_add(length_of(refusal)).unwrap_or(Timestamp::MAX),
        is_refused: false,
        needs_person: needs_person(refusal),
        received: Some(received),
    };
    (Some(refusal), Err(HttpErrorKind::PasswordRests(rest)))
}
