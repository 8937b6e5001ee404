//! One POST to a token endpoint.
//!
//! The `oauth2` crate writes the standard request and reads the standard response; the adapter between
//! it and our client adapts both to the vendor: parameters in the query, a JSON body, Basic
//! without encoding, a response that deviates from the standard. Follows no redirect and retries nothing.

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

use super::discovery::Discovery;
use super::grant::{ClientAuth, GrantSpec, TokenBody};
use super::token_form::{basic, form_to_json};
use super::token_refusal::refusal;
use super::token_response::{Expected, standard};
use crate::clock::Clock;
use crate::http::access;
use crate::http::body::{self, Oversized};
use crate::http::client::{self, ClientOptions, error_kind, host_of};
use crate::http::deadline::Deadline;
use crate::http::error::Kind;
use crate::http::limits::TOKEN_BODY;
use crate::http::reply::Headers;
use crate::http::rules::{Timeouts, must_be_safe};

const NO_ADDRESS: &str = "neither token_url nor issuer is set";

const TOO_LARGE: &str = "the token response is larger than 1 MiB; check token_url";

/// The grant of a token request.
pub(super) enum TokenRequest<'a> {
    /// Client credentials.
    Client,
    /// A user's name and password.
    Password(&'a str, &'a SecretString),
    /// A refresh token.
    Refresh(&'a SecretString),
    /// The code of a sign-in.
    Code(CodeRequest<'a>),
}

/// An authorization code with what binds it to its attempt.
pub(super) struct CodeRequest<'a> {
    pub code: &'a SecretString,
    /// The PKCE verifier (RFC 7636).
    pub verifier: Option<&'a SecretString>,
    /// `redirect_uri`, exactly as in the authorization request.
    pub redirect: &'a str,
}

/// The tokens of a response.
#[derive(Clone)]
pub(super) struct Token {
    pub access: SecretString,
    pub refresh: Option<SecretString>,
    /// `None`: use it until it is refused.
    pub life: Option<Duration>,
    /// Its age; zero unless another process requested it.
    pub age: Duration,
    pub key: Option<SecretString>,
    /// The granted scopes; `None` where the response declares none.
    pub scope: Option<Vec<String>>,
    /// OpenID Connect id token.
    pub id_token: Option<SecretString>,
    /// When the response was made, by the server's clock if it sends `Date`.
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
    StandardTokenResponse<ExtraFields, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// The members that `token_response.rs` adds.
#[derive(Serialize, Deserialize)]
struct ExtraFields {
    life_ms: Option<u64>,
    key: Option<String>,
    id_token: Option<String>,
    made_ms: Option<i64>,
}

impl ExtraTokenFields for ExtraFields {}

impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ours")
    }
}

/// Passes our error through the `oauth2` crate.
#[derive(Debug)]
struct AdapterError(Kind);

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token request failed")
    }
}

impl std::error::Error for AdapterError {}

/// Our HTTP client behind the `oauth2` crate's trait.
struct Adapter<'a> {
    endpoint: &'a Endpoint,
    address: &'a Url,
    now: Timestamp,
}

impl<'c> AsyncHttpClient<'c> for Adapter<'_> {
    type Error = AdapterError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AdapterError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let body = self
                .endpoint
                .post(request, self.address, self.now)
                .await
                .map_err(AdapterError)?;
            let mut response = HttpResponse::new(body);
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(response)
        })
    }
}

