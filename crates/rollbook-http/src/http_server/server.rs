//! Accepts connections and serves them until the program stops. One thread, and no timer without a connection.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
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
use super::site::Site;
use super::tls::{TLS_BUFFER, acceptor};
use rollbook_core::clock::Clock;

/// How long to wait if no connection can be accepted and none is open.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// How long the replies that are being sent may take after the stop.
const LAST_REPLIES: Duration = Duration::from_secs(3);

/// Serves a [`Site`].
#[derive(Clone)]
pub struct HttpServer {
    site: Arc<dyn Site>,
    tls: Option<TlsAcceptor>,
    timeouts: ClientTimeouts,
    stop: CancellationToken,
}

impl HttpServer {
    /// Over plain HTTP, until `stop`.
    pub fn new(site: impl Site, stop: CancellationToken) -> Self {
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
            sent = timeout(self.timeouts.head, has_sent(&stream)) => if sent != Ok(true) {
                return;
            },
        }
        let _ = stream.set_nodelay(true); // only slower without
        self.served(stream, peer).await;
    }

    /// In a box of its own: a future that is made inside another one is part of its size, and all clients pay for it.
    fn served(
        &self,
        stream: TcpStream,
        peer: IpAddr,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        match &self.tls {
            None => Box::pin(serve_http(
                stream,
                peer,
                self.site.as_ref(),
                &self.timeouts,
                &self.stop,
            )),
            Some(tls) => Box::pin(self.https(tls, stream, peer)),
        }
    }

    async fn https(&self, tls: &TlsAcceptor, stream: TcpStream, peer: IpAddr) {
        let accepting = tls.accept_with(stream, |tls| tls.set_buffer_limit(Some(TLS_BUFFER)));
        match timeout(self.timeouts.handshake, accepting).await {
            Ok(Ok(stream)) => {
                serve_http(stream, peer, self.site.as_ref(), &self.timeouts, &self.stop).await
            }
            Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }
}

/// Waits for the first byte; false if the client ends without one. `readable` is no answer: a new connection is taken for readable.
async fn has_sent(stream: &TcpStream) -> bool {
    matches!(stream.peek(&mut [0]).await, Ok(1))
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use std::pin::pin;

    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use hyper::{Request, Response};

    use super::*;
    use crate::http_server::site::PendingReply;

    /// A site whose replies need much memory while they wait.
    struct LargeSite;

    impl Site for LargeSite {
        fn admits(&self, _: IpAddr) -> bool {
            true
        }

        fn reply(&self, _: Request<Incoming>, _: IpAddr) -> PendingReply<'_> {
            Box::pin(async {
                let text = [b'a'; 8 << 10];
                yield_now().await;
                Response::new(Full::new(Bytes::copy_from_slice(&text)))
            })
        }
    }

    async fn accepted() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let client = TcpStream::connect(address).await.expect("connected");
        (client, listener.accept().await.expect("accepted").0)
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_waited_for() {
        let (client, stream) = accepted().await;
        assert!(poll!(pin!(has_sent(&stream))).is_pending());
        client.try_write(b"G").expect("sent");
        assert!(has_sent(&stream).await);
        let (client, stream) = accepted().await;
        drop(client);
        assert!(!has_sent(&stream).await, "ended");
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_costs_a_kilobyte() {
        let server = HttpServer::new(LargeSite, CancellationToken::new());
        let (_client, stream) = accepted().await;
        let peer = stream.peer_addr().expect("an address").ip();
        let connection = server.connection(stream, peer);
        assert!(
            size_of_val(&connection) <= 1024,
            "{} bytes",
            size_of_val(&connection)
        );
    }
}
