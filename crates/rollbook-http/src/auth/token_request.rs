//! One POST to a token endpoint. Follows no redirect and retries nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};

use super::assertion::Signer;
use super::discovery::Discovery;
use super::grant::GrantSpec;
use super::token_form::authenticated;
use super::token_refusal::{self, Sent, TokenReply, is_error};
use super::token_response::{self, ExpectedResponse, Token};
use crate::http::SendGate;
use crate::http::access;
use crate::http::body::{self, Oversized};
use crate::http::client::{self, ClientOptions, peer_of};
use crate::http::deadline::Deadline;
use crate::http::error::HttpErrorKind;
use crate::http::limits::TOKEN_BODY;
use crate::http::reply::Headers;
use crate::http::rules::{Timeouts, must_be_safe};
use rollbook_core::clock::Clock;

const NO_ADDRESS: &str = "neither token_url nor issuer is set";

const TOO_LARGE: &str = "more than 1 MiB";

/// The grant of a token request.
pub(super) enum TokenRequest<'a> {
    /// Client credentials.
    Client,
    /// A user's name and password.
    Password(&'a str, &'a SecretString),
    /// The same without both, which every token endpoint refuses.
    NoPassword,
    /// A refresh token.
    Refresh(&'a SecretString),
    /// The code of a sign-in.
    Code(CodeRequest<'a>),
    /// A signed assertion (RFC 7523).
    Assertion(&'a SecretString),
}

/// The grant type of RFC 7523 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An authorization code with what binds it to its attempt.
pub(super) struct CodeRequest<'a> {
    pub code: &'a SecretString,
    /// The PKCE verifier (RFC 7636).
    pub verifier: Option<&'a SecretString>,
    /// `redirect_uri`, exactly as in the authorization request.
    pub redirect: &'a str,
}

impl<'a> TokenRequest<'a> {
    /// The parameters of RFC 6749 4.1.3, 4.3.2, 4.4.2 or 6.
    fn form(&self, scope: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut form = match *self {
            Self::Client => vec![("grant_type", "client_credentials")],
            Self::Password(name, password) => vec![
                ("grant_type", "password"),
                ("username", name),
                ("password", password.expose_secret()),
            ],
            Self::NoPassword => vec![("grant_type", "password")],
            Self::Refresh(token) => vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", token.expose_secret()),
            ],
            Self::Code(CodeRequest { code, redirect, .. }) => vec![
                ("grant_type", "authorization_code"),
                ("code", code.expose_secret()),
                ("redirect_uri", redirect),
            ],
            Self::Assertion(assertion) => vec![
                ("grant_type", JWT_BEARER),
                ("assertion", assertion.expose_secret()),
            ],
        };
        match self {
            // The authorization request contained the scopes.
            Self::Code(CodeRequest { verifier, .. }) => {
                form.extend(verifier.map(|verifier| ("code_verifier", verifier.expose_secret())));
            }
            _ if scope.is_empty() => {}
            _ => form.push(("scope", scope)),
        }
        form
    }

    fn sent(&self) -> Sent {
        match self {
            Self::Client | Self::NoPassword | Self::Assertion(_) => Sent::Nothing,
            Self::Password(..) => Sent::Password,
            Self::Refresh(_) | Self::Code(_) => Sent::Token,
        }
    }

    /// What is sent and must not be shown, a person's name included.
    fn secrets(&self) -> Vec<&'a str> {
        match *self {
            Self::Client | Self::NoPassword => Vec::new(),
            Self::Password(name, password) => vec![name, password.expose_secret()],
            Self::Refresh(token) | Self::Assertion(token) => vec![token.expose_secret()],
            Self::Code(CodeRequest { code, verifier, .. }) => {
                let verifier = verifier.map(|verifier| verifier.expose_secret());
                [Some(code.expose_secret()), verifier]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }
}

/// A token endpoint with its client.
pub(super) struct Endpoint {
    pub spec: GrantSpec,
    pub host: String,
    discovery: Option<Discovery>,
    client: reqwest::Client,
    timeouts: Timeouts,
}

impl Endpoint {
    pub fn new(spec: GrantSpec, options: &ClientOptions<'_>) -> Result<Self, HttpErrorKind> {
        let discovery = match &spec.issuer {
            Some(issuer) => Some(Discovery::new(issuer.clone(), options)?),
            None => None,
        };
        let known = match (&spec.token_url, &discovery) {
            (Some(url), _) => url,
            (None, Some(discovery)) => discovery.document(),
            (None, None) => return Err(HttpErrorKind::Setup(NO_ADDRESS.into())),
        };
        let host = peer_of(known, options.route);
        let client = client::client(options, known)?;
        if let Some(url) = &spec.token_url {
            must_be_safe(url, "token_url")?;
        }
        let headers = spec.api_key.iter().map(|key| &key.header);
        for header in headers.chain(&spec.rules.token_header) {
            access::name(header)?;
        }
        Ok(Self {
            spec,
            host,
            discovery,
            client,
            timeouts: *options.timeouts,
        })
    }

    /// The issuer's document, where an issuer is named.
    pub fn discovery(&self) -> Option<&Discovery> {
        self.discovery.as_ref()
    }

    /// The URL of the token endpoint. Reads the issuer's document where the configuration has none, so call it
    /// before any step that cannot be undone.
    pub async fn endpoint_url(&self, clock: &Clock) -> Result<Url, HttpErrorKind> {
        let configured = match (&self.spec.token_url, &self.discovery) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(discovery)) => discovery.metadata(clock).await?.token_url.clone(),
            (None, None) => return Err(HttpErrorKind::Setup(NO_ADDRESS.into())),
        };
        let mut url = configured
            .ok_or_else(|| HttpErrorKind::DocumentRefused("names no token_endpoint".into()))?;
        let query = self.spec.rules.token_query.iter().flatten();
        let mut query = query.peekable();
        if query.peek().is_some() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Signs an assertion and requests a token with it.
    pub async fn request_with_assertion(
        &self,
        signer: &Signer,
        clock: &Clock,
    ) -> Result<Token, HttpErrorKind> {
        let mut audience = self.endpoint_url(clock).await?;
        audience.set_query(None);
        let assertion = signer.assertion(&self.spec.rules, audience.as_str(), clock.now())?;
        let request = TokenRequest::Assertion(&assertion);
        self.request_token(&request, clock).await
    }

    /// Sends one request.
    pub async fn request_token(
        &self,
        request: &TokenRequest<'_>,
        clock: &Clock,
    ) -> Result<Token, HttpErrorKind> {
        self.request_through(None, request, clock).await
    }

    /// Sends one request, if the gate lets it pass.
    pub async fn request_through(
        &self,
        gate: Option<&SendGate>,
        request: &TokenRequest<'_>,
        clock: &Clock,
    ) -> Result<Token, HttpErrorKind> {
        let address = self.endpoint_url(clock).await?;
        let (now, rules) = (clock.now(), &self.spec.rules);
        let scope = rules.scopes().join(" ");
        let mut form = request.form(&scope);
        let further = self.further_form();
        form.extend(
            further
                .iter()
                .map(|(name, value)| (*name, value.expose_secret())),
        );
        let (headers, content) = authenticated(&self.spec, form, rules.body.unwrap_or_default())?;
        // An unread response to a token that can be used once is a lost token.
        let grace = match request.sent() {
            Sent::Token => self.timeouts.grace,
            Sent::Nothing | Sent::Password => Duration::ZERO,
        };
        let post = self.send(&address, headers, content, gate, grace);
        let (status, headers, body) = post.await?;
        let failed = |body: &[u8]| {
            let target = headers.get("location").and_then(|to| address.join(to).ok());
            let answer = TokenReply {
                status,
                headers: &headers,
                body,
                target: target.as_ref(),
                now,
            };
            let pair = self.basic_pair();
            let mut secrets = request.secrets();
            let own = self.spec.client_secret.as_ref();
            secrets.extend(own.map(|secret| secret.expose_secret()));
            secrets.push(&pair);
            token_refusal::failure(&answer, request.sent(), &secrets)
        };
        if !(200..300).contains(&status) {
            return Err(failed(&body.unwrap_or_default()));
        }
        // The advice of `TooLarge`, smaller pages, does not apply.
        let body = body.map_err(|kind| match kind {
            HttpErrorKind::TooLarge(_) => HttpErrorKind::NoTokenResponse(status, TOO_LARGE.into()),
            kind => kind,
        })?;
        let token = token_response::read(&body, &self.expected(headers.date().unwrap_or(now)));
        token.map_err(|reason| match is_error(status, &body) {
            true => failed(&body),
            false => HttpErrorKind::NoTokenResponse(status, reason),
        })
    }

    /// The further members of the body: what they name of the client is filled in.
    fn further_form(&self) -> Vec<(&str, SecretString)> {
        let secret = self.spec.client_secret.as_ref();
        let fill = |value: &String| {
            let value = value.replace("{client_id}", &self.spec.client_id);
            let secret = secret.map_or("", |secret| secret.expose_secret());
            SecretString::from(value.replace("{client_secret}", secret))
        };
        let further = self.spec.rules.token_form.iter().flatten();
        further
            .map(|(name, value)| (name.as_str(), fill(value)))
            .collect()
    }

    /// What Basic authentication sends, which a server may repeat.
    fn basic_pair(&self) -> String {
        let secret = self.spec.client_secret.as_ref();
        let secret = secret.map(|secret| {
            let pair = format!("{}:{}", self.spec.client_id, secret.expose_secret());
            BASE64_STANDARD.encode(pair)
        });
        secret.unwrap_or_default()
    }

    fn expected(&self, now: Timestamp) -> ExpectedResponse<'_> {
        let key = self.spec.api_key.as_ref();
        ExpectedResponse {
            lifetime: self.spec.rules.lifetime.map(|lifetime| lifetime.0),
            envelope: self.spec.rules.envelope.as_deref(),
            members: &self.spec.rules.members,
            key_member: key.and_then(|key| key.member.as_deref()),
            now,
        }
    }

    /// Sends a POST, once, and reads the response.
    pub(super) async fn send(
        &self,
        address: &Url,
        mut headers: HeaderMap,
        content: Vec<u8>,
        gate: Option<&SendGate>,
        grace: Duration,
    ) -> Result<(u16, Headers, Result<Vec<u8>, HttpErrorKind>), HttpErrorKind> {
        if let Some(authorization) = headers.get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        let limit = gate.map_or(Some(self.timeouts.token), SendGate::time_left);
        // Nothing was sent.
        let limit = limit.ok_or(HttpErrorKind::Cut)?.min(self.timeouts.token);
        let content = match gate {
            Some(gate) => gate.body(content),
            None => content.into(),
        };
        let mut deadline = Deadline::start(&self.timeouts, limit).with_grace(grace);
        let post = self.client.post(address.clone());
        let post = post.headers(headers).body(content);
        let sending = client::send(post, &self.host, &self.timeouts);
        let response = deadline.first_byte(sending).await??;
        let (status, headers) = (
            response.status().as_u16(),
            Headers::from(response.headers().clone()),
        );
        let limits = (TOKEN_BODY, Oversized::Refuse);
        let peer = (self.host.as_str(), &self.timeouts);
        let body = body::read(response, &headers, limits, deadline, peer).await;
        Ok((status, headers, body))
    }
}
