//! What the token endpoint says: tokens, or why not; right, or as a switch spoils it.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::rules::Rules;
use super::switches::{ExpiresIn, Scope, Switches, TokenAnswer, TokenType};
use crate::faults::Fault;
use crate::tamper::{answer, instead, login_page, moved, with_retry};

/// Ten million: more than any answer may have.
const HUGE: usize = 10_000_000;

/// Why tokens are refused (RFC 6749 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    words: String,
}

impl Refusal {
    /// A refusal with a status of its own.
    pub(crate) fn with(status: StatusCode, error: &str, words: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            words: words.to_owned(),
        }
    }

    /// A refusal with status 400, as all but `invalid_client` have.
    pub(crate) fn new(error: &str, words: &str) -> Self {
        Self::with(StatusCode::BAD_REQUEST, error, words)
    }

    /// `invalid_request`.
    pub(crate) fn request(words: &str) -> Self {
        Self::new("invalid_request", words)
    }

    /// `invalid_grant`.
    pub(crate) fn grant(words: &str) -> Self {
        Self::new("invalid_grant", words)
    }

    /// `unsupported_grant_type`, or `invalid_request` when none was named.
    pub(crate) fn grant_type(named: Option<&str>) -> Self {
        match named {
            Some(_) => Self::new("unsupported_grant_type", "not offered here"),
            None => Self::request("grant_type is missing"),
        }
    }

    pub(super) fn response(&self, tried_basic: bool) -> Response<Body> {
        let body = json!({ "error": self.error, "error_description": self.words });
        let mut response = unkept(answer(self.status, "application/json", body.to_string()));
        if tried_basic && self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"token\""),
            );
        }
        response
    }
}

/// Tokens that were given.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// The access token.
    pub(crate) access: String,
    /// Its life in seconds.
    pub(crate) seconds: u64,
    /// What it opens.
    pub(crate) scope: String,
    /// The refresh token of the answer.
    pub(crate) refresh: Option<String>,
    /// Who signed in, signed.
    pub(crate) id_token: Option<String>,
    /// What only this vendor's answer holds.
    pub(crate) more: Map<String, Value>,
}

impl Granted {
    /// The body of RFC 6749 5.1, with what the switches do to it.
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

/// What comes instead of tokens; none when they come.
pub(super) fn nonsense(how: TokenAnswer, address: &str) -> Option<Response<Body>> {
    let ok = |body: String| Some(answer(StatusCode::OK, "application/json", body));
    match how {
        TokenAnswer::Right => None,
        TokenAnswer::Html => Some(login_page()),
        TokenAnswer::InternalError => instead(Fault::InternalError),
        TokenAnswer::BadGateway => instead(Fault::BadGateway),
        TokenAnswer::Unavailable => instead(Fault::Unavailable),
        TokenAnswer::TooMany => instead(Fault::TooMany).map(|response| with_retry(response, "1")),
        TokenAnswer::Empty => ok(String::new()),
        TokenAnswer::InvalidJson => ok("access_token=none&token_type=bearer".to_owned()),
        TokenAnswer::Truncated => ok(r#"{"access_token":"cut-in-the-mid"#.to_owned()),
        TokenAnswer::List => ok(r#"["access_token","none"]"#.to_owned()),
        TokenAnswer::NoToken => ok(r#"{"token_type":"bearer","expires_in":3600}"#.to_owned()),
        TokenAnswer::Huge => ok(format!(r#"{{"access_token":"{}"}}"#, huge())),
        TokenAnswer::Redirected => Some(moved(address)),
    }
}

/// More letters than any answer may have.
pub(super) fn huge() -> String {
    "a".repeat(HUGE)
}

/// Forbids to keep an answer that holds tokens (RFC 6749 5.1).
pub(super) fn unkept(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
