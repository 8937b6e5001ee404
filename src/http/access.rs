//! What a request carries to be let in.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::Kind;

/// The headers of one token, and which token it was.
#[derive(Clone)]
pub(super) struct Access {
    /// Counts the tokens of a keeper; a refused token is dropped only when it is still this one.
    pub generation: u64,
    headers: Arc<[(HeaderName, HeaderValue)]>,
}

impl Access {
    /// A bearer token, with a key beside it where the vendor wants one.
    pub fn bearer(
        generation: u64,
        token: &SecretString,
        key: Option<(&str, &SecretString)>,
    ) -> Result<Self, Kind> {
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let mut headers = vec![(AUTHORIZATION, value(&bearer, "the token")?)];
        if let Some((header, key)) = key {
            headers.push((name(header)?, value(key, "the API key")?));
        }
        Ok(Self {
            generation,
            headers: headers.into(),
        })
    }

    /// A key alone.
    pub fn key(header: &str, key: &SecretString) -> Result<Self, Kind> {
        Ok(Self {
            generation: 0,
            headers: [(name(header)?, value(key, "the API key")?)].into(),
        })
    }

    /// Puts the headers onto a request.
    pub fn put_on(&self, request: &mut HeaderMap) {
        for (name, value) in self.headers.iter() {
            request.insert(name.clone(), value.clone());
        }
    }
}

/// A header's name from a description.
pub(super) fn name(header: &str) -> Result<HeaderName, Kind> {
    HeaderName::try_from(header)
        .map_err(|_| Kind::Setup(format!("`{header}` is no name of a header")))
}

/// A header's value that no log will show.
pub(super) fn value(secret: &SecretString, what: &str) -> Result<HeaderValue, Kind> {
    let mut value = HeaderValue::try_from(secret.expose_secret()).map_err(|_| {
        Kind::Setup(format!(
            "{what} holds characters that no header can carry; is there a line break in its file"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}
