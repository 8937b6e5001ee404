//! The tokens of a token endpoint's response (RFC 6749 5.1), also of one that deviates from the standard.
//!
//! Vendors send `expires_in` as a string, omit `token_type` or prepend a byte order mark. Pure: errors never
//! contain text of the response.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::scopes;
use crate::model::TokenMembers;

/// A longer lifetime is a mistake, such as milliseconds in place of seconds.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An epoch number above this is in milliseconds (wisenet.md 2.4).
const MILLISECONDS_FROM: f64 = 1e11;

/// A token is not used in this last span of its lifetime, unless a third of the lifetime is shorter.
const MARGIN: Duration = Duration::from_secs(20);

/// The age at which to stop using a token: 20 s before its end, or at two thirds of a shorter lifetime.
pub(super) fn last_use(life: Duration) -> Duration {
    life - MARGIN.min(life / 3)
}

/// The tokens of a response.
#[derive(Clone)]
pub(super) struct Token {
    pub access: SecretString,
    pub refresh: Option<SecretString>,
    /// `None`: use it until it is refused.
    pub life: Option<Duration>,
    /// Its age; zero unless another process requested it.
    pub age: Duration,
    pub key: Option<SecretString>,
    /// The granted scopes; `None` where the response declares none.
    pub scope: Option<Vec<String>>,
    /// OpenID Connect id token.
    pub id_token: Option<SecretString>,
    /// When the response was made, by the server's clock if it sends `Date`.
    pub made: Timestamp,
}

/// What the connector declares about a response.
pub(super) struct ExpectedResponse<'a> {
    /// Lifetime of a token when the response declares none.
    pub lifetime: Option<Duration>,
    /// Names of the members.
    pub members: &'a TokenMembers,
    /// The member with an API key.
    pub key_member: Option<&'a str>,
    /// The server's time, or local time when it sends no `Date`; `expires_at` is relative to it.
    pub now: Timestamp,
}

/// Reads a response: bearer tokens in whatever form the vendor returns them.
pub(super) fn read(body: &[u8], expected: &ExpectedResponse<'_>) -> Result<Token, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("the token response is empty".into());
    }
    let Ok(Value::Object(response)) = serde_json::from_slice::<Value>(body) else {
        return Err("the token response is not a JSON object".into());
    };
    let members = expected.members;
    let Some(access) = secret(&response, members.access_token()) else {
        return Err(format!(
            "the token response has no {}",
            members.access_token()
        ));
    };
    match response.get("token_type") {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) if name.trim().eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err("the token response's token_type is not bearer".into()),
    }
    Ok(Token {
        access,
        refresh: secret(&response, members.refresh_token()),
        life: life(&response, expected),
        age: Duration::ZERO,
        key: expected
            .key_member
            .and_then(|member| secret(&response, member)),
        scope: response.get(members.scope()).and_then(scopes),
        id_token: secret(&response, "id_token"),
        made: expected.now,
    })
}

fn secret(response: &Map<String, Value>, member: &str) -> Option<SecretString> {
    let text = response.get(member)?.as_str()?;
    (!text.is_empty()).then(|| text.into())
}

/// The scopes; some servers send a list, or separate them by commas.
fn scopes(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) if text.contains(' ') => Some(scopes::split(text)),
        Value::String(text) => Some(scopes::split(&text.replace(',', " "))),
        Value::Array(list) => {
            let scopes = list.iter().map(|scope| scope.as_str().map(str::to_owned));
            scopes.collect()
        }
        _ => None,
    }
}

