//! The authorization headers of a request.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::HttpErrorKind;

/// The authorization headers made from one token.
#[derive(Clone)]
pub struct Access {
    /// Number of the token, counted by its manager; a refused token is dropped only while it is the current one.
    pub(crate) generation: u64,
    headers: Arc<[(HeaderName, HeaderValue)]>,
}

impl Access {
    /// A bearer token, and the API key header that some vendors require beside it.
    pub(crate) fn bearer(
        generation: u64,
        token: &SecretString,
        key: Option<(&str, &SecretString)>,
    ) -> Result<Self, HttpErrorKind> {
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

    /// An API key without a token.
    pub(crate) fn key(header: &str, key: &SecretString) -> Result<Self, HttpErrorKind> {
        Ok(Self {
            generation: 0,
            headers: [(name(header)?, value(key, "the API key")?)].into(),
        })
    }

    /// The token and the key, as they are sent.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let values = self
            .headers
            .iter()
            .filter_map(|(_, value)| value.to_str().ok());
        values
            .map(|value| value.strip_prefix("Bearer ").unwrap_or(value))
            .collect()
    }

    pub(crate) fn put_on(&self, request: &mut HeaderMap) {
        for (name, value) in self.headers.iter() {
            request.insert(name.clone(), value.clone());
        }
    }
}

/// A header name from a connector or a source.
pub(crate) fn name(header: &str) -> Result<HeaderName, HttpErrorKind> {
    HeaderName::try_from(header)
        .map_err(|_| HttpErrorKind::Setup(format!("`{header}` is not a valid header name")))
}

/// A header value that is marked sensitive, so that it is not logged.
pub(crate) fn value(secret: &SecretString, what: &str) -> Result<HeaderValue, HttpErrorKind> {
    let mut value = HeaderValue::try_from(secret.expose_secret()).map_err(|_| {
        HttpErrorKind::Setup(format!(
            "{what} contains characters that a header cannot carry; check its file for a line break"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}
