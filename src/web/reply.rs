//! Replies: a status, a body that is complete, and the headers that every reply has.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::pages::site;

/// Plain text.
const TEXT: &str = "text/plain; charset=utf-8";

/// What every reply says: it is not cached, not guessed, not framed, and no other site may embed it.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageReply {
    /// The status.
    pub status: StatusCode,
    content_type: &'static str,
    /// Also of a request `HEAD`, for its length.
    pub body: Bytes,
    more: Vec<(HeaderName, String)>,
}

impl PageReply {
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
    pub fn text(status: StatusCode, line: &'static str) -> Self {
        Self::new(status, TEXT, line)
    }

    /// A request that is not understood: what follows on its connection may be no request either.
    pub fn bad_request(line: &'static str) -> Self {
        Self::text(StatusCode::BAD_REQUEST, line).closing()
    }

    /// Not now, but in so many seconds.
    pub fn retry_after(status: StatusCode, seconds: u64, line: &'static str) -> Self {
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

    /// As a response.
    pub fn into_response(self, policy: &HeaderValue) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in self.more {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The content security policy: the page's own style and script by their hashes, and nothing else.
pub fn policy() -> HeaderValue {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src 'self'; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash(site::STYLE),
        hash(site::SCRIPT)
    );
    // Base64 is always a header's value.
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_the_headers_of_all() {
        let reply = PageReply::text(StatusCode::OK, "ok")
            .with(header::ALLOW, "GET")
            .closing();
        let response = reply.into_response(&policy());
        let of = |name: &str| {
            let value = response.headers().get(name).expect(name);
            value.to_str().expect("text").to_owned()
        };
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-type", "text/plain; charset=utf-8"),
            ("allow", "GET"),
            ("connection", "close"),
        ] {
            assert_eq!(of(name), value);
        }
        let policy = of("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "script-src 'sha256-",
            "img-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(response.headers().get("set-cookie").is_none());
    }
}
