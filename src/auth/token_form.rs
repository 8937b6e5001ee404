//! Encodes token requests, also in two forms outside the standard: a JSON body, and Basic without encoding.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::http::access;
use crate::http::error::Kind;

/// The members of a form as a JSON object of strings.
pub(super) fn form_to_json(form: &[u8]) -> Vec<u8> {
    let members: serde_json::Map<String, Value> = oauth2::url::form_urlencoded::parse(form)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    Value::Object(members).to_string().into_bytes()
}

/// Encodes a value for `application/x-www-form-urlencoded`.
pub(super) fn form_encoded(text: &str) -> String {
    oauth2::url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// HTTP Basic with id and secret not encoded.
pub(super) fn basic(id: &str, secret: &SecretString) -> Result<HeaderValue, Kind> {
    let pair = BASE64_STANDARD.encode(format!("{id}:{}", secret.expose_secret()));
    access::value(
        &SecretString::from(format!("Basic {pair}")),
        "the client secret",
    )
}
