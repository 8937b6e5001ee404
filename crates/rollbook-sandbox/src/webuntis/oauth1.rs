//! Checks requests signed by OAuth 1.0a (webuntis-oneroster.md 1.7): signature, time, and that no nonce comes twice.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::SystemTime;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sso::{CLIENT, STANDARD_SECRET};
use crate::authorization::origin;
use crate::query::{pairs, percent_decoded, value};

/// A timestamp may be this many seconds off.
const TOLERANCE: i64 = 300;

/// The nonces that were used.
pub(super) type Nonces = Mutex<BTreeSet<String>>;

/// Whether a request has a good signature; `now` is the server's time in seconds since 1970.
pub(super) fn is_signed(parts: &Parts, nonces: &Nonces, now: i64) -> bool {
    let given = parameters(&parts.headers);
    let of = |name: &str| value(&given, name).unwrap_or_default();
    let is_in_time = of("oauth_timestamp")
        .parse::<i64>()
        .is_ok_and(|time| (time - now).abs() <= TOLERANCE);
    if of("oauth_consumer_key") != CLIENT
        || of("oauth_signature_method") != "HMAC-SHA256"
        || !is_in_time
    {
        return false;
    }
    let mut all = pairs(parts.uri.query().unwrap_or_default());
    all.extend(
        given
            .iter()
            .filter(|(name, _)| name != "oauth_signature" && name != "realm")
            .cloned(),
    );
    let mut encoded: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    encoded.sort();
    let address = format!("{}{}", origin(&parts.headers), parts.uri.path());
    let base = [
        parts.method.as_str(),
        &escape(&address),
        &escape(&encoded.join("&")),
    ]
    .join("&");
    let key = format!("{}&", escape(STANDARD_SECRET));
    let Ok(signature) = STANDARD.decode(of("oauth_signature")) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let is_new = || {
        nonces
            .lock()
            .is_ok_and(|mut nonces| nonces.insert(of("oauth_nonce").to_owned()))
    };
    hmac::verify(&key, base.as_bytes(), &signature).is_ok()
        && !of("oauth_nonce").is_empty()
        && is_new()
}

/// The server's time in seconds since 1970, this many seconds off.
pub(super) fn server_time(off: i64) -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    off + since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The parameters of `Authorization: OAuth …`, decoded; none for another scheme.
fn parameters(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = headers
        .get("authorization")
        .and_then(|text| text.to_str().ok());
    let Some(rest) = text.and_then(|text| text.strip_prefix("OAuth ")) else {
        return Vec::new();
    };
    let pair = |part: &str| {
        let (name, quoted) = part.trim().split_once('=')?;
        let value = quoted.strip_prefix('"')?.strip_suffix('"')?;
        Some((percent_decoded(name), percent_decoded(value)))
    };
    rest.split(',').filter_map(pair).collect()
}

/// RFC 5849 3.6.
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
