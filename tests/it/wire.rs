//! HTTP/1.1 by hand: requests are read, responses written, no more than the tests need.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A bound port of loopback, before it is served.
pub struct Port(TcpListener);

impl Port {
    /// A free one.
    pub fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// Serves each connection in a thread of its own, until the result is dropped.
    pub fn serve(self, each: impl Fn(TcpStream) + Send + Sync + 'static) -> Served {
        let address = self.address();
        let closed = Arc::new(AtomicBool::new(false));
        let (is_closed, each) = (Arc::clone(&closed), Arc::new(each));
        thread::spawn(move || {
            for stream in self.0.incoming().map_while(Result::ok) {
                if is_closed.load(Ordering::SeqCst) {
                    break;
                }
                let each = Arc::clone(&each);
                thread::spawn(move || each(stream));
            }
        });
        Served { address, closed }
    }
}

/// Accepts connections for as long as it lives.
pub struct Served {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread that accepts
    }
}

/// A received request.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A response before it is written.
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpResponse {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Its bytes on the wire.
    pub fn wire(&self) -> Vec<u8> {
        let length = self.body.len();
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {length}\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{head}\r\n{}", self.body).into_bytes()
    }
}

/// The next request of a connection; nothing when it is closed.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request {
        method,
        path: path.to_owned(),
        query: self::query(query),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The parameters of an address or a form.
pub fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (unescaped(name), unescaped(value)))
        .collect()
}

/// Decodes `%27` and `+`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two hex digits")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}
