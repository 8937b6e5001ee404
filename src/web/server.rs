//! Accepts connections and serves them until the program stops. One thread, and no timer without a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::connection::{ClientTimeouts, serve_http};
use super::open_connections::OpenConnections;
use super::tls::{TLS_BUFFER, acceptor};
use super::web_site::WebSite;
use crate::clock::Clock;

/// How long to wait if no connection can be accepted and none is open.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// How long the replies that are being sent may take after the stop.
const LAST_REPLIES: Duration = Duration::from_secs(3);

/// Serves a [`WebSite`].
#[derive(Clone)]
pub struct WebServer {
    site: Arc<WebSite>,
    tls: Option<TlsAcceptor>,
    timeouts: ClientTimeouts,
    stop: CancellationToken,
}

impl WebServer {
    /// Over plain HTTP, until `stop`.
    pub fn new(site: WebSite, stop: CancellationToken) -> Self {
        Self {
            site: Arc::new(site),
            tls: None,
            timeouts: ClientTimeouts::USUAL,
            stop,
        }
    }

    /// The same over HTTPS, with certificates and key in PEM.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn with_tls(self, certificates: &[u8], key: &SecretSlice<u8>) -> Result<Self, String> {
        let tls = Some(acceptor(certificates, key.expose_secret())?);
        Ok(Self { tls, ..self })
    }

    /// Serves until the stop, and then what is being sent.
    pub async fn serve(self, listener: TcpListener, clock: &Clock) {
        let mut open = OpenConnections::default();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(()) = open.ended() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let peer = peer.ip();
                        if self.site.admits(peer) {
                            open.add(self.clone().connection(stream, peer));
                        }
                    }
                    // Out of file handles: an aborted task frees one when it runs.
                    Err(error) => {
                        tracing::debug!("could not accept a connection: {error}");
                        match open.close_oldest() {
                            true => yield_now().await,
                            false => clock.sleep(ACCEPT_AGAIN).await,
                        }
                    }
                },
            }
        }
        drop(listener);
        let last = async { while open.ended().await.is_some() {} };
        let _ = timeout(LAST_REPLIES, last).await; // what is late is cut off
    }

    /// A client that sends nothing costs no buffer.
    async fn connection(self, stream: TcpStream, peer: IpAddr) {
        tokio::select! {
            () = self.stop.cancelled() => return,
            ready = timeout(self.timeouts.head, stream.readable()) => if !matches!(ready, Ok(Ok(()))) {
                return;
            },
        }
        let _ = stream.set_nodelay(true); // only slower without
        match &self.tls {
            None => Box::pin(self.http(stream, peer)).await,
            Some(tls) => Box::pin(self.https(tls, stream, peer)).await,
        }
    }

    async fn http(&self, stream: TcpStream, peer: IpAddr) {
        serve_http(stream, peer, &self.site, &self.timeouts, &self.stop).await;
    }

    async fn https(&self, tls: &TlsAcceptor, stream: TcpStream, peer: IpAddr) {
        let accepting = tls.accept_with(stream, |tls| tls.set_buffer_limit(Some(TLS_BUFFER)));
        match timeout(self.timeouts.handshake, accepting).await {
            Ok(Ok(stream)) => {
                serve_http(stream, peer, &self.site, &self.timeouts, &self.stop).await
            }
            Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }
}
