//! The ways to a token, and the interface to whoever keeps a refresh token on disk.
//!
//! Every secret has a type that prints nothing.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use xxhash_rust::xxh3::xxh3_128;

use super::discovery::IssuerSpec;

/// How a source is let in.
#[derive(Clone)]
pub enum Grant {
    /// A fixed key in a header.
    ApiKey {
        /// The header's name.
        header: String,
        /// The key.
        key: SecretString,
    },
    /// OAuth 2 client credentials (RFC 6749 4.4).
    ClientCredentials(GrantSpec),
    /// OAuth 2 resource owner password (RFC 6749 4.3), only where the vendor offers nothing better.
    Password {
        /// The endpoint and its quirks.
        spec: GrantSpec,
        /// Whose account.
        username: String,
        /// And its password. A refused one is not tried again for a day, or the account is locked.
        password: SecretString,
    },
    /// A refresh token that is kept in the vault and rotated.
    RefreshToken {
        /// The endpoint and its quirks.
        spec: GrantSpec,
        /// The token that an admin configured; the vault's wins once it has grown out of this one.
        seed: Option<SecretString>,
    },
    /// What a person obtained by signing in once (`rollbook login`): the vault's refresh token, and no other.
    SignedIn {
        /// The endpoint and its quirks. It asks for no scopes: a refresh that asks for more than was granted
        /// would be refused (RFC 6749 6), and one that asks for nothing gets what there is.
        spec: GrantSpec,
        /// The scopes that the sign-in asks for, separated by blanks.
        wanted: String,
    },
}

/// A token endpoint and its quirks.
#[derive(Clone)]
pub struct GrantSpec {
    /// The endpoint's address; https, or http on loopback. `None`: the issuer's document says it.
    pub token_url: Option<Url>,
    /// Who gives the tokens, where somebody says so; needed without a `token_url`.
    pub issuer: Option<IssuerSpec>,
    /// Where tokens are revoked (RFC 7009), unless the issuer's document says it.
    pub revocation_url: Option<Url>,
    /// Query parameters of the request. No secrets: servers log addresses.
    pub token_query: Vec<(String, String)>,
    /// Further members of the body.
    pub token_form: Vec<(String, String)>,
    /// Who we are.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Option<SecretString>,
    /// How it is proved.
    pub client_auth: ClientAuth,
    /// The body's form.
    pub body: TokenBody,
    /// The scopes asked for, separated by blanks; empty asks for none.
    pub scope: String,
    /// How long a token lives when the answer does not say.
    pub lifetime: Option<Duration>,
    /// Names of the answer's members.
    pub members: TokenMembers,
    /// A key that goes beside the bearer token.
    pub api_key: Option<ApiKeySpec>,
}

/// Names of the token answer's members; the standard's unless somebody says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMembers {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The life in seconds.
    pub expires_in: String,
    /// The time of its end.
    pub expires_at: String,
    /// The scopes that were granted.
    pub scope: String,
}

impl Default for TokenMembers {
    fn default() -> Self {
        Self {
            access_token: "access_token".into(),
            refresh_token: "refresh_token".into(),
            expires_in: "expires_in".into(),
            expires_at: "expires_at".into(),
            scope: "scope".into(),
        }
    }
}

/// A key that goes beside a bearer token.
#[derive(Clone)]
pub struct ApiKeySpec {
    /// The header's name.
    pub header: String,
    /// The member of the token answer that carries the key.
    pub member: Option<String>,
    /// The source's own key; it wins over the answer's.
    pub fixed: Option<SecretString>,
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic, id and secret as they are.
    #[default]
    Basic,
    /// HTTP Basic, id and secret form-encoded first, as RFC 6749 2.3.1 says.
    BasicEncoded,
    /// `client_id` and `client_secret` in the body.
    Post,
}

/// The form of a token request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`, as the standard says.
    #[default]
    Form,
    /// A JSON object.
    Json,
}

/// What is kept of a grant between two refreshes.
#[derive(Clone, Debug)]
pub struct KeptGrant {
    /// The token for the next refresh; empty after a sign-in that gave none.
    pub refresh_token: SecretString,
    /// The one before, until the new one has been proven.
    pub previous: Option<SecretString>,
    /// What this chain of tokens grew out of: [`KeptGrant::fingerprint`] of the token that the admin had
    /// configured, where a newly configured one wins; [`SignInMark`] of a sign-in; or nothing.
    pub seed_hash: String,
    /// Fingerprint of the token of a refresh that was begun and never finished.
    pub intent: Option<String>,
    /// The key that came with the token.
    pub api_key: Option<SecretString>,
    /// The access token that came with it, so that another process need not ask for one.
    pub access: Option<KeptAccess>,
    /// When the tokens were asked for.
    pub obtained: Timestamp,
    /// The scopes that were granted; `None` where the vendor does not say.
    pub scope: Option<Vec<String>>,
}

