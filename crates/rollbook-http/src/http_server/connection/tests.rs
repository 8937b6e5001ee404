//! Clients that are slow or hostile, on a clock whose time passes only while everything waits.

use std::net::Ipv4Addr;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;
use crate::http_server::reply::{FixedHeaders, HttpReply};
use crate::http_server::site::PendingReply;
use crate::http_server::test_client::{played, sent, statuses};

const GOOD: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A site that says `ok` to everything.
struct SiteOfOneReply;

impl Site for SiteOfOneReply {
    fn admits(&self, _: IpAddr) -> bool {
        true
    }

    fn reply(&self, request: Request<Incoming>, _: IpAddr) -> PendingReply<'_> {
        let reply = HttpReply::text(StatusCode::OK, "ok");
        let response = reply.into_response(&request.into_parts().0, &FixedHeaders::new([]));
        Box::pin(std::future::ready(response))
    }
}

fn site() -> SiteOfOneReply {
    SiteOfOneReply
}

#[tokio::test(start_paused = true)]
async fn a_silent_or_slow_client_ends_after_ten_seconds() {
    for text in ["", "GET / HTTP/1.1\r\nHost: local", "GET /"] {
        let (replies, seconds) = sent(&site(), text).await;
        assert_eq!((replies.as_str(), seconds), ("", 10), "{text}");
    }
    let (replies, seconds) = sent(&site(), GOOD).await;
    assert_eq!(
        (statuses(&replies), seconds),
        (vec![200], 10),
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
    let (replies, seconds) = played(&site(), 1024, drip).await;
    assert_eq!((statuses(&replies), seconds), (vec![], 10));
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
    let (_, seconds) = played(&site(), 64, stand_still).await;
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
    let (_, seconds) = played(&site(), 64, drip).await;
    assert_eq!(seconds, 62);
}

#[tokio::test(start_paused = true)]
async fn http_1_0_and_a_closed_half_are_served() {
    let (replies, seconds) =
        sent(&site(), "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    assert_eq!((statuses(&replies), seconds), (vec![200], 0));
    let close_half = |mut stream: DuplexStream| async move {
        stream.write_all(GOOD.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("closed");
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.expect("read");
        read
    };
    let (replies, seconds) = played(&site(), 1024, close_half).await;
    assert_eq!((statuses(&replies), seconds), (vec![200], 0));
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
