//! The only constructor of HTTP clients: no redirects, no proxy from the environment, HTTP/1.1.
//!
//! Also maps the client's errors. Their texts are never shown, because they contain URLs with their query.

use std::error::Error;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use reqwest::{Client, Proxy, RequestBuilder, Response, Url, redirect, tls};
use rustls::CertificateError;
use secrecy::ExposeSecret as _;

use super::ca_file::certificates;
use super::error::{HttpErrorKind, Unreachable};
use super::peer::{host_of, tls_error};
use super::proxy::{ProxyError, ProxyLayer, ProxyRoute};
use super::reach::{Reach, ResolveError, Resolver};
use super::rules::{Route, Timeouts};

/// What happens to a connection after a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Kept for the next request.
    Kept,
    /// Each request opens a new one, so that no token request is lost on a connection that the server has closed.
    Fresh,
}

/// How the requests of one client leave the machine.
pub(crate) struct ClientOptions<'a> {
    pub connections: Connections,
    pub route: &'a Route,
    pub timeouts: &'a Timeouts,
}

/// Creates a client for one address; https stays https.
pub(crate) fn client(options: &ClientOptions<'_>, address: &Url) -> Result<Client, HttpErrorKind> {
    // With a proxy, only its own name is resolved here, and a proxy is usually in the school's network.
    let reach = match options.route.proxy {
        None => options.route.reach,
        Some(_) => Reach::Anywhere,
    };
    client_with_resolver(Resolver::new(reach), options, address)
}

/// A client with another DNS resolver.
pub(super) fn client_with_resolver(
    resolver: Resolver,
    options: &ClientOptions<'_>,
    address: &Url,
) -> Result<Client, HttpErrorKind> {
    let mut builder = Client::builder()
        .user_agent(concat!("rollbook/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .http1_only()
        .https_only(address.scheme() == "https")
        .tls_version_min(tls::Version::TLS_1_2)
        .dns_resolver(resolver)
        .no_proxy();
    if options.connections == Connections::Fresh {
        builder = builder.pool_max_idle_per_host(0);
    }
    match &options.route.proxy {
        None => {
            log_ignored_proxy_variable();
            builder = builder.connect_timeout(options.timeouts.connect);
        }
        Some(proxy_address) => {
            let (proxy, authorization) = proxy(proxy_address, options.route)?;
            let layer = ProxyLayer(Arc::new(ProxyRoute {
                address: proxy_address.clone(),
                target: host_and_port(address),
                authorization,
                timeout: options.timeouts.connect,
            }));
            builder = builder.proxy(proxy).connector_layer(layer);
        }
    }
    if let Some(file) = &options.route.ca_file {
        let certificates = certificates(file).map_err(|problem| {
            HttpErrorKind::Setup(format!("ca_file {} {problem}", file.display()))
        })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|_| {
        HttpErrorKind::Setup(
            "cannot create an HTTP client; check that the package ca-certificates is installed"
                .into(),
        )
    })
}

/// Sends a request and waits for the headers of its response.
pub(crate) async fn send(
    request: RequestBuilder,
    host: &str,
    timeouts: &Timeouts,
) -> Result<Response, HttpErrorKind> {
    #[cfg(any(test, feature = "testing"))]
    if let Some(answer) = super::scripted::answer(&request) {
        return answer.await;
    }
    let sent = request.send().await;
    sent.map_err(|error| error_kind(&error, host, timeouts))
}

/// The proxy, and what authorizes us there.
fn proxy(address: &Url, route: &Route) -> Result<(Proxy, Option<HeaderValue>), HttpErrorKind> {
    let proxy = Proxy::all(address.clone()).map_err(|_| {
        HttpErrorKind::Setup(
            "the proxy's address is not valid; write it as http://host:port".into(),
        )
    })?;
    let Some(login) = &route.proxy_login else {
        return Ok((proxy, None));
    };
    let pair = format!("{}:{}", login.user, login.password.expose_secret());
    let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)));
    let mut value = value
        .map_err(|_| HttpErrorKind::Setup("proxy_user or proxy_password cannot be sent".into()))?;
    value.set_sensitive(true);
    Ok((proxy.custom_http_auth(value.clone()), Some(value)))
}

fn host_and_port(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    format!("{host}:{}", address.port_or_known_default().unwrap_or(443))
}

/// Rollbook ignores proxy variables of the environment; the log warns if one is set.
fn log_ignored_proxy_variable() {
    const NAMES: [&str; 6] = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    if let Some(name) = NAMES.iter().find(|name| std::env::var_os(name).is_some()) {
        tracing::info!(
            variable = name,
            "the environment sets a proxy, which is not used; set `proxy` at the source"
        );
    }
}

/// Maps a failed `send` or a failed read of a body.
///
/// Searches the chain of causes, because what the outer error reports depends on the features that the
/// client was built with.
pub(crate) fn error_kind(error: &reqwest::Error, host: &str, timeouts: &Timeouts) -> HttpErrorKind {
    if let Some(problem) = causes(error).find_map(certificate_problem) {
        return HttpErrorKind::Certificate(certificate_message(problem, host));
    }
    if let Some(error) = causes(error).find_map(|cause| cause.downcast_ref::<ProxyError>()) {
        return HttpErrorKind::Proxy(error.proxy.clone(), error.failure);
    }
    let name = causes(error).find_map(|cause| cause.downcast_ref::<ResolveError>());
    match name {
        Some(ResolveError::Unknown) => return HttpErrorKind::Unreachable(Unreachable::NoSuchHost),
        Some(ResolveError::PrivateAddress { name, range }) => {
            return HttpErrorKind::PrivateAddress(name.clone(), range);
        }
        None => {}
    }
    if !error.is_connect() {
        return if error.is_timeout() {
            HttpErrorKind::TooSlow(super::error::Slow::Whole, timeouts.whole)
        } else {
            HttpErrorKind::Cut
        };
    }
    let handshake = causes(error).any(|cause| tls_error(cause).is_some());
    HttpErrorKind::Unreachable(match error {
        _ if handshake => Unreachable::Handshake,
        _ if error.is_timeout() => Unreachable::Silent,
        _ => Unreachable::Refused,
    })
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&'a (dyn Error + 'static)| {
        (*cause).source()
    })
}

fn certificate_problem<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    match tls_error(cause)? {
        rustls::Error::InvalidCertificate(problem) => Some(problem),
        _ => None,
    }
}

fn certificate_message(problem: &CertificateError, host: &str) -> String {
    match problem {
        CertificateError::ExpiredContext { not_after, .. } => {
            let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            let day = jiff::Timestamp::from_second(seconds)
                .map(|time| time.strftime("%Y-%m-%d").to_string())
                .unwrap_or_else(|_| "an unknown day".into());
            format!("the certificate of {host} expired on {day}; its owner must renew it")
        }
        CertificateError::Expired => {
            format!("the certificate of {host} has expired; its owner must renew it")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet; check this machine's clock")
        }
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} is signed by an authority that this machine does not trust; \
             if the authority is yours, set ca_file to its certificate"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of {host} is for another name; check the address")
        }
        CertificateError::Revoked => format!("the certificate of {host} is revoked"),
        _ => format!("the certificate of {host} is not valid; its owner must replace it"),
    }
}

/// The peer of requests to an address, for messages. Without TLS a proxy answers itself, and nothing tells its responses
/// from the server's.
pub(crate) fn peer_of(address: &Url, route: &Route) -> String {
    let host = host_of(address);
    match &route.proxy {
        Some(proxy) if address.scheme() == "http" => {
            format!("{host} through the proxy {}", host_of(proxy))
        }
        _ => host,
    }
}
