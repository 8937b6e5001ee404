//! Years in minutes: the daemon's loop with the real application on a clock whose time passes only while every task waits.
//!
//! A seed is three years of a school with 20 jobs of four sources in four zones. Loop, engine, sessions, tokens, alerts, store
//! and vault are those of the program, only the transport below the sessions is scripted (`http/scripted.rs`). Each month has
//! random incidents (`plan.rs`) until its 18th day; then nothing happens, and everything must become fresh by itself. The laws
//! are in `laws.rs`.
//!
//! ```text
//! cargo test --locked -p rollbook-app app::soak                                     two years of one seed
//! ROLLBOOK_SOAK_SEEDS=100 cargo test --locked -p rollbook-app app::soak -- --nocapture
//! ROLLBOOK_SOAK_SEED=7 cargo test --locked -p rollbook-app app::soak -- --nocapture  the seed of a failure
//! ```
//!
//! `ROLLBOOK_SOAK_THREADS` sets the number of concurrent lives (1), each a process of its own, because its memory is measured;
//! `ROLLBOOK_SOAK_MONTHS` their length (36); `ROLLBOOK_SOAK_LOG` prints what happens.

mod laws;
mod life;
mod observed;
mod plan;
mod school;
mod tests;
mod vendor;
