//! What all requests of a session share: the client, and the headers other than the token.

use reqwest::Client;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use secrecy::SecretString;

use crate::http::access;
use crate::http::client::{ClientOptions, Connections, client};
use crate::http::error::HttpErrorKind;
use crate::http::rules::{SessionRules, must_be_safe};

/// Checks the rules and creates both; sends nothing.
pub(super) fn prepare(rules: &SessionRules) -> Result<(Client, HeaderMap), HttpErrorKind> {
    must_be_safe(&rules.base_url, "base_url")?;
    if rules.in_flight == 0 {
        return Err(HttpErrorKind::Setup("in_flight must be at least 1".into()));
    }
    if rules.per_second.is_nan() || rules.per_second <= 0.0 {
        return Err(HttpErrorKind::Setup(
            "per_second must be more than 0".into(),
        ));
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    for (name, value) in &rules.headers {
        let value = access::value(&SecretString::from(value.as_str()), name)?;
        headers.insert(access::name(name)?, value);
    }
    let options = ClientOptions {
        connections: Connections::Kept,
        route: &rules.route,
        timeouts: &rules.timeouts,
    };
    Ok((client(&options, &rules.base_url)?, headers))
}
