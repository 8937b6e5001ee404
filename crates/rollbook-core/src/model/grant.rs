//! Grants, and how a vendor's token endpoint deviates from RFC 6749: written in connectors, overridden in sources, used
//! for requests.
//!
//! A new quirk of a token endpoint is one field of [`EndpointRules`] and its use.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::duration::Period;

/// The OAuth 2 grants, a fixed key, and a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// OAuth 2 client credentials.
    ClientCredentials,
    /// OAuth 2 resource owner password. Legacy: only where the vendor offers nothing better.
    Password,
    /// A refresh token that a person obtained once.
    RefreshToken,
    /// OAuth 2 authorization code with PKCE: a person signs in once by `rollbook login`.
    AuthorizationCode,
    /// OAuth 2 JWT bearer (RFC 7523): an assertion that is signed with a private key, such as that of a service account.
    JwtBearer,
    /// A fixed key in a header.
    ApiKey,
    /// OAuth 1.0a without a token: each request is signed. Deprecated: only where the vendor offers nothing better.
    Oauth1,
}

impl GrantKind {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::ClientCredentials,
        Self::Password,
        Self::RefreshToken,
        Self::AuthorizationCode,
        Self::JwtBearer,
        Self::ApiKey,
        Self::Oauth1,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::AuthorizationCode => "authorization_code",
            Self::JwtBearer => "jwt_bearer",
            Self::ApiKey => "api_key",
            Self::Oauth1 => "oauth1",
        }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// HTTP Basic, id and secret as they are.
    #[default]
    Basic,
    /// HTTP Basic, id and secret form-encoded first (RFC 6749 2.3.1).
    BasicEncoded,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// Not at all; `token_form` may name the secret.
    None,
}

/// The form of a token request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`, the standard.
    #[default]
    Form,
    /// A JSON object.
    Json,
}

/// A value whose parts may be overridden one by one.
trait Override {
    fn over(&self, base: &Self) -> Self;
}

impl<T: Clone> Override for Option<T> {
    fn over(&self, base: &Self) -> Self {
        self.as_ref().or(base.as_ref()).cloned()
    }
}

