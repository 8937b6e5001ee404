//! The tokens of a token endpoint's response (RFC 6749 5.1), also of one that deviates from the standard.
//!
//! Vendors send `expires_in` as a string, omit `token_type` or prepend a byte order mark. Pure: errors never
//! contain text of the response.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::scopes;
use super::token_refusal::described;
use rollbook_core::model::TokenMembers;

/// A longer lifetime is a mistake, such as milliseconds in place of seconds.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A token of a longer life states no epoch number.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

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
    /// Path of the member that holds the others.
    pub envelope: Option<&'a str>,
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
    let members = expected.members;
    let response = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(response)) => response,
        Ok(_) => return Err(described(body, false)),
        Err(_) => form(body, members).ok_or_else(|| described(body, false))?,
    };
    let response = match expected.envelope {
        None => response,
        Some(path) => match member(&response, path) {
            Some(Value::Object(inner)) => inner.clone(),
            _ => return Err(format!("JSON that has no {path} as object")),
        },
    };
    let Some(access) = secret(&response, members.access_token()) else {
        return Err(format!(
            "JSON that has no {} as text",
            members.access_token()
        ));
    };
    if !response.get("token_type").is_none_or(is_bearer) {
        return Err("a token whose token_type is not bearer".into());
    }
    Ok(Token {
        access,
        refresh: secret(&response, members.refresh_token()),
        life: life(&response, expected),
        age: Duration::ZERO,
        key: expected
            .key_member
            .and_then(|member| secret(&response, member)),
        scope: member(&response, members.scope()).and_then(scopes),
        id_token: secret(&response, "id_token"),
        made: expected.now,
    })
}

/// A form in place of JSON, as some old servers send; only one with a token.
fn form(body: &[u8], members: &TokenMembers) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_form = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_form || text.starts_with(['<', '{', '[', '"']) {
        return None;
    }
    let pairs = form_urlencoded::parse(text.as_bytes());
    let form: Map<String, Value> = pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    form.contains_key(members.access_token()).then_some(form)
}

/// A member by its name, or else by its dotted path.
fn member<'r>(response: &'r Map<String, Value>, path: &str) -> Option<&'r Value> {
    response.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        member(response.get(first)?.as_object()?, rest)
    })
}

fn secret(response: &Map<String, Value>, path: &str) -> Option<SecretString> {
    let text = member(response, path)?.as_str()?;
    (!text.is_empty()).then(|| text.into())
}

/// The names that vendors use for a token that is sent as `Bearer`. Another one may need a proof with every request, as
/// `mac` and `DPoP` do (RFC 6749 7.1).
fn is_bearer(token_type: &Value) -> bool {
    const NAMES: [&str; 9] = [
        "",
        "bearer",
        "bearertoken",
        "jwt",
        "token",
        "accesstoken",
        "oauth",
        "oauth2",
        "urnietfparamsoauthtokentypeaccesstoken",
    ];
    match token_type {
        Value::Null => true,
        Value::String(name) => {
            let letters = name.chars().filter(|letter| letter.is_alphanumeric());
            let name: String = letters.flat_map(char::to_lowercase).collect();
            NAMES.contains(&name.as_str())
        }
        Value::Array(names) => !names.is_empty() && names.iter().all(is_bearer),
        _ => false,
    }
}

/// The scopes: a list, or a text that is separated by blanks; else by commas; else by plus signs, as in a form.
fn scopes(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => {
            let text = text.replace("%20", " ");
            let text = text.trim();
            let separator = [' ', ',', '+'].into_iter();
            let mut separator = separator.filter(|separator| text.contains(*separator));
            let parts = match separator.next() {
                Some(' ') | None => text.split_whitespace().collect(),
                Some(separator) => text.split(separator).collect::<Vec<_>>(),
            };
            let parts = parts.into_iter().map(|part| part.trim_matches([',', ' ']));
            let parts = parts.filter(|part| !part.is_empty());
            Some(parts.map(str::to_owned).collect())
        }
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            let scopes = texts?.into_iter().flat_map(scopes::split);
            Some(scopes.collect())
        }
        _ => None,
    }
}

/// The first plausible lifetime; `None`: use the token until it is refused.
fn life(response: &Map<String, Value>, expected: &ExpectedResponse<'_>) -> Option<Duration> {
    let at = || {
        until(
            member(response, expected.members.expires_at())?,
            expected.now,
        )
    };
    let length = || {
        let value = member(response, expected.members.expires_in())?;
        match number(value) {
            // Too long for a lifetime: an epoch number.
            Some(seconds) if seconds > LONGEST_LIFE.as_secs_f64() => {
                until(value, expected.now).filter(|life| *life <= YEAR)
            }
            Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            None => {
                in_words(value).or_else(|| until(value, expected.now).filter(|life| *life <= YEAR))
            }
        }
    };
    let sane = |life: &Duration| !life.is_zero() && *life <= LONGEST_LIFE;
    at().filter(sane)
        .or_else(|| length().filter(sane))
        .or(expected.lifetime)
        .filter(sane)
}

