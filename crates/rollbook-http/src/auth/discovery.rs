//! Finds an issuer's endpoints in the metadata document that it publishes (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! Optional: only where the configuration names an issuer. The document is trusted within the configuration
//! (reliability.md 2.4): its issuer equals the configured one byte for byte, and its endpoints are on that origin or
//! on one in `allow_origins`. Redirects are not followed; the document is cached for a day at most.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::http::body::{self, Oversized};
use crate::http::classify::{is_transient, requested_wait};
use crate::http::client::{self, ClientOptions, error_kind};
use crate::http::deadline::Deadline;
use crate::http::error::HttpErrorKind;
use crate::http::limits::TOKEN_BODY;
use crate::http::peer::host_of;
use crate::http::reply::Headers;
use crate::http::rules::{Timeouts, must_be_safe};
use rollbook_core::clock::Clock;

/// A cached document is read again after this (reliability.md 3.1).
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// The longest text of a document that a message shows.
const MAX_SHOWN: usize = 200;

/// An issuer, and what its document may contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSpec {
    /// Issuer identifier, byte for byte: an https URL, or http on loopback.
    pub issuer: String,
    /// URL of its document; `None` for the well-known URLs.
    pub metadata_url: Option<Url>,
    /// Additional origins that its endpoints may be on.
    pub allow_origins: Vec<Url>,
}

/// The members of a document that Rollbook uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub authorize_url: Option<Url>,
    pub token_url: Option<Url>,
    /// `None` also where the endpoint is not on an allowed origin.
    pub revocation_url: Option<Url>,
    /// The server adds `iss` to every authorization response (RFC 9207).
    pub names_itself: bool,
    /// The PKCE methods; `None` where they are not declared.
    pub pkce_methods: Option<Vec<String>>,
}

/// An issuer's document, fetched when it is needed.
pub(super) struct Discovery {
    spec: IssuerSpec,
    issuer: Url,
    client: reqwest::Client,
    timeouts: Timeouts,
    cached: Mutex<Option<(Duration, Arc<Metadata>)>>,
}

impl Discovery {
    /// Checks the addresses; sends nothing.
    pub fn new(spec: IssuerSpec, options: &ClientOptions<'_>) -> Result<Self, HttpErrorKind> {
        let issuer = issuer_url(&spec.issuer)?;
        for (address, name) in spec
            .allow_origins
            .iter()
            .map(|origin| (origin, "allow_origins"))
            .chain(spec.metadata_url.iter().map(|url| (url, "metadata_url")))
        {
            must_be_safe(address, name)?;
        }
        let client = client::client(options, spec.metadata_url.as_ref().unwrap_or(&issuer))?;
        Ok(Self {
            spec,
            issuer,
            client,
            timeouts: *options.timeouts,
            cached: Mutex::default(),
        })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.spec.issuer
    }

    /// The URL of the document, or the issuer, which is on the same host.
    pub fn document(&self) -> &Url {
        self.spec.metadata_url.as_ref().unwrap_or(&self.issuer)
    }

