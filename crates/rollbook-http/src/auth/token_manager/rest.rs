//! How long no token is requested after a failure, shared by all jobs of a source (fault-catalogue.md 92).
//!
//! Concurrent callers and those during a rest receive the same failure, so that an overloaded endpoint receives one request
//! where a source has many jobs.

use std::time::Duration;

use super::{Inner, TokenState};
use crate::http::error::{HttpError, HttpErrorKind};
use crate::http::message::message;
use crate::http::refusal::Refused;
use rollbook_core::model::kept_refusal::{PASSWORD_REST, PROBE_INTERVAL};

/// A refused credential is not sent again for this long, so that a job of many streams sends it once. Shorter than the
/// first wait of a refused job.
const REFUSED: Duration = Duration::from_secs(60);

/// The rests after the first failures that are no refusals; callers wait for them and try again.
const SHORT: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The rest after one more, in which every caller fails at once; it doubles up to [`LONGEST`].
const LONG: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// No token request until a time, and the failure to return until then.
pub(super) struct TokenRest {
    until: Duration,
    error: HttpError,
}

impl TokenRest {
    /// The failure, while the rest lasts. Callers wait for the rest at least.
    pub fn error(&self, now: Duration) -> Option<HttpError> {
        let left = self.until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(match self.error.kind() {
            HttpErrorKind::GrantRefused(_)
            | HttpErrorKind::GrantPaused(..)
            | HttpErrorKind::PasswordRests(_) => self.error.clone(),
            _ => self.error.clone().waiting(left).with_pause(left),
        })
    }
}

impl Inner {
    /// Begins a rest after this failure, and returns the failure with the wait for its callers.
    pub(super) fn rest_after(&self, state: &mut TokenState, error: HttpError) -> HttpError {
        let now = self.clock.running();
        let length = match error.kind() {
            HttpErrorKind::GrantRefused(refusal) => match refusal.refused {
                Refused::Password => PASSWORD_REST,
                Refused::Request if self.token_source().is_password() => PASSWORD_REST,
                _ => REFUSED,
            },
            // The next request without the password is sent then.
            HttpErrorKind::PasswordRests(rest) if rest.received.is_some() => PROBE_INTERVAL,
            // Nothing was sent, or the vault or the chain of refresh tokens decides.
            HttpErrorKind::Setup(_)
            | HttpErrorKind::OutOfTime
            | HttpErrorKind::Vault(_)
            | HttpErrorKind::VaultShut(_)
            | HttpErrorKind::PasswordRests(_)
            | HttpErrorKind::SignInNeeded(_)
            | HttpErrorKind::RefreshOpen(_)
            | HttpErrorKind::NotRefreshed(_)
            | HttpErrorKind::GrantPaused(..) => return error,
            kind => {
                state.failures = state.failures.saturating_add(1);
                own_rest(state.failures).max(kind.retry_after().unwrap_or_default())
            }
        };
        let error = match error.kind() {
            HttpErrorKind::GrantRefused(_) | HttpErrorKind::PasswordRests(_) => error,
            _ if state.failures as usize > SHORT.len() => {
                let until = self.clock.wall_clock_after(length);
                let cause = message(error.failure());
                let host = error.failure().host.clone();
                HttpErrorKind::GrantPaused(until, cause).at(self.step(), host)
            }
            _ => error.with_pause(length),
        };
        state.rest = Some(TokenRest {
            until: now.saturating_add(length),
            error: error.clone(),
        });
        error
    }
}

fn own_rest(failures: u32) -> Duration {
    let step = failures.saturating_sub(1);
    match SHORT.get(step as usize) {
        Some(rest) => *rest,
        None => {
            let doublings = step.saturating_sub(SHORT.len() as u32).min(10);
            LONG.saturating_mul(1 << doublings).min(LONGEST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_by_failures() {
        for (failures, seconds) in [
            (1, 1),
            (2, 2),
            (3, 4),
            (4, 8),
            (5, 60),
            (6, 120),
            (8, 480),
            (9, 600),
            (u32::MAX, 600),
        ] {
            assert_eq!(
                own_rest(failures),
                Duration::from_secs(seconds),
                "{failures}"
            );
        }
    }
}
