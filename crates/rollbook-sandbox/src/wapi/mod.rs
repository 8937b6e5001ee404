//! WAPI of WIT-DataCenter: building telemetry of the invented school.
//!
//! Written from `docs/contracts/wapi.md`; every ASSUMPTION in that file is a switch. One port
//! serves both hosts, the authorization server and the API.

mod account;
mod commands;
mod errors;
mod flat;
mod formats;
mod history;
mod oauth;
mod operations;
mod payloads;
mod plant;
mod points;
mod record;
mod reference;
mod serve;
pub mod switches;
#[cfg(test)]
mod tests;
mod world;
mod xml;

use std::sync::Arc;

use crate::control::Control;
use crate::shared::Shared;
pub use switches::Switches;

/// Code of the business account that owns everything.
pub const WAC: &str = "WAC240017003311";
/// Code of the organization that owns the account.
pub const WOC: &str = "WOC240017000042";

/// The simulated platform.
#[derive(Debug)]
pub struct Wapi {
    shared: Arc<Shared>,
    switches: Switches,
    control: Arc<Control>,
}
