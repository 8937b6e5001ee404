//! The status page, metrics and health: made of the status file and the history file alone.
//!
//! Nothing here knows the mirror, the vault or a credential; `tests/it/floors.rs` keeps it so.

pub mod health;
pub mod html_page;
pub mod metrics;
pub mod pages;
