//! What is kept of a grant between two refreshes.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use xxhash_rust::xxh3::xxh3_128;

/// What the vault keeps of a grant between two refreshes.
#[derive(Clone, Debug)]
pub struct KeptGrant {
    /// The token for the next refresh; empty after a sign-in that returned none.
    pub refresh_token: SecretString,
    /// The previous token, until a request with the new access token has succeeded.
    pub previous: Option<SecretString>,
    /// The origin of these tokens: [`KeptGrant::fingerprint`] of the configured token (a newly configured one
    /// replaces them); the mark of a sign-in; or empty.
    pub seed_hash: String,
    /// Fingerprint of the token of a refresh that started and did not finish.
    pub intent: Option<String>,
    /// The API key received with the token.
    pub api_key: Option<SecretString>,
    /// The access token received with it, so that another process need not request one.
    pub access: Option<KeptAccess>,
    /// When the tokens were requested.
    pub obtained: Timestamp,
    /// The granted scopes; `None` where the vendor declares none.
    pub scope: Option<Vec<String>>,
}

/// An access token received with a refresh token.
#[derive(Clone, Debug)]
pub struct KeptAccess {
    /// Bearer token.
    pub token: SecretString,
    /// Lifetime from the request on; `None` where the vendor declares none.
    pub life: Option<Duration>,
}

impl KeptGrant {
    /// A hash that distinguishes two tokens. It is stored beside the token itself, in the same private file, so it
    /// need not be hard to invert.
    pub fn fingerprint(token: &SecretString) -> String {
        format!("{:032x}", xxh3_128(token.expose_secret().as_bytes()))
    }
}