/// A lifetime with its unit: `3600 s`, `1 hour`, `PT1H`.
fn in_words(value: &Value) -> Option<Duration> {
    let text = value.as_str()?.trim();
    let span: SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
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
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
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
            envelope: None,
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
            (r#"" a  b\n""#, Some("a|b")),
            (r#""a+b""#, Some("a|b")),
            (r#""a%20b""#, Some("a|b")),
            (r#""a, b""#, Some("a|b")),
            (r#"["a b","c"]"#, Some("a|b|c")),
            ("[]", Some("")),
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
            envelope: None,
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
            Some("JSON that has no token as text")
        );
    }

    /// Kinds: in a member, in a member of a member, by paths, as a form, and what is none of these.
    #[test]
    fn wrapped_and_form_encoded_responses() {
        let paths = TokenMembers {
            access_token: Some("data.token".into()),
            expires_in: Some("data.ttl".into()),
            ..TokenMembers::default()
        };
        let standard = TokenMembers::default();
        for (envelope, members, body, should) in [
            (
                Some("data"),
                &standard,
                r#"{"data":{"access_token":"a","expires_in":60}}"#,
                Ok(Some(60)),
            ),
            (
                Some("a.b"),
                &standard,
                r#"{"a":{"b":{"access_token":"a"}}}"#,
                Ok(None),
            ),
            (
                Some("data"),
                &standard,
                r#"{"access_token":"a"}"#,
                Err("JSON that has no data as object"),
            ),
            (
                Some("data"),
                &standard,
                r#"{"data":"a"}"#,
                Err("JSON that has no data as object"),
            ),
            (
                None,
                &paths,
                r#"{"data":{"token":"a","ttl":"60"}}"#,
                Ok(Some(60)),
            ),
            (
                None,
                &paths,
                r#"{"data":[]}"#,
                Err("JSON that has no data.token as text"),
            ),
            (
                None,
                &standard,
                "access_token=a&expires_in=60&token_type=bearer\n",
                Ok(Some(60)),
            ),
            (None, &standard, "access_token=a&expires=60", Ok(None)),
            (
                None,
                &standard,
                "access_token=&expires_in=60",
                Err("JSON that has no access_token as text"),
            ),
            (
                None,
                &standard,
                "error=invalid_client",
                Err("a text that is no token response"),
            ),
            (
                None,
                &standard,
                "no token for you: access_token=a",
                Err("a text that is no token response"),
            ),
            (None, &standard, "<p>access_token=a</p>", Err("a web page")),
        ] {
            let expected = ExpectedResponse {
                lifetime: None,
                envelope,
                members,
                key_member: None,
                now: "2026-03-02T06:00:00Z".parse().expect("a time"),
            };
            let read = super::read(body.as_bytes(), &expected);
            let life = read
                .as_ref()
                .map(|token| token.life.map(|life| life.as_secs()));
            assert_eq!(life.map_err(String::as_str), should, "{body}");
            if let Ok(token) = &read {
                assert_eq!(token.access.expose_secret(), "a", "{body}");
            }
        }
    }

    #[test]
    fn token_types_that_mean_bearer() {
        for (name, is_bearer) in [
            (r#""Bearer""#, true),
            (r#""bearer""#, true),
            (r#""BEARER""#, true),
            (r#"" Bearer ""#, true),
            (r#""Bearer:""#, true),
            (r#""bearer_token""#, true),
            (r#""Bearer Token""#, true),
            (r#""JWT""#, true),
            (r#""access_token""#, true),
            (r#""urn:ietf:params:oauth:token-type:access_token""#, true),
            (r#""OAuth2""#, true),
            (r#""""#, true),
            ("null", true),
            (r#"["Bearer"]"#, true),
            (r#""mac""#, false),
            (r#""DPoP""#, false),
            (r#""PoP""#, false),
            (r#""N_A""#, false),
            (r#""id_token""#, false),
            (r#""Basic""#, false),
            (r#"["Bearer","mac"]"#, false),
            ("[]", false),
            ("7", false),
            ("{}", false),
        ] {
            let body = format!(r#"{{"access_token":"a","token_type":{name}}}"#);
            assert_eq!(read(&body, None).is_ok(), is_bearer, "{name}");
        }
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
            (r#""expires_in":"3600s""#, None, hour),
            (r#""expires_in":"3600 seconds""#, None, hour),
            (r#""expires_in":"1 hour""#, None, hour),
            (r#""expires_in":"PT1H""#, None, hour),
            (r#""expires_in":" 3600.0""#, None, hour),
            (r#""expires_in":1772434800"#, None, hour),
            (r#""expires_in":"1772434800000""#, None, hour),
            (r#""expires_in":"2026-03-02T07:00:00Z""#, None, hour),
            (r#""expires_in":"-1h""#, None, None),
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
