//! The headers that every reply of the status page has.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderName, HeaderValue};

use super::pages::site;
use rollbook_http::http_server::reply::FixedHeaders;

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

/// The policy and the rest.
pub fn page_headers() -> FixedHeaders {
    let fixed = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let policy = (header::CONTENT_SECURITY_POLICY, policy());
    FixedHeaders::new([policy].into_iter().chain(fixed))
}

/// The content security policy: the page's own style and script by their hashes, and nothing else.
fn policy() -> HeaderValue {
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
    use hyper::{Request, StatusCode};
    use rollbook_http::http_server::reply::HttpReply;

    #[test]
    fn every_reply_has_the_headers_of_all() {
        let reply = HttpReply::text(StatusCode::OK, "ok")
            .with(header::ALLOW, "GET")
            .closing();
        let (request, ()) = Request::new(()).into_parts();
        let response = reply.into_response(&request, &page_headers());
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
