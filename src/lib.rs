//! Rollbook mirrors what other services say about a school into one local SQLite file.
//!
//! This is the map. Each folder's `mod.rs` is its contents page, and each file's first lines say what it
//! is, what it is not, and its one surprise. The long way round is `docs/ARCHITECTURE.md`.
//!
//! ```text
//! cli        one file a command; the only place that writes to the terminal
//! app        builds everything from the configuration, introduces the floors
//! daemon     when jobs run, reload, shutdown
//! sync       one run: read, plan, guard, apply
//! config   vendor   http   store      the admin's files, the vendors' descriptions, asking, keeping
//! sheets     spreadsheets and CSV that people bring and take
//! model      words and rules: no I/O, no clock, no async
//! clock, folder      the doors to time and to files that people edit
//! ```
//!
//! Floors look down only, and neighbours on a floor do not know each other.
//!
//! Five thoughts carry the rest:
//!
//! * **Vendors are data, the engine is code.** What is known of a vendor is one TOML file, read by
//!   [`vendor`]. The engine knows a small closed set of strategies and no vendor by name.
//! * **The difference is a value.** [`sync`] reads, works out a [`model::plan::Plan`], has it looked at by the
//!   [`model::guard`], and only then has it applied. The same numbers feed the dry run, the log and the record.
//! * **A checkpoint is never ahead of its data.** Both commit in one transaction of the [`store`], and none is
//!   open while anybody waits for a vendor.
//! * **Absence is evidence only after a complete reading.** No failed, short, empty or odd answer removes a row.
//! * **Ask politely, fail plainly, read only.** One [`http::Session`] a source waits, paces and retries; every
//!   failure has a [`model::Class`] and ends in a sentence an admin can act on.
//!
//! To follow one page through the code, read in this order: [`vendor::description`], [`vendor::api`],
//! [`sync::read`], [`http`], [`vendor::answer`], [`store::staging`], [`model::guard`], [`store::apply`].

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod folder;
pub mod http;
pub mod model;
pub mod sheets;
pub mod store;
pub mod sync;
pub mod vendor;
