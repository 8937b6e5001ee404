//! WebUntis as OneRoster 1.1, and the plain standard beside it on a path of its own.
//!
//! Written from `docs/contracts/webuntis-oneroster.md`. Two tenants with different schools stand behind
//! the same OneRoster addresses: the token decides which one is seen.

pub mod choices;
mod errors;
mod faces;
mod filter;
mod lessons;
mod order;
mod page;
mod people;
mod render;
mod roster;
mod routes;
mod serve;
mod sso;
pub mod switches;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::control::Control;
use crate::shared::Shared;
use order::Served;
use roster::Face;
pub use switches::Switches;

/// The tenant the sandbox's settings speak of.
pub const TENANT: &str = "4711";
/// Both tenants; the second one is another, smaller school.
pub const TENANTS: [&str; 2] = [TENANT, "4712"];

/// A day, and what a tenant serves on it.
type DatedRoster = (u64, Arc<Served>);

/// The simulated WebUntis platform.
#[derive(Debug)]
pub struct WebUntis {
    shared: Arc<Shared>,
    switches: Switches,
    control: Arc<Control>,
    /// The last day's rows by tenant and face.
    rosters: Mutex<BTreeMap<(String, Face), DatedRoster>>,
    /// Lists asked for so far, by name: for troubles that strike the nth page.
    pages: Mutex<BTreeMap<String, u64>>,
}