/// Declares rules of which a source may override each.
macro_rules! rules {
    ($(#[$of_struct:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $kind:ty,)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
        $(#[$of_struct])*
        pub struct $name {
            $($(#[$of_field])* pub $field: $kind,)*
        }

        impl $name {
            /// These rules, and those of `base` where these have none.
            pub fn over(&self, base: &Self) -> Self {
                Self { $($field: Override::over(&self.$field, &base.$field),)* }
            }
        }

        impl Override for $name {
            fn over(&self, base: &Self) -> Self {
                $name::over(self, base)
            }
        }
    };
}

rules! {
    /// A token endpoint and its quirks. A template is filled with the source's settings; an empty text counts as none.
    EndpointRules {
        /// Template of the token endpoint's address. May be left out where `issuer` leads to it.
        token_url: Option<String>,
        /// Template of the issuer, exactly as it calls itself in its metadata document. The document provides endpoints
        /// that no key here sets. Without an issuer no document is read.
        issuer: Option<String>,
        /// Template of the address of the issuer's document, where it is not at the standards' locations.
        #[cfg_attr(any(test, feature = "testing"), schemars(length(min = 1)))]
        metadata_url: Option<String>,
        /// Templates of further allowed origins of the issuer's endpoints, such as `["https://login.example"]`.
        allow_origins: Option<Vec<String>>,
        /// Template of the revocation endpoint (RFC 7009), used by `rollbook logout`, if the issuer's document does not
        /// contain it.
        revocation_url: Option<String>,
        /// Template of the address where a browser starts (`authorization_code`).
        authorize_url: Option<String>,
        /// Further parameters of that address; the values are templates.
        authorize_query: Option<BTreeMap<String, String>>,
        /// Template of the address that the browser is sent back to (`authorization_code`), exactly as it is registered
        /// at the vendor. Without one: a free port of loopback.
        redirect_url: Option<String>,
        /// Whether the sign-in uses PKCE (RFC 7636). Default true; false only for a vendor that refuses the parameter.
        pkce: Option<bool>,
        /// Query parameters of the token request; the values are templates.
        token_query: Option<BTreeMap<String, String>>,
        /// Further members of the token request's body; the values are templates, also of `{client_id}` and
        /// `{client_secret}`.
        token_form: Option<BTreeMap<String, String>>,
        /// How the client authenticates. Default `basic`.
        client_auth: Option<ClientAuth>,
        /// The form of the token request's body. Default `form`.
        body: Option<TokenBody>,
        /// Template of the requested scopes, separated by spaces.
        scope: Option<String>,
        /// The lifetime of a token if the response does not state it, such as `"180s"`.
        lifetime: Option<Period>,
        /// Path of the member that the token response is wrapped in, such as `"data"`.
        envelope: Option<String>,
        /// The header of requests that carries the token, as `Bearer TOKEN`. Default `Authorization`.
        token_header: Option<String>,
        /// The `aud` of an assertion (`jwt_bearer`). Default the token endpoint's address.
        audience: Option<String>,
        /// Further claims of an assertion (`jwt_bearer`), such as `scope` and `sub`; the values are templates, also of
        /// `{issuer}`. Empty ones are left out.
        claims: Option<BTreeMap<String, String>>,
        /// How long an assertion is valid (`jwt_bearer`). Default `"5m"`.
        assertion_lifetime: Option<Period>,
        /// Names of the token response's members, where they are not the standard's; or their paths, such as
        /// `"data.token"`.
        #[serde(default)]
        members: TokenMembers,
    }
}

rules! {
    /// Names of the token response's members; a key that is missing means the member of the same name.
    #[serde(deny_unknown_fields)]
    TokenMembers {
        /// The access token.
        access_token: Option<String>,
        /// The refresh token.
        refresh_token: Option<String>,
        /// The lifetime in seconds.
        expires_in: Option<String>,
        /// The time of its end: RFC 3339, or seconds or milliseconds since 1970.
        expires_at: Option<String>,
        /// The scopes that were granted.
        scope: Option<String>,
    }
}

impl EndpointRules {
    /// Whether a token endpoint is configured or can be discovered.
    pub fn has_endpoint(&self) -> bool {
        let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        is_set(&self.token_url) || is_set(&self.issuer)
    }

    /// The requested scopes.
    pub fn scopes(&self) -> Vec<String> {
        let scopes = self.scope.as_deref().unwrap_or_default();
        scopes.split_whitespace().map(str::to_owned).collect()
    }
}

impl TokenMembers {
    /// The member with the access token.
    pub fn access_token(&self) -> &str {
        self.access_token.as_deref().unwrap_or("access_token")
    }

    /// The member with the refresh token.
    pub fn refresh_token(&self) -> &str {
        self.refresh_token.as_deref().unwrap_or("refresh_token")
    }

    /// The member with the lifetime in seconds.
    pub fn expires_in(&self) -> &str {
        self.expires_in.as_deref().unwrap_or("expires_in")
    }

    /// The member with the time of expiry.
    pub fn expires_at(&self) -> &str {
        self.expires_at.as_deref().unwrap_or("expires_at")
    }

    /// The member with the granted scopes.
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or("scope")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_overrides_one_rule_and_one_member() {
        let base = EndpointRules {
            token_url: Some("https://old.example/token".into()),
            client_auth: Some(ClientAuth::Post),
            members: TokenMembers {
                access_token: Some("token".into()),
                scope: Some("rights".into()),
                ..TokenMembers::default()
            },
            ..EndpointRules::default()
        };
        let own = EndpointRules {
            token_url: Some(String::new()),
            members: TokenMembers {
                scope: Some("scopes".into()),
                ..TokenMembers::default()
            },
            ..EndpointRules::default()
        };
        let rules = own.over(&base);
        assert_eq!(rules.token_url.as_deref(), Some(""), "emptied on purpose");
        assert_eq!(rules.client_auth, Some(ClientAuth::Post));
        assert_eq!(rules.members.access_token(), "token");
        assert_eq!(rules.members.scope(), "scopes");
        assert_eq!(rules.members.expires_in(), "expires_in");
        assert_eq!(EndpointRules::default().over(&base), base);
    }

    #[test]
    fn an_empty_text_is_no_endpoint() {
        let rules = |token_url: &str, issuer: &str| EndpointRules {
            token_url: Some(token_url.into()),
            issuer: Some(issuer.into()),
            ..EndpointRules::default()
        };
        assert!(!EndpointRules::default().has_endpoint());
        assert!(!rules("", "").has_endpoint());
        assert!(rules("https://a.example", "").has_endpoint());
        assert!(rules("", "https://a.example").has_endpoint());
    }
}
