//! `POST /webhooks/NAME`: headers and body go to the daemon, which knows the secret and decides.
//!
//! The web process believes nothing of it and keeps nothing.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use rollbook_engine::daemon::webhook_request::{
    MAX_WEBHOOK_BODY, WebhookAnswer, WebhookRequest, send_webhook,
};
use rollbook_http::http_server::reply::HttpReply;

/// How long a client may take to send the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// So many bodies are received at once; others wait.
const BODIES_AT_ONCE: usize = 32;

/// When to send a webhook again that could not be passed on, in seconds.
const RETRY_AFTER: u64 = 30;

/// Passes webhooks to the daemon.
#[derive(Debug)]
pub(super) struct WebhookPath {
    room: Semaphore,
}

impl WebhookPath {
    pub fn new() -> Self {
        Self {
            room: Semaphore::new(BODIES_AT_ONCE),
        }
    }

    /// Receives the body and passes the webhook to the daemon of this runtime folder.
    pub async fn pass<B>(&self, name: String, parts: &Parts, body: B, folder: &Path) -> HttpReply
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let too_large = || {
            let line = "a webhook has at most 64 KiB\n";
            HttpReply::text(StatusCode::PAYLOAD_TOO_LARGE, line).closing()
        };
        if body.size_hint().lower() > MAX_WEBHOOK_BODY as u64 {
            return too_large();
        }
        let Ok(Ok(_room)) = timeout(BODY_TIMEOUT, self.room.acquire()).await else {
            return unavailable("too many webhooks at once\n");
        };
        let received = timeout(BODY_TIMEOUT, Limited::new(body, MAX_WEBHOOK_BODY).collect()).await;
        let body = match received {
            Ok(Ok(body)) => body.to_bytes().to_vec(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
            Ok(Err(_)) => return HttpReply::bad_request("the body is incomplete\n"),
            Err(_) => {
                let line = "the body was not received in time\n";
                return HttpReply::text(StatusCode::REQUEST_TIMEOUT, line).closing();
            }
        };
        let headers = texts(&parts.headers);
        let request = WebhookRequest {
            name,
            headers,
            body,
        };
        match send_webhook(folder, &request).await {
            Ok(Some(WebhookAnswer::Accepted)) => {
                HttpReply::text(StatusCode::ACCEPTED, "accepted\n")
            }
            Ok(Some(WebhookAnswer::Refused)) => {
                HttpReply::text(StatusCode::UNAUTHORIZED, "refused\n")
            }
            Ok(Some(WebhookAnswer::Unknown)) => {
                HttpReply::text(StatusCode::NOT_FOUND, "unknown webhook\n")
            }
            Ok(Some(WebhookAnswer::Busy)) => unavailable("the daemon is busy\n"),
            Ok(None) => unavailable("the daemon does not run\n"),
            Err(error) => {
                let folder = folder.display();
                tracing::warn!(
                    "could not pass a webhook to the daemon by {folder}/control.sock: {error}; is this user in the \
                     group of {folder}?"
                );
                unavailable("the daemon cannot be reached\n")
            }
        }
    }
}

fn unavailable(line: &'static str) -> HttpReply {
    HttpReply::retry_after(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, line)
}

/// The headers that are texts.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}
