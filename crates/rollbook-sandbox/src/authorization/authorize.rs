//! The authorization endpoint: the person consents at once and is redirected back (RFC 6749 4.1.1, 4.1.2).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use url::Url;

use super::codes::Code;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{self, Consent, Iss, Pkce, State, Switches};
use super::{consent, pkce};
use crate::fault_responses::build_response;
use crate::query::{pairs, value};
use crate::tokens::Holder;

/// Parameters of the redirect for `response_type=token`, at vendors that support it.
pub(crate) type Implicit = fn(&Authorization, &Rules, Holder) -> Vec<(&'static str, String)>;

/// The parts of an authorization request that a redirect to the client needs.
struct AuthorizationRequest<'a> {
    pairs: &'a [(String, String)],
    client: &'static str,
    /// As sent, for the exact comparison with the token request.
    redirect_url: &'a str,
    back: Url,
}

/// Error code and description (4.1.2.1).
struct AuthorizationError(String, &'static str);

impl AuthorizationError {
    fn new(error: &str, description: &'static str) -> Self {
        Self(error.to_owned(), description)
    }
}

impl AuthorizationRequest<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        value(self.pairs, name).filter(|value| !value.is_empty())
    }

    /// Whether a parameter repeats, which is forbidden (3.1).
    fn has_duplicates(&self) -> bool {
        let times = |name: &String| self.pairs.iter().filter(|(other, _)| other == name).count();
        self.pairs.iter().any(|(name, _)| times(name) > 1)
    }
}

impl Authorization {
    /// Handles a GET of the authorization endpoint.
    pub(crate) fn authorize(
        &self,
        rules: &Rules,
        path: &str,
        query: &str,
        implicit: Option<Implicit>,
    ) -> Response<Body> {
        let switches = self.switches();
        let pairs = pairs(query);
        let request = match parse_request(rules, &switches, &pairs) {
            Ok(request) => request,
            // An unknown client must not choose the redirect target (4.1.2.1).
            Err(AuthorizationError(error, description)) => {
                return consent::refusal(&error, description);
            }
        };
        if switches.consent == Consent::Page && request.field(consent::BUTTON).is_none() {
            return consent::page(path, request.client, request.pairs);
        }
        let outcome = holder(rules, &switches, &request).and_then(|holder| {
            match (request.field("response_type"), implicit) {
                (Some("code"), _) => self.code(rules, &switches, &request, holder),
                (Some("token"), Some(implicit)) => Ok(implicit(self, rules, holder)),
                (Some(_), _) => Err(AuthorizationError::new(
                    "unsupported_response_type",
                    "response_type must be code",
                )),
                (None, _) => Err(AuthorizationError::new(
                    "invalid_request",
                    "response_type is missing",
                )),
            }
        });
        let pairs = outcome.unwrap_or_else(|AuthorizationError(error, description)| {
            vec![
                ("error", error),
                ("error_description", description.to_owned()),
            ]
        });
        redirect_to_client(rules, &switches, &request, pairs)
    }

    fn code(
        &self,
        rules: &Rules,
        switches: &Switches,
        request: &AuthorizationRequest<'_>,
        holder: Holder,
    ) -> Result<Vec<(&'static str, String)>, AuthorizationError> {
        let challenge = challenge(rules.pkce(switches), request)?;
        let mut text = self.tokens.new_text();
        if switches.odd_codes {
            text.push_str("+/=&%20~!");
        }
        let code = Code {
            client: request.client,
            redirect_url: request.redirect_url.to_owned(),
            challenge: challenge.map(str::to_owned),
            nonce: request.field("nonce").map(str::to_owned),
            holder,
            expires_at: self.clock.now() + Duration::from_secs(switches.code_seconds),
        };
        self.codes().add(text.clone(), code);
        Ok(match switches.code {
            switches::Code::Right => vec![("code", text)],
            switches::Code::Dropped => Vec::new(),
        })
    }
}

