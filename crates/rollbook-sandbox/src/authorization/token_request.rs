//! A parsed token request: the body's parameters, each at most once, and HTTP Basic credentials.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::switches::TokenBody;
use super::token_response::TokenError;
use crate::query::{basic, pairs, value};

/// Largest body of a token request, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    fields: Vec<(String, String)>,
    pub(super) basic: Option<(String, String)>,
}

/// The body of a token request; empty when it exceeds the limit.
pub(crate) async fn form_body(body: Body) -> String {
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `http://` and the requested host.
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    format!("http://{host}")
}

impl TokenRequest {
    /// Parses headers and body; the body must have the media type the server expects.
    pub(super) fn read(
        expected: TokenBody,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<Self, TokenError> {
        let media = headers
            .get(header::CONTENT_TYPE)
            .and_then(|media| media.to_str().ok())
            .and_then(|media| media.split(';').next())
            .unwrap_or_default()
            .trim();
        let fields = match (expected, media) {
            (TokenBody::Form, "application/x-www-form-urlencoded") => Some(pairs(body)),
            (TokenBody::Form, "") if body.is_empty() => Some(Vec::new()),
            (TokenBody::Json, "application/json") => members(body),
            _ => None,
        };
        let fields = fields.ok_or(TokenError::request(
            "unexpected media type or malformed body",
        ))?;
        let duplicated =
            |name: &String| fields.iter().filter(|(other, _)| other == name).count() > 1;
        if fields.iter().any(|(name, _)| duplicated(name)) {
            return Err(TokenError::request("a parameter is duplicated"));
        }
        Ok(Self {
            fields,
            basic: basic(headers),
        })
    }

    /// Uses the query's parameters where the body has none.
    pub(crate) fn or_from_query(mut self, query: &[(String, String)]) -> Self {
        // The first match wins, so the body takes precedence.
        self.fields.extend_from_slice(query);
        self
    }

    /// A parameter; one without a value counts as not sent (RFC 6749 3.2).
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, TokenError> {
        self.field(name)
            .ok_or_else(|| TokenError::request(&format!("{name} is missing")))
    }
}

/// The string members of a JSON object; none when a member is not a string.
fn members(body: &str) -> Option<Vec<(String, String)>> {
    let Ok(Value::Object(members)) = serde_json::from_str(body) else {
        return None;
    };
    members
        .into_iter()
        .map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect()
}
