//! PostgreSQL and PgBouncer for the tests: servers of their own in a temporary folder, a fresh database for each test, and a
//! proxy that breaks connections.
//!
//! Where the programs are not installed the functions return `None`, which skips a test; see [`programs`]. Nothing outlives
//! the tests, even if they are killed: see [`folder`].

mod bouncer;
mod client;
mod folder;
mod own;
mod ports;
mod programs;
mod proxy;
mod server;
mod tests;

pub use bouncer::Bouncer;
pub use client::{Database, NULL, psql};
pub use proxy::{Fault, Proxy};
pub use server::{AUTHORITY, Server};
