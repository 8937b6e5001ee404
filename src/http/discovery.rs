//! Where an issuer's endpoints are, from the document that it publishes (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! Optional: only where somebody names an issuer. The document is believed as far as the configuration goes
//! (reliability.md 2.4): its issuer is the configured one byte for byte, and its endpoints lie on that origin, or
//! on one that is allowed by name. Never redirected, kept for a day at most.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::body::{self, Beyond};
use super::client::{self, Road, fault, host_of};
use super::deadline::Deadline;
use super::error::Kind;
use super::limits::TOKEN_BODY;
use super::reply::Headers;
use super::rules::{Timeouts, must_be_safe};
use super::verdict::{asked_wait, is_passing};
use crate::clock::Clock;

/// A document is read anew after this (reliability.md 3.1).
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The longest text of a document that is repeated to an admin.
const SHOWN: usize = 200;

/// An issuer, and what its document may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSpec {
    /// Its name, exactly as it calls itself: an https address, or http on loopback.
    pub issuer: String,
    /// Where its document is; `None` for the standards' places.
    pub metadata_url: Option<Url>,
    /// Further origins that its endpoints may lie on.
    pub allow_origins: Vec<Url>,
}

/// What we need of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Where a browser starts.
    pub authorize_url: Option<Url>,
    /// Where tokens are asked for.
    pub token_url: Option<Url>,
    /// Where tokens are revoked; nothing where that is not on an origin that is allowed.
    pub revocation_url: Option<Url>,
    /// The server names itself in every answer to a browser (RFC 9207).
    pub names_itself: bool,
    /// The kinds of proof keys that it knows; `None` where it does not say.
    pub pkce_methods: Option<Vec<String>>,
}

/// An issuer's document, fetched when it is needed.
pub(super) struct Discovery {
    spec: IssuerSpec,
    issuer: Url,
    client: reqwest::Client,
    timeouts: Timeouts,
    held: Mutex<Option<(Duration, Arc<Metadata>)>>,
}

impl Discovery {
    /// Nothing is fetched yet.
    pub fn new(spec: IssuerSpec, road: &Road<'_>) -> Result<Self, Kind> {
        let issuer = issuer_url(&spec.issuer)?;
        for (address, name) in spec
            .allow_origins
            .iter()
            .map(|origin| (origin, "allow_origins"))
            .chain(spec.metadata_url.iter().map(|url| (url, "metadata_url")))
        {
            must_be_safe(address, name)?;
        }
        let client = client::client(road, spec.metadata_url.as_ref().unwrap_or(&issuer))?;
        Ok(Self {
            spec,
            issuer,
            client,
            timeouts: *road.timeouts,
            held: Mutex::default(),
        })
    }

    /// The issuer's name.
    pub fn issuer(&self) -> &str {
        &self.spec.issuer
    }

    /// Where the document is, as far as that is known: on the right host.
    pub fn document(&self) -> &Url {
        self.spec.metadata_url.as_ref().unwrap_or(&self.issuer)
    }

    /// The document, at most a day old.
    pub async fn metadata(&self, clock: &Clock) -> Result<Arc<Metadata>, Kind> {
        let mut held = self.held.lock().await;
        let now = clock.running();
        if let Some((since, metadata)) = &*held
            && now.saturating_sub(*since) < KEPT
        {
            return Ok(Arc::clone(metadata));
        }
        let metadata = Arc::new(self.fetch(clock).await?);
        *held = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// The first of the document's possible places that has one.
    async fn fetch(&self, clock: &Clock) -> Result<Metadata, Kind> {
        for place in places(&self.spec, &self.issuer) {
            match self.get(&place, clock).await {
                Ok(body) => {
                    return read(&body, &self.spec, &self.issuer).map_err(Kind::DocumentRefused);
                }
                Err(Kind::Missing(..)) => {}
                Err(Kind::TooLarge(_)) => {
                    return Err(Kind::DocumentRefused("is larger than any real one".into()));
                }
                Err(kind) => return Err(kind),
            }
        }
        let missing = "is not there; check `issuer`, or say by `metadata_url` where it is";
        Err(Kind::DocumentRefused(missing.into()))
    }

    async fn get(&self, place: &Url, clock: &Clock) -> Result<Vec<u8>, Kind> {
        let host = host_of(place);
        let mut deadline = Deadline::start(&self.timeouts, self.timeouts.token);
        let sending = self
            .client
            .get(place.clone())
            .header("accept", "application/json")
            .send();
        let response = deadline
            .first_byte(sending)
            .await?
            .map_err(|error| fault(&error, &host, &self.timeouts))?;
        let (status, headers) = (
            response.status().as_u16(),
            Headers::from(response.headers().clone()),
        );
        let target = headers.get("location").and_then(|to| place.join(to).ok());
        let limits = (TOKEN_BODY, Beyond::Refuse);
        let peer = (host.as_str(), &self.timeouts);
        let body = body::read(response, &headers, Vec::new(), limits, &mut deadline, peer).await;
        match status {
            200 => body,
            300..=399 => Err(Kind::Redirect(status, target.as_ref().map(host_of))),
            404 | 405 | 410 => Err(Kind::Missing(status, None)),
            _ if is_passing(status) => Err(Kind::Busy(status, asked_wait(&headers, clock.now()))),
            _ => Err(Kind::Rejected(status)),
        }
    }
}

/// The issuer as an address; RFC 8414 2 allows no parameters in it.
fn issuer_url(text: &str) -> Result<Url, Kind> {
    let url = Url::parse(text).map_err(|_| Kind::Setup("issuer is no address".into()))?;
    must_be_safe(&url, "issuer")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Kind::Setup("issuer must not have parameters".into()));
    }
    Ok(url)
}

