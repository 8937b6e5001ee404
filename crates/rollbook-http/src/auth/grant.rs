//! The grants of a source, and the trait of the store that keeps refresh tokens.
//!
//! Every secret has a type that prints nothing.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use xxhash_rust::xxh3::xxh3_128;

use super::assertion::Signer;
use super::discovery::IssuerSpec;
use crate::http::{FixedKeys, SendGate};
use rollbook_core::model::{EndpointRules, KeptGrant, KeptRefusal, RequestEnd, SourceName};

/// How a source authenticates.
#[derive(Clone)]
pub enum Grant {
    /// Fixed keys.
    ApiKey(FixedKeys),
    /// OAuth 2 JWT bearer (RFC 7523).
    JwtBearer {
        /// The token endpoint.
        spec: GrantSpec,
        /// What signs the assertions.
        signer: Signer,
    },
    /// OAuth 1.0a without a token (RFC 5849 3): each request is signed.
    Signature {
        /// The client identifier, `oauth_consumer_key`.
        client_id: String,
        /// The client shared-secret.
        client_secret: SecretString,
    },
    /// OAuth 2 client credentials (RFC 6749 4.4).
    ClientCredentials(GrantSpec),
    /// OAuth 2 resource owner password (RFC 6749 4.3), only where the vendor offers nothing better.
    Password {
        /// The token endpoint.
        spec: GrantSpec,
        /// Account name.
        username: String,
        /// Its password. A refused one is not retried for a day, to keep the account from being locked.
        password: SecretString,
    },
    /// A refresh token that is stored in the vault and rotated.
    RefreshToken {
        /// The token endpoint.
        spec: GrantSpec,
        /// The token that an admin configured; a token in the vault that descends from it takes precedence.
        seed: Option<SecretString>,
    },
    /// The refresh token of a sign-in (`rollbook login`), only from the vault.
    SignedIn {
        /// The token endpoint. Its `scope` is unset: a refresh that requests more than was granted
        /// is refused (RFC 6749 6), and one without scopes keeps the granted ones.
        spec: GrantSpec,
        /// The scopes that the sign-in requests, separated by blanks.
        wanted: String,
    },
}

/// A token endpoint and how a vendor deviates from RFC 6749.
#[derive(Clone)]
pub struct GrantSpec {
    /// URL of the token endpoint; https, or http on loopback. `None`: from the issuer's document.
    pub token_url: Option<Url>,
    /// The issuer of the tokens; required without a `token_url`.
    pub issuer: Option<IssuerSpec>,
    /// URL of the revocation endpoint (RFC 7009). `None`: from the issuer's document, if it has one.
    pub revocation_url: Option<Url>,
    /// Client identifier.
    pub client_id: String,
    /// `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// The endpoint's quirks, with their templates filled. `token_query` has no secrets: servers log URLs.
    pub rules: EndpointRules,
    /// API key header sent in addition to the bearer token.
    pub api_key: Option<ApiKeySpec>,
}

/// An API key header that is sent in addition to a bearer token.
#[derive(Clone)]
pub struct ApiKeySpec {
    /// The header's name.
    pub header: String,
    /// The member of the token response that contains the key.
    pub member: Option<String>,
    /// The source's own key; takes precedence over the response's.
    pub fixed: Option<SecretString>,
}

/// Marks tokens that descend from a sign-in: at which endpoint, by which client, and when.
///
/// A token is never sent to another endpoint than the one that issued it, even after the configuration
/// has changed.
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

    /// The mark in a kept grant; `None` when its tokens have another origin.
    pub fn of(kept: &KeptGrant) -> Option<Self> {
        let mut words = kept.seed_hash.strip_prefix("sign-in ")?.split(' ');
        let (endpoint, at) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        Some(Self { endpoint, at })
    }

    /// Whether endpoint and client are the same.
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
    let issuer_or_url = match (&spec.token_url, &spec.issuer) {
        (Some(url), _) => url.as_str(),
        (None, Some(issuer)) => &issuer.issuer,
        (None, None) => "",
    };
    let text = format!("{issuer_or_url}\n{}", spec.client_id);
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// The vault failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError {
    /// The reason, without any secret.
    pub reason: String,
    /// A retry does not help: the vault is sealed, and its key is missing.
    pub shut: bool,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for VaultError {}

