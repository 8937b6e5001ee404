//! Why a job is parked, and what ends that. Code asks this and never the message that is kept beside it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a job is parked; stored as [`ParkReason::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The source has no sign-in, or it no longer works.
    SignInNeeded,
    /// The vendor refused the credential or the token.
    CredentialRefused,
    /// The vendor refused a person's password, or did not accept it for a day; it is sent once a day at most.
    PasswordRefused,
    /// The vault is sealed and its key is not there.
    VaultShut,
    /// In a cluster: the end of a token refresh is not known, and the refresh token may be used up.
    RefreshOpen,
    /// Something on this machine is missing, such as a secret or a certificate; no vendor was asked.
    Unready,
}

impl ParkReason {
    const ALL: [Self; 6] = [
        Self::SignInNeeded,
        Self::CredentialRefused,
        Self::PasswordRefused,
        Self::VaultShut,
        Self::RefreshOpen,
        Self::Unready,
    ];

    /// The value in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignInNeeded => "sign_in_needed",
            Self::CredentialRefused => "credential_refused",
            Self::PasswordRefused => "password_refused",
            Self::VaultShut => "vault_shut",
            Self::RefreshOpen => "refresh_open",
            Self::Unready => "unready",
        }
    }

    /// The inverse of [`ParkReason::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Whether every tick is tried all the same, because no vendor is asked before the reason is removed. A password that
    /// was not accepted rests in the vault.
    pub fn costs_nothing_to_try(self) -> bool {
        matches!(self, Self::Unready | Self::PasswordRefused)
    }
}

impl fmt::Display for ParkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Refused runs of a job that worked before, and the wait in minutes until the next one. What worked may work again: a
/// server has lost its database for a moment, or a person repairs something at the vendor.
const REFUSED_WAITS: [(u32, u64); 6] =
    [(6, 6 * 60), (5, 3 * 60), (4, 60), (3, 30), (2, 10), (1, 2)];

/// The refused run that parks a job which worked before; until then its refusal may be a fault of the vendor.
pub const PARKS_AT: u32 = 4;

/// A parked job is retried once a day. A day has 23 hours when daylight saving time starts.
pub const PARKED_RETRY: Duration = Duration::from_secs(23 * 3600);

/// The wait after this many refused runs in a row of a job that worked before: minutes, hours, then a day.
pub fn refused_retry(refused_runs: u32) -> Duration {
    if refused_runs > REFUSED_WAITS[0].0 {
        return PARKED_RETRY;
    }
    let step = REFUSED_WAITS.iter().find(|(runs, _)| refused_runs >= *runs);
    step.map_or(Duration::ZERO, |(_, minutes)| {
        Duration::from_secs(minutes * 60)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_job_waits_minutes_then_hours_then_a_day() {
        for (runs, minutes) in [
            (0, 0),
            (1, 2),
            (2, 10),
            (3, 30),
            (4, 60),
            (5, 180),
            (6, 360),
            (7, 23 * 60),
            (u32::MAX, 23 * 60),
        ] {
            assert_eq!(
                refused_retry(runs),
                Duration::from_secs(minutes * 60),
                "{runs}"
            );
        }
    }

    #[test]
    fn words_are_read_back() {
        for reason in ParkReason::ALL {
            assert_eq!(ParkReason::parse(reason.as_str()), Some(reason));
            let json = serde_json::to_string(&reason).expect("JSON");
            assert_eq!(json, format!("\"{reason}\""));
        }
        assert_eq!(ParkReason::parse("refused"), None);
    }
}
