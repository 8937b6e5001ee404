//! One attempt to sign in, from its URL to its grant.
//!
//! State and PKCE verifier exist only in memory, as long as the attempt. The code is sent once:
//! after a lost response a person signs in again.

use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::id_token;
use super::random::{challenge, random_text};
use super::redirect::Redirect;
use super::response::{
    AuthorizationCode, ExpectedRedirect, Issuer, RedirectOutcome, classify_pasted,
};
use crate::auth::grant::{GrantSpec, SignInMark};
use crate::auth::scopes;
use crate::auth::token_request::{CodeRequest, Endpoint, TokenRequest};
use crate::auth::token_response::Token;
use crate::http::client::{ClientOptions, Connections};
use crate::http::error::{HttpError, HttpErrorKind};
use crate::http::rules::{Route, Timeouts, must_be_safe};
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptAccess, KeptGrant, SourceName};

/// The only PKCE method in use.
const S256: &str = "S256";

const NO_AUTHORIZATION_ENDPOINT: &str =
    "neither authorize_url nor the issuer's document has an authorization endpoint";
const NO_S256: &str = "the issuer's document does not list the PKCE method S256; set `pkce = false` only if \
                         the vendor does not support PKCE";
const NO_ISSUER: &str = "the scope openid requests an id token, which cannot be checked without `issuer`; set it, \
                         or remove openid";
const NO_ID_TOKEN: &str = "the scope openid requests an id token, and none was received; remove openid from `scope` \
                           if the vendor does not support it";

/// The parameters of an attempt.
#[derive(Clone)]
pub struct LoginRules {
    /// The source's name.
    pub source: SourceName,
    /// The token endpoint, the client, and the scopes to request.
    pub spec: GrantSpec,
    /// Authorization endpoint; https, or http on loopback. `None`: from the issuer's document.
    pub authorize_url: Option<Url>,
    /// Time limits of each step of the token request.
    pub timeouts: Timeouts,
    /// How the token request leaves the machine.
    pub route: Route,
}

/// One attempt to sign in.
pub struct Attempt {
    source: SourceName,
    endpoint: Endpoint,
    address: Url,
    verifier: Option<SecretString>,
    /// Binds the id token to the attempt; sent where one is requested.
    nonce: Option<SecretString>,
    expected: ExpectedRedirect,
}

/// The result of a successful sign-in.
pub struct SignedIn {
    /// What to keep. Its refresh token is empty where the vendor returned none.
    pub grant: KeptGrant,
    /// The host of the token endpoint.
    pub host: String,
    /// The granted scopes; the requested ones where the vendor declares none (RFC 6749 5.1).
    pub granted: Vec<String>,
    /// Requested scopes that were not granted.
    pub missing: Vec<String>,
    /// When the access ends, if the vendor returned no refresh token.
    pub ends: Option<Ends>,
}

/// When an access that cannot be renewed ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// At this time.
    At(Timestamp),
    /// The vendor declares no lifetime.
    Unknown,
}

impl Attempt {
    /// Starts an attempt with its own state and PKCE verifier. Reads the issuer's document, where an issuer is
    /// configured.
    ///
    /// # Errors
    /// When an address is not safe, or the issuer's document cannot be read or trusted.
    pub async fn begin(
        rules: &LoginRules,
        redirect: Redirect,
        clock: &Clock,
    ) -> Result<Self, HttpError> {
        let at = |kind: HttpErrorKind, host: &str| kind.at(step(&rules.source), host);
        let endpoint = endpoint(rules).map_err(|kind| at(kind, ""))?;
        let host = endpoint.host.clone();
        let attempt = Self::make(rules, endpoint, redirect, clock).await;
        attempt.map_err(|kind| at(kind, &host))
    }

