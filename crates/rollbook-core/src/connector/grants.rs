//! The grants that a vendor offers, and where its keys are sent: data only, `app/grant_builder.rs` fills it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::EndpointRules;

/// The grants that a vendor offers.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// OAuth 2 client credentials.
    pub client_credentials: Option<GrantRules>,
    /// OAuth 2 resource owner password; only where the vendor offers nothing better.
    pub password: Option<GrantRules>,
    /// A refresh token that a person obtained once; it is kept and rotated.
    pub refresh_token: Option<GrantRules>,
    /// OAuth 2 authorization code with PKCE.
    pub authorization_code: Option<GrantRules>,
    /// OAuth 2 JWT bearer (RFC 7523), such as a service account: an assertion that is signed with RS256.
    pub jwt_bearer: Option<GrantRules>,
    /// Fixed keys, and nothing else.
    pub api_key: Option<FixedKeyRules>,
    /// OAuth 1.0a (RFC 5849) without a token, HMAC-SHA256. Deprecated: only where the vendor offers nothing better.
    pub oauth1: Option<SigningRules>,
}

impl Grants {
    /// Whether requests may be signed by OAuth 1.0a.
    pub fn offers_oauth1(&self) -> bool {
        self.oauth1.as_ref().is_some_and(|rules| !rules.off)
    }
}

/// How requests are signed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SigningRules {
    /// Not offered here; for a connector that extends another.
    #[serde(default)]
    pub off: bool,
}

/// The token endpoint of one grant.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[cfg_attr(any(test, feature = "testing"), schemars(extend("additionalProperties" = false)))]
pub struct GrantRules {
    /// The endpoint and its quirks.
    #[serde(flatten)]
    pub endpoint: EndpointRules,
    /// A key that is sent in addition to the bearer token.
    pub api_key: Option<ApiKeyRules>,
}

/// Where the fixed keys of a source are sent. Values are templates of `{api_key}` and `{api_secret}`, of `{basic}`, which is
/// both with a colon between them as base64, and of settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedKeyRules {
    /// The header with the key.
    pub header: Option<String>,
    /// The value of `header`, such as `"token {api_key}:{api_secret}"` or `"Basic {basic}"`. Default `"{api_key}"`.
    pub value: Option<String>,
    /// Further headers and their values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Query parameters and their values, only for a vendor that takes a key nowhere else: servers and proxies log
    /// addresses. Rollbook does not.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
}

impl FixedKeyRules {
    /// The headers with their templates; `header` in place of the connector's own.
    pub fn all_headers(&self, header: Option<&str>) -> Vec<(String, String)> {
        let value = self.value.as_deref().unwrap_or("{api_key}");
        let first = header.or(self.header.as_deref());
        let first = first.map(|header| (header.to_owned(), value.to_owned()));
        let others = self.headers.iter();
        let others = others.map(|(header, value)| (header.clone(), value.clone()));
        first.into_iter().chain(others).collect()
    }

    /// Whether a source needs `api_secret` too.
    pub fn needs_secret(&self) -> bool {
        let values = self.value.iter().chain(self.headers.values());
        let mut values = values.chain(self.query.values());
        values.any(|value| value.contains("{api_secret}") || value.contains("{basic}"))
    }
}

/// A key in a header, in addition to a token.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRules {
    /// The header's name.
    pub header: String,
    /// The member of the token answer that carries the key; the source's own `api_key` wins.
    pub member: Option<String>,
}
