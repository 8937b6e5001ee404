//! The vendor: a list in memory, rendered in advance, served over HTTP/1.1 with keep-alive.
//!
//! A process of its own, so that its cost is not measured. The address selects the list and the latency of a
//! response: `/LIST/MILLISECONDS/users?offset=0&limit=1000`. `/token` issues a token to every client.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::people::{List, Person};

/// One list: the rows separated by commas, and the end of each one.
struct Rows {
    text: String,
    ends: Vec<usize>,
}

impl Rows {
    fn of(list: List, people: usize) -> Self {
        let mut rows = Self {
            text: String::with_capacity(people * 640),
            ends: Vec::with_capacity(people),
        };
        for index in 0..people {
            // 7919 is a prime, so every row is listed once.
            let number = match list {
                List::Shuffled => index * 7919 % people,
                List::Plain | List::Changed => index,
            };
            Person::new(number, people, list).write(&mut rows.text);
            rows.ends.push(rows.text.len());
            rows.text.push(',');
        }
        rows
    }

    fn page(&self, offset: usize, limit: usize) -> &str {
        let end = self.ends.len().min(offset.saturating_add(limit));
        if offset >= end {
            return "";
        }
        let start = if offset == 0 {
            0
        } else {
            self.ends[offset - 1] + 1
        };
        &self.text[start..self.ends[end - 1]]
    }
}

/// Serves until its parent kills it. Prints its address when it is ready.
pub fn serve(people: usize) {
    let lists: Arc<Vec<(&str, Rows)>> = Arc::new(
        List::ALL
            .into_iter()
            .map(|(name, list)| (name, Rows::of(list, people)))
            .collect(),
    );
    super::runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("it is bound"));
        loop {
            let (stream, _) = listener.accept().await.expect("a visitor");
            let lists = Arc::clone(&lists);
            tokio::spawn(async move { handle(stream, &lists).await });
        }
    });
}

/// Handles requests until the client disconnects.
async fn handle(mut stream: TcpStream, lists: &[(&str, Rows)]) {
    let mut bytes = Vec::new();
    let mut answer = Vec::new();
    let _ = stream.set_nodelay(true); // only reduces latency
    while let Some(target) = next_target(&mut stream, &mut bytes).await {
        answer.clear();
        let pause = respond(&target, lists, &mut answer);
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

/// Writes the response; returns its latency.
fn respond(target: &str, lists: &[(&str, Rows)], answer: &mut Vec<u8>) -> Duration {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let number = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or_default()
    };
    let mut write = |status: &str, total: usize, parts: &[&str]| {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        answer.extend_from_slice(
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Total-Count: {total}\r\nContent-Length: {length}\r\n\r\n"
            )
            .as_bytes(),
        );
        parts
            .iter()
            .for_each(|part| answer.extend_from_slice(part.as_bytes()));
    };
    match parts[..] {
        ["token"] => {
            let token = r#"{"access_token":"bench","token_type":"bearer","expires_in":3600}"#;
            write("200 OK", 0, &[token]);
            Duration::ZERO
        }
        [list, pause, "users"] => {
            match lists.iter().find(|(name, _)| *name == list) {
                Some((_, rows)) => {
                    let page = rows.page(number("offset"), number("limit"));
                    write("200 OK", rows.ends.len(), &["{\"users\":[", page, "]}"]);
                }
                None => write("404 Not Found", 0, &["{}"]),
            }
            Duration::from_millis(pause.parse().unwrap_or_default())
        }
        _ => {
            write("404 Not Found", 0, &["{}"]);
            Duration::ZERO
        }
    }
}