    /// The document, at most a day old.
    pub async fn metadata(&self, clock: &Clock) -> Result<Arc<Metadata>, HttpErrorKind> {
        let mut cached = self.cached.lock().await;
        let now = clock.running();
        if let Some((since, metadata)) = &*cached
            && now.saturating_sub(*since) < MAX_AGE
        {
            return Ok(Arc::clone(metadata));
        }
        let metadata = Arc::new(self.fetch(clock).await?);
        *cached = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// Reads the document from the first candidate URL that exists.
    async fn fetch(&self, clock: &Clock) -> Result<Metadata, HttpErrorKind> {
        for url in candidates(&self.spec, &self.issuer) {
            match self.get(&url, clock).await {
                Ok(body) => {
                    return read(&body, &self.spec, &self.issuer)
                        .map_err(HttpErrorKind::DocumentRefused);
                }
                Err(HttpErrorKind::Missing(..)) => {}
                Err(HttpErrorKind::TooLarge(_)) => {
                    return Err(HttpErrorKind::DocumentRefused(
                        "is larger than 1 MiB".into(),
                    ));
                }
                Err(kind) => return Err(kind),
            }
        }
        let missing = "was not found; check `issuer`, or set `metadata_url`";
        Err(HttpErrorKind::DocumentRefused(missing.into()))
    }

    async fn get(&self, url: &Url, clock: &Clock) -> Result<Vec<u8>, HttpErrorKind> {
        let host = host_of(url);
        let mut deadline = Deadline::start(&self.timeouts, self.timeouts.token);
        let sending = self
            .client
            .get(url.clone())
            .header("accept", "application/json")
            .send();
        let response = deadline
            .first_byte(sending)
            .await?
            .map_err(|error| error_kind(&error, &host, &self.timeouts))?;
        let (status, headers) = (
            response.status().as_u16(),
            Headers::from(response.headers().clone()),
        );
        let target = headers.get("location").and_then(|to| url.join(to).ok());
        let limits = (TOKEN_BODY, Oversized::Refuse);
        let peer = (host.as_str(), &self.timeouts);
        let body = body::read(response, &headers, limits, deadline, peer).await;
        match status {
            200 => body,
            300..=399 => Err(HttpErrorKind::Redirect(
                status,
                target.as_ref().map(host_of),
            )),
            404 | 405 | 410 => Err(HttpErrorKind::Missing(status, None)),
            _ if is_transient(status) => Err(HttpErrorKind::Unavailable(
                status,
                requested_wait(&headers, clock.now()),
            )),
            _ => Err(HttpErrorKind::HttpStatus(status)),
        }
    }
}

/// The issuer as a URL; RFC 8414 2 allows no query or fragment in it.
fn issuer_url(text: &str) -> Result<Url, HttpErrorKind> {
    let url = Url::parse(text).map_err(|_| HttpErrorKind::Setup("issuer is not a URL".into()))?;
    must_be_safe(&url, "issuer")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(HttpErrorKind::Setup(
            "issuer must not have a query or a fragment".into(),
        ));
    }
    Ok(url)
}

/// The URLs of the document: the configured one, or the well-known path after the issuer (OpenID Connect Discovery
/// 4.1), then between its host and its path (RFC 8414 3.1).
fn candidates(spec: &IssuerSpec, issuer: &Url) -> Vec<Url> {
    if let Some(url) = &spec.metadata_url {
        return vec![url.clone()];
    }
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    vec![
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

/// Parses the document and checks its issuer and origins.
fn read(body: &[u8], spec: &IssuerSpec, issuer: &Url) -> Result<Metadata, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(body) else {
        return Err("is not a JSON object".into());
    };
    match document.get("issuer").and_then(Value::as_str) {
        Some(named) if named == spec.issuer => {}
        Some(named) => {
            return Err(format!(
                "names the issuer {}, and the configuration names `{}`; both must be identical",
                quoted_url(named),
                spec.issuer
            ));
        }
        None => return Err("names no issuer".into()),
    }
    let endpoint = |name: &str| endpoint(&document, name, spec, issuer);
    Ok(Metadata {
        authorize_url: endpoint("authorization_endpoint")?,
        token_url: endpoint("token_endpoint")?,
        // A bad revocation endpoint affects only the sign-out.
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
        Some(_) => return Err(format!("has a {name} that is not a string")),
    };
    let Ok(url) = Url::parse(text) else {
        return Err(format!("has a {name} that is not a URL"));
    };
    if let Err(HttpErrorKind::Setup(problem)) = must_be_safe(&url, name) {
        return Err(format!("is not safe: {problem}"));
    }
    let origin = url.origin();
    let is_allowed = origin == issuer.origin()
        || spec
            .allow_origins
            .iter()
            .any(|allowed| allowed.origin() == origin);
    if !is_allowed {
        let (actual, home) = (quoted_url(&origin.ascii_serialization()), issuer.origin());
        return Err(format!(
            "has its {name} at {actual}, and the issuer is at `{}`; if the vendor confirms that origin, add it to \
             `allow_origins`",
            home.ascii_serialization()
        ));
    }
    if url.fragment().is_some() {
        return Err(format!("has a {name} with a fragment"));
    }
    Ok(Some(url))
}

/// Text of the document for a message: only a URL without user, query and fragment.
fn quoted_url(text: &str) -> String {
    let is_plain = text.len() <= MAX_SHOWN
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['?', '#', '@', '`'])
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_plain {
        format!("`{text}`")
    } else {
        "a value that is not a plain URL".into()
    }
}

#[cfg(test)]
mod tests;
