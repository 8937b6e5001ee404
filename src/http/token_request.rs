//! One POST to a token endpoint.
//!
//! The `oauth2` crate writes the standard request and reads the standard answer; the adapter between
//! it and our client bends both to the vendor's habits: parameters in the query, a JSON body, Basic
//! without encoding, an answer that is almost right. No redirect is followed, nothing is repeated
//! here.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::access;
use super::body::{self, Beyond};
use super::client::{self, Road, fault, host_of};
use super::deadline::Deadline;
use super::discovery::Discovery;
use super::error::Kind;
use super::grant::{ClientAuth, GrantSpec, TokenBody};
use super::limits::TOKEN_BODY;
use super::reply::Headers;
use super::rules::{Timeouts, must_be_safe};
use super::token_answer::{Expected, standard};
use super::token_form::{basic, form_to_json};
use super::token_refusal::refusal;
use crate::clock::Clock;

/// What is missing when nobody says where tokens are had.
const NO_ADDRESS: &str = "neither token_url nor issuer says where tokens are asked for";

/// Of a token answer beyond its limit.
const TOO_LARGE: &str = "the token answer is larger than 1 MiB; check token_url";

/// What a token request is made with.
pub(super) enum Proof<'a> {
    /// The client alone.
    Client,
    /// A user's name and password.
    Password(&'a str, &'a SecretString),
    /// A refresh token.
    Refresh(&'a SecretString),
    /// What a person's browser brought back.
    Code(CodeProof<'a>),
}

/// An authorization code with what ties it to its attempt.
pub(super) struct CodeProof<'a> {
    pub code: &'a SecretString,
    /// The proof key (RFC 7636).
    pub verifier: Option<&'a SecretString>,
    /// Exactly as in the address that the browser started at.
    pub redirect: &'a str,
}

/// What came of it.
#[derive(Clone)]
pub(super) struct Token {
    pub access: SecretString,
    pub refresh: Option<SecretString>,
    /// `None`: use it until it is refused.
    pub life: Option<Duration>,
    /// How old it is already; zero unless another process asked for it.
    pub age: Duration,
    pub key: Option<SecretString>,
    /// The scopes granted; `None` where the answer does not say.
    pub scope: Option<Vec<String>>,
    /// Who signed in, as OpenID Connect says it.
    pub id_token: Option<SecretString>,
    /// When the answer was made, by the server's clock where it tells.
    pub made: Timestamp,
}

/// A token endpoint with its client.
pub(super) struct Endpoint {
    pub spec: GrantSpec,
    pub host: String,
    discovery: Option<Discovery>,
    client: reqwest::Client,
    timeouts: Timeouts,
}

type Oauth = Client<
    BasicErrorResponse,
    StandardTokenResponse<Ours, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The members that `token_answer.rs` adds.
#[derive(Serialize, Deserialize)]
struct Ours {
    life_ms: Option<u64>,
    key: Option<String>,
    id_token: Option<String>,
    made_ms: Option<i64>,
}

impl ExtraTokenFields for Ours {}

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ours")
    }
}

/// Carries our kind of failure through the `oauth2` crate.
#[derive(Debug)]
struct Refusal(Kind);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token request failed")
    }
}

impl std::error::Error for Refusal {}

/// The `oauth2` crate's idea of an HTTP client.
struct Adapter<'a> {
    endpoint: &'a Endpoint,
    address: &'a Url,
    now: Timestamp,
}

impl<'c> AsyncHttpClient<'c> for Adapter<'_> {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Refusal>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let body = self
                .endpoint
                .post(request, self.address, self.now)
                .await
                .map_err(Refusal)?;
            let mut answer = HttpResponse::new(body);
            answer
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(answer)
        })
    }
}

impl Endpoint {
    pub fn new(spec: GrantSpec, road: &Road<'_>) -> Result<Self, Kind> {
        let discovery = match &spec.issuer {
            Some(issuer) => Some(Discovery::new(issuer.clone(), road)?),
            None => None,
        };
        let known = match (&spec.token_url, &discovery) {
            (Some(url), _) => url,
            (None, Some(discovery)) => discovery.document(),
            (None, None) => return Err(Kind::Setup(NO_ADDRESS.into())),
        };
        let (host, client) = (host_of(known), client::client(road, known)?);
        if let Some(url) = &spec.token_url {
            must_be_safe(url, "token_url")?;
        }
        if let Some(key) = &spec.api_key {
            access::name(&key.header)?;
        }
        Ok(Self {
            spec,
            host,
            discovery,
            client,
            timeouts: *road.timeouts,
        })
    }

    /// The issuer's document, where an issuer is named.
    pub fn discovery(&self) -> Option<&Discovery> {
        self.discovery.as_ref()
    }