impl Endpoint {
    pub fn new(spec: GrantSpec, options: &ClientOptions<'_>) -> Result<Self, Kind> {
        let discovery = match &spec.issuer {
            Some(issuer) => Some(Discovery::new(issuer.clone(), options)?),
            None => None,
        };
        let known = match (&spec.token_url, &discovery) {
            (Some(url), _) => url,
            (None, Some(discovery)) => discovery.document(),
            (None, None) => return Err(Kind::Setup(NO_ADDRESS.into())),
        };
        let (host, client) = (host_of(known), client::client(options, known)?);
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
            timeouts: *options.timeouts,
        })
    }

    /// The issuer's document, where an issuer is named.
    pub fn discovery(&self) -> Option<&Discovery> {
        self.discovery.as_ref()
    }

    /// The URL of the token endpoint. Reads the issuer's document where the configuration has none, so call it
    /// before any step that cannot be undone.
    pub async fn endpoint_url(&self, clock: &Clock) -> Result<Url, Kind> {
        let configured = match (&self.spec.token_url, &self.discovery) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(discovery)) => discovery.metadata(clock).await?.token_url.clone(),
            (None, None) => return Err(Kind::Setup(NO_ADDRESS.into())),
        };
        let mut url =
            configured.ok_or_else(|| Kind::DocumentRefused("names no token_endpoint".into()))?;
        if !self.spec.token_query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.spec.token_query);
        }
        Ok(url)
    }

    /// Sends one request.
    pub async fn request_token(
        &self,
        request: &TokenRequest<'_>,
        clock: &Clock,
    ) -> Result<Token, Kind> {
        let address = self.endpoint_url(clock).await?;
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
        // The request types share no trait, only the names of their methods.
        macro_rules! finish {
            ($request:expr) => {{
                let mut request = $request;
                for (name, value) in &self.spec.token_form {
                    request = request.add_extra_param(name, value);
                }
                request.request_async(&adapter).await
            }};
        }
        let response = match request {
            TokenRequest::Client => {
                finish!(oauth.exchange_client_credentials().add_scopes(scopes()))
            }
            TokenRequest::Password(name, password) => {
                let name = ResourceOwnerUsername::new((*name).into());
                let password = ResourceOwnerPassword::new(password.expose_secret().into());
                finish!(
                    oauth
                        .exchange_password(&name, &password)
                        .add_scopes(scopes())
                )
            }
            TokenRequest::Refresh(token) => {
                let token = RefreshToken::new(token.expose_secret().into());
                finish!(oauth.exchange_refresh_token(&token).add_scopes(scopes()))
            }
            TokenRequest::Code(exchange) => {
                // The authorization request contained the scopes (RFC 6749 4.1.3).
                let code = AuthorizationCode::new(exchange.code.expose_secret().into());
                let redirect = RedirectUrl::new(exchange.redirect.into())
                    .map_err(|_| Kind::Setup("redirect_url is not a URL".into()))?;
                let request = oauth
                    .exchange_code(code)
                    .set_redirect_uri(Cow::Owned(redirect));
                match exchange.verifier {
                    Some(verifier) => {
                        let verifier = PkceCodeVerifier::new(verifier.expose_secret().into());
                        finish!(request.set_pkce_verifier(verifier))
                    }
                    None => finish!(request),
                }
            }
        };
        let response = response.map_err(|error| match error {
            RequestTokenError::Request(AdapterError(kind)) => kind,
            // Its texts contain the whole response; the adapter passes only valid ones anyway.
            _ => Kind::UnexpectedResponse(200, "the token response is not valid".into()),
        })?;
        let extra = response.extra_fields();
        Ok(Token {
            access: response.access_token().secret().as_str().into(),
            refresh: response
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
            scope: response.scopes().map(|scopes| {
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

    /// Adapts the request, sends it, and converts the response to the standard form.
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
        // The advice of `TooLarge`, smaller pages, does not apply.
        let body = body.map_err(|kind| match kind {
            Kind::TooLarge(_) => Kind::UnexpectedResponse(status, TOO_LARGE.into()),
            kind => kind,
        })?;
        standard(&body, &expected)
            .map(|response| response.to_string().into_bytes())
            .map_err(|reason| Kind::UnexpectedResponse(status, reason))
    }

    /// Sends a POST, once, and reads the response.
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
            .map_err(|error| error_kind(&error, &self.host, &self.timeouts))?;
        let (status, headers) = (
            response.status().as_u16(),
            Headers::from(response.headers().clone()),
        );
        let limits = (TOKEN_BODY, Oversized::Refuse);
        let peer = (self.host.as_str(), &self.timeouts);
        let body = body::read(response, &headers, Vec::new(), limits, &mut deadline, peer).await;
        Ok((status, headers, body))
    }
}
