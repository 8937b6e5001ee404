//! What a person needs to sign in to a simulated vendor.

use serde::Serialize;

/// Addresses and names for a browser login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The issuer identifier (RFC 8414).
    pub issuer: String,
    /// The metadata document; none where the vendor has none.
    pub metadata_url: Option<String>,
    /// The authorization endpoint.
    pub authorize_url: String,
    /// The token endpoint.
    pub token_url: String,
    /// Id of the registered application.
    pub client_id: String,
    /// Name of the credential that holds the client secret.
    pub client_secret: String,
    /// The registered redirect URL.
    pub redirect_url: String,
    /// Scopes that can be requested, separated by spaces.
    pub scope: String,
}
