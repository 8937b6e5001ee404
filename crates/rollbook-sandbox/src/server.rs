//! One listener on loopback for one vendor: counts requests, injects faults, responds.
//!
//! The vendor's state is on disk before the response is sent, as with a vendor that commits a
//! rotated token before it responds.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State, connect_info::Connected};
use axum::http::{Method, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::fault_responses::{ConnectionCutter, DelayMs, DropConnection, corrupt, replacement};
use super::faults::Fault;
use super::state_file::StateFile;

/// Marks a response to a write operation on a read route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteAttempt;

/// A running server of one vendor.
#[derive(Debug)]
pub(crate) struct Server {
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub(crate) origin: String,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

/// Binds a port on 127.0.0.1; none uses a free one.
pub(crate) async fn bind(port: Option<u16>) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await
}

impl Server {
    /// Serves a vendor's router on a bound port.
    pub(crate) fn start(
        listener: TcpListener,
        router: Router,
        control: Arc<Control>,
        state_file: Arc<StateFile>,
    ) -> io::Result<Self> {
        let origin = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let context = Context {
            control,
            state_file,
            stop: stop.clone(),
        };
        let service = router
            .layer(from_fn_with_state(context, handle))
            .into_make_service_with_connect_info::<ConnectionCutter>();
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            axum::serve(CuttableListener(listener), service)
                .with_graceful_shutdown(ended.cancelled_owned())
                .await
        });
        Ok(Self { origin, stop, task })
    }

    /// Stops accepting, lets active responses end, cuts stalled ones.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // A failed server has nothing left to stop.
        _ = self.task.await;
    }
}

#[derive(Clone)]
struct Context {
    control: Arc<Control>,
    state_file: Arc<StateFile>,
    stop: CancellationToken,
}

async fn handle(State(context): State<Context>, request: Request, next: Next) -> Response<Body> {
    let counters = &context.control.counters;
    let _active = counters.begin_request();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let lower_path = path.to_ascii_lowercase();
    let for_token = lower_path.trim_end_matches('/').ends_with("/token");
    // Revoking a token changes nothing that a mirror reads.
    let for_revocation = lower_path.ends_with("/revoke");
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let cutter = request
        .extensions()
        .get::<ConnectInfo<ConnectionCutter>>()
        .map(|info| info.0.clone());
    counters.count_request(&path, for_token);

    let delay = context.control.faults.latency_ms();
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let fault = context.control.faults.fault_for(&path, &query, for_token);
    if fault.is_some() {
        counters.count_fault();
    }
    let mut response = match fault.and_then(replacement) {
        Some(response) => response,
        None => next.run(request).await,
    };
    if !(reads || for_token || for_revocation)
        || response.extensions().get::<WriteAttempt>().is_some()
    {
        counters.count_write();
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        counters.count_unauthorized();
    }
    // The vendor's work is done and must survive, whatever happens to the response.
    if let Err(error) = context.state_file.save_if_changed() {
        tracing::error!(%error, "could not write the sandbox's state file");
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if let Some(DelayMs(milliseconds)) = response.extensions().get::<DelayMs>() {
        tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
    }
    let lose = response.extensions().get::<DropConnection>().is_some();
    match (fault, cutter) {
        (_, Some(cutter)) if lose || fault == Some(Fault::Cut) => cutter.cut(),
        (Some(fault), _) => response = corrupt(fault, response, context.stop).await,
        (None, _) => {}
    }
    response
}

/// A listener whose connections can be cut.
struct CuttableListener(TcpListener);

impl Listener for CuttableListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (
            Connection {
                stream,
                cutter: ConnectionCutter::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for ConnectionCutter {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().cutter.clone()
    }
}

struct Connection {
    stream: TcpStream,
    cutter: ConnectionCutter,
}

impl Connection {
    fn check_open(&self) -> io::Result<()> {
        if self.cutter.is_cut() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        self.check_open()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
