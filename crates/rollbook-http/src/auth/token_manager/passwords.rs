//! A password that is not accepted is sent once a day, so that no account is locked (fault-catalogue.md 104).
//!
//! Servers report a wrong password as they like: by a web page, an empty body, a redirect, 500. So everything counts that is
//! neither a token nor a clear sign that the password was not read. A web page may also come from a web filter on the way;
//! a request without the password finds out whether the token endpoint responds again. The vault remembers a rejection
//! for restarts and other processes, and before a rejected password is sent again, that it was: the program may be killed
//! before it knows the response.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use super::Inner;
use crate::auth::grant::{GrantStore, VaultError};
use crate::auth::token_request::{Endpoint, TokenRequest};
use crate::auth::token_response::Token;
use crate::auth::token_source::password_fingerprint;
use crate::http::error::HttpErrorKind;
use crate::http::refusal::{PasswordRest, Refused};
use rollbook_core::blocking::blocking;
use rollbook_core::model::kept_refusal::PasswordUse;
use rollbook_core::model::{KeptRefusal, SourceName};

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
        if let Some(known) = known {
            match known.password_use(self.clock.now()) {
                PasswordUse::Send => {}
                PasswordUse::Probe => self.probe(endpoint, known).await?,
                PasswordUse::Rest => return Err(resting(known, None)),
            }
        }
        let at = self.clock.now();
        let noted = known.map(|known| known.sent_again(at));
        if noted.is_some() {
            let mark = mark.clone();
            self.in_vault(move |vault, source| vault.note_refusal(source, &mark, noted))
                .await?;
        }
        let request = TokenRequest::Password(name, password);
        let outcome = endpoint.request_token(&request, &self.clock).await;
        let (next, outcome) = counted(known, outcome, at);
        if next != noted {
            self.note(mark, next).await;
        }
        outcome
    }

    /// Fails unless the token endpoint itself responds to a request without the password.
    async fn probe(&self, endpoint: &Endpoint, known: KeptRefusal) -> Result<(), HttpErrorKind> {
        let outcome = endpoint
            .request_token(&TokenRequest::NoPassword, &self.clock)
            .await;
        match outcome {
            Ok(_) | Err(HttpErrorKind::GrantRefused(_)) => Ok(()),
            Err(kind) => Err(match unclear(&kind) {
                Some(received) => resting(known, Some(received)),
                None => kind,
            }),
        }
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

fn resting(refusal: KeptRefusal, received: Option<String>) -> HttpErrorKind {
    HttpErrorKind::PasswordRests(PasswordRest {
        until: refusal.until(),
        is_refused: refusal.is_clear,
        needs_person: refusal.needs_person(),
        received,
    })
}

/// What was received in place of a token or a refusal; `None` where the password was not read: no response, a busy server,
/// or nothing was sent.
fn unclear(kind: &HttpErrorKind) -> Option<String> {
    Some(match kind {
        HttpErrorKind::Unavailable(500, _) => "500".to_owned(),
        HttpErrorKind::HttpStatus(status) => status.to_string(),
        HttpErrorKind::Redirect(status, Some(host)) => {
            format!("{status} with a redirect to {host}")
        }
        HttpErrorKind::Redirect(status, None) => format!("{status} with a redirect"),
        HttpErrorKind::NoTokenResponse(status, received) => format!("{status} with {received}"),
        HttpErrorKind::TooLarge(_) | HttpErrorKind::Bomb => "a response that is too large".into(),
        HttpErrorKind::Encoding => "a response in an unknown encoding".into(),
        _ => return None,
    })
}

/// What to remember after this outcome of what was sent at this time, and the outcome for the callers.
fn counted(
    known: Option<KeptRefusal>,
    outcome: Result<Token, HttpErrorKind>,
    at: Timestamp,
) -> (Option<KeptRefusal>, Result<Token, HttpErrorKind>) {
    let kind = match outcome {
        Ok(token) => return (None, Ok(token)),
        Err(kind) => kind,
    };
    let refusal = |is_clear| KeptRefusal {
        at,
        attempts: known.map_or(0, |known| known.attempts).saturating_add(1),
        is_clear,
    };
    match &kind {
        HttpErrorKind::GrantRefused(refused) if refused.refused == Refused::Client => {
            (known, Err(kind))
        }
        HttpErrorKind::GrantRefused(_) => (Some(refusal(true)), Err(kind)),
        _ => match unclear(&kind) {
            Some(received) => (
                Some(refusal(false)),
                Err(resting(refusal(false), Some(received))),
            ),
            None => (known, Err(kind)),
        },
    }
}
