//! A test server that sends the bytes of a script, and breaks connections at the points in the script.
//!
//! For what an ordinary HTTP server cannot do: declare a wrong length, omit the last chunk, stall.
//! One script per connection; every request is recorded.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does on one connection, step by step, after it has read a request.
#[derive(Clone, Debug)]
pub(crate) enum FaultStep {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Sends nothing more and keeps the connection open.
    Stall,
    /// Closes the connection with a reset.
    Reset,
    /// Reads the next request on the same connection.
    NextRequest,
}

/// Sends text.
pub(crate) fn send(text: impl AsRef<[u8]>) -> FaultStep {
    FaultStep::Send(text.as_ref().to_vec())
}

/// A complete response: status line, headers, length, body.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> FaultStep {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    FaultStep::Send([head.as_bytes(), body].concat())
}

/// A listening server; it ends with the test.
pub(crate) struct FaultServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FaultServer {
    /// Plays one script per connection; the last one also for all further connections.
    pub async fn start(scripts: Vec<Vec<FaultStep>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has ports");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let task = tokio::spawn(async move {
            let mut connections = Vec::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let script = scripts[number.min(scripts.len() - 1)].clone();
                let seen = seen.clone();
                connections.push(tokio::spawn(
                    async move { play(stream, script, &seen).await },
                ));
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("no test panics in here")
            .clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(mut stream: TcpStream, script: Vec<FaultStep>, seen: &Mutex<Vec<String>>) {
    if !read_request(&mut stream, seen).await {
        return;
    }
    for step in script {
        let is_open = match step {
            FaultStep::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
            FaultStep::Drip(bytes, pause) => loop {
                tokio::time::sleep(pause).await;
                if stream.write_all(&bytes).await.is_err() {
                    break false;
                }
            },
            FaultStep::Stall => std::future::pending().await,
            FaultStep::Reset => {
                // A socket closed with zero linger resets.
                let _ = stream.set_zero_linger();
                false
            }
            FaultStep::NextRequest => read_request(&mut stream, seen).await,
        };
        if !is_open {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Reads one request with its body.
async fn read_request(stream: &mut TcpStream, seen: &Mutex<Vec<String>>) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
        // A TLS ClientHello never ends in a blank line; a plain server treats it as a bad request.
        if request.first() == Some(&0x16) {
            return true;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(str::to_owned)
            })
            .find_map(|length| length.trim().parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            seen.lock().expect("no test panics in here").push(text);
            return true;
        }
    }
}
