//! Why a job is parked, and what ends that. Code asks this and never the message that is kept beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a job is parked; stored as [`ParkReason::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The source has no sign-in, or it no longer works.
    SignInNeeded,
    /// The vendor refused the credential or the token, or it was refused less than a day ago.
    CredentialRefused,
    /// The vault is sealed and its key is not there.
    VaultShut,
    /// Something on this machine is missing, such as a secret or a certificate; no vendor was asked.
    Unready,
}

impl ParkReason {
    const ALL: [Self; 4] = [
        Self::SignInNeeded,
        Self::CredentialRefused,
        Self::VaultShut,
        Self::Unready,
    ];

    /// The value in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignInNeeded => "sign_in_needed",
            Self::CredentialRefused => "credential_refused",
            Self::VaultShut => "vault_shut",
            Self::Unready => "unready",
        }
    }

    /// The inverse of [`ParkReason::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Whether every tick is tried all the same, because no vendor is asked before the reason is removed.
    pub fn costs_nothing_to_try(self) -> bool {
        self == Self::Unready
    }
}

impl fmt::Display for ParkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
