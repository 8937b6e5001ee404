//! `[sources.NAME.auth]` as it is written: the grant, where its secrets are, and the endpoint's quirks.
//!
//! Data only. A quirk given here wins over the connector's of the same name. Which keys belong to
//! which grant is checked in `grants.rs`.

use serde::Deserialize;

use super::secrets::SecretRef;
use rollbook_core::model::{EndpointRules, GrantKind};

/// How to sign in. The secrets are elsewhere; this refers to them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("additionalProperties" = false)))]
pub struct Auth {
    /// The grant; the connector lists those that the vendor offers.
    pub grant: GrantKind,
    /// The client's public name at the vendor.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<SecretRef>,
    /// The user that the client acts for (`password`).
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub username: Option<String>,
    /// That user's password (`password`).
    pub password: Option<SecretRef>,
    /// The first refresh token (`refresh_token`); later ones are kept in the vault.
    pub refresh_token: Option<SecretRef>,
    /// A fixed key, alone (`api_key`) or beside a token where the vendor wants both.
    pub api_key: Option<SecretRef>,
    /// A second fixed key, where the vendor wants two (`api_key`).
    pub api_secret: Option<SecretRef>,
    /// The JSON file of a service account (`jwt_bearer`).
    pub service_account: Option<SecretRef>,
    /// A private RSA key in PEM, in place of a service account's file (`jwt_bearer`).
    pub private_key: Option<SecretRef>,
    /// The id of `private_key` at the vendor, where it wants one (`jwt_bearer`).
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub key_id: Option<String>,
    /// The header that carries the key, where it shall differ from the connector's.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub api_key_header: Option<String>,
    /// The member of the token answer that carries the key, where it shall differ.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub api_key_member: Option<String>,
    /// Where the token endpoint and its quirks shall differ from the connector's.
    #[serde(flatten)]
    pub endpoint: EndpointRules,
}

impl Auth {
    /// The references to its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let secrets = [
            &self.client_secret,
            &self.password,
            &self.refresh_token,
            &self.api_key,
            &self.api_secret,
            &self.service_account,
            &self.private_key,
        ];
        secrets.into_iter().flatten()
    }
}
