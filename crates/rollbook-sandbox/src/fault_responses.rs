//! How faults look on the wire: replaced, cut, stalled or corrupted responses.
//!
//! HTTP cannot express a cut before the first byte, so the connection itself is closed by its
//! [`ConnectionCutter`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::stream;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::faults::Fault;

/// Closes one connection before its next byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionCutter(Arc<AtomicBool>);

impl ConnectionCutter {
    pub(crate) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Marks a response to be lost after the work is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropConnection;

/// Delays a response by this many milliseconds after the work is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DelayMs(pub(crate) u64);

const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>";
const GATEWAY_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";

/// The response of a server that did not process the request; none when the fault needs a real response.
pub(crate) fn replacement(fault: Fault) -> Option<Response<Body>> {
    let body = r#"{"error":"too many requests"}"#;
    Some(match fault {
        Fault::TooMany => build_response(StatusCode::TOO_MANY_REQUESTS, "application/json", body),
        Fault::TooManySeconds => with_retry(
            build_response(StatusCode::TOO_MANY_REQUESTS, "application/json", body),
            "1",
        ),
        Fault::TooManyDate => with_retry(
            build_response(StatusCode::TOO_MANY_REQUESTS, "application/json", body),
            &retry_date(),
        ),
        Fault::InternalError => build_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "application/json",
            r#"{"error":"internal error"}"#,
        ),
        Fault::BadGateway => build_response(StatusCode::BAD_GATEWAY, "text/html", GATEWAY_PAGE),
        Fault::Unavailable => build_response(StatusCode::SERVICE_UNAVAILABLE, "text/plain", ""),
        Fault::Html => login_page(),
        Fault::Cut
        | Fault::CutBody
        | Fault::Stall
        | Fault::Truncated
        | Fault::NoKey
        | Fault::HalfPage => return None,
    })
}

/// 200 with a sign-in page, as gateways serve it.
pub(crate) fn login_page() -> Response<Body> {
    build_response(StatusCode::OK, "text/html; charset=utf-8", LOGIN_PAGE)
}

/// 307 to another URL.
pub(crate) fn redirect(location: &str) -> Response<Body> {
    let mut response = build_response(StatusCode::TEMPORARY_REDIRECT, "text/plain", "");
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Corrupts a correct response. `stop` ends a stalled body when the sandbox stops.
pub(crate) async fn corrupt(
    fault: Fault,
    right: Response<Body>,
    stop: CancellationToken,
) -> Response<Body> {
    let (mut parts, body) = right.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return build_response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "");
    };
    let half = bytes.slice(..bytes.len() / 2);
    let cut = || io::Error::from(io::ErrorKind::ConnectionReset);
    let body = match fault {
        Fault::CutBody => {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, bytes.len().into());
            Body::from_stream(stream::iter([Ok(half), Err(cut())]))
        }
        Fault::Stall => {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, bytes.len().into());
            Body::from_stream(stream::unfold(Some(half), move |first| {
                let stop = stop.clone();
                async move {
                    if let Some(first) = first {
                        return Some((Ok(first), None));
                    }
                    stop.cancelled().await;
                    Some((Err(cut()), None))
                }
            }))
        }
        Fault::Truncated => sized(&mut parts, half),
        Fault::NoKey => sized(&mut parts, reshape(&bytes, |_| None)),
        Fault::HalfPage => sized(
            &mut parts,
            reshape(&bytes, |rows| Some(rows[..rows.len() / 2].to_vec())),
        ),
        _ => Body::from(bytes),
    };
    Response::from_parts(parts, body)
}

fn sized(parts: &mut axum::http::response::Parts, bytes: Bytes) -> Body {
    parts.headers.remove(header::CONTENT_LENGTH);
    Body::from(bytes)
}

/// Rewrites the rows of a page: a bare array, or the first member that is one.
fn reshape(bytes: &Bytes, change: impl Fn(&[Value]) -> Option<Vec<Value>>) -> Bytes {
    let Ok(mut page) = serde_json::from_slice::<Value>(bytes) else {
        return bytes.clone();
    };
    match &mut page {
        Value::Array(rows) => {
            page = change(rows).map_or_else(|| serde_json::json!({}), Value::Array)
        }
        Value::Object(members) => {
            let rows = members
                .iter()
                .find_map(|(key, value)| Some((key.clone(), change(value.as_array()?))));
            match rows {
                Some((key, Some(rows))) => _ = members.insert(key, Value::Array(rows)),
                Some((key, None)) => _ = members.remove(&key),
                None => return bytes.clone(),
            }
        }
        _ => return bytes.clone(),
    }
    Bytes::from(page.to_string())
}

pub(crate) fn build_response(
    status: StatusCode,
    media: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

pub(crate) fn with_retry(mut response: Response<Body>, after: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(after) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// One second from now, as an HTTP date.
pub(crate) fn retry_date() -> String {
    let when = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    when.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
