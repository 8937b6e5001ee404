//! A command of the real program that serves HTTP, and its client.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::installation::{Installation, Running};
use crate::server::WAIT_LIMIT;

/// A command that serves HTTP, until it is dropped.
pub struct HttpProcess {
    pub running: Option<Running>,
    pub address: SocketAddr,
    pub scheme: String,
}

impl HttpProcess {
    /// On a free port of loopback.
    pub fn start(installation: &Installation, command: &[&str]) -> Self {
        let command = [command, &["--listen", "127.0.0.1:0", "--log", "text"]].concat();
        let command = installation.command(&command);
        let running = installation.start(command);
        let started = Instant::now();
        loop {
            if let Some((scheme, address)) = shown(&running.log()) {
                return Self {
                    running: Some(running),
                    address,
                    scheme,
                };
            }
            assert!(
                started.elapsed() < WAIT_LIMIT,
                "not ready: {}",
                running.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(WAIT_LIMIT)).expect("set");
        stream
    }

    /// Sends bytes and reads to the end.
    pub fn sent(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes.as_bytes()); // it may have enough of it
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        String::from_utf8_lossy(&read).into_owned()
    }

    /// One request; its status and its whole reply.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let reply = self.sent(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ));
        let status = reply.get(9..12).and_then(|status| status.parse().ok());
        (
            status.unwrap_or_else(|| panic!("{method} {path}: {reply}")),
            reply,
        )
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", path, "", "")
    }

    /// Memory of its own in KiB; a debug build's code is larger than what is shipped.
    pub fn memory(&self) -> u64 {
        let pid = self.running.as_ref().expect("it runs").pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("a number")
    }

    pub fn end(mut self) {
        let running = self.running.take().expect("it runs");
        running.terminate();
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.took < Duration::from_secs(5), "{ended:?}");
        assert!(!ended.err.contains("panic"), "{ended:?}");
    }
}

impl Drop for HttpProcess {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }
}

/// The address in the log.
fn shown(log: &str) -> Option<(String, SocketAddr)> {
    let (before, rest) = log.split_once("://")?;
    let (_, scheme) = before.rsplit_once(" on ")?;
    Some((scheme.to_owned(), rest.split_once('/')?.0.parse().ok()?))
}
