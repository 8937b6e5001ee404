//! The way to a token with its endpoint, made from a grant; and the mark by which a refused password is known.

use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::xxh3_64;

use super::access::Access;
use super::client::{Connections, Road};
use super::error::Kind;
use super::grant::{Grant, GrantSpec};
use super::keeper::KeeperRules;
use super::scopes;
use super::token_request::Endpoint;

/// The way to a token, with its endpoint.
pub(super) enum Way {
    /// A fixed key.
    Key(Access),
    /// Client credentials.
    Client(Endpoint),
    /// A user's name and password.
    Password(Endpoint, String, SecretString),
    /// A refresh token: the vault's, or the configured one where it is newer.
    Refresh(Endpoint, Option<SecretString>),
    /// The vault's refresh token, and no other: a person signed in for it.
    SignedIn(Endpoint, String),
}

impl Way {
    /// The way that the rules describe; nothing is sent.
    pub fn of(rules: &KeeperRules) -> Result<Self, Kind> {
        let endpoint = |spec: &GrantSpec| {
            let road = Road {
                connections: Connections::Fresh,
                route: &rules.route,
                timeouts: &rules.timeouts,
            };
            Endpoint::new(spec.clone(), &road)
        };
        Ok(match &rules.grant {
            Grant::ApiKey { header, key } => Self::Key(Access::key(header, key)?),
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

    /// Where tokens are asked for; a key needs none.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Key(_) => None,
            Self::Client(endpoint)
            | Self::Password(endpoint, ..)
            | Self::Refresh(endpoint, _)
            | Self::SignedIn(endpoint, _) => Some(endpoint),
        }
    }
}

impl Way {
    /// The scopes that the source wants.
    pub fn wanted(&self) -> Vec<String> {
        match self {
            Self::SignedIn(_, wanted) => scopes::split(wanted),
            way => way
                .endpoint()
                .map_or_else(Vec::new, |endpoint| scopes::split(&endpoint.spec.scope)),
        }
    }
}

/// Tells whether a password that was refused is still the configured one.
///
/// Twelve bits: enough to see that somebody changed it (once in 4096 times it is not seen, and the
/// rest of a day is waited for), too few to find a password by trying.
pub(super) fn mark_of_password(spec: &GrantSpec, name: &str, password: &SecretString) -> String {
    let secret = spec.client_secret.as_ref();
    let parts = [
        name,
        password.expose_secret(),
        &spec.client_id,
        secret.map_or("", |secret| secret.expose_secret()),
    ];
    format!("{:03x}", xxh3_64(parts.join("\0").as_bytes()) & 0xfff)
}
