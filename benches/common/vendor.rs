//! A vendor's server: HTTP/1.1 with keep-alive on a free port, and a function that answers.
//!
//! A process of its own, so that its cost is not measured.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::program;

/// The body of a response that issues a token.
pub const TOKEN: &str = r#"{"access_token":"bench","token_type":"bearer","expires_in":3600}"#;

/// Writes the response to a request's target, path and query; returns the latency of the response.
pub trait Respond: Fn(&str, &str, &mut Vec<u8>) -> Duration + Send + Sync + 'static {}

impl<F: Fn(&str, &str, &mut Vec<u8>) -> Duration + Send + Sync + 'static> Respond for F {}

/// Serves until its parent kills it. Prints its address when it is ready.
pub fn serve(respond: impl Respond) {
    let respond = Arc::new(respond);
    program::runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("it is bound"));
        loop {
            let (stream, _) = listener.accept().await.expect("a visitor");
            let respond = Arc::clone(&respond);
            tokio::spawn(async move { handle(stream, &*respond).await });
        }
    });
}

/// Appends a response of JSON; `headers` are whole lines.
pub fn write(answer: &mut Vec<u8>, status: &str, headers: &str, body: &[&str]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    answer.extend_from_slice(
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
        )
        .as_bytes(),
    );
    body.iter()
        .for_each(|part| answer.extend_from_slice(part.as_bytes()));
}

/// A parameter of a query.
pub fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

/// Handles requests until the client disconnects.
async fn handle(mut stream: TcpStream, respond: &impl Respond) {
    let mut bytes = Vec::new();
    let mut answer = Vec::new();
    let _ = stream.set_nodelay(true); // only reduces latency
    while let Some(target) = next_target(&mut stream, &mut bytes).await {
        answer.clear();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pause = respond(path, query, &mut answer);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Reads one request with its body; returns its target, nothing at the end of the connection.
async fn next_target(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let body = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, length)| length.trim().parse::<usize>().ok())
                .unwrap_or_default();
            if bytes.len() >= end + 4 + body {
                bytes.drain(..end + 4 + body);
                return head.split(' ').nth(1).map(str::to_owned);
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
