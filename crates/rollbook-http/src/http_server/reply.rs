//! Replies: a status, a body that is complete, and headers. Those that all replies of a site have are the site's.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

/// Plain text.
const TEXT: &str = "text/plain; charset=utf-8";

/// The headers that every reply of a site has, besides its own.
#[derive(Clone, Debug)]
pub struct FixedHeaders(Vec<(HeaderName, HeaderValue)>);

impl FixedHeaders {
    /// These, in this order.
    pub fn new(headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        Self(headers.into_iter().collect())
    }
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: StatusCode,
    content_type: &'static str,
    /// Also of a request `HEAD`, for its length.
    pub body: Bytes,
    more: Vec<(HeaderName, String)>,
}

impl HttpReply {
    /// With a body of this type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            more: Vec::new(),
        }
    }

    /// One line of text.
    pub fn text(status: StatusCode, line: impl Into<Bytes>) -> Self {
        Self::new(status, TEXT, line)
    }

    /// A request that is not understood: what follows on its connection may be no request either.
    pub fn bad_request(line: impl Into<Bytes>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, line).closing()
    }

    /// Not now, but in so many seconds.
    pub fn retry_after(status: StatusCode, seconds: u64, line: impl Into<Bytes>) -> Self {
        Self::text(status, line).with(header::RETRY_AFTER, seconds.to_string())
    }

    /// With another header.
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// As the last one of its connection.
    pub fn closing(self) -> Self {
        self.with(header::CONNECTION, "close")
    }

    /// As the response to this request, with the headers of all replies of the site.
    pub fn into_response(self, request: &Parts, of_all: &FixedHeaders) -> Response<Full<Bytes>> {
        // Where a proxy saw another end of the body, what follows is not what it sent.
        let reply = match request.headers.contains_key(header::TRANSFER_ENCODING) {
            true => self.closing(),
            false => self,
        };
        tracing::debug!(
            status = reply.status.as_u16(),
            "{} {}",
            request.method,
            request.uri.path()
        );
        let mut response = Response::new(Full::new(reply.body));
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(reply.content_type),
        );
        for (name, value) in &of_all.0 {
            headers.insert(name, value.clone());
        }
        for (name, value) in reply.more {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn headers(request: Request<()>, reply: HttpReply) -> hyper::HeaderMap {
        let of_all =
            FixedHeaders::new([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
        let (request, ()) = request.into_parts();
        reply.into_response(&request, &of_all).headers().clone()
    }

    #[test]
    fn a_reply_has_the_headers_of_all_and_its_own() {
        let reply = HttpReply::text(StatusCode::OK, "ok")
            .with(header::ALLOW, "GET")
            .closing();
        let found = headers(Request::new(()), reply);
        for (name, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("cache-control", "no-store"),
            ("allow", "GET"),
            ("connection", "close"),
        ] {
            assert_eq!(found[name], value);
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn the_end_of_a_chunked_request_is_the_end_of_its_connection() {
        let mut request = Request::new(());
        let ok = || HttpReply::text(StatusCode::OK, "ok");
        assert!(!headers(request.clone(), ok()).contains_key("connection"));
        let chunked = HeaderValue::from_static("chunked");
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, chunked);
        assert_eq!(headers(request, ok())["connection"], "close");
    }
}
