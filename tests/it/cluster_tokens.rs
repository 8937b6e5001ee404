//! Rotating tokens and daily limits of a cluster at a real server: two stores as two workers, and a vendor that notices each reuse.
//!
//! Time that must pass is moved in the database, whose clock decides. What all tests need is in `world.rs`.

mod commands;
mod days;
mod lease;
mod open_intents;
mod partitions;
mod refreshes;
mod world;

pub use world::connect;
