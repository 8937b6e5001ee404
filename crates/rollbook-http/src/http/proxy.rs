//! The connection through a proxy: its failures name the proxy, with the status that it returned.
//!
//! The client does not report the status with which a proxy refuses a tunnel. So after a refusal one more CONNECT is sent
//! to learn it; nothing else passes through that connection.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_layer::Layer;
use tower_service::Service;

use super::deadline::within;
use super::error::ProxyFailure;
use super::peer::{host_of, tls_error};
use super::reach::ResolveError;

/// The limit for learning the status of a refusal.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// Enough for a status line.
const STATUS_BYTES: u64 = 256;

type BoxError = Box<dyn Error + Send + Sync>;

/// A proxy, and what is reached through it.
#[derive(Debug)]
pub(super) struct ProxyRoute {
    pub address: Url,
    /// Host and port of the server.
    pub target: String,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<HeaderValue>,
    /// The limit for the connection.
    pub timeout: Duration,
}

/// Wraps the client's connections.
#[derive(Clone, Debug)]
pub(super) struct ProxyLayer(pub Arc<ProxyRoute>);

/// A failed connection through a proxy.
#[derive(Debug)]
pub(super) struct ProxyError {
    /// Host and port of the proxy.
    pub proxy: String,
    pub failure: ProxyFailure,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection through the proxy")
    }
}

impl Error for ProxyError {}

impl<S> Layer<S> for ProxyLayer {
    type Service = ProxyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ProxyService {
            inner,
            route: Arc::clone(&self.0),
        }
    }
}

/// A connector that goes through the proxy.
#[derive(Clone, Debug)]
pub(super) struct ProxyService<S> {
    inner: S,
    route: Arc<ProxyRoute>,
}

impl<S, R> Service<R> for ProxyService<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connecting, route) = (self.inner.call(request), Arc::clone(&self.route));
        Box::pin(async move {
            let failure = match within(route.timeout, connecting).await {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => match failure(&*error) {
                    Some(ProxyFailure::Refused(None)) => route.refusal().await,
                    Some(failure) => failure,
                    None => return Err(error),
                },
                None => ProxyFailure::Silent,
            };
            let proxy = host_of(&route.address);
            Err(ProxyError { proxy, failure }.into())
        })
    }
}

fn next<'a>(cause: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    (*cause).source()
}

/// What failed on the way to the server; `None` if it is the server's certificate or handshake.
fn failure(error: &(dyn Error + 'static)) -> Option<ProxyFailure> {
    let causes = || std::iter::successors(Some(error), next);
    if causes().any(|cause| tls_error(cause).is_some()) {
        return None;
    }
    // The proxy's own name is the only one that is resolved here.
    if causes().any(<dyn Error>::is::<ResolveError>) {
        return Some(ProxyFailure::NoSuchHost);
    }
    let io = causes().find_map(|cause| cause.downcast_ref::<io::Error>());
    Some(match io.map(io::Error::kind) {
        None => ProxyFailure::Refused(None),
        Some(io::ErrorKind::TimedOut) => ProxyFailure::Silent,
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => ProxyFailure::Cut,
        Some(_) => ProxyFailure::Down,
    })
}

impl ProxyRoute {
    /// Why the proxy refuses a tunnel.
    async fn refusal(&self) -> ProxyFailure {
        // Through TLS the status stays unknown.
        if self.address.scheme() != "http" {
            return ProxyFailure::Refused(None);
        }
        match within(STATUS_TIMEOUT, self.status()).await {
            // It opens the tunnel now: the next attempt may succeed.
            Some(Ok(Some(200))) | Some(Err(_)) => ProxyFailure::Cut,
            Some(Ok(status)) => ProxyFailure::Refused(status),
            None => ProxyFailure::Silent,
        }
    }

    async fn status(&self) -> io::Result<Option<u16>> {
        let host = self.address.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.address.port_or_known_default().unwrap_or(80);
        let mut stream = TcpStream::connect((host, port)).await?;
        let target = &self.target;
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request).await?;
        let mut line = Vec::new();
        let mut limited = stream.take(STATUS_BYTES);
        while !line.contains(&b'\n') && limited.read_buf(&mut line).await? > 0 {}
        match line.is_empty() {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(status_of(&line)),
        }
    }
}

/// The status in the first line of a response.
fn status_of(response: &[u8]) -> Option<u16> {
    let line = response.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_refusal() {
        for (response, expected) in [
            (
                &b"HTTP/1.1 407 Proxy Authentication Required\r\n"[..],
                Some(407),
            ),
            (b"HTTP/1.0 403 Forbidden\r\nServer: x", Some(403)),
            (b"HTTP/1.1 502\r\n", Some(502)),
            (b"HTTP/1.1 99999 x\r\n", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(status_of(response), expected, "{response:?}");
        }
    }
}
