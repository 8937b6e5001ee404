//! A refused password is not retried for a day, so that no account is locked (fault-catalogue.md 104).

use std::time::Duration;

use jiff::Timestamp;

use super::Inner;
use crate::auth::token_source::{TokenSource, password_fingerprint};
use crate::http::blocking::blocking;
use crate::http::error::HttpErrorKind;

/// A refused password is not retried for this long: a few attempts may lock a person's account.
pub(super) const PASSWORD_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

impl Inner {
    /// Fails while a refused password must not be retried, also when another process received the refusal.
    pub(super) async fn check_not_blocked(&self, now: Timestamp) -> Result<(), HttpErrorKind> {
        let Some(mark) = self.password_fingerprint() else {
            return Ok(());
        };
        let (vault, source) = (self.vault.clone(), self.source.clone());
        let refused = blocking(move || vault.refused(&source, &mark)).await;
        let refused = refused.map_err(|error| HttpErrorKind::Vault(error.reason))?;
        let Some(until) = refused.and_then(|at| at.checked_add(PASSWORD_RETRY_AFTER).ok()) else {
            return Ok(());
        };
        // A refusal in the future was stored with a wrong clock; it must not block for years.
        let left = until.duration_since(now);
        let is_plausible = left.is_positive() && left.unsigned_abs() <= 2 * PASSWORD_RETRY_AFTER;
        if is_plausible {
            Err(HttpErrorKind::PasswordRests(until))
        } else {
            Ok(())
        }
    }

    /// The fingerprint of the configured password; `None` with any other grant.
    fn password_fingerprint(&self) -> Option<String> {
        match &self.token_source {
            TokenSource::Password(endpoint, name, password) => {
                Some(password_fingerprint(&endpoint.spec, name, password))
            }
            TokenSource::Key(_)
            | TokenSource::Client(_)
            | TokenSource::Refresh(..)
            | TokenSource::SignedIn(..) => None,
        }
    }

    pub(super) async fn remember_refusal(&self) {
        let Some(mark) = self.password_fingerprint() else {
            return;
        };
        let (vault, source, at) = (self.vault.clone(), self.source.clone(), self.clock.now());
        let noted = blocking(move || vault.note_refusal(&source, &mark, at)).await;
        if let Err(error) = noted {
            tracing::warn!(source = %self.source, %error, "could not store that the password was refused; a restart tries it again");
        }
    }
}
