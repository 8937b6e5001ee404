//! A refused password rests for a day, so that no account is locked (fault-catalogue.md 104).

use std::time::Duration;

use jiff::Timestamp;

use super::Keeper;
use crate::http::error::Kind;
use crate::http::rotation::blocking;
use crate::http::way::{Way, mark_of_password};

/// A refused password is not tried again for a day: a few tries may lock a person's account.
pub(super) const PASSWORD_REST: Duration = Duration::from_secs(24 * 3600);

impl Keeper {
    /// A refused password rests for a day, also when the process that saw the refusal is gone.
    pub(super) async fn must_not_rest(&self, now: Timestamp) -> Result<(), Kind> {
        let Some(mark) = self.password_mark() else {
            return Ok(());
        };
        let (vault, source) = (self.vault.clone(), self.source.clone());
        let refused = blocking(move || vault.refused(&source, &mark)).await;
        let refused = refused.map_err(|error| Kind::Vault(error.reason))?;
        let Some(until) = refused.and_then(|at| at.checked_add(PASSWORD_REST).ok()) else {
            return Ok(());
        };
        // A refusal that lies in the future was noted by a wrong clock; it must not last for years.
        let left = until.duration_since(now);
        let is_believed = left.is_positive() && left.unsigned_abs() <= 2 * PASSWORD_REST;
        if is_believed {
            Err(Kind::PasswordRests(until))
        } else {
            Ok(())
        }
    }

    /// What a password that was just refused is recognised by; `None` with any other grant.
    fn password_mark(&self) -> Option<String> {
        match &self.way {
            Way::Password(endpoint, name, password) => {
                Some(mark_of_password(&endpoint.spec, name, password))
            }
            Way::Key(_) | Way::Client(_) | Way::Refresh(..) | Way::SignedIn(..) => None,
        }
    }

    pub(super) async fn remember_refusal(&self) {
        let Some(mark) = self.password_mark() else {
            return;
        };
        let (vault, source, at) = (self.vault.clone(), self.source.clone(), self.clock.now());
        let noted = blocking(move || vault.note_refusal(&source, &mark, at)).await;
        if let Err(error) = noted {
            tracing::warn!(source = self.source, %error, "a refused password could not be noted; a restart would try it again");
        }
    }
}
