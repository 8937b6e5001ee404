//! Classifies the authorization response: the code of this attempt, its refusal, or a response to another sign-in.
//!
//! Pure. Messages contain nothing of the response but the standard's own error codes.

use std::fmt;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::redirect::Redirect;

/// The longest accepted code; real ones have at most some 2000 characters.
const LONGEST_CODE: usize = 8 * 1024;

/// An authorization code. It is valid once, and only together with its attempt.
#[derive(Clone)]
pub struct AuthorizationCode(pub(super) SecretString);

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationCode")
    }
}

/// What an attempt expects.
#[derive(Clone)]
pub(super) struct ExpectedRedirect {
    /// The `state` of the authorization request.
    pub state: SecretString,
    pub redirect: Redirect,
    /// The issuer, where the configuration names one.
    pub issuer: Option<Issuer>,
}

/// The expected issuer (RFC 9207): the response of one server must not be taken for that of another.
#[derive(Clone)]
pub(super) struct Issuer {
    /// Issuer identifier, byte for byte.
    pub name: String,
    /// It declares that it adds `iss` to every response.
    pub names_itself: bool,
}

/// What a response means.
#[derive(Debug)]
pub(super) enum RedirectOutcome {
    /// The code of this attempt.
    Code(AuthorizationCode),
    /// A response to another sign-in, with the reason. It does not end this attempt.
    Foreign(&'static str),
    /// This attempt was refused; a complete message.
    Refused(String),
}

/// Classifies the parameters of the redirect.
pub(super) fn classify(query: &str, expected: &ExpectedRedirect) -> RedirectOutcome {
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let count = |name: &str| parameters.iter().filter(|pair| pair.0 == name).count();
    if ["state", "code", "error", "iss"]
        .iter()
        .any(|name| count(name) > 1)
    {
        return RedirectOutcome::Foreign("it contains a parameter more than once");
    }
    let one = |name: &str| {
        let pair = parameters.iter().find(|pair| pair.0 == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    };
    match one("state") {
        None => {
            return RedirectOutcome::Foreign("it has no state, so it belongs to no sign-in");
        }
        Some(state) if state != expected.state.expose_secret() => {
            return RedirectOutcome::Foreign("its state belongs to another sign-in");
        }
        Some(_) => {}
    }
    match (one("iss"), &expected.issuer) {
        (Some(named), Some(issuer)) if named != issuer.name => {
            return RedirectOutcome::Refused(format!(
                "the response is from another server than `{}`",
                issuer.name
            ));
        }
        (None, Some(issuer)) if issuer.names_itself => {
            return RedirectOutcome::Refused(format!(
                "the response does not name its issuer `{}`, although that server always does",
                issuer.name
            ));
        }
        _ => {}
    }
    match (one("error"), one("code")) {
        (Some(code), _) => RedirectOutcome::Refused(refusal(code)),
        (None, Some(code)) => match bare_code(code) {
            Some(code) => RedirectOutcome::Code(code),
            None => RedirectOutcome::Refused("the vendor's response has no usable code".into()),
        },
        (None, None) => {
            RedirectOutcome::Refused("the vendor's response has neither a code nor an error".into())
        }
    }
}

/// Classifies what a person pasted: the URL that the browser ended at, its parameters, or only the code.
///
/// A bare code has no state that binds it to this attempt; the PKCE verifier does that at the token endpoint.
pub(super) fn classify_pasted(text: &str, expected: &ExpectedRedirect) -> RedirectOutcome {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    if text.is_empty() {
        return RedirectOutcome::Refused("nothing was pasted".into());
    }
    if let Some(query) = text.strip_prefix('?') {
        return classify(query, expected);
    }
    match Url::parse(text) {
        Ok(url) if url.has_host() => {
            if !expected.redirect.matches(&url) {
                let expected_url = expected.redirect.as_str();
                return RedirectOutcome::Refused(format!(
                    "this is not the address that the vendor redirects the browser to; that one begins with {expected_url}"
                ));
            }
            classify(url.query().unwrap_or_default(), expected)
        }
        _ if text.contains("code=") || text.contains("error=") => classify(text, expected),
        // No state and no `iss` to check, but no mix-up is possible either: the code is sent to this
        // source's only token endpoint, with this attempt's PKCE verifier.
        _ => bare_code(text).map_or_else(
            || RedirectOutcome::Refused("this is neither a URL nor a code".into()),
            RedirectOutcome::Code,
        ),
    }
}

/// A code as RFC 6749 appendix A.11 allows it: visible ASCII, and here no blanks.
fn bare_code(text: &str) -> Option<AuthorizationCode> {
    let fits = text.len() <= LONGEST_CODE && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| AuthorizationCode(SecretString::from(text)))
}

/// Explains the standard's error codes (RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6).
fn refusal(code: &str) -> String {
    let (code, meaning) = match code {
        "access_denied" => (code, "the person declined, or lacks the right to consent"),
        "invalid_scope" => (
            code,
            "a scope is unknown or not allowed to this client; change `scope`",
        ),
        "unauthorized_client" => (code, "this client may not sign in this way; ask the vendor"),
        "invalid_client" => (code, "the client is unknown; check `client_id`"),
        "invalid_request" | "unsupported_response_type" => {
            (code, "it does not accept the request; ask the vendor")
        }
        // Misspelled with two s by one vendor (webuntis-oneroster.md 1.4).
        "invalid_ressource" | "invalid_resource" => {
            (code, "`redirect_url` is not the registered one")
        }
        "server_error" | "temporarily_unavailable" => {
            (code, "an error on its side; try again later")
        }
        "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required" => (code, "it requires a person to act; sign in again"),
        _ => return "the vendor refused the sign-in with an unknown error code".into(),
    };
    format!("the vendor refused the sign-in ({code}): {meaning}")
}
