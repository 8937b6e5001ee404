//! `[sources.NAME.auth]` as it is written: the grant, where its secrets are, and the endpoint's quirks.
//!
//! Data only. A quirk given here wins over the connector's of the same name. Which keys belong to
//! which grant is checked in `grants.rs`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secrets::SecretRef;
use crate::model::Period;

/// How to sign in. The secrets are elsewhere; this refers to them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The grant; the connector lists those that the vendor offers.
    pub grant: Grant,
    /// The client's public name at the vendor.
    #[schemars(length(min = 1))]
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<SecretRef>,
    /// The user that the client acts for (`password`).
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// That user's password (`password`).
    pub password: Option<SecretRef>,
    /// The first refresh token (`refresh_token`); later ones are kept in the vault.
    pub refresh_token: Option<SecretRef>,
    /// A fixed key, alone (`api_key`) or beside a token where the vendor wants both.
    pub api_key: Option<SecretRef>,
    /// The header that carries the key, where it shall differ from the connector's.
    #[schemars(length(min = 1))]
    pub api_key_header: Option<String>,
    /// The member of the token answer that carries the key, where it shall differ.
    #[schemars(length(min = 1))]
    pub api_key_member: Option<String>,
    /// The token endpoint's address, where it shall differ; a template, as in the connector. Empty to take it
    /// from the issuer's document.
    pub token_url: Option<String>,
    /// The issuer's name, exactly as it calls itself, where it shall differ; empty for none. Its document lists
    /// its endpoints.
    pub issuer: Option<String>,
    /// The address of the issuer's document, where it is not at one of the standards' locations.
    #[schemars(length(min = 1))]
    pub metadata_url: Option<String>,
    /// Further origins that the issuer's endpoints may lie on, such as `["https://login.example"]`.
    pub allow_origins: Option<Vec<String>>,
    /// The address where `rollbook logout` revokes tokens (RFC 7009), where it shall differ; a template. Without
    /// one, the issuer's document may give it.
    pub revocation_url: Option<String>,
    /// The address where a browser starts (`authorization_code`), where it shall differ; a template.
    pub authorize_url: Option<String>,
    /// Further parameters of that address, instead of the connector's; templates.
    pub authorize_query: Option<BTreeMap<String, String>>,
    /// The address that the browser is sent back to (`authorization_code`), exactly as it is registered at
    /// the vendor; empty for a free port of loopback.
    pub redirect_url: Option<String>,
    /// Whether the sign-in carries a proof key (`authorization_code`), where it shall differ.
    pub pkce: Option<bool>,
    /// Query parameters of the token request, instead of the connector's; templates.
    pub token_query: Option<BTreeMap<String, String>>,
    /// Further members of the token request's body, instead of the connector's; templates.
    pub token_form: Option<BTreeMap<String, String>>,
    /// How the client proves itself, where it shall differ.
    pub client_auth: Option<ClientAuth>,
    /// The form of the token request's body, where it shall differ.
    pub body: Option<TokenBody>,
    /// The scopes asked for, separated by blanks, where they shall differ; a template.
    pub scope: Option<String>,
    /// How long a token is valid when the response does not say, where it shall differ, such as `"180s"`.
    pub lifetime: Option<Period>,
    /// Names of the token answer's members, where they shall differ.
    #[serde(default)]
    pub members: TokenMembers,
}

impl Auth {
    /// The references to its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let secrets = [
            &self.client_secret,
            &self.password,
            &self.refresh_token,
            &self.api_key,
        ];
        secrets.into_iter().flatten()
    }
}

/// The OAuth 2 grants, and a fixed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// OAuth 2 client credentials.
    ClientCredentials,
    /// OAuth 2 resource owner password. Legacy: only where the vendor offers nothing better.
    Password,
    /// A refresh token that a person obtained once.
    RefreshToken,
    /// OAuth 2 authorization code with PKCE: a person signs in once by `rollbook login`.
    AuthorizationCode,
    /// A fixed key in a header.
    ApiKey,
}

impl Grant {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::ClientCredentials,
        Self::Password,
        Self::RefreshToken,
        Self::AuthorizationCode,
        Self::ApiKey,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::AuthorizationCode => "authorization_code",
            Self::ApiKey => "api_key",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic, id and secret as they are.
    Basic,
    /// HTTP Basic, id and secret form-encoded first (RFC 6749 2.3.1).
    BasicEncoded,
    /// `client_id` and `client_secret` in the body.
    Post,
}

/// The form of a token request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`, as the standard requires.
    Form,
    /// A JSON object.
    Json,
}

/// Names of the token answer's members that differ from the connector's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenMembers {
    /// The access token.
    pub access_token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// The life in seconds.
    pub expires_in: Option<String>,
    /// The time of its end: RFC 3339, or seconds or milliseconds since 1970.
    pub expires_at: Option<String>,
    /// The scopes that were granted.
    pub scope: Option<String>,
}
