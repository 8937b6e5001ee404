//! Waits on loopback for the browser to come back (RFC 8252 7.3).
//!
//! Open only while somebody signs in, and for five minutes at most. Whoever else knocks, with a wrong path, a
//! wrong state, or looking for an icon, gets a page and changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::answer::{Code, Expected, Verdict, judge};
use super::attempt::Attempt;
use super::page;
use super::redirect::Redirect;
use crate::clock::Clock;
use crate::http::error::HttpError;

/// How long the browser is waited for (reliability.md 3.1).
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long the last page may take to get out once the answer is there.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// A bound listener; the port is known before the address for the browser is made.
pub struct Listener {
    socket: TcpListener,
    redirect: Redirect,
}

/// What all connections share.
struct Waiting {
    expected: Expected,
    /// Taken by the first answer of this attempt.
    told: Mutex<Option<oneshot::Sender<Result<Code, String>>>>,
    /// The last answer that was not of this attempt.
    stranger: Mutex<Option<&'static str>>,
}

impl Listener {
    /// Takes the port of a registered address, or any free one.
    ///
    /// # Errors
    /// A sentence: the address is not on loopback, or the port is taken.
    pub async fn bind(registered: Option<&Redirect>, port: Option<u16>) -> Result<Self, String> {
        let place = match registered {
            Some(registered) => registered.loopback().ok_or_else(|| {
                format!(
                    "the browser comes back to {}, which is not this machine's loopback; add --paste",
                    registered.as_str()
                )
            })?,
            None => ([127, 0, 0, 1].into(), port.unwrap_or(0)),
        };
        let socket = TcpListener::bind(place).await.map_err(|error| {
            let (address, port) = place;
            format!(
                "port {port} of {address} cannot be listened on ({}); end the program that has it, or add --paste",
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

    /// Where the browser is to be sent back to.
    pub fn redirect(&self) -> &Redirect {
        &self.redirect
    }

    /// Waits for this attempt's answer; the listener is closed afterwards.
    ///
    /// # Errors
    /// When the vendor said no, or nobody came in time.
    pub async fn wait(self, attempt: &Attempt, clock: &Clock) -> Result<Code, HttpError> {
        let (tell, answer) = oneshot::channel();
        let waiting = Arc::new(Waiting {
            expected: attempt.expected().clone(),
            told: Mutex::new(Some(tell)),
            stranger: Mutex::default(),
        });
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&waiting));
        let over = CancellationToken::new();
        let until = over.clone().cancelled_owned();
        let mut server = tokio::spawn(async move {
            axum::serve(self.socket, router)
                .with_graceful_shutdown(until)
                .await
        });
        let outcome = tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err("the listener broke".into())),
            () = clock.sleep(PATIENCE) => Err(waiting.nobody_came()),
        };
        over.cancel();
        tokio::select! {
            biased;
            _ = &mut server => {}
            () = clock.sleep(LAST_PAGE) => server.abort(),
        }
        outcome.map_err(|sentence| attempt.failed(sentence))
    }
}

impl Waiting {
    fn nobody_came(&self) -> String {
        let minutes = PATIENCE.as_secs() / 60;
        let stranger = *self.stranger.lock().unwrap_or_else(PoisonError::into_inner);
        match stranger {
            None => format!("nobody came back from the vendor within {minutes} minutes"),
            Some(why) => format!(
                "no answer of this sign-in came within {minutes} minutes; one that came was not taken: {why}"
            ),
        }
    }
}

/// One request, whoever sends it.
async fn serve(State(waiting): State<Arc<Waiting>>, method: Method, uri: Uri) -> Response {
    if method != Method::GET {
        return shown(StatusCode::METHOD_NOT_ALLOWED, page::NOTHING_HERE);
    }
    if uri.path() != waiting.expected.redirect.path() {
        return shown(StatusCode::NOT_FOUND, page::NOTHING_HERE);
    }
    let (told, status, text) = match judge(uri.query().unwrap_or_default(), &waiting.expected) {
        Verdict::Code(code) => (Ok(code), StatusCode::OK, page::FINISHED),
        Verdict::Refused(sentence) => (Err(sentence), StatusCode::OK, page::REFUSED),
        Verdict::Stranger(why) => {
            tracing::warn!("an answer of another sign-in was not taken: {why}");
            let mut stranger = waiting
                .stranger
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *stranger = Some(why);
            return shown(StatusCode::BAD_REQUEST, page::STRANGER);
        }
    };
    let tell = waiting
        .told
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match tell.map(|tell| tell.send(told)) {
        Some(Ok(())) => shown(status, text),
        // The second answer of one attempt, or nobody waits any more.
        Some(Err(_)) | None => shown(StatusCode::GONE, page::OVER),
    }
}

/// A page that nobody keeps, and that loads and reveals nothing.
fn shown(status: StatusCode, text: page::Text) -> Response {
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
