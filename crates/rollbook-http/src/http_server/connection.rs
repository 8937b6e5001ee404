//! One connection: HTTP/1.1 with small buffers, and a limit for everything that a client can delay.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::site::Site;
use super::write_timeout::WriteTimeout;

/// Bytes of a request's head, and of what is read ahead. A browser's head has one or two thousand.
const BUFFER: usize = 16 << 10;

/// Headers of a request; a browser behind a proxy sends 25.
const MAX_HEADERS: usize = 64;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientTimeouts {
    /// For its first byte, and for the head of each request; also how long an idle connection stays open.
    pub head: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For reading anything while a reply is sent.
    pub write: Duration,
    /// For the whole connection; then it ends after the reply that is being sent.
    pub whole: Duration,
    /// For that last reply, also when the program stops.
    pub last_reply: Duration,
}

impl ClientTimeouts {
    /// The numbers of `docs/reference/web.md`.
    pub const USUAL: Self = Self {
        head: Duration::from_secs(10),
        handshake: Duration::from_secs(10),
        write: Duration::from_secs(10),
        whole: Duration::from_secs(60),
        last_reply: Duration::from_secs(2),
    };
}

/// Serves a connection until one side ends it, a limit is reached, or the program stops.
pub(super) async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    site: &dyn Site,
    timeouts: &ClientTimeouts,
    stop: &CancellationToken,
) {
    let reply =
        service_fn(|request| async move { Ok::<_, Infallible>(site.reply(request, peer).await) });
    let stream = TokioIo::new(WriteTimeout::new(stream, timeouts.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(BUFFER)
        .half_close(true)
        .serve_connection(stream, reply);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = timeout(timeouts.whole, connection.as_mut()) => match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::debug!("a connection failed: {error}");
                return;
            }
            Err(_) => {}
        },
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(timeouts.last_reply, connection).await; // what is late is cut off
}

#[cfg(test)]
mod tests;
