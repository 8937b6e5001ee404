//! One listener on loopback for one vendor: counts, strikes and answers.
//!
//! Everything a vendor noted is on disk before its answer leaves, as with a vendor that commits a
//! rotated token before it replies.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
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
use super::faults::Fault;
use super::state::Notebook;
use super::tamper::{Late, LoseAnswer, Scissors, instead, mutilate};

/// Put into a response by a vendor whose read route was asked for a write operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteAttempt;

/// A vendor's server while it runs.
#[derive(Debug)]
pub(crate) struct Server {
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub(crate) origin: String,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

/// Binds a port on 127.0.0.1; none is a free one.
pub(crate) async fn bind(port: Option<u16>) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await
}

impl Server {
    /// Serves a vendor's router on a bound port.
    pub(crate) fn start(
        listener: TcpListener,
        router: Router,
        control: Arc<Control>,
        notebook: Arc<Notebook>,
    ) -> io::Result<Self> {
        let origin = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let watch = Watch {
            control,
            notebook,
            stop: stop.clone(),
        };
        let service = router
            .layer(from_fn_with_state(watch, attend))
            .into_make_service_with_connect_info::<Scissors>();
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            axum::serve(Door(listener), service)
                .with_graceful_shutdown(ended.cancelled_owned())
                .await
        });
        Ok(Self { origin, stop, task })
    }

    /// Stops accepting, lets running answers end, cuts stalled ones.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // A server that failed has nothing left to stop.
        _ = self.task.await;
    }
}

#[derive(Clone)]
struct Watch {
    control: Arc<Control>,
    notebook: Arc<Notebook>,
    stop: CancellationToken,
}

async fn attend(State(watch): State<Watch>, request: Request, next: Next) -> Response<Body> {
    let counters = &watch.control.counters;
    let _inside = counters.enter();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let low = path.to_ascii_lowercase();
    let for_token = low.trim_end_matches('/').ends_with("/token");
    // To give a token back changes nothing that a mirror reads.
    let gives_back = low.ends_with("/revoke");
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let scissors = request
        .extensions()
        .get::<ConnectInfo<Scissors>>()
        .map(|info| info.0.clone());
    counters.saw(&path, for_token);

    let late = watch.control.faults.latency_ms();
    if late > 0 {
        tokio::time::sleep(Duration::from_millis(late)).await;
    }
    let fault = watch.control.faults.strike(&path, &query, for_token);
    if fault.is_some() {
        counters.saw_fault();
    }
    let mut response = match fault.and_then(instead) {
        Some(response) => response,
        None => next.run(request).await,
    };
    if !(reads || for_token || gives_back) || response.extensions().get::<WriteAttempt>().is_some()
    {
        counters.saw_write();
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        counters.saw_unauthorized();
    }
    // The vendor's work is done and must survive, whatever becomes of the answer.
    if let Err(error) = watch.notebook.write_when_changed() {
        tracing::error!(%error, "could not write the sandbox's state file");
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    if let Some(Late(milliseconds)) = response.extensions().get::<Late>() {
        tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
    }
    let lose = response.extensions().get::<LoseAnswer>().is_some();
    match (fault, scissors) {
        (_, Some(scissors)) if lose || fault == Some(Fault::Cut) => scissors.cut(),
        (Some(fault), _) => response = mutilate(fault, response, watch.stop).await,
        (None, _) => {}
    }
    response
}

/// A listener whose connections can be cut.
struct Door(TcpListener);

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (
            Connection {
                stream,
                scissors: Scissors::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Door>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().scissors.clone()
    }
}

struct Connection {
    stream: TcpStream,
    scissors: Scissors,
}

impl Connection {
    fn whole(&self) -> io::Result<()> {
        if self.scissors.is_cut() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
