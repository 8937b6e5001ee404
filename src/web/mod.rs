//! The status page, metrics and health: made of the status file and the history file alone.
//!
//! Nothing here knows the mirror, the vault or a credential; `tests/it/floors.rs` keeps it so.

pub mod access_token;
mod allowance;
pub mod config;
mod connection;
mod forwarded;
mod headers_check;
mod hosts;
pub mod html_page;
pub mod listen;
pub mod metrics;
mod open_connections;
pub mod pages;
mod readings;
mod reply;
mod route;
pub mod server;
mod shared_bodies;
mod tls;
pub mod web_site;
mod webhook_path;
mod write_timeout;
