//! The engine against a scripted vendor: random histories on a virtual clock, without sockets, and the laws
//! that hold after every run (`laws.rs`).
//!
//! The real [`Runner`](crate::sync::Runner) runs a real job on a real store; only the responses are scripted. A scenario
//! (`scenario.rs`) describes the vendor and the events; it is a value, so a failing one is reduced and printed as Rust for
//! `regressions.rs`.
//!
//! ```text
//! cargo test --locked --lib sync::simulation                                   regressions, and a few histories
//! ROLLBOOK_HISTORIES=100000 ROLLBOOK_SEED=1 cargo test --locked --lib sync::simulation -- --nocapture
//! ```
//!
//! `ROLLBOOK_SHOW=3` prints three scenarios of each broken law, `ROLLBOOK_LAW=ChangesArrive` checks one law only,
//! `ROLLBOOK_THREADS` sets the number of concurrent histories (2).

mod laws;
mod mirror;
mod play;
mod random;
mod regressions;
mod scenario;
mod script;
mod smaller;
mod tests;
mod vendor;
