//! Checks an id token that was received directly from the token endpoint (OpenID Connect Core 3.1.3.7).
//!
//! Pure. The signature is not verified; `docs/decisions/0018-id-tokens-without-their-signature.md` has the
//! reasons. No claim about a person is kept or shown.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Clocks may differ by this much.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What the token must contain.
pub(super) struct ExpectedClaims<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub client_id: &'a str,
    /// Binds it to the attempt.
    pub nonce: &'a SecretString,
    /// The server's time, or local time when it sends no `Date`.
    pub now: Timestamp,
}

/// Checks that the token belongs to this attempt; the error is a message without any of its text.
pub(super) fn check(token: &SecretString, expected: &ExpectedClaims<'_>) -> Result<(), String> {
    let claims = claims(token.expose_secret()).ok_or("the id token cannot be read")?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(format!(
            "the id token is not from `{}`; compare `issuer` with the vendor's documentation",
            expected.issuer
        ));
    }
    if !is_for(&claims, expected.client_id) {
        return Err("the id token is for another client".into());
    }
    if text("sub").is_none_or(str::is_empty) {
        return Err("the id token does not name who signed in".into());
    }
    let end = time(&claims, "exp").ok_or("the id token has no expiry")?;
    if expected.now.duration_since(end) > LEEWAY {
        return Err("the id token has expired".into());
    }
    let is_ahead = |name: &str| {
        let begins = time(&claims, name);
        begins.is_some_and(|begins| begins.duration_since(expected.now) > LEEWAY)
    };
    if is_ahead("nbf") || is_ahead("iat") {
        return Err("the id token is not valid yet".into());
    }
    match text("nonce") {
        Some(nonce) if nonce == expected.nonce.expose_secret() => Ok(()),
        Some(_) => Err("the id token belongs to another sign-in: its nonce differs".into()),
        None => Err("the id token has no nonce, so it may belong to another sign-in".into()),
    }
}

/// A claim in seconds since 1970.
fn time(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let seconds = claims.get(name)?.as_f64()?;
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

/// One audience, or several with this client as the authorized party.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    let is_us = |value: &Value| value.as_str() == Some(client_id);
    let is_named = match claims.get("aud") {
        Some(Value::Array(audience)) => audience.iter().any(is_us),
        Some(audience) => is_us(audience),
        None => false,
    };
    let several = matches!(claims.get("aud"), Some(Value::Array(audience)) if audience.len() > 1);
    match claims.get("azp") {
        Some(party) => is_named && is_us(party),
        None => is_named && !several,
    }
}

/// The middle one of three parts, if the first names a signature algorithm.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let parts: Vec<&str> = token.trim().split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return None;
    };
    let object = |part: &str| -> Option<Map<String, Value>> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(part.trim_end_matches('='))
            .ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let header = object(header)?;
    let algorithm = header.get("alg")?.as_str()?;
    let is_signed = !algorithm.eq_ignore_ascii_case("none") && !signature.is_empty();
    is_signed.then(|| object(claims))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str, signature: &str) -> SecretString {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{signature}", part(header), part(claims)).into()
    }

    fn described(token: &SecretString) -> String {
        let expected = ExpectedClaims {
            issuer: "https://auth.example/4711",
            client_id: "me",
            nonce: &"n1".into(),
            now: "2026-03-02T06:00:00Z".parse().expect("a time"),
        };
        match check(token, &expected) {
            Ok(()) => String::new(),
            Err(message) => {
                assert!(!message.contains("s3cret"), "{message}");
                message
            }
        }
    }

    #[test]
    fn claims_by_rows() {
        // 06:00 is 1772431200.
        let right = r#""iss":"https://auth.example/4711","aud":"me","sub":"u1","exp":1772431260,"nonce":"n1""#;
        for (from, to, expected) in [
            ("", "", ""),
            (r#""aud":"me""#, r#""aud":["me"]"#, ""),
            (r#""aud":"me""#, r#""aud":["me"],"azp":"me""#, ""),
            (r#""aud":"me""#, r#""aud":["s3cret","me"],"azp":"me""#, ""),
            ("1772431260", "1772431140", ""),
            ("1772431260", "1772431260.5", ""),
            (
                r#""aud":"me""#,
                r#""aud":["s3cret","me"]"#,
                "another client",
            ),
            (
                r#""aud":"me""#,
                r#""aud":"me","azp":"s3cret""#,
                "another client",
            ),
            (r#""aud":"me""#, r#""aud":"s3cret""#, "another client"),
            (r#""aud":"me""#, r#""aud":[]"#, "another client"),
            (r#""aud":"me","#, "", "another client"),
            ("4711", "4711/", "not from `https://auth.example/4711`"),
            (
                "https://auth.example/4711",
                "https://s3cret.example",
                "not from",
            ),
            (r#""iss":"https://auth.example/4711","#, "", "not from"),
            ("1772431260", "1772431139", "has expired"),
            (
                r#""sub":"u1""#,
                r#""sub":"s3cret","iat":1772431200,"nbf":1772431260"#,
                "",
            ),
            (r#""sub":"u1","#, "", "who signed in"),
            (r#""sub":"u1""#, r#""sub":"""#, "who signed in"),
            (
                r#""sub":"u1""#,
                r#""sub":"u1","iat":1772431261"#,
                "not valid yet",
            ),
            (
                r#""sub":"u1""#,
                r#""sub":"u1","nbf":1772431261"#,
                "not valid yet",
            ),
            (r#""exp":1772431260,"#, "", "has no expiry"),
            ("1772431260", r#""soon""#, "has no expiry"),
            ("1772431260", "1e300", "has no expiry"),
            (r#""n1""#, r#""s3cret""#, "its nonce differs"),
            (r#","nonce":"n1""#, "", "has no nonce"),
        ] {
            let claims = format!("{{{}}}", right.replacen(from, to, 1));
            let described = described(&token(r#"{"alg":"RS256"}"#, &claims, "c2ln"));
            let fits = match expected {
                "" => described.is_empty(),
                expected => described.contains(expected),
            };
            assert!(fits, "{claims}: {described:?}");
        }
    }

    #[test]
    fn what_is_no_signed_token() {
        let claims = r#"{"iss":"https://auth.example/4711","aud":"me","sub":"u1","exp":1772431260,"nonce":"n1"}"#;
        for odd in [
            token(r#"{"alg":"none"}"#, claims, "c2ln"),
            token(r#"{"alg":"NONE"}"#, claims, "c2ln"),
            token(r#"{"alg":"RS256"}"#, claims, ""),
            token(r#"{}"#, claims, "c2ln"),
            token(r#"{"alg":"RS256"}"#, "[1]", "c2ln"),
            token(r#"{"alg":"RS256"}"#, "s3cret", "c2ln"),
            "s3cret".into(),
            "a.b.c.d.e".into(),
            "!.!.!".into(),
            "".into(),
        ] {
            assert_eq!(described(&odd), "the id token cannot be read");
        }
    }
}
