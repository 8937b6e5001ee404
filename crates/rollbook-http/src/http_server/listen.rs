//! The listening socket: systemd's, which is open before this process runs and while it restarts, else one of our own.

use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket};

/// Bytes that the kernel keeps for a reader of one connection: slow readers of large pages cost no more.
const SEND_BUFFER: u32 = 64 << 10;

/// The same for what clients send: a large body is received in parts.
const RECEIVE_BUFFER: u32 = 16 << 10;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// The socket that systemd passed, if it did.
///
/// # Errors
/// If it is no TCP socket.
pub fn inherited() -> io::Result<Option<TcpListener>> {
    let Some(listener) = ListenFd::from_env().take_tcp_listener(0)? else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}

/// Listens on this address.
///
/// # Errors
/// If it cannot, such as for a port in use.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?; // connections inherit both
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
