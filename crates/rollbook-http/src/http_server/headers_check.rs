//! What every request must say before its path is looked at: one host that is ours, and no foreign origin.

use hyper::StatusCode;
use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;

use super::hosts::AllowedHosts;
use super::reply::HttpReply;

/// Why a request is refused, whatever it asks for.
pub(super) fn refusal(parts: &Parts, hosts: &AllowedHosts) -> Option<HttpReply> {
    let Some(host) = only(parts, &HOST) else {
        return Some(HttpReply::bad_request("a request has one Host header\n"));
    };
    // An absolute address has the host too, and a proxy before us may believe either.
    let authority = parts
        .uri
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    for name in [Some(host), authority].into_iter().flatten() {
        match hosts.has(name) {
            Some(true) => {}
            Some(false) => {
                let line = format!("this name is not one of `hosts` in {}\n", hosts.file());
                return Some(HttpReply::text(StatusCode::MISDIRECTED_REQUEST, line).closing());
            }
            None => {
                return Some(HttpReply::bad_request(
                    "the Host header has no valid name\n",
                ));
            }
        }
    }
    if !parts.headers.contains_key(ORIGIN) {
        return None;
    }
    let is_own = only(parts, &ORIGIN).is_some_and(|origin| hosts.is_own_origin(origin, host));
    let line = "requests of other sites are refused\n";
    (!is_own).then(|| HttpReply::text(StatusCode::FORBIDDEN, line).closing())
}

/// The value of a header that occurs once.
fn only<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn one_host_of_ours_and_no_foreign_origin() {
        let hosts = AllowedHosts::new("web.toml", &[]);
        for (uri, headers, expected) in [
            ("/", &[("host", "localhost")][..], None),
            ("/", &[], Some(400)),
            (
                "/",
                &[("host", "localhost"), ("host", "localhost")],
                Some(400),
            ),
            ("/", &[("host", "local host")], Some(400)),
            ("/", &[("host", "evil.example")], Some(421)),
            ("http://localhost/", &[("host", "localhost")], None),
            ("http://evil.example/", &[("host", "localhost")], Some(421)),
            ("http://localhost/", &[("host", "evil.example")], Some(421)),
            ("http://a@localhost/", &[("host", "localhost")], Some(400)),
            (
                "/",
                &[("host", "localhost"), ("origin", "http://localhost")],
                None,
            ),
            (
                "/",
                &[("host", "localhost"), ("origin", "https://evil.example")],
                Some(403),
            ),
            ("/", &[("host", "localhost"), ("origin", "null")], Some(403)),
            (
                "/",
                &[
                    ("host", "localhost"),
                    ("origin", "http://localhost"),
                    ("origin", "http://localhost"),
                ],
                Some(403),
            ),
        ] {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            let found = refusal(&parts, &hosts).map(|reply| reply.status.as_u16());
            assert_eq!(found, expected, "{uri} {headers:?}");
        }
    }

    #[test]
    fn the_refusal_of_a_name_names_the_file() {
        let request = Request::builder().header("host", "evil.example");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let reply = refusal(&parts, &AllowedHosts::new("web.toml", &[])).expect("refused");
        assert_eq!(reply.body, "this name is not one of `hosts` in web.toml\n");
    }
}
