//! The status page, metrics and health: made of the status file and the history file alone.
//!
//! Nothing here knows the mirror, the vault or a credential; `tests/it/floors.rs` keeps it so.

pub mod access_token;
pub mod config;
pub mod html_page;
pub mod metrics;
mod page_headers;
pub mod pages;
mod readings;
mod request_kind;
mod route;
mod shared_bodies;
pub mod web_site;
mod webhook_path;
