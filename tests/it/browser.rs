//! A browser that follows redirects, as far as a login needs one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The response that a browser shows.
#[derive(Debug)]
pub struct Shown {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Shown {
    /// The target of its redirect.
    pub fn location(&self) -> &str {
        self.headers
            .get("location")
            .unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }
}

/// One GET of an `http://` address, without following redirects.
pub fn get(address: &str) -> Shown {
    send(address, "GET")
}

/// One request without a body.
pub fn send(address: &str, method: &str) -> Shown {
    let rest = address.strip_prefix("http://").expect("plain http");
    let (host, target) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let target = target
        .strip_prefix('?')
        .map_or_else(|| target.to_owned(), |query| format!("/?{query}"));
    let mut stream = TcpStream::connect(host).expect("a listener");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).expect("a body");
    let body = String::from_utf8(body).expect("UTF-8");
    Shown {
        status,
        headers,
        body,
    }
}