    /// Where tokens are asked for. Asks the issuer, where the configuration does not say it, and so belongs
    /// before everything that cannot be taken back.
    pub async fn place(&self, clock: &Clock) -> Result<Url, Kind> {
        let said = match (&self.spec.token_url, &self.discovery) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(discovery)) => discovery.metadata(clock).await?.token_url.clone(),
            (None, None) => return Err(Kind::Setup(NO_ADDRESS.into())),
        };
        let mut place =
            said.ok_or_else(|| Kind::DocumentRefused("names no token_endpoint".into()))?;
        if !self.spec.token_query.is_empty() {
            place.query_pairs_mut().extend_pairs(&self.spec.token_query);
        }
        Ok(place)
    }

    /// Sends one request.
    pub async fn ask(&self, proof: &Proof<'_>, clock: &Clock) -> Result<Token, Kind> {
        let address = self.place(clock).await?;
        let now = clock.now();
        let oauth = self.oauth(&address);
        let adapter = Adapter {
            endpoint: self,
            address: &address,
            now,
        };
        let scopes = || {
            self.spec
                .scope
                .split_whitespace()
                .map(|scope| Scope::new(scope.into()))
        };
        // The requests are types of their own, alike in nothing but their methods' names.
        macro_rules! finish {
            ($request:expr) => {{
                let mut request = $request;
                for (name, value) in &self.spec.token_form {
                    request = request.add_extra_param(name, value);
                }
                request.request_async(&adapter).await
            }};
        }
        let answer = match proof {
            Proof::Client => {
                finish!(oauth.exchange_client_credentials().add_scopes(scopes()))
            }
            Proof::Password(name, password) => {
                let name = ResourceOwnerUsername::new((*name).into());
                let password = ResourceOwnerPassword::new(password.expose_secret().into());
                finish!(
                    oauth
                        .exchange_password(&name, &password)
                        .add_scopes(scopes())
                )
            }
            Proof::Refresh(token) => {
                let token = RefreshToken::new(token.expose_secret().into());
                finish!(oauth.exchange_refresh_token(&token).add_scopes(scopes()))
            }
            Proof::Code(proof) => {
                // The scopes were asked for at the browser's address (RFC 6749 4.1.3).
                let code = AuthorizationCode::new(proof.code.expose_secret().into());
                let redirect = RedirectUrl::new(proof.redirect.into())
                    .map_err(|_| Kind::Setup("redirect_url is no address".into()))?;
                let request = oauth
                    .exchange_code(code)
                    .set_redirect_uri(Cow::Owned(redirect));
                match proof.verifier {
                    Some(verifier) => {
                        let verifier = PkceCodeVerifier::new(verifier.expose_secret().into());
                        finish!(request.set_pkce_verifier(verifier))
                    }
                    None => finish!(request),
                }
            }
        };
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(Refusal(kind)) => kind,
            // Its texts hold the whole answer; the adapter lets only readable ones through anyway.
            _ => Kind::BadAnswer(200, "the token answer is not understood".into()),
        })?;
        let extra = answer.extra_fields();
        Ok(Token {
            access: answer.access_token().secret().as_str().into(),
            refresh: answer
                .refresh_token()
                .map(|token| token.secret().as_str().into()),
            life: extra.life_ms.map(Duration::from_millis),
            age: Duration::ZERO,
            key: extra.key.as_deref().map(SecretString::from),
            id_token: extra.id_token.as_deref().map(SecretString::from),
            made: extra
                .made_ms
                .and_then(|millis| Timestamp::from_millisecond(millis).ok())
                .unwrap_or(now),
            scope: answer.scopes().map(|scopes| {
                let texts = scopes.iter().map(|scope| scope.to_string());
                texts.filter(|scope| !scope.is_empty()).collect()
            }),
        })
    }

    fn oauth(&self, address: &Url) -> Oauth {
        let auth = match self.spec.client_auth {
            ClientAuth::Post => AuthType::RequestBody,
            ClientAuth::Basic | ClientAuth::BasicEncoded => AuthType::BasicAuth,
        };
        let client = Client::new(ClientId::new(self.spec.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(address.clone()))
            .set_auth_type(auth);
        match &self.spec.client_secret {
            Some(secret) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().into()))
            }
            None => client,
        }
    }

    /// Bends the request, sends it, and makes the answer a standard one.
    async fn post(
        &self,
        request: HttpRequest,
        address: &Url,
        now: Timestamp,
    ) -> Result<Vec<u8>, Kind> {
        let (mut parts, mut content) = request.into_parts();
        if self.spec.body == TokenBody::Json {
            content = form_to_json(&content);
            parts
                .headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let (ClientAuth::Basic, Some(secret)) = (self.spec.client_auth, &self.spec.client_secret)
        {
            parts
                .headers
                .insert(AUTHORIZATION, basic(&self.spec.client_id, secret)?);
        }
        let (status, headers, body) = self.send(address, parts.headers, content).await?;
        if !(200..300).contains(&status) {
            let target = headers.get("location").and_then(|to| address.join(to).ok());
            let body = body.unwrap_or_default();
            return Err(refusal(status, &headers, &body, target.as_ref(), now));
        }
        let expected = Expected {
            lifetime: self.spec.lifetime,
            members: &self.spec.members,
            key_member: self
                .spec
                .api_key
                .as_ref()
                .and_then(|key| key.member.as_deref()),
            now: headers.date().unwrap_or(now),
        };
        // Smaller pages, as with other answers, would be no help.
        let body = body.map_err(|kind| match kind {
            Kind::TooLarge(_) => Kind::BadAnswer(status, TOO_LARGE.into()),
            kind => kind,
        })?;
        standard(&body, &expected)
            .map(|answer| answer.to_string().into_bytes())
            .map_err(|reason| Kind::BadAnswer(status, reason))
    }

    /// Sends a POST, once, and reads the answer.
    pub(super) async fn send(
        &self,
        address: &Url,
        mut headers: HeaderMap,
        content: Vec<u8>,
    ) -> Result<(u16, Headers, Result<Vec<u8>, Kind>), Kind> {
        if let Some(authorization) = headers.get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        let mut deadline = Deadline::start(&self.timeouts, self.timeouts.token);
        let sending = self
            .client
            .post(address.clone())
            .headers(headers)
            .body(content)
            .send();
        let response = deadline
            .first_byte(sending)
            .await?
            .map_err(|error| fault(&error, &self.host, &self.timeouts))?;
        let (status, headers) = (
            response.status().as_u16(),
            Headers::from(response.headers().clone()),
        );
        let limits = (TOKEN_BODY, Beyond::Refuse);
        let peer = (self.host.as_str(), &self.timeouts);
        let body = body::read(response, &headers, Vec::new(), limits, &mut deadline, peer).await;
        Ok((status, headers, body))
    }
}
