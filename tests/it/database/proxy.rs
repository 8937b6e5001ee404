//! A proxy of bytes between a client and its server that breaks connections where a test wants it.
//!
//! It does not see into TLS, so its address has `sslmode=disable`. A fault is of the connections that are opened after it was
//! set, so the end of an earlier one is not taken for the next; bytes are counted for each connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::client::Database;
use super::ports::{Port, close};

/// How PostgreSQL reports that a commit has taken effect: type, length and text, which occur nowhere else.
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Forwards everything.
    None,
    /// The port is closed; open connections stay.
    Refuse,
    /// Accepts and never answers; what is sent on earlier connections is lost too. All are cut when another fault is set.
    HalfOpen,
    /// Forwards so many bytes to the server, then cuts both sides.
    CutToServer(usize),
    /// Forwards so many bytes to the client, then cuts both sides.
    CutToClient(usize),
    /// Cuts both sides instead of forwarding the answer to a COMMIT that has taken effect.
    LoseCommit,
}

/// The proxy until it is dropped.
pub struct Proxy(Arc<Shared>);

struct Shared {
    port: Port,
    server: u16,
    state: Mutex<State>,
}

struct State {
    fault: Fault,
    /// The fault ends when it has struck.
    once: bool,
    /// How many faults were set.
    faults: u32,
    strikes: u32,
    /// Forwarded to the server and to the client on connections since the fault was set.
    bytes: [usize; 2],
    /// A thread has a copy, from which it accepts until this one is closed.
    listener: Option<TcpListener>,
    open: Vec<Arc<Pair>>,
}

/// The two sides of a connection, or only the client's.
struct Pair {
    client: TcpStream,
    server: Option<TcpStream>,
    /// [`State::faults`] when it was opened.
    faults: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Proxy {
    /// In front of a port of 127.0.0.1.
    pub fn start(server: u16) -> Self {
        let state = State {
            fault: Fault::None,
            once: false,
            faults: 0,
            strikes: 0,
            bytes: [0; 2],
            listener: None,
            open: Vec::new(),
        };
        let proxy = Self(Arc::new(Shared {
            port: Port::reserve(),
            server,
            state: Mutex::new(state),
        }));
        proxy.set(Fault::None);
        proxy
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port.number
    }

    pub fn url(&self, database: &Database) -> String {
        database.url_at("127.0.0.1", self.port()) + "?sslmode=disable"
    }

    /// Has effect when this returns, until the next fault is set.
    pub fn set(&self, fault: Fault) {
        self.change(fault, false);
    }

    /// The same, until it has struck once.
    pub fn set_once(&self, fault: Fault) {
        self.change(fault, true);
    }

    /// Cuts all open connections.
    pub fn cut(&self) {
        self.0.state().cut();
    }

    /// How often a fault other than `Refuse` has struck.
    pub fn strikes(&self) -> u32 {
        self.0.state().strikes
    }

    /// Bytes forwarded to the server and to the client by all connections since the fault was set.
    pub fn forwarded(&self) -> (usize, usize) {
        let [to_server, to_client] = self.0.state().bytes;
        (to_server, to_client)
    }

    fn change(&self, fault: Fault, once: bool) {
        let mut state = self.0.state();
        if state.fault == Fault::HalfOpen {
            state.cut();
        }
        (state.fault, state.once, state.bytes) = (fault, once, [0; 2]);
        state.faults += 1;
        if fault == Fault::Refuse {
            state.close_port();
        } else if state.listener.is_none() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port())).expect("our port");
            let (shared, copy) = (Arc::clone(&self.0), listener.try_clone());
            thread::spawn(move || shared.accept(&copy.expect("a copy")));
            state.listener = Some(listener);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.close_port();
        state.cut();
    }
}

impl State {
    fn close_port(&mut self) {
        if let Some(listener) = self.listener.take() {
            close(listener);
        }
    }

    fn cut(&mut self) {
        for pair in self.open.drain(..) {
            pair.cut();
        }
    }

    fn strike(&mut self) {
        self.strikes += 1;
        if self.once {
            self.fault = Fault::None;
        }
    }
}