/// A refresh that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct RefreshIntent<'a> {
    /// Fingerprint of the token that is used up by it.
    pub token: &'a str,
    /// Fingerprint of the access token that is to be replaced: it is no use any more, whatever its age.
    pub replaced: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// What a store says to a refresh that is about to be sent.
#[derive(Debug)]
pub enum Intended {
    /// It is stored: the token is sent once, if the gate lets it pass.
    Send(Option<SendGate>),
    /// Another refresh may be on its way, and the access token of this grant is still valid.
    Use(Box<KeptGrant>),
    /// To be read and asked again after this time: tokens may be stored by then.
    Wait(Duration),
    /// The end of an earlier refresh is not known, and nothing is sent until a person says so.
    Open,
    /// Nothing is sent now. The reason fits after "because".
    Not(&'static str),
}

/// Keeps grants. All methods but `signed_in` and `is_settled` may block and are called on blocking threads.
///
/// The defaults are those of a store whose lock excludes all others.
pub trait GrantStore: Send + Sync {
    /// The grant of a source, with the intent of an unfinished refresh.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, VaultError>;

    /// Stores durably that this token of the grant that was loaded last is about to be used up. The source may be new.
    ///
    /// # Errors
    /// When it is not durably stored; then no token request is sent.
    fn intend(
        &self,
        source: &SourceName,
        refresh: RefreshIntent<'_>,
    ) -> Result<Intended, VaultError>;

    /// The request that was intended has ended without tokens. Returns whether nothing may be sent again.
    ///
    /// # Errors
    /// When that cannot be stored.
    fn ended(&self, _source: &SourceName, _end: RequestEnd) -> Result<bool, VaultError> {
        Ok(false)
    }

    /// Stores the new token, the previous one and the end of the intent in one transaction.
    ///
    /// # Errors
    /// When it is not durably stored; then the token stays in memory and is stored later.
    fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError>;

    /// Stores tokens whose storing has failed, and returns whether they are stored; not where newer ones are.
    ///
    /// # Errors
    /// As for `keep`.
    fn keep_late(&self, source: &SourceName, grant: &KeptGrant) -> Result<bool, VaultError> {
        let kept = self.load(source)?;
        // A sign-in in the meantime has stored a newer token.
        let is_newest = kept.is_none_or(|kept| kept.obtained <= grant.obtained);
        if is_newest {
            self.keep(source, grant)?;
        }
        Ok(is_newest)
    }

    /// Stores the grant of a sign-in in place of what is there.
    ///
    /// # Errors
    /// When it is not durably stored.
    fn sign_in(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        self.keep(source, grant)
    }

    /// The last sign-in, as far as it is known. Does not wait for another machine.
    ///
    /// # Errors
    /// When the vault cannot be read.
    fn signed_in(&self, source: &SourceName) -> Result<Option<SignInMark>, VaultError> {
        Ok(self.load(source)?.as_ref().and_then(SignInMark::of))
    }

    /// A person wants a refresh whose end is not known tried again.
    ///
    /// # Errors
    /// When that cannot be stored.
    fn resume(&self, _source: &SourceName) -> Result<(), VaultError> {
        Ok(())
    }

    /// Whether no token request is under way whose end is to be stored. Does not wait.
    fn is_settled(&self) -> bool {
        true
    }

    /// Deletes the grant and the intent of a source.
    ///
    /// # Errors
    /// When they are not deleted.
    fn forget(&self, source: &SourceName) -> Result<(), VaultError>;

    /// Drops the previous token, because a request with the new one has succeeded.
    ///
    /// # Errors
    /// When it fails; nothing is lost, and the next refresh retries.
    fn proven(&self, source: &SourceName) -> Result<(), VaultError>;

    /// How the vendor has rejected this credential of the source, if it is the stored one; `None` for any other.
    ///
    /// # Errors
    /// When the vault cannot be read; then no token request is sent.
    fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, VaultError>;

    /// Stores durably how the vendor has rejected this credential, in place of an earlier one; `None` when it was accepted.
    ///
    /// # Errors
    /// When it is not durably stored; then only this process knows, and a password that was rejected before is not sent.
    fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError>;

    /// Waits for the lock that excludes other processes; dropping the value releases it.
    ///
    /// # Errors
    /// When the lock cannot be acquired.
    fn lock(&self, source: &SourceName) -> Result<Box<dyn Send>, VaultError>;
}
