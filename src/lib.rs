//! Rollbook mirrors what other services hold about a school into one local SQLite file.
//!
//! This is the map. Each folder's `mod.rs` is its contents page; each file's first lines say what it is, what it is not, and its one
//! surprise. `docs/ARCHITECTURE.md` describes the whole.
//!
//! ```text
//! cli          one file a command; the only code that writes to the terminal
//! app          composition and admin commands
//! web          status page, metrics, health, webhooks: of the daemon's files alone
//! http_server  connections, TLS and limits of what is served: knows nothing of it
//! output       what leaves the mirror as files
//! cluster      workers that share sources by a database: the decisions alone, pure
//! daemon       when jobs run, reload, shutdown, systemd, alerts
//! sync         one run of a job: read, plan, decide, apply
//! setup        every file -> one checked Setup, all problems at once
//! auth         grants, token manager, rotation, discovery, browser login
//! connector | http | store | spreadsheets
//!              a vendor's API as data; one session a source; all SQLite; files that people bring
//! model        values and rules: no I/O, no clock, no async
//! document     TOML with locations
//! clock, folder, permissions, replacement
//!              the only access to time, to files that people edit, to users and groups; files that replace others
//! ```
//!
//! Arrows point down only; neighbours meet in a small trait that the user of the service owns.
//!
//! Five ideas carry the rest:
//!
//! * **Vendors are data, the engine is code.** A vendor's API is one TOML file, read by [`connector`]. The engine has a small closed
//!   set of strategies and knows no vendor by name.
//! * **The difference is a value.** [`sync`] reads and computes a [`model::plan::Plan`]; the [`model::guard`] checks it; then it is
//!   applied. The same numbers feed the dry run, the log and the run's record.
//! * **A checkpoint is never ahead of its data.** Both commit in one transaction of the [`store`], and none is open while a run waits
//!   for a vendor.
//! * **Absence is evidence only after a complete reading.** No failed, short, empty or odd response removes a row.
//! * **Read only, polite, plain failures.** One [`http::Session`] a source paces and retries; every failure has a [`model::Class`] and
//!   ends in a message that an admin can act on.
//!
//! To follow one page through the code, read in this order: [`connector::file`], [`connector::api`], [`sync::read`], [`http`],
//! [`connector::response`], [`store::staging`], [`model::absence`], [`model::decision`], [`store::apply`].

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
#[cfg(feature = "postgres")]
pub mod cluster;
pub mod connector;
pub mod daemon;
pub mod document;
pub mod folder;
pub mod http;
pub mod http_server;
pub mod model;
pub mod oneroster;
pub mod output;
pub mod permissions;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod program;
pub mod replacement;
pub mod setup;
pub mod spreadsheets;
pub mod store;
pub mod sync;
pub mod web;
