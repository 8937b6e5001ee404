//! The authorization headers of a request.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::HttpErrorKind;
use super::oauth1::RequestSigner;
use super::page_request;

/// The authorization headers made from one token.
#[derive(Clone)]
pub struct Access {
    /// Number of the token, counted by its manager; a refused token is dropped only while it is the current one.
    pub(crate) generation: u64,
    headers: Arc<[(HeaderName, HeaderValue)]>,
    /// Query parameters with keys, only where the connector puts a key there.
    query: Arc<[(String, SecretString)]>,
    /// What no message may contain, besides what is sent.
    parts: Arc<[SecretString]>,
    /// Signs each request in addition.
    signer: Option<Arc<RequestSigner>>,
}

/// Fixed keys as they are sent.
#[derive(Clone, Default)]
pub struct FixedKeys {
    /// Headers and their values.
    pub headers: Vec<(String, SecretString)>,
    /// Query parameters and their values. Servers log them, and Rollbook does not.
    pub query: Vec<(String, SecretString)>,
    /// The keys that the values are made of.
    pub parts: Vec<SecretString>,
}

impl Access {
    /// A bearer token in this header, and the API key header that some vendors require beside it.
    pub(crate) fn bearer(
        generation: u64,
        (header, token): (Option<&str>, &SecretString),
        key: Option<(&str, &SecretString)>,
    ) -> Result<Self, HttpErrorKind> {
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let header = header.map_or(Ok(AUTHORIZATION), name)?;
        let mut headers = vec![(header, value(&bearer, "the token")?)];
        if let Some((header, key)) = key {
            headers.push((name(header)?, value(key, "the API key")?));
        }
        Ok(Self {
            generation,
            headers: headers.into(),
            query: Arc::default(),
            parts: Arc::default(),
            signer: None,
        })
    }

    /// Fixed keys without a token.
    pub(crate) fn keys(keys: &FixedKeys) -> Result<Self, HttpErrorKind> {
        let headers = keys.headers.iter();
        let headers = headers.map(|(header, key)| Ok((name(header)?, value(key, "the API key")?)));
        Ok(Self {
            generation: 0,
            headers: headers.collect::<Result<_, HttpErrorKind>>()?,
            query: keys.query.clone().into(),
            parts: keys.parts.clone().into(),
            signer: None,
        })
    }

    /// A key that signs each request and is not sent.
    pub(crate) fn signed(signer: RequestSigner) -> Self {
        Self {
            generation: 0,
            headers: [].into(),
            query: Arc::default(),
            parts: Arc::default(),
            signer: Some(signer.into()),
        }
    }

    /// Whether requests are signed, and so depend on this machine's clock.
    pub(super) fn is_signed(&self) -> bool {
        self.signer.is_some()
    }

    /// The token and the keys, as they are sent and by themselves.
    pub(super) fn secrets(&self) -> Vec<&str> {
        let values = self
            .headers
            .iter()
            .filter_map(|(_, value)| value.to_str().ok());
        let query = self.query.iter().map(|(_, key)| key);
        let keys = query
            .chain(self.parts.iter())
            .map(|key| key.expose_secret());
        values
            .map(|value| value.strip_prefix("Bearer ").unwrap_or(value))
            .chain(keys)
            .chain(self.signer.iter().map(|signer| signer.secret()))
            .collect()
    }

    /// Adds the keys to the query of an address, in place of parameters of the same names: a followed link may have them.
    pub(super) fn put_into(&self, address: &mut Url) {
        if self.query.is_empty() {
            return;
        }
        let is_key = |pair: &&str| {
            let name = form_urlencoded::parse(pair.as_bytes()).next();
            name.is_some_and(|(name, _)| self.query.iter().any(|(key, _)| *key == name))
        };
        let query = address.query().unwrap_or_default();
        let others = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !is_key(pair));
        let mut query = others.collect::<Vec<_>>().join("&");
        for (name, key) in self.query.iter() {
            page_request::add_parameter(name, key.expose_secret(), &mut query);
        }
        address.set_query(Some(&query));
    }

    /// Puts the headers on a GET of this address, signed each time.
    pub(crate) fn put_on(
        &self,
        request: &mut HeaderMap,
        address: &Url,
        now: Timestamp,
    ) -> Result<(), HttpErrorKind> {
        for (name, value) in self.headers.iter() {
            request.insert(name.clone(), value.clone());
        }
        if let Some(signer) = &self.signer {
            let signed = value(&signer.authorization(address, now)?, "`client_id`")?;
            request.insert(AUTHORIZATION, signed);
        }
        Ok(())
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
