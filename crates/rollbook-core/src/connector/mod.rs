//! Connectors (a vendor's API as a TOML file) and reading a page by one: paging, decoding, repair. No sockets, no store.
//!
//! `file.rs` holds the types, `load.rs` the loading, `api.rs` a connector filled with a source's settings. Paging strategies are pure
//! values in `paging.rs`. Only `builtin.rs` names vendors.

pub mod api;
pub mod builtin;
pub mod column_config;
pub mod columns;
pub mod combos;
pub mod decode;
pub mod draft;
pub mod file;
pub mod grants;
pub mod json;
pub mod link;
pub mod load;
pub mod mask;
pub mod paging;
pub mod personal;
pub mod query_value;
pub mod repair;
pub mod response;
pub mod slots;
pub mod template;
pub mod tree;
pub mod webhook;
pub mod windows;

pub use load::{Connectors, connector_schema};
