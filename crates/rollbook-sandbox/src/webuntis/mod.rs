//! WebUntis as OneRoster 1.1, and the plain standards 1.1 and 1.2 on paths of their own.
//!
//! Written from `docs/contracts/webuntis-oneroster.md` and `docs/contracts/oneroster-1.2.md`. Two tenants with different schools share
//! the same OneRoster addresses: the token selects the tenant.

mod accounts;
pub mod choices;
mod errors;
mod filter;
mod lessons;
mod oauth1;
mod order;
mod page;
mod people;
mod render;
mod roster;
mod routes;
mod serve;
mod sso;
mod standard;
pub mod switches;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::control::Control;
use crate::shared::Shared;
use order::DayRoster;
use roster::Profile;
pub use switches::Switches;

/// The tenant in the sandbox's settings.
pub const TENANT: &str = "4711";
/// Both tenants; the second one is another, smaller school.
pub const TENANTS: [&str; 2] = [TENANT, "4712"];

/// A day, and a tenant's rows on it.
type DatedRoster = (u64, Arc<DayRoster>);

/// The simulated WebUntis platform.
#[derive(Debug)]
pub struct WebUntis {
    shared: Arc<Shared>,
    switches: Switches,
    control: Arc<Control>,
    /// The latest day's rows by tenant and profile.
    rosters: Mutex<BTreeMap<(String, Profile), DatedRoster>>,
    /// Nonces of signed requests.
    nonces: oauth1::Nonces,
    /// Requests by list name, for faults of the nth page.
    pages: Mutex<BTreeMap<String, u64>>,
}
