//! Rollbook mirrors what other services say about a school into one local SQLite file.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod folder;
pub mod http;
pub mod model;
pub mod sandbox;
pub mod store;
pub mod sync;
pub mod vendor;
