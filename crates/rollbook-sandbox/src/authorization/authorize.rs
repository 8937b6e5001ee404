//! The authorize address: a person consents at once and is sent back (RFC 6749 4.1.1, 4.1.2).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use url::Url;

use super::codes::Code;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{self, Consent, Iss, Pkce, State, Switches};
use super::{consent, pkce};
use crate::query::{pairs, value};
use crate::tamper::answer;
use crate::tokens::Holder;

/// What `response_type=token` brings back, at a vendor that has it.
pub(crate) type Implicit = fn(&Authorization, &Rules, Holder) -> Vec<(&'static str, String)>;

/// What was asked for, as far as it is understood: enough to send the person back.
struct Asked<'a> {
    pairs: &'a [(String, String)],
    client: &'static str,
    /// As it was written, to be compared letter by letter.
    redirect_url: &'a str,
    back: Url,
}

/// Why nobody gets a code (4.1.2.1).
struct Denied(String, &'static str);

impl Denied {
    fn new(error: &str, words: &'static str) -> Self {
        Self(error.to_owned(), words)
    }
}

impl Asked<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        value(self.pairs, name).filter(|value| !value.is_empty())
    }

    /// Parameters that must come once (3.1).
    fn came_twice(&self) -> bool {
        let times = |name: &String| self.pairs.iter().filter(|(other, _)| other == name).count();
        self.pairs.iter().any(|(name, _)| times(name) > 1)
    }
}

impl Authorization {
    /// Answers a GET of the authorize address.
    pub(crate) fn authorize(
        &self,
        rules: &Rules,
        path: &str,
        query: &str,
        implicit: Option<Implicit>,
    ) -> Response<Body> {
        let switches = self.switches();
        let pairs = pairs(query);
        let asked = match understood(rules, &switches, &pairs) {
            Ok(asked) => asked,
            // Whoever is not known may not choose where a browser goes (4.1.2.1).
            Err(Denied(error, words)) => return consent::refusal(&error, words),
        };
        if switches.consent == Consent::Page && asked.field(consent::BUTTON).is_none() {
            return consent::page(path, asked.client, asked.pairs);
        }
        let outcome = holder(rules, &switches, &asked).and_then(|holder| {
            match (asked.field("response_type"), implicit) {
                (Some("code"), _) => self.code(rules, &switches, &asked, holder),
                (Some("token"), Some(implicit)) => Ok(implicit(self, rules, holder)),
                (Some(_), _) => Err(Denied::new("unsupported_response_type", "ask for a code")),
                (None, _) => Err(Denied::new("invalid_request", "response_type is missing")),
            }
        });
        let pairs = outcome.unwrap_or_else(|Denied(error, words)| {
            vec![("error", error), ("error_description", words.to_owned())]
        });
        send_back(rules, &switches, &asked, pairs)
    }

    fn code(
        &self,
        rules: &Rules,
        switches: &Switches,
        asked: &Asked<'_>,
        holder: Holder,
    ) -> Result<Vec<(&'static str, String)>, Denied> {
        let challenge = challenge(rules.pkce(switches), asked)?;
        let mut text = self.tokens.fresh_text();
        if switches.odd_codes {
            text.push_str("+/=&%20~!");
        }
        let code = Code {
            client: asked.client,
            redirect_url: asked.redirect_url.to_owned(),
            challenge: challenge.map(str::to_owned),
            nonce: asked.field("nonce").map(str::to_owned),
            holder,
            until: self.clock.now() + Duration::from_secs(switches.code_seconds),
        };
        self.codes().add(text.clone(), code);
        Ok(match switches.code {
            switches::Code::Right => vec![("code", text)],
            switches::Code::Dropped => Vec::new(),
        })
    }
}

/// Who asks, and where the answer goes; what is wrong here is told to the person, not to the client.
fn understood<'a>(
    rules: &Rules,
    switches: &Switches,
    pairs: &'a [(String, String)],
) -> Result<Asked<'a>, Denied> {
    let once = |name: &str| {
        let mut values = pairs.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        first.filter(|_| values.next().is_none())
    };
    let client = once("client_id")
        .and_then(|id| rules.client(id))
        .ok_or_else(|| Denied::new("unauthorized_client", "client_id is not known"))?;
    let known = |url: &&str| rules.redirect_is_known(switches, url);
    once("redirect_uri")
        .filter(known)
        .and_then(|url| Some((url, Url::parse(url).ok()?)))
        .map(|(redirect_url, back)| Asked {
            pairs,
            client: client.id,
            redirect_url,
            back,
        })
        .ok_or_else(|| Denied::new(rules.redirect_refused, "redirect_uri is not registered"))
}

/// Who consents to what.
fn holder(rules: &Rules, switches: &Switches, asked: &Asked<'_>) -> Result<Holder, Denied> {
    if asked.came_twice() {
        return Err(Denied::new("invalid_request", "a parameter came twice"));
    }
    if !switches.authorize_error.is_empty() {
        return Err(Denied::new(
            &switches.authorize_error,
            "switched on in the sandbox",
        ));
    }
    if switches.consent == Consent::Deny || asked.field(consent::BUTTON) == Some("deny") {
        return Err(Denied::new("access_denied", "the person said no"));
    }
    let scope = rules.granted(switches, asked.field("scope"));
    let scope = scope.ok_or_else(|| Denied::new("invalid_scope", "unknown, empty or too much"))?;
    Ok(Holder {
        scope,
        ..rules.holder.clone()
    })
}

/// The challenge by which the code will be bound (RFC 7636 4.4.1).
fn challenge<'a>(pkce: Pkce, asked: &'a Asked<'_>) -> Result<Option<&'a str>, Denied> {
    let wrong = |words| Err(Denied::new("invalid_request", words));
    match (
        pkce,
        asked.field("code_challenge"),
        asked.field("code_challenge_method"),
    ) {
        (Pkce::Ignored, _, _) => Ok(None),
        (Pkce::Required, None, _) => wrong("code_challenge is missing"),
        (_, None, None) => Ok(None),
        (_, None, Some(_)) => wrong("code_challenge is missing"),
        (_, Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => Ok(Some(challenge)),
        (_, Some(_), Some("S256")) => wrong("code_challenge is no hash"),
        // No method means plain (4.3), and that protects nothing.
        (_, Some(_), _) => wrong("code_challenge_method must be S256"),
    }
}

/// 302 to the client, with `state` and `iss` as the switches want them.
fn send_back(
    rules: &Rules,
    switches: &Switches,
    asked: &Asked<'_>,
    mut pairs: Vec<(&'static str, String)>,
) -> Response<Body> {
    match (switches.state, asked.field("state")) {
        (State::Right, Some(state)) => pairs.push(("state", state.to_owned())),
        (State::Wrong, _) => pairs.push(("state", "of-another-attempt".to_owned())),
        (State::Right, None) | (State::Dropped, _) => {}
    }
    match switches.iss {
        Iss::Right => pairs.push(("iss", rules.issuer.clone())),
        Iss::Wrong => pairs.push(("iss", "https://another.example".to_owned())),
        Iss::Absent | Iss::Missing => {}
    }
    let mut place = asked.back.clone();
    place.query_pairs_mut().extend_pairs(pairs);
    let mut response = answer(StatusCode::FOUND, "text/plain", "");
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::from_str(place.as_str()) {
        headers.insert(header::LOCATION, place);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}
