//! Clients that are slow, wrong or hostile, on a clock whose time passes only while everything waits.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::web::config::WebConfig;
use crate::web::web_site::AccessTokens;

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

/// Serves a connection that `client` uses; returns what the client read, and after how many seconds it ended.
async fn played<F: Future<Output = Vec<u8>>>(
    room: usize,
    client: impl FnOnce(DuplexStream) -> F,
) -> (String, u64) {
    let (site, stop) = (site(), CancellationToken::new());
    let (ours, theirs) = duplex(room);
    let started = Instant::now();
    let server = async {
        let peer = Ipv4Addr::LOCALHOST.into();
        serve_http(ours, peer, &site, &ClientTimeouts::USUAL, &stop).await;
        started.elapsed().as_secs()
    };
    let (seconds, read) = tokio::join!(server, client(theirs));
    (String::from_utf8(read).expect("text"), seconds)
}

/// Sends a text, then reads to the end.
async fn sent(text: impl Into<Vec<u8>>) -> (String, u64) {
    let text = text.into();
    let send = |mut stream: DuplexStream| async move {
        let _ = stream.write_all(&text).await; // the server may have enough of it
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        read
    };
    played(64 << 10, send).await
}

/// The statuses of all replies; a body may have no line end.
fn statuses(replies: &str) -> Vec<u16> {
    let replies = replies.split("HTTP/1.").skip(1);
    replies
        .filter_map(|reply| reply.get(2..5)?.parse().ok())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_silent_or_slow_client_ends_after_ten_seconds() {
    for text in ["", "GET / HTTP/1.1\r\nHost: local", "GET /"] {
        let (replies, seconds) = sent(text).await;
        assert_eq!((replies.as_str(), seconds), ("", 10), "{text}");
    }
    let (replies, seconds) = sent(GOOD).await;
    assert_eq!(
        (statuses(&replies), seconds),
        (vec![503], 10),
        "idle afterwards"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_ends_after_ten_seconds() {
    let drip = |mut stream: DuplexStream| async move {
        let mut read = Vec::new();
        for byte in GOOD.bytes().cycle() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        let _ = stream.read_to_end(&mut read).await;
        read
    };
    let (replies, seconds) = played(1024, drip).await;
    assert_eq!((statuses(&replies), seconds), (vec![], 10));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_ends_after_ten_seconds() {
    for head in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let (replies, seconds) = sent(format!(
            "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\n{head}"
        ))
        .await;
        assert_eq!((statuses(&replies), seconds), (vec![408], 10), "{head}");
        assert!(replies.contains("connection: close"), "{replies}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_ends_after_ten_seconds() {
    let stand_still = |mut stream: DuplexStream| async move {
        stream.write_all(GOOD.as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_secs(9)).await;
        let mut byte = [0];
        stream.read_exact(&mut byte).await.expect("a byte");
        tokio::time::sleep(Duration::from_secs(100)).await;
        drop(stream);
        Vec::new()
    };
    let (_, seconds) = played(64, stand_still).await;
    assert_eq!(seconds, 19);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_drips_ends_after_a_minute() {
    let drip = |mut stream: DuplexStream| async move {
        stream.write_all(GOOD.as_bytes()).await.expect("sent");
        let mut byte = [0];
        while stream.read(&mut byte).await.is_ok_and(|count| count > 0) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Vec::new()
    };
    let (_, seconds) = played(64, drip).await;
    assert_eq!(seconds, 62);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let text = format!(
        "{GOOD}HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n{}",
        GOOD.replace("GET", "PUT")
    );
    let (replies, _) = sent(text).await;
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
        let (replies, seconds) = sent(more).await;
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
        let (replies, _) = sent(format!("{head}{lengths}\r\n0\r\n\r\n{GOOD}")).await;
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
    let (replies, _) = sent(format!("{head}{}0\r\n\r\n", chunk.repeat(17))).await;
    assert_eq!(statuses(&replies), [413]);
}

#[tokio::test(start_paused = true)]
async fn http_1_0_and_a_closed_half_are_served() {
    let (replies, seconds) = sent("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((statuses(&replies), seconds), (vec![503], 0));
    let close_half = |mut stream: DuplexStream| async move {
        stream.write_all(GOOD.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("closed");
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.expect("read");
        read
    };
    let (replies, seconds) = played(1024, close_half).await;
    assert_eq!((statuses(&replies), seconds), (vec![503], 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_idle_connections_at_once() {
    let (site, stop) = (site(), CancellationToken::new());
    let (ours, mut theirs) = duplex(1024);
    theirs.write_all(GOOD.as_bytes()).await.expect("sent");
    let started = Instant::now();
    let peer = Ipv4Addr::LOCALHOST.into();
    let server = serve_http(ours, peer, &site, &ClientTimeouts::USUAL, &stop);
    tokio::join!(server, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
    });
    assert_eq!(started.elapsed().as_secs(), 3);
}
