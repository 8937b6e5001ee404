//! What came back from the browser, judged: the code of this attempt, its refusal, or somebody else's answer.
//!
//! Pure. Nothing that came stands in a sentence, except for the standard's own error words.

use std::fmt;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::redirect::Redirect;

/// The longest code that is taken; real ones have at most some 2000 letters.
const LONGEST_CODE: usize = 8 * 1024;

/// An authorization code. It works once, and only together with its attempt.
#[derive(Clone)]
pub struct Code(pub(super) SecretString);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// What an attempt expects.
#[derive(Clone)]
pub(super) struct Expected {
    /// The state that was sent.
    pub state: SecretString,
    /// Where the browser is sent back to.
    pub redirect: Redirect,
    /// Who answers, where somebody names an issuer.
    pub issuer: Option<Issuer>,
}

/// Who answers (RFC 9207): one server's answer must not pass for another's.
#[derive(Clone)]
pub(super) struct Issuer {
    /// Its name, to the letter.
    pub name: String,
    /// It says that it names itself in every answer.
    pub names_itself: bool,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The code of this attempt.
    Code(Code),
    /// It is not of this attempt: whoever sent it is told why, and nothing else happens.
    Stranger(&'static str),
    /// It is of this attempt and says no; a sentence.
    Refused(String),
}

/// Judges the parameters that the browser brought back.
pub(super) fn judge(query: &str, expected: &Expected) -> Verdict {
    let parameters: Vec<(String, String)> = oauth2::url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let count = |name: &str| parameters.iter().filter(|pair| pair.0 == name).count();
    if ["state", "code", "error", "iss"]
        .iter()
        .any(|name| count(name) > 1)
    {
        return Verdict::Stranger("it says one thing twice");
    }
    let one = |name: &str| {
        let pair = parameters.iter().find(|pair| pair.0 == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    };
    match one("state") {
        None => return Verdict::Stranger("it carries no state, so it belongs to no sign-in"),
        Some(state) if state != expected.state.expose_secret() => {
            return Verdict::Stranger("its state is that of another sign-in");
        }
        Some(_) => {}
    }
    match (one("iss"), &expected.issuer) {
        (Some(named), Some(issuer)) if named != issuer.name => {
            return Verdict::Refused(format!(
                "the answer is not from `{}`, but from another server",
                issuer.name
            ));
        }
        (None, Some(issuer)) if issuer.names_itself => {
            return Verdict::Refused(format!(
                "the answer does not say that it is from `{}`, which that server always does",
                issuer.name
            ));
        }
        _ => {}
    }
    match (one("error"), one("code")) {
        (Some(word), _) => Verdict::Refused(refusal(word)),
        (None, Some(code)) => match bare_code(code) {
            Some(code) => Verdict::Code(code),
            None => Verdict::Refused("the vendor's answer holds no usable code".into()),
        },
        (None, None) => {
            Verdict::Refused("the vendor's answer holds neither a code nor an error".into())
        }
    }
}

/// Judges what a person pasted: the address that the browser ended at, its parameters, or the code alone.
///
/// A bare code cannot be tied to this attempt by its state; the proof key does that at the token endpoint.
pub(super) fn judge_pasted(text: &str, expected: &Expected) -> Verdict {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    if text.is_empty() {
        return Verdict::Refused("nothing was pasted".into());
    }
    if let Some(query) = text.strip_prefix('?') {
        return judge(query, expected);
    }
    match Url::parse(text) {
        Ok(url) if url.has_host() => {
            if !expected.redirect.is_place_of(&url) {
                let place = expected.redirect.as_str();
                return Verdict::Refused(format!(
                    "this is not the address that the vendor sends the browser back to; it begins with {place}"
                ));
            }
            judge(url.query().unwrap_or_default(), expected)
        }
        _ if text.contains("code=") || text.contains("error=") => judge(text, expected),
        // No state and no `iss` to look at, but nobody to be mixed up with either: the code goes to this
        // source's one token address, together with this attempt's proof key.
        _ => bare_code(text).map_or_else(
            || Verdict::Refused("this is neither an address nor a code".into()),
            Verdict::Code,
        ),
    }
}

/// A code as RFC 6749 appendix A.11 allows it: visible ASCII, and here no blanks.
fn bare_code(text: &str) -> Option<Code> {
    let fits = text.len() <= LONGEST_CODE && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Code(SecretString::from(text)))
}

/// The standard's error words (RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6) in plain words.
fn refusal(word: &str) -> String {
    let (word, meaning) = match word {
        "access_denied" => (word, "somebody said no, or may not say yes"),
        "invalid_scope" => (
            word,
            "a scope is unknown or not allowed to this client; change `scope`",
        ),
        "unauthorized_client" => (word, "this client may not sign in this way; ask the vendor"),
        "invalid_client" => (word, "it does not know the client; check `client_id`"),
        "invalid_request" | "unsupported_response_type" => {
            (word, "it does not understand the request; ask the vendor")
        }
        // Spelled by one vendor with two s (webuntis-oneroster.md 1.4).
        "invalid_ressource" | "invalid_resource" => {
            (word, "`redirect_url` is not the one that is registered")
        }
        "server_error" | "temporarily_unavailable" => {
            (word, "a fault on its side; try again later")
        }
        "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required" => (word, "it wants a person to act; sign in again"),
        _ => return "the vendor refused the sign-in, for a reason that is no standard word".into(),
    };
    format!("the vendor refused the sign-in ({word}): {meaning}")
}
