//! Test support: a client that plays its part of one connection to a site.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{ClientTimeouts, serve_http};
use super::site::Site;

/// Serves a connection that `client` uses; returns what the client read, and after how many seconds it ended.
pub async fn played<F: Future<Output = Vec<u8>>>(
    site: &dyn Site,
    room: usize,
    client: impl FnOnce(DuplexStream) -> F,
) -> (String, u64) {
    let stop = CancellationToken::new();
    let (ours, theirs) = duplex(room);
    let started = Instant::now();
    let server = async {
        let peer = Ipv4Addr::LOCALHOST.into();
        serve_http(ours, peer, site, &ClientTimeouts::USUAL, &stop).await;
        started.elapsed().as_secs()
    };
    let (seconds, read) = tokio::join!(server, client(theirs));
    (String::from_utf8(read).expect("text"), seconds)
}

/// Sends a text, then reads to the end.
pub async fn sent(site: &dyn Site, text: impl Into<Vec<u8>>) -> (String, u64) {
    let text = text.into();
    let send = |mut stream: DuplexStream| async move {
        let _ = stream.write_all(&text).await; // the server may have enough of it
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        read
    };
    played(site, 64 << 10, send).await
}

/// The statuses of all replies; a body may have no line end.
pub fn statuses(replies: &str) -> Vec<u16> {
    let replies = replies.split("HTTP/1.").skip(1);
    replies
        .filter_map(|reply| reply.get(2..5)?.parse().ok())
        .collect()
}
