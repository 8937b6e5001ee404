//! An HTTP server for clients in a school's network: bounded connections, times, memory and requests, with or without TLS.
//!
//! It serves any [`site::Site`] and knows none; `tests/it/floors.rs` keeps it so.

pub mod allowance;
pub mod config;
mod connection;
pub mod exposure;
mod forwarded;
mod headers_check;
pub mod hosts;
pub mod listen;
mod open_connections;
pub mod reply;
pub mod request_check;
pub mod server;
pub mod site;
#[cfg(any(test, feature = "testing"))]
pub mod test_client;
mod tls;
mod write_timeout;
