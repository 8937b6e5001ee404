//! A request body that is sent only if it still may be when the connection is open.
//!
//! A process may be stopped between its decision to send a refresh token and the first byte of it, while a connection is made, or
//! while the machine sleeps. So the question is asked again by the body itself: the client reads it once there is a connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// Says whether a body may be sent, and knows whether it was.
#[derive(Clone)]
pub struct SendGate {
    time_left: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
    has_sent: Arc<AtomicBool>,
}

impl SendGate {
    /// A gate for one request. `time_left` is how long the request may take if it is sent at once, and nothing when it may not be.
    pub fn new(time_left: impl Fn() -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self {
            time_left: Arc::new(time_left),
            has_sent: Arc::default(),
        }
    }

    /// How long the request may take if it is sent now.
    pub fn time_left(&self) -> Option<Duration> {
        (self.time_left)()
    }

    /// Whether the body, or a part of it, may have left.
    pub fn has_sent(&self) -> bool {
        self.has_sent.load(Ordering::SeqCst)
    }

    /// The body that passes this gate.
    pub(crate) fn body(&self, content: Vec<u8>) -> reqwest::Body {
        reqwest::Body::wrap(GatedBody {
            gate: self.clone(),
            length: content.len() as u64,
            content: Some(content.into()),
        })
    }
}

impl fmt::Debug for SendGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendGate({:?})", self.time_left())
    }
}

struct GatedBody {
    gate: SendGate,
    length: u64,
    content: Option<Bytes>,
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let Some(content) = self.content.take() else {
            return Poll::Ready(None);
        };
        if self.gate.time_left().is_none() {
            return Poll::Ready(Some(Err("it is too late to send this")));
        }
        self.gate.has_sent.store(true, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    /// Exact, so that a length is declared: some token endpoints refuse a chunked body.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn a_body_is_sent_only_while_it_may_be() {
        for (left, is_sent) in [(Some(Duration::from_secs(20)), true), (None, false)] {
            let server = MockServer::start().await;
            let response = Mock::given(method("POST")).respond_with(ResponseTemplate::new(200));
            response.mount(&server).await;
            let gate = SendGate::new(move || left);
            let client = reqwest::Client::new();
            let post = client
                .post(server.uri())
                .body(gate.body(b"a token".to_vec()));
            assert!(!gate.has_sent(), "{left:?}");
            assert_eq!(post.send().await.is_ok(), is_sent, "{left:?}");
            assert_eq!(gate.has_sent(), is_sent, "{left:?}");
            let requests = server.received_requests().await.expect("recorded");
            let bodies: Vec<&[u8]> = requests.iter().map(|one| one.body.as_slice()).collect();
            let expected: &[&[u8]] = if is_sent { &[b"a token"] } else { &[] };
            assert_eq!(bodies, expected, "{left:?}");
            for request in &requests {
                assert_eq!(request.headers["content-length"], "7");
            }
        }
    }
}
