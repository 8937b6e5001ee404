//! The form of a request to a token or revocation endpoint, with the client's authentication (RFC 6749 2.3); also in two
//! forms outside the standard: a JSON body, and Basic without encoding.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::grant::GrantSpec;
use crate::http::access;
use crate::http::error::HttpErrorKind;
use rollbook_core::model::{ClientAuth, TokenBody};

/// Headers and body of a request with these parameters.
pub(super) fn authenticated<'a>(
    spec: &'a GrantSpec,
    mut form: Vec<(&'a str, &'a str)>,
    encoding: TokenBody,
) -> Result<(HeaderMap, Vec<u8>), HttpErrorKind> {
    let (id, secret) = (spec.client_id.as_str(), spec.client_secret.as_ref());
    let mut headers = HeaderMap::new();
    match (spec.rules.client_auth.unwrap_or_default(), secret) {
        (ClientAuth::Basic, Some(secret)) => {
            headers.insert(AUTHORIZATION, basic(id, secret.expose_secret())?);
        }
        (ClientAuth::BasicEncoded, Some(secret)) => {
            let secret = form_encoded(secret.expose_secret());
            headers.insert(AUTHORIZATION, basic(&form_encoded(id), &secret)?);
        }
        (ClientAuth::Post, Some(secret)) => {
            form.push(("client_id", id));
            form.push(("client_secret", secret.expose_secret()));
        }
        (ClientAuth::None, _) => {}
        (_, None) => form.push(("client_id", id)),
    }
    let (media, body) = match encoding {
        TokenBody::Form => {
            let body = Serializer::new(String::new()).extend_pairs(form).finish();
            ("application/x-www-form-urlencoded", body)
        }
        TokenBody::Json => {
            let member = |(name, value): (&str, &str)| (name.to_owned(), Value::from(value));
            let members: Map<String, Value> = form.into_iter().map(member).collect();
            ("application/json", Value::Object(members).to_string())
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok((headers, body.into_bytes()))
}

fn form_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn basic(id: &str, secret: &str) -> Result<HeaderValue, HttpErrorKind> {
    let pair = BASE64_STANDARD.encode(format!("{id}:{secret}"));
    access::value(
        &SecretString::from(format!("Basic {pair}")),
        "the client secret",
    )
}