    async fn make(
        rules: &LoginRules,
        endpoint: Endpoint,
        redirect: Redirect,
        clock: &Clock,
    ) -> Result<Self, HttpErrorKind> {
        let metadata = match endpoint.discovery() {
            Some(discovery) => Some(discovery.metadata(clock).await?),
            None => None,
        };
        let start = metadata
            .as_deref()
            .and_then(|found| found.authorize_url.clone());
        let start = rules.authorize_url.clone().or(start);
        let start = start.ok_or_else(|| HttpErrorKind::Setup(NO_AUTHORIZATION_ENDPOINT.into()))?;
        must_be_safe(&start, "authorize_url")?;
        let methods = metadata
            .as_deref()
            .and_then(|found| found.pkce_methods.as_ref());
        let supports_s256 =
            methods.is_none_or(|methods| methods.iter().any(|method| method == S256));
        let uses_pkce = rules.spec.rules.pkce.unwrap_or(true);
        if uses_pkce && !supports_s256 {
            return Err(HttpErrorKind::Setup(NO_S256.into()));
        }
        let issuer = endpoint.discovery().map(|discovery| Issuer {
            name: discovery.issuer().to_owned(),
            names_itself: metadata.is_some_and(|found| found.names_itself),
        });
        let scopes = rules.spec.rules.scopes();
        let requests_id_token = scopes.iter().any(|scope| scope == "openid");
        if requests_id_token && issuer.is_none() {
            return Err(HttpErrorKind::Setup(NO_ISSUER.into()));
        }
        let nonce = requests_id_token.then(random_text).transpose()?;
        let state = random_text()?;
        let verifier = uses_pkce.then(random_text).transpose()?;
        let request = AuthorizationRequest {
            start,
            redirect: &redirect,
            state: &state,
            nonce: nonce.as_ref(),
            challenge: verifier.as_ref().map(challenge),
        };
        let address = request.address(&rules.spec);
        Ok(Self {
            source: rules.source.clone(),
            endpoint,
            address,
            verifier,
            nonce,
            expected: ExpectedRedirect {
                state,
                redirect,
                issuer,
            },
        })
    }

    /// The URL to open in a browser. Its `state` is useless without this attempt.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The redirect address of this attempt.
    pub fn redirect(&self) -> &Redirect {
        &self.expected.redirect
    }

    /// Reads what a person pasted: the URL that the browser ended at, or only the code.
    ///
    /// # Errors
    /// When it belongs to another sign-in, is a refusal, or is neither.
    pub fn read(&self, pasted: &str) -> Result<AuthorizationCode, HttpError> {
        match classify_pasted(pasted, &self.expected) {
            RedirectOutcome::Code(code) => Ok(code),
            RedirectOutcome::Foreign(why) => Err(self.failed(format!(
                "this response was rejected: {why}; paste the one for the address above"
            ))),
            RedirectOutcome::Refused(message) => Err(self.failed(message)),
        }
    }

    /// Exchanges the code for tokens: one POST, never repeated.
    ///
    /// # Errors
    /// When the vendor refuses the code or its response is not valid.
    pub async fn redeem(
        self,
        code: &AuthorizationCode,
        clock: &Clock,
    ) -> Result<SignedIn, HttpError> {
        let at = clock.now();
        let request = TokenRequest::Code(CodeRequest {
            code: &code.0,
            verifier: self.verifier.as_ref(),
            redirect: self.expected.redirect.as_str(),
        });
        match self.endpoint.request_token(&request, clock).await {
            Ok(token) => {
                self.is_ours(&token)
                    .map_err(|message| self.failed(message))?;
                Ok(self.signed_in(token, at))
            }
            Err(kind) => {
                let host = self.endpoint.host.clone();
                Err(exchange_failed(kind, &host).at(step(&self.source), host))
            }
        }
    }

    /// A requested id token must be received and belong to this attempt.
    fn is_ours(&self, token: &Token) -> Result<(), String> {
        let (Some(nonce), Some(issuer)) = (&self.nonce, &self.expected.issuer) else {
            return Ok(());
        };
        let id_token = token.id_token.as_ref().ok_or(NO_ID_TOKEN)?;
        let expected = id_token::ExpectedClaims {
            issuer: &issuer.name,
            client_id: &self.endpoint.spec.client_id,
            nonce,
            now: token.made,
        };
        id_token::check(id_token, &expected)
    }

