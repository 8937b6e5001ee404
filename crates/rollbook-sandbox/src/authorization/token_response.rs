//! Responses of the token endpoint: tokens or an error, correct or as a switch alters them.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::rules::Rules;
use super::switches::{ExpiresIn, Scope, Switches, TokenResponse, TokenType};
use crate::fault_responses::{build_response, login_page, redirect, replacement, with_retry};
use crate::faults::Fault;

/// Ten million letters: above the body limit of every client.
const HUGE: usize = 10_000_000;

/// An error response of the token endpoint (RFC 6749 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenError {
    status: StatusCode,
    error: String,
    description: String,
}

impl TokenError {
    pub(crate) fn with(status: StatusCode, error: &str, description: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            description: description.to_owned(),
        }
    }

    /// With status 400, the default of RFC 6749 5.2.
    pub(crate) fn new(error: &str, description: &str) -> Self {
        Self::with(StatusCode::BAD_REQUEST, error, description)
    }

    pub(crate) fn request(description: &str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) fn grant(description: &str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// `unsupported_grant_type`; `invalid_request` when `grant_type` is missing.
    pub(crate) fn grant_type(named: Option<&str>) -> Self {
        match named {
            Some(_) => Self::new("unsupported_grant_type", "not offered here"),
            None => Self::request("grant_type is missing"),
        }
    }

    pub(super) fn response(&self, tried_basic: bool) -> Response<Body> {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = no_store(build_response(
            self.status,
            "application/json",
            body.to_string(),
        ));
        if tried_basic && self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"token\""),
            );
        }
        response
    }
}

/// Tokens issued by a token request.
#[derive(Clone, Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) access: String,
    /// Lifetime of the access token in seconds.
    pub(crate) seconds: u64,
    pub(crate) scope: String,
    pub(crate) refresh: Option<String>,
    pub(crate) id_token: Option<String>,
    /// Members that only this vendor's response has.
    pub(crate) more: Map<String, Value>,
}

impl IssuedTokens {
    /// The body of RFC 6749 5.1, altered by the switches.
    pub(super) fn body(&self, rules: &Rules, switches: &Switches) -> Value {
        let mut body = Map::new();
        body.insert("access_token".to_owned(), json!(self.access));
        let members = [
            ("token_type", token_type(rules, switches.token_type)),
            ("expires_in", expires_in(self.seconds, switches.expires_in)),
            (
                "refresh_token",
                self.refresh.as_ref().map(|text| json!(text)),
            ),
            ("scope", scope(&self.scope, switches.scope)),
            ("id_token", self.id_token.as_ref().map(|text| json!(text))),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        body.extend(self.more.clone());
        Value::Object(body)
    }
}

fn token_type(rules: &Rules, how: TokenType) -> Option<Value> {
    match how {
        TokenType::Right => Some(json!(rules.token_type)),
        TokenType::OddCase => Some(json!("bEARER")),
        TokenType::Other => Some(json!("mac")),
        TokenType::Missing => None,
    }
}

fn expires_in(seconds: u64, how: ExpiresIn) -> Option<Value> {
    match how {
        ExpiresIn::Number => Some(json!(seconds)),
        ExpiresIn::Text => Some(json!(seconds.to_string())),
        ExpiresIn::Float => Some(json!(seconds as f64 + 0.5)),
        ExpiresIn::Missing => None,
        ExpiresIn::Null => Some(Value::Null),
        ExpiresIn::Zero => Some(json!(0)),
        ExpiresIn::Negative => Some(json!(-1)),
        ExpiresIn::Huge => Some(json!(1_000_000_000_000_u64)),
        ExpiresIn::Word => Some(json!("soon")),
    }
}

fn scope(granted: &str, how: Scope) -> Option<Value> {
    if granted.is_empty() {
        return None;
    }
    match how {
        Scope::Right => Some(json!(granted)),
        Scope::Missing => None,
        Scope::List => Some(granted.split(' ').collect()),
        Scope::Commas => Some(json!(granted.replace(' ', ","))),
    }
}

/// The response that replaces the tokens; none when tokens are sent.
pub(super) fn unexpected_response(how: TokenResponse, address: &str) -> Option<Response<Body>> {
    let ok = |body: String| Some(build_response(StatusCode::OK, "application/json", body));
    match how {
        TokenResponse::Right => None,
        TokenResponse::Html => Some(login_page()),
        TokenResponse::InternalError => replacement(Fault::InternalError),
        TokenResponse::BadGateway => replacement(Fault::BadGateway),
        TokenResponse::Unavailable => replacement(Fault::Unavailable),
        TokenResponse::TooMany => {
            replacement(Fault::TooMany).map(|response| with_retry(response, "1"))
        }
        TokenResponse::Empty => ok(String::new()),
        TokenResponse::InvalidJson => ok("access_token=none&token_type=bearer".to_owned()),
        TokenResponse::Truncated => ok(r#"{"access_token":"cut-in-the-mid"#.to_owned()),
        TokenResponse::List => ok(r#"["access_token","none"]"#.to_owned()),
        TokenResponse::NoToken => ok(r#"{"token_type":"bearer","expires_in":3600}"#.to_owned()),
        TokenResponse::Huge => ok(format!(r#"{{"access_token":"{}"}}"#, huge())),
        TokenResponse::Redirected => Some(redirect(address)),
    }
}

/// A text above the body limit of every client.
pub(super) fn huge() -> String {
    "a".repeat(HUGE)
}

/// Forbids caching, as every response with tokens must (RFC 6749 5.1).
pub(super) fn no_store(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
