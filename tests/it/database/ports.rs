//! Ports of loopback that no other socket takes between their choice and their use, or while a server is stopped.

use std::fs;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those of the login tests, which do not reserve theirs.
const FIRST: u16 = 10_000;
const LAST: u16 = 19_999;

/// A port until it is dropped.
///
/// It is outside the range from which the kernel gives ports to sockets, and an abstract socket with its number keeps the
/// tests of other processes off. That needs no file, and ends with the process.
pub struct Port {
    pub number: u16,
    _reservation: UnixListener,
}

impl Port {
    /// Another port each time, so that one of an unrelated program is tried only once.
    pub fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(FIRST);
        let (low, high) = given_by_the_kernel();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            assert!(number <= LAST, "no port is free");
            if (low..=high).contains(&number) {
                continue;
            }
            let name = format!("rollbook-test-port-{number}");
            let address = SocketAddr::from_abstract_name(name).expect("a short name");
            let Ok(reservation) = UnixListener::bind_addr(&address) else {
                continue;
            };
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, number)) {
                close(listener);
                return Self {
                    number,
                    _reservation: reservation,
                };
            }
        }
    }
}

/// Closes a port at once. A process that another test is starting has a copy of the socket for a moment, so the end of ours
/// is not enough.
pub fn close(listener: TcpListener) {
    let _ = TcpStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
}

fn given_by_the_kernel() -> (u16, u16) {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().map(|end| end.parse().ok());
    match (ends.next().flatten(), ends.next().flatten()) {
        (Some(low), Some(high)) => (low, high),
        _ => (32_768, 60_999), // the kernel's own default
    }
}