/// Where the document may be: where the configuration says, else behind the issuer (OpenID Connect Discovery
/// 4.1), else between its host and its path (RFC 8414 3.1).
fn places(spec: &IssuerSpec, issuer: &Url) -> Vec<Url> {
    if let Some(place) = &spec.metadata_url {
        return vec![place.clone()];
    }
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut place = issuer.clone();
        place.set_path(&path);
        place
    };
    vec![
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

/// What the document says, as far as it may.
fn read(body: &[u8], spec: &IssuerSpec, issuer: &Url) -> Result<Metadata, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(body) else {
        return Err("is not a JSON object".into());
    };
    match document.get("issuer").and_then(Value::as_str) {
        Some(named) if named == spec.issuer => {}
        Some(named) => {
            return Err(format!(
                "names the issuer {}, and the configuration says `{}`; they must be the same to the letter",
                shown(named),
                spec.issuer
            ));
        }
        None => return Err("names no issuer".into()),
    }
    let endpoint = |name: &str| endpoint(&document, name, spec, issuer);
    Ok(Metadata {
        authorize_url: endpoint("authorization_endpoint")?,
        token_url: endpoint("token_endpoint")?,
        // A sign-out is not worth refusing a sign-in for.
        revocation_url: endpoint("revocation_endpoint").unwrap_or_default(),
        names_itself: document.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        pkce_methods: document
            .get("code_challenge_methods_supported")
            .and_then(Value::as_array)
            .map(|methods| {
                let words = methods.iter().filter_map(Value::as_str);
                words.map(str::to_owned).collect()
            }),
    })
}

fn endpoint(
    document: &Map<String, Value>,
    name: &str,
    spec: &IssuerSpec,
    issuer: &Url,
) -> Result<Option<Url>, String> {
    let text = match document.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(format!("has a {name} that is no text")),
    };
    let Ok(url) = Url::parse(text) else {
        return Err(format!("has a {name} that is no address"));
    };
    if let Err(Kind::Setup(problem)) = must_be_safe(&url, name) {
        return Err(format!("is not safe: {problem}"));
    }
    let origin = url.origin();
    let is_allowed = origin == issuer.origin()
        || spec
            .allow_origins
            .iter()
            .any(|allowed| allowed.origin() == origin);
    if !is_allowed {
        let (place, home) = (shown(&origin.ascii_serialization()), issuer.origin());
        return Err(format!(
            "puts {name} at {place}, and the issuer is at `{}`; if the vendor confirms that place, allow it by \
             `allow_origins`",
            home.ascii_serialization()
        ));
    }
    if url.fragment().is_some() {
        return Err(format!("has a {name} with a fragment"));
    }
    Ok(Some(url))
}

/// A text of the document that an admin is to compare: only an address without a user or parameters.
fn shown(text: &str) -> String {
    let is_plain = text.len() <= SHOWN
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['?', '#', '@', '`'])
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_plain {
        format!("`{text}`")
    } else {
        "something that is no plain address".into()
    }
}

#[cfg(test)]
mod tests;