/// Client and redirect target; an error here is shown to the person, because no redirect is safe.
fn parse_request<'a>(
    rules: &Rules,
    switches: &Switches,
    pairs: &'a [(String, String)],
) -> Result<AuthorizationRequest<'a>, AuthorizationError> {
    let once = |name: &str| {
        let mut values = pairs.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        first.filter(|_| values.next().is_none())
    };
    let client = once("client_id")
        .and_then(|id| rules.client(id))
        .ok_or_else(|| AuthorizationError::new("unauthorized_client", "client_id is not known"))?;
    let known = |url: &&str| rules.redirect_is_known(switches, url);
    once("redirect_uri")
        .filter(known)
        .and_then(|url| Some((url, Url::parse(url).ok()?)))
        .map(|(redirect_url, back)| AuthorizationRequest {
            pairs,
            client: client.id,
            redirect_url,
            back,
        })
        .ok_or_else(|| {
            AuthorizationError::new(rules.redirect_refused, "redirect_uri is not registered")
        })
}

/// The holder of the tokens, with the granted scope.
fn holder(
    rules: &Rules,
    switches: &Switches,
    request: &AuthorizationRequest<'_>,
) -> Result<Holder, AuthorizationError> {
    if request.has_duplicates() {
        return Err(AuthorizationError::new(
            "invalid_request",
            "a parameter is duplicated",
        ));
    }
    if !switches.authorize_error.is_empty() {
        return Err(AuthorizationError::new(
            &switches.authorize_error,
            "switched on in the sandbox",
        ));
    }
    if switches.consent == Consent::Deny || request.field(consent::BUTTON) == Some("deny") {
        return Err(AuthorizationError::new(
            "access_denied",
            "the person denied the request",
        ));
    }
    let scope = rules.granted(switches, request.field("scope"));
    let scope = scope
        .ok_or_else(|| AuthorizationError::new("invalid_scope", "unknown, empty or too much"))?;
    Ok(Holder {
        scope,
        ..rules.holder.clone()
    })
}

/// The challenge that binds the code (RFC 7636 4.4.1).
fn challenge<'a>(
    pkce: Pkce,
    request: &'a AuthorizationRequest<'_>,
) -> Result<Option<&'a str>, AuthorizationError> {
    let wrong = |description| Err(AuthorizationError::new("invalid_request", description));
    match (
        pkce,
        request.field("code_challenge"),
        request.field("code_challenge_method"),
    ) {
        (Pkce::Ignored, _, _) => Ok(None),
        (Pkce::Required, None, _) => wrong("code_challenge is missing"),
        (_, None, None) => Ok(None),
        (_, None, Some(_)) => wrong("code_challenge is missing"),
        (_, Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => Ok(Some(challenge)),
        (_, Some(_), Some("S256")) => wrong("code_challenge is not a SHA-256 hash"),
        // A missing method means `plain` (4.3), which protects nothing.
        (_, Some(_), _) => wrong("code_challenge_method must be S256"),
    }
}

/// 302 to the client; the switches decide on `state` and `iss`.
fn redirect_to_client(
    rules: &Rules,
    switches: &Switches,
    request: &AuthorizationRequest<'_>,
    mut pairs: Vec<(&'static str, String)>,
) -> Response<Body> {
    match (switches.state, request.field("state")) {
        (State::Right, Some(state)) => pairs.push(("state", state.to_owned())),
        (State::Wrong, _) => pairs.push(("state", "of-another-attempt".to_owned())),
        (State::Right, None) | (State::Dropped, _) => {}
    }
    match switches.iss {
        Iss::Right => pairs.push(("iss", rules.issuer.clone())),
        Iss::Wrong => pairs.push(("iss", "https://another.example".to_owned())),
        Iss::Absent | Iss::Missing => {}
    }
    let mut location = request.back.clone();
    location.query_pairs_mut().extend_pairs(pairs);
    let mut response = build_response(StatusCode::FOUND, "text/plain", "");
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location.as_str()) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}
