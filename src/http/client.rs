//! The bare HTTP client, made in one place: no redirects, no proxy from the environment, HTTP/1.1.
//!
//! And what its errors mean to us. Its error texts are never shown: they hold URLs with their query.

use std::error::Error;
use std::io;
use std::path::Path;

use reqwest::{Certificate, Client, Proxy, Url, redirect, tls};
use rustls::CertificateError;

use super::error::{Kind, Unreachable};
use super::reach::{NameFault, Names, Reach};
use super::rules::{Route, Timeouts};

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Connections {
    /// It is kept for the next request.
    Kept,
    /// Each request gets a new one, so that a token request is never lost on one that was closed meanwhile.
    Fresh,
}

/// How the requests of one client leave the machine.
pub(super) struct Road<'a> {
    pub connections: Connections,
    pub route: &'a Route,
    pub timeouts: &'a Timeouts,
}

/// Makes a client for one address; https stays https.
pub(super) fn client(road: &Road<'_>, address: &Url) -> Result<Client, Kind> {
    // Behind a proxy, ours is the only name that is looked up here, and proxies stand in the school's own network.
    let reach = match road.route.proxy {
        None => road.route.reach,
        Some(_) => Reach::Anywhere,
    };
    client_by(Names::new(reach), road, address)
}

/// The same, with names looked up in another way.
pub(super) fn client_by(names: Names, road: &Road<'_>, address: &Url) -> Result<Client, Kind> {
    let mut builder = Client::builder()
        .user_agent(concat!("rollbook/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .http1_only()
        .https_only(address.scheme() == "https")
        .tls_version_min(tls::Version::TLS_1_2)
        .connect_timeout(road.timeouts.connect)
        .dns_resolver(names)
        .no_proxy();
    if road.connections == Connections::Fresh {
        builder = builder.pool_max_idle_per_host(0);
    }
    match &road.route.proxy {
        None => mention_the_environment(),
        Some(address) => builder = builder.proxy(proxy(address)?),
    }
    if let Some(file) = &road.route.ca_file {
        builder = builder.tls_certs_merge(authorities(file)?);
    }
    builder.build().map_err(|_| {
        Kind::Setup("no HTTP client can be made; is the package ca-certificates installed".into())
    })
}

fn proxy(address: &Url) -> Result<Proxy, Kind> {
    Proxy::all(address.clone()).map_err(|_| {
        Kind::Setup("the proxy's address is not understood; write it as http://host:port".into())
    })
}

/// An admin who has set a proxy for everything may wonder why we do not use it.
fn mention_the_environment() {
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
            "the environment names a proxy, which is not used; name it as `proxy` in the source"
        );
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, Kind> {
    let name = file.display();
    let text = std::fs::read(file)
        .map_err(|error| Kind::Setup(format!("ca_file {name} cannot be read: {}", error.kind())))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(Kind::Setup(format!(
            "ca_file {name} holds no certificate in PEM form"
        ))),
    }
}

/// What a failed `send` or a failed piece of a body means.
///
/// The cause is looked for down the chain, because the outer error's own marks depend on which
/// features the client was built with.
pub(super) fn fault(error: &reqwest::Error, host: &str, timeouts: &Timeouts) -> Kind {
    if let Some(problem) = causes(error).find_map(certificate_problem) {
        return Kind::Certificate(certificate_sentence(problem, host));
    }
    let name = causes(error).find_map(|cause| cause.downcast_ref::<NameFault>());
    match name {
        Some(NameFault::Unknown) => return Kind::Unreachable(Unreachable::NoSuchHost),
        Some(NameFault::Inward { name, range }) => return Kind::Inward(name.clone(), range),
        None => {}
    }
    if !error.is_connect() {
        return if error.is_timeout() {
            Kind::TooSlow(super::error::Slow::Whole, timeouts.whole)
        } else {
            Kind::Cut
        };
    }
    let handshake = causes(error).any(|cause| tls_error(cause).is_some());
    Kind::Unreachable(match error {
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

/// TLS errors travel inside an I/O error, which hides them from the chain of sources.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref::<rustls::Error>().or_else(|| {
        let inside = cause.downcast_ref::<io::Error>()?.get_ref()?;
        tls_error(inside)
    })
}

fn certificate_problem<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    match tls_error(cause)? {
        rustls::Error::InvalidCertificate(problem) => Some(problem),
        _ => None,
    }
}

fn certificate_sentence(problem: &CertificateError, host: &str) -> String {
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
            format!("the certificate of {host} is not valid yet; is this machine's clock right")
        }
        CertificateError::UnknownIssuer => format!(
            "the certificate of {host} comes from an authority that this machine does not know; \
             if it is yours, name its file as ca_file"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of {host} is for another name; check the address")
        }
        CertificateError::Revoked => format!("the certificate of {host} is revoked"),
        _ => format!("the certificate of {host} is not acceptable; its owner must replace it"),
    }
}

/// The host and port of an address, for messages.
pub(super) fn host_of(address: &Url) -> String {
    let host = address.host_str().unwrap_or("the server");
    address
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
