//! What all of Rollbook stands on: values and rules, the files of an admin, vendors' APIs as data, and the mirror.
//!
//! It opens no socket. The map of the whole program is in `src/lib.rs` of the crate `rollbook`.

pub mod blocking;
pub mod clock;
pub mod connector;
pub mod document;
pub mod folder;
pub mod model;
pub mod permissions;
pub mod program;
pub mod replacement;
pub mod store;
