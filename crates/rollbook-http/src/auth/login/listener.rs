//! Waits on loopback for the redirect of the browser (RFC 8252 7.3).
//!
//! Open only during a sign-in, and for five minutes at most. Any other request, with a wrong path, a
//! wrong state, or for an icon, receives a page and changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::attempt::Attempt;
use super::page;
use super::redirect::Redirect;
use super::response::{AuthorizationCode, ExpectedRedirect, RedirectOutcome, classify};
use crate::http::error::HttpError;
use rollbook_core::clock::Clock;

/// How long to wait for the browser (reliability.md 3.1).
pub const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Time limit for sending the last page.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// A bound listener, so that its port is known before the authorization request is built.
pub struct Listener {
    socket: TcpListener,
    redirect: Redirect,
}

/// Shared by all connections.
struct SignInState {
    expected: ExpectedRedirect,
    /// Taken by the first response to this attempt.
    sender: Mutex<Option<oneshot::Sender<Result<AuthorizationCode, String>>>>,
    /// Why the last response to another sign-in was rejected.
    foreign: Mutex<Option<&'static str>>,
}

impl Listener {
    /// Binds the port of a registered address, `port`, or any free one.
    ///
    /// # Errors
    /// A message: the address is not on loopback, or the port is in use.
    pub async fn bind(registered: Option<&Redirect>, port: Option<u16>) -> Result<Self, String> {
        let address = match registered {
            Some(registered) => registered.loopback().ok_or_else(|| {
                format!(
                    "the browser is redirected to {}, which is not on loopback; add --paste",
                    registered.as_str()
                )
            })?,
            None => ([127, 0, 0, 1].into(), port.unwrap_or(0)),
        };
        let socket = TcpListener::bind(address).await.map_err(|error| {
            let (address, port) = address;
            format!(
                "cannot listen on port {port} of {address} ({}); stop the program that uses it, or add --paste",
                error.kind()
            )
        })?;
        let bound = socket
            .local_addr()
            .map_err(|error| format!("the listener has no port: {}", error.kind()))?;
        let redirect = match registered {
            Some(registered) => registered.clone(),
            None => Redirect::on_loopback(bound.port())?,
        };
        Ok(Self { socket, redirect })
    }

    /// The redirect address to send.
    pub fn redirect(&self) -> &Redirect {
        &self.redirect
    }

    /// Waits for the response to this attempt, then closes the listener.
    ///
    /// # Errors
    /// When the vendor refused, or the browser did not return in time.
    pub async fn wait(
        self,
        attempt: &Attempt,
        clock: &Clock,
    ) -> Result<AuthorizationCode, HttpError> {
        let (sender, response) = oneshot::channel();
        let state = Arc::new(SignInState {
            expected: attempt.expected().clone(),
            sender: Mutex::new(Some(sender)),
            foreign: Mutex::default(),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&state));
        let over = CancellationToken::new();
        let until = over.clone().cancelled_owned();
        let mut server = tokio::spawn(async move {
            axum::serve(self.socket, router)
                .with_graceful_shutdown(until)
                .await
        });
        let outcome = tokio::select! {
            biased;
            response = response => response.unwrap_or_else(|_| Err("the listener failed".into())),
            () = clock.sleep(SIGN_IN_TIMEOUT) => Err(state.timeout_message()),
        };
        over.cancel();
        tokio::select! {
            biased;
            _ = &mut server => {}
            () = clock.sleep(LAST_PAGE) => server.abort(),
        }
        outcome.map_err(|message| attempt.failed(message))
    }
}

impl SignInState {
    fn timeout_message(&self) -> String {
        let minutes = SIGN_IN_TIMEOUT.as_secs() / 60;
        let foreign = *self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        match foreign {
            None => format!("the browser did not return from the vendor within {minutes} minutes"),
            Some(why) => format!(
                "no response to this sign-in was received within {minutes} minutes; another response was rejected: {why}"
            ),
        }
    }
}

/// Handles one request.
async fn serve(State(state): State<Arc<SignInState>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET {
        return page_response(StatusCode::METHOD_NOT_ALLOWED, page::NOTHING_HERE);
    }
    if uri.path() != state.expected.redirect.path() {
        return page_response(StatusCode::NOT_FOUND, page::NOTHING_HERE);
    }
    let (outcome, status, text) = match classify(uri.query().unwrap_or_default(), &state.expected) {
        RedirectOutcome::Code(code) => (Ok(code), StatusCode::OK, page::FINISHED),
        RedirectOutcome::Refused(message) => (Err(message), StatusCode::OK, page::REFUSED),
        RedirectOutcome::Foreign(why) => {
            tracing::warn!("a response to another sign-in was rejected: {why}");
            let mut foreign = state.foreign.lock().unwrap_or_else(PoisonError::into_inner);
            *foreign = Some(why);
            return page_response(StatusCode::BAD_REQUEST, page::FOREIGN);
        }
    };
    let sender = state
        .sender
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match sender.map(|sender| sender.send(outcome)) {
        Some(Ok(())) => page_response(status, text),
        // A second response to one attempt, or the wait has ended.
        Some(Err(_)) | None => page_response(StatusCode::GONE, page::OVER),
    }
}

/// A page that is not cached, and that loads and reveals nothing.
fn page_response(status: StatusCode, text: page::Text) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::CONNECTION, "close"),
    ];
    (status, headers, page::html(text)).into_response()
}