impl Pair {
    fn cut(&self) {
        for stream in [Some(&self.client), self.server.as_ref()]
            .into_iter()
            .flatten()
        {
            let _ = stream.shutdown(Shutdown::Both); // it may be closed already
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked here")
    }

    /// Accepts connections until the port is closed, which is an error here.
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            self.connect(client);
        }
    }

    /// Starts the two threads of a connection. If the server is away the client is cut.
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let mut state = self.state();
        if state.listener.is_none() {
            return; // closed meanwhile
        }
        if state.fault == Fault::HalfOpen {
            state.strike();
            let pair = Pair {
                client,
                server: None,
                faults: state.faults,
            };
            state.open.push(Arc::new(pair));
            return;
        }
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server)) else {
            return;
        };
        let pair = Arc::new(Pair {
            client,
            server: Some(server),
            faults: state.faults,
        });
        state.open.push(Arc::clone(&pair));
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (shared, pair) = (Arc::clone(self), Arc::clone(&pair));
            thread::spawn(move || {
                let _ = shared.forward(&pair, direction); // a side has gone
                shared.close(&pair);
            });
        }
    }

    /// Cuts the other side too, unless no side hears of the other.
    fn close(&self, pair: &Arc<Pair>) {
        let mut state = self.state();
        if state.fault != Fault::HalfOpen {
            pair.cut();
            state.open.retain(|open| !Arc::ptr_eq(open, pair));
        }
    }

    /// Forwards one direction until a side ends or a fault strikes.
    fn forward(&self, pair: &Pair, direction: Direction) -> std::io::Result<()> {
        let server = pair.server.as_ref().expect("both sides");
        let (mut from, mut to) = match direction {
            Direction::ToServer => (&pair.client, server),
            Direction::ToClient => (server, &pair.client),
        };
        let (mut chunk, mut sent) = ([0; 16 << 10], 0);
        // The start of an answer to a COMMIT, perhaps.
        let mut held = Vec::new();
        loop {
            let length = from.read(&mut chunk)?;
            if length == 0 {
                return to.write_all(&held);
            }
            held.extend_from_slice(&chunk[..length]);
            let mut state = self.state();
            let is_concerned = pair.faults == state.faults;
            let (forwarded, is_cut) = match (state.fault, direction) {
                (Fault::HalfOpen, _) => {
                    held.clear();
                    continue;
                }
                _ if !is_concerned => (held.len(), false),
                (Fault::CutToServer(limit), Direction::ToServer)
                | (Fault::CutToClient(limit), Direction::ToClient)
                    if sent + held.len() >= limit =>
                {
                    (limit.saturating_sub(sent), true)
                }
                (Fault::LoseCommit, Direction::ToClient) => before_commit(&held),
                _ => (held.len(), false),
            };
            if is_concerned {
                state.bytes[direction as usize] += forwarded;
            }
            if is_cut {
                state.strike();
            }
            drop(state);
            to.write_all(&held[..forwarded])?;
            if is_cut {
                return Ok(());
            }
            sent += forwarded;
            held.drain(..forwarded);
        }
    }
}

/// How many of these bytes are certainly not of a commit's answer, and whether it follows.
fn before_commit(bytes: &[u8]) -> (usize, bool) {
    let found = bytes
        .windows(COMMITTED.len())
        .position(|window| window == COMMITTED);
    let begun = || (0..bytes.len()).find(|start| COMMITTED.starts_with(&bytes[*start..]));
    match found {
        Some(start) => (start, true),
        None => (begun().unwrap_or(bytes.len()), false),
    }
}

#[test]
fn the_answer_to_a_commit_is_found_in_pieces() {
    for (bytes, forwarded) in [
        (&b""[..], (0, false)),
        (b"D\0\0\0\x0bCOMMIT\0", (12, false)),
        (b"Z\0\0\0\x05IC\0\0", (6, false)),
        (b"C\0\0\0\x0bCOMMIT", (0, false)),
        (b"1\0\0\0\x04C\0\0\0\x0bCOMMIT\0Z", (5, true)),
    ] {
        assert_eq!(before_commit(bytes), forwarded, "{bytes:?}");
    }
}
