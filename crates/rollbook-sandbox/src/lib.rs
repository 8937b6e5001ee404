//! SimulatedAccount vendors on loopback, written from `docs/contracts/` alone; for the demo and for tests.
//!
//! Depends on nothing of the product: it shares no decoding, paging or token code with the client, so a misreading in one does not
//! hide in the other. Every quirk of a contract is a switch, and faults apply to any request.

pub mod authorization;
pub mod calendar;
pub mod clock;
pub mod control;
pub mod describe;
pub mod edits;
mod fault_responses;
pub mod faults;
pub mod options;
mod query;
pub mod random;
pub mod roll;
pub mod run;
pub mod school;
mod server;
pub mod shared;
mod state_file;
pub mod switches;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod vendor;
pub mod wapi;
pub mod webuntis;
pub mod wisenet;

pub use authorization::{Authorization, Login, TokenCounts};
pub use control::{Control, Counters};
pub use describe::{Description, Endpoint};
pub use edits::{Change, Edits};
pub use faults::{Fault, Faults, ScriptedFault};
pub use options::Options;
pub use run::Sandbox;
pub use shared::Shared;
