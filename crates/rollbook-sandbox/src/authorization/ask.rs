//! A request to the token endpoint, taken apart: where what was said, and whether it was said once.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::answers::Refusal;
use super::switches::TokenBody;
use crate::query::{basic, pairs, value};

/// Largest body of a token request, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// What a token request says.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    fields: Vec<(String, String)>,
    pub(super) basic: Option<(String, String)>,
}

/// The body of a token request, as far as anybody reads it.
pub(crate) async fn form_body(body: Body) -> String {
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `http://` and the host that was asked for.
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    format!("http://{host}")
}

impl Ask {
    /// Reads header and body; the body must be what its media type says and the server expects.
    pub(super) fn read(
        expected: TokenBody,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<Self, Refusal> {
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
        let fields = fields.ok_or(Refusal::request("the body is not what is expected here"))?;
        let twice = |name: &String| fields.iter().filter(|(other, _)| other == name).count() > 1;
        if fields.iter().any(|(name, _)| twice(name)) {
            return Err(Refusal::request("a parameter came twice"));
        }
        Ok(Self {
            fields,
            basic: basic(headers),
        })
    }

    /// Takes what stands in the query for what the body does not say.
    pub(crate) fn or_in_query(mut self, query: &[(String, String)]) -> Self {
        // Looked for from the front, so the body wins.
        self.fields.extend_from_slice(query);
        self
    }

    /// A parameter; one without a value was not sent (RFC 6749 3.2).
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        value(&self.fields, name).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub(crate) fn needed(&self, name: &'static str) -> Result<&str, Refusal> {
        self.field(name)
            .ok_or_else(|| Refusal::request(&format!("{name} is missing")))
    }
}

/// The texts of a JSON object.
fn members(body: &str) -> Option<Vec<(String, String)>> {
    let Ok(Value::Object(members)) = serde_json::from_str(body) else {
        return None;
    };
    members
        .into_iter()
        .map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect()
}
