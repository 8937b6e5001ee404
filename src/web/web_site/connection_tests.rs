//! Connections whose requests are slow, wrong or hostile, on a clock whose time passes only while everything waits.

use super::*;
use rollbook_http::http_server::test_client::{sent, statuses};

const GOOD: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn site() -> WebSite {
    let folders = vec!["/nowhere".into()];
    WebSite::new(
        &WebConfig::default(),
        AccessTokens::default(),
        folders,
        Clock::system(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_ends_after_ten_seconds() {
    for head in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let (replies, seconds) = sent(
            &site(),
            format!("POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\n{head}"),
        )
        .await;
        assert_eq!((statuses(&replies), seconds), (vec![408], 10), "{head}");
        assert!(replies.contains("connection: close"), "{replies}");
    }
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let text = format!(
        "{GOOD}HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n{}",
        GOOD.replace("GET", "PUT")
    );
    let (replies, _) = sent(&site(), text).await;
    assert_eq!(statuses(&replies), [503, 200, 405], "{replies}");
    assert!(!replies.contains("<html"), "HEAD has no body: {replies}");
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_is_refused_and_ends_its_connection() {
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "a".repeat(20_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        "X: a\r\n".repeat(100)
    );
    let deep = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(2000)
    );
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            400,
        ),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            421,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n",
            403,
        ),
        ("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\n",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        (
            "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n",
            413,
        ),
        ("GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 400),
        ("GET  /  HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX y: 1\r\n\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\n\r\n",
            400,
        ),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", 400),
        (&long, 431),
        (&many, 431),
        (&deep, 414),
    ] {
        let more = format!("{text}{GOOD}");
        let (replies, seconds) = sent(&site(), more).await;
        let shown: String = text.chars().take(90).collect();
        assert_eq!(statuses(&replies), [expected], "{shown:?}\n{replies}");
        assert_eq!(seconds, 0, "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_end_proxies_may_dispute_is_the_last_of_its_connection() {
    let head = "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\n";
    for lengths in [
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let (replies, _) = sent(&site(), format!("{head}{lengths}\r\n0\r\n\r\n{GOOD}")).await;
        assert_eq!(
            statuses(&replies),
            [503],
            "{lengths}: no daemon, and no second reply"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunked_body_is_limited_too() {
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    let head = "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (replies, _) = sent(&site(), format!("{head}{}0\r\n\r\n", chunk.repeat(17))).await;
    assert_eq!(statuses(&replies), [413]);
}
