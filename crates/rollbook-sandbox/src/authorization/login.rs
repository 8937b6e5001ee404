//! What somebody who wants to sign in to a simulated vendor has to know.

use serde::Serialize;

/// Addresses and names for a login by browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// What names the server.
    pub issuer: String,
    /// The metadata document, where the vendor has one.
    pub metadata_url: Option<String>,
    /// Where a person is sent.
    pub authorize_url: String,
    /// Where the code is exchanged.
    pub token_url: String,
    /// The registered application.
    pub client_id: String,
    /// Name of the credential that holds its secret.
    pub client_secret: String,
    /// The registered redirect URL.
    pub redirect_url: String,
    /// What can be asked for.
    pub scope: String,
}