/// The first plausible lifetime; `None`: use the token until it is refused.
fn life(response: &Map<String, Value>, expected: &ExpectedResponse<'_>) -> Option<Duration> {
    let at = || until(response.get(expected.members.expires_at())?, expected.now);
    let length = || {
        let seconds = number(response.get(expected.members.expires_in())?)?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    let sane = |life: &Duration| !life.is_zero() && *life <= LONGEST_LIFE;
    at().filter(sane)
        .or_else(|| length().filter(sane))
        .or(expected.lifetime)
        .filter(sane)
}

fn until(value: &Value, now: Timestamp) -> Option<Duration> {
    let end = match number(value) {
        Some(millis) if millis > MILLISECONDS_FROM => timestamp(millis / 1000.0)?,
        Some(seconds) => timestamp(seconds)?,
        None => value.as_str()?.trim().parse().ok()?,
    };
    Duration::try_from(end.duration_since(now)).ok()
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(body: &str, lifetime: Option<u64>) -> Result<Token, String> {
        let expected = ExpectedResponse {
            lifetime: lifetime.map(Duration::from_secs),
            members: &TokenMembers::default(),
            key_member: Some("api_key"),
            now: "2026-03-02T06:00:00Z".parse().expect("a time"),
        };
        super::read(body.as_bytes(), &expected)
    }

    #[test]
    fn lenient_where_vendors_deviate() {
        for (body, refresh, key) in [
            (r#"{"access_token":"a","token_type":"Bearer"}"#, None, None),
            (
                r#"{"access_token":"a","token_type":"BEARER","scope":"x y"}"#,
                None,
                None,
            ),
            (r#"{"access_token":"a"}"#, None, None),
            (
                r#"{"access_token":"a","token_type":null,"scope":["x","y"]}"#,
                None,
                None,
            ),
            ("\u{feff}{\"access_token\":\"a\"}\n", None, None),
            (
                r#"{"access_token":"a","refresh_token":"r","api_key":"k"}"#,
                Some("r"),
                Some("k"),
            ),
            (
                r#"{"access_token":"a","refresh_token":"","api_key":null}"#,
                None,
                None,
            ),
            (r#"{"access_token":"a","refresh_token":7}"#, None, None),
        ] {
            let token = read(body, None).expect(body);
            let text = |secret: &Option<SecretString>| {
                secret
                    .as_ref()
                    .map(|secret| secret.expose_secret().to_owned())
            };
            assert_eq!(token.access.expose_secret(), "a", "{body}");
            assert_eq!(text(&token.refresh).as_deref(), refresh, "{body}");
            assert_eq!(text(&token.key).as_deref(), key, "{body}");
        }
    }

    #[test]
    fn scopes_in_every_form() {
        for (scope, expected) in [
            (r#""a b""#, Some("a|b")),
            (r#""a,b""#, Some("a|b")),
            (r#""a,b c""#, Some("a,b|c")),
            (r#"["a","b"]"#, Some("a|b")),
            (r#""""#, Some("")),
            (r#"["a",1]"#, None),
            ("7", None),
            ("null", None),
        ] {
            let body = format!(r#"{{"access_token":"a","scope":{scope}}}"#);
            let token = read(&body, None).expect(&body);
            let scopes = token.scope.map(|scopes| scopes.join("|"));
            assert_eq!(scopes.as_deref(), expected, "{scope}");
        }
    }

    #[test]
    fn members_by_other_names() {
        let members = TokenMembers {
            access_token: Some("token".into()),
            refresh_token: Some("renewal".into()),
            expires_in: Some("ttl".into()),
            expires_at: Some("until".into()),
            scope: Some("rights".into()),
        };
        let expected = ExpectedResponse {
            lifetime: None,
            members: &members,
            key_member: None,
            now: "2026-03-02T06:00:00Z".parse().expect("a time"),
        };
        for (body, life) in [
            (
                r#"{"token":"a","renewal":"r","ttl":60,"access_token":"x","expires_in":5}"#,
                60,
            ),
            (
                r#"{"token":"a","renewal":"r","until":"2026-03-02T06:02:00Z","rights":["x","y"]}"#,
                120,
            ),
        ] {
            let token = super::read(body.as_bytes(), &expected).expect(body);
            let refresh = token.refresh.expect("a refresh token");
            assert_eq!(token.access.expose_secret(), "a", "{body}");
            assert_eq!(refresh.expose_secret(), "r", "{body}");
            assert_eq!(token.life, Some(Duration::from_secs(life)), "{body}");
        }
        let standard_names = br#"{"access_token":"a"}"#;
        assert_eq!(
            super::read(standard_names, &expected).err().as_deref(),
            Some("the token response has no token")
        );
    }

    #[test]
    fn strict_where_required_and_without_text_of_the_response() {
        for body in [
            "",
            " \n",
            "<html>s3cret</html>",
            r#"{"access_token":"s3cret","#,
            r#"["s3cret"]"#,
            "null",
            r#"{"token":"s3cret"}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":{"s3cret":1}}"#,
            r#"{"access_token":"s3cret","token_type":"mac"}"#,
            r#"{"access_token":"s3cret","token_type":["s3cret"]}"#,
        ] {
            let reason = read(body, None).err().expect(body);
            assert!(reason.starts_with("the token response"), "{reason}");
            assert!(!reason.contains("s3cret"), "{reason}");
        }
    }

    #[test]
    fn lifetimes_in_every_form() {
        let hour = Some(3_600_000);
        for (members, lifetime, millis) in [
            (r#""expires_in":3600"#, None, hour),
            (r#""expires_in":"3600""#, None, hour),
            (r#""expires_in":" 3600 ""#, None, hour),
            (r#""expires_in":3600.0"#, None, hour),
            (r#""expires_in":0.5"#, None, Some(500)),
            (r#""expires_at":"2026-03-02T07:00:00Z""#, None, hour),
            (r#""expires_at":"2026-03-02T08:00:00+01:00""#, None, hour),
            (r#""expires_at":1772434800"#, None, hour),
            (r#""expires_at":"1772434800""#, None, hour),
            (r#""expires_at":1772434800000"#, None, hour),
            (r#""expires_at":1772434800000,"expires_in":5"#, None, hour),
            // A time in the past means a wrong clock, not an expired token.
            (
                r#""expires_at":"2020-01-01T00:00:00Z","expires_in":3600"#,
                None,
                hour,
            ),
            (r#""expires_at":"soon","expires_in":3600"#, None, hour),
            (r#""expires_in":3600"#, Some(180), hour),
            ("", Some(180), Some(180_000)),
            (r#""expires_in":null"#, Some(180), Some(180_000)),
            (r#""expires_in":0"#, Some(180), Some(180_000)),
            (r#""expires_in":0"#, None, None),
            (r#""expires_in":-1"#, None, None),
            (r#""expires_in":"text""#, None, None),
            (r#""expires_in":"NaN""#, None, None),
            (r#""expires_in":"inf""#, None, None),
            (r#""expires_in":1e12"#, None, None),
            (r#""expires_in":1e300"#, None, None),
            (r#""expires_in":true"#, None, None),
            (r#""expires_at":1e300"#, None, None),
            ("", None, None),
            ("", Some(0), None),
        ] {
            let comma = if members.is_empty() { "" } else { "," };
            let body = format!(r#"{{"access_token":"a"{comma}{members}}}"#);
            let token = read(&body, lifetime).expect(&body);
            let expected = millis.map(Duration::from_millis);
            assert_eq!(token.life, expected, "{members} {lifetime:?}");
        }
    }
}