    fn signed_in(&self, token: Token, at: Timestamp) -> SignedIn {
        let spec = &self.endpoint.spec;
        let requested_scopes = spec.rules.scopes();
        let missing = scopes::missing(
            &requested_scopes,
            token.scope.as_deref(),
            |scope| match scope {
                "offline_access" => token.refresh.is_some(),
                "openid" => token.id_token.is_some(),
                _ => false,
            },
        );
        let granted = token.scope.clone().unwrap_or(requested_scopes);
        let ends = token.refresh.is_none().then(|| {
            let end = token.life.and_then(|life| at.checked_add(life).ok());
            end.map_or(Ends::Unknown, Ends::At)
        });
        let grant = KeptGrant {
            refresh_token: token.refresh.unwrap_or_default(),
            previous: None,
            seed_hash: SignInMark::new(spec, at).to_string(),
            intent: None,
            api_key: token.key,
            access: Some(KeptAccess {
                token: token.access,
                life: token.life,
            }),
            obtained: at,
            scope: token.scope,
        };
        SignedIn {
            grant,
            host: self.endpoint.host.clone(),
            granted,
            missing,
            ends,
        }
    }

    pub(super) fn expected(&self) -> &ExpectedRedirect {
        &self.expected
    }

    pub(super) fn failed(&self, message: String) -> HttpError {
        HttpErrorKind::SignInFailed(message).at(step(&self.source), &*self.endpoint.host)
    }
}

/// The authorization request.
struct AuthorizationRequest<'a> {
    start: Url,
    redirect: &'a Redirect,
    state: &'a SecretString,
    nonce: Option<&'a SecretString>,
    challenge: Option<String>,
}

impl AuthorizationRequest<'_> {
    /// RFC 6749 4.1.1, RFC 7636 4.3, OpenID Connect Core 3.1.2.1.
    fn address(&self, spec: &GrantSpec) -> Url {
        let mut address = self.start.clone();
        let mut query = address.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &spec.client_id)
            .append_pair("redirect_uri", self.redirect.as_str())
            .append_pair("state", self.state.expose_secret());
        let scopes = spec.rules.scopes().join(" ");
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes);
        }
        if let Some(nonce) = self.nonce {
            query.append_pair("nonce", nonce.expose_secret());
        }
        if let Some(challenge) = &self.challenge {
            query
                .append_pair("code_challenge", challenge)
                .append_pair("code_challenge_method", S256);
        }
        query.extend_pairs(spec.rules.authorize_query.iter().flatten());
        drop(query);
        address
    }
}

fn endpoint(rules: &LoginRules) -> Result<Endpoint, HttpErrorKind> {
    let options = ClientOptions {
        connections: Connections::Fresh,
        route: &rules.route,
        timeouts: &rules.timeouts,
    };
    Endpoint::new(rules.spec.clone(), &options)
}

fn step(source: &SourceName) -> String {
    format!("sign in to {source}")
}

/// Explains a refusal of the code; other failures stay unchanged.
fn exchange_failed(kind: HttpErrorKind, host: &str) -> HttpErrorKind {
    let HttpErrorKind::GrantRefused(refusal) = kind else {
        return kind;
    };
    let advice = match refusal.code {
        Some("invalid_client" | "unauthorized_client") => {
            "check client_id, client_secret and client_auth of the source"
        }
        Some("invalid_grant") => {
            "the code is used up, expired, or issued for another redirect_url; sign in again"
        }
        _ => "compare the keys of the grant with the vendor's documentation, and sign in again",
    };
    let code = refusal.code.map(|code| format!(", {code}"));
    let description = refusal.description.map(|text| format!(": \"{text}\""));
    HttpErrorKind::SignInFailed(format!(
        "{host} did not exchange the code for a token ({}{}{}): {advice}",
        refusal.status,
        code.unwrap_or_default(),
        description.unwrap_or_default()
    ))
}
