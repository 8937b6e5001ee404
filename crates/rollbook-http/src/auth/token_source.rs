//! Where a source's tokens come from, built from its grant; and the fingerprint of a refused password.

use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::xxh3_64;

use super::assertion::Signer;
use super::grant::{Grant, GrantSpec};
use super::scopes;
use super::token_request::Endpoint;
use crate::http::access::Access;
use crate::http::client::{ClientOptions, Connections};
use crate::http::error::HttpErrorKind;
use crate::http::oauth1::RequestSigner;
use crate::http::rules::{Route, Timeouts};
use rollbook_core::model::SourceName;

/// The parameters of a token manager.
#[derive(Clone)]
pub struct TokenRules {
    /// The source's name, under which the vault stores the grant.
    pub source: SourceName,
    /// How the source authenticates.
    pub grant: Grant,
    /// Time limits of each step of a token request.
    pub timeouts: Timeouts,
    /// How the requests leave the machine.
    pub route: Route,
}

/// A grant with its endpoint.
pub(super) enum TokenSource {
    /// A fixed key, or one that signs requests.
    Key(Access),
    /// Client credentials.
    Client(Endpoint),
    /// A signed assertion.
    Assertion(Endpoint, Signer),
    /// User name and password.
    Password(Endpoint, String, SecretString),
    /// A refresh token: the vault's, or the configured one where it is newer.
    Refresh(Endpoint, Option<SecretString>),
    /// The refresh token of a sign-in, only from the vault; and the scopes that it requested.
    SignedIn(Endpoint, String),
}

impl TokenSource {
    /// Builds the source from rules; sends nothing.
    pub fn of(rules: &TokenRules) -> Result<Self, HttpErrorKind> {
        let endpoint = |spec: &GrantSpec| {
            let options = ClientOptions {
                connections: Connections::Fresh,
                route: &rules.route,
                timeouts: &rules.timeouts,
            };
            Endpoint::new(spec.clone(), &options)
        };
        Ok(match &rules.grant {
            Grant::ApiKey(keys) => Self::Key(Access::keys(keys)?),
            Grant::JwtBearer { spec, signer } => Self::Assertion(endpoint(spec)?, signer.clone()),
            Grant::Signature {
                client_id,
                client_secret,
            } => Self::Key(Access::signed(RequestSigner::new(client_id, client_secret))),
            Grant::ClientCredentials(spec) => Self::Client(endpoint(spec)?),
            Grant::Password {
                spec,
                username,
                password,
            } => Self::Password(endpoint(spec)?, username.clone(), password.clone()),
            Grant::RefreshToken { spec, seed } => Self::Refresh(endpoint(spec)?, seed.clone()),
            Grant::SignedIn { spec, wanted } => Self::SignedIn(endpoint(spec)?, wanted.clone()),
        })
    }

    /// The token endpoint; `None` for an API key.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Key(_) => None,
            Self::Client(endpoint)
            | Self::Assertion(endpoint, _)
            | Self::Password(endpoint, ..)
            | Self::Refresh(endpoint, _)
            | Self::SignedIn(endpoint, _) => Some(endpoint),
        }
    }
}

impl TokenSource {
    /// Whether nothing is requested from a token endpoint.
    pub fn is_key(&self) -> bool {
        matches!(self, Self::Key(_))
    }

    /// The headers of an API key; `None` for a token.
    pub fn key(&self) -> Option<&Access> {
        match self {
            Self::Key(access) => Some(access),
            _ => None,
        }
    }

    pub fn is_password(&self) -> bool {
        matches!(self, Self::Password(..))
    }

    /// The token endpoint's host; empty for an API key.
    pub fn host(&self) -> &str {
        self.endpoint().map_or("", |endpoint| &endpoint.host)
    }

    pub fn requested_scopes(&self) -> Vec<String> {
        match self {
            Self::SignedIn(_, wanted) => scopes::split(wanted),
            token_source => token_source
                .endpoint()
                .map_or_else(Vec::new, |endpoint| endpoint.spec.rules.scopes()),
        }
    }
}

/// Identifies a refused password, to detect that another one is configured.
///
/// Twelve bits: enough to detect a change (one in 4096 is missed and waits for the rest of the day),
/// too few to find a password by brute force.
pub(super) fn password_fingerprint(
    spec: &GrantSpec,
    name: &str,
    password: &SecretString,
) -> String {
    let secret = spec.client_secret.as_ref();
    let parts = [
        name,
        password.expose_secret(),
        &spec.client_id,
        secret.map_or("", |secret| secret.expose_secret()),
    ];
    format!("{:03x}", xxh3_64(parts.join("\0").as_bytes()) & 0xfff)
}