/// An access token that came with a refresh token.
#[derive(Clone, Debug)]
pub struct KeptAccess {
    /// The token.
    pub token: SecretString,
    /// How long it lives from when it was asked for; nothing where the vendor does not say.
    pub life: Option<Duration>,
}

impl KeptGrant {
    /// Tells two tokens apart. It stands beside the token itself, in the same private file, so it
    /// need not be hard to turn back.
    pub fn fingerprint(token: &SecretString) -> String {
        format!("{:032x}", xxh3_128(token.expose_secret().as_bytes()))
    }
}

/// The mark of a chain that began when a person signed in: at which endpoint, by which client, and when.
///
/// A token is never sent to another endpoint than the one that gave it, whatever the configuration says
/// by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInMark {
    endpoint: String,
    /// When the person signed in.
    pub at: Timestamp,
}

impl SignInMark {
    /// The mark of a sign-in at this endpoint.
    pub fn new(spec: &GrantSpec, at: Timestamp) -> Self {
        let endpoint = endpoint_mark(spec);
        Self { endpoint, at }
    }

    /// The mark in a kept grant; `None` when its chain began in another way.
    pub fn of(kept: &KeptGrant) -> Option<Self> {
        let mut words = kept.seed_hash.strip_prefix("sign-in ")?.split(' ');
        let (endpoint, at) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some(Self { endpoint, at })
    }

    /// Whether it was this endpoint, and this client.
    pub fn is_for(&self, spec: &GrantSpec) -> bool {
        self.endpoint == endpoint_mark(spec)
    }
}

impl fmt::Display for SignInMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sign-in {} {}", self.endpoint, self.at)
    }
}

fn endpoint_mark(spec: &GrantSpec) -> String {
    let place = match (&spec.token_url, &spec.issuer) {
        (Some(url), _) => url.as_str(),
        (None, Some(issuer)) => &issuer.issuer,
        (None, None) => "",
    };
    let text = format!("{place}\n{}", spec.client_id);
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// The vault does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError {
    /// Why, without any secret.
    pub reason: String,
    /// Waiting does not help: what is in the vault is sealed, and its key is not there.
    pub shut: bool,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for VaultError {}

/// Keeps grants on disk. All calls may block; they are made from threads that may.
pub trait GrantVault: Send + Sync {
    /// The grant of a source, with a refresh that was begun and never finished.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn load(&self, source: &str) -> Result<Option<KeptGrant>, VaultError>;

    /// Writes down durably that this token is about to be used up. The source may be unknown yet.
    ///
    /// # Errors
    /// When it is not on disk for certain; then no token request is sent.
    fn intend(&self, source: &str, old_token_hash: &str, at: Timestamp) -> Result<(), VaultError>;

    /// Stores the new token, the previous one and the end of the intent in one transaction.
    ///
    /// # Errors
    /// When it is not on disk for certain; then the token is held in memory and stored later.
    fn keep(&self, source: &str, grant: &KeptGrant) -> Result<(), VaultError>;

    /// The new token has worked: drops the previous one.
    ///
    /// # Errors
    /// When it cannot; nothing is lost, and the next token tries again.
    fn proven(&self, source: &str) -> Result<(), VaultError>;

    /// When this credential of the source was refused, if that is remembered; `None` for any other
    /// credential.
    ///
    /// # Errors
    /// When the vault cannot be read; then no token request is sent.
    fn refused(&self, source: &str, credential: &str) -> Result<Option<Timestamp>, VaultError>;

    /// Remembers durably that this credential was refused, in place of an earlier one.
    ///
    /// # Errors
    /// When it is not on disk for certain; then only this process remembers.
    fn note_refusal(&self, source: &str, credential: &str, at: Timestamp)
    -> Result<(), VaultError>;

    /// Waits for the lock that holds back other processes; held until it is dropped.
    ///
    /// # Errors
    /// When there can be no lock.
    fn lock(&self, source: &str) -> Result<Box<dyn Send>, VaultError>;
}
