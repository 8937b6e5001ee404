//! Rollbook mirrors what other services hold about a school into one local SQLite file.
//!
//! This is the map: crates on the left, and their parts. Each folder's `mod.rs` is its contents page; each file's first lines say what it is, what it is not, and its one
//! surprise. `docs/ARCHITECTURE.md` describes the whole.
//!
//! ```text
//! rollbook           cli          one file a command; the only code that writes to the terminal
//!                    web          status page, metrics, health, webhooks: of the daemon's files alone
//!                    spreadsheets files that people bring
//! rollbook-app       app          composition and admin commands
//! rollbook-engine    output       what leaves the mirror as files
//!                    daemon       when jobs run, reload, shutdown, systemd, alerts
//!                    sync         one run of a job: read, plan, decide, apply
//!                    setup        every file -> one checked Setup, all problems at once
//! rollbook-postgres  postgres     all PostgreSQL
//!                    cluster      workers that share sources by a database: the decisions alone, pure
//! rollbook-http      oneroster    the rows of the OneRoster service
//!                    http_server  connections, TLS and limits of what is served: knows nothing of it
//!                    auth         grants, token manager, rotation, discovery, browser login
//!                    http         one session a source
//! rollbook-core      store        all SQLite
//!                    connector    a vendor's API as data
//!                    model        values and rules: no I/O, no clock, no async
//!                    document     TOML with locations
//!                    clock, folder, permissions
//!                                 the only access to time, to files that people edit, to users and groups
//!                    blocking, program, replacement
//!                                 work that blocks; programs of the admin; files that replace others
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
//!
//! [`connector`]: rollbook_core::connector
//! [`connector::api`]: rollbook_core::connector::api
//! [`connector::file`]: rollbook_core::connector::file
//! [`connector::response`]: rollbook_core::connector::response
//! [`http`]: rollbook_http::http
//! [`http::Session`]: rollbook_http::http::Session
//! [`model::Class`]: rollbook_core::model::Class
//! [`model::absence`]: rollbook_core::model::absence
//! [`model::decision`]: rollbook_core::model::decision
//! [`model::guard`]: rollbook_core::model::guard
//! [`model::plan::Plan`]: rollbook_core::model::plan::Plan
//! [`store`]: rollbook_core::store
//! [`store::apply`]: rollbook_core::store::apply
//! [`store::staging`]: rollbook_core::store::staging
//! [`sync`]: rollbook_engine::sync
//! [`sync::read`]: rollbook_engine::sync::read

pub mod cli;
pub mod spreadsheets;
pub mod web;
