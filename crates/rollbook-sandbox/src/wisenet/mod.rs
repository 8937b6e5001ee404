//! The simulated Wisenet, written from `docs/contracts/wisenet.md` alone.
//!
//! Only reading is simulated: a write is refused and counted. The surprise: no row is kept. The
//! `world` knows ids, links and change times of a day, and a page is worked out field by field
//! from the tables in `data/` when somebody asks for it.

mod answers;
mod churn;
mod combos;
mod faults;
mod fields;
mod listing;
mod people;
mod resources;
mod rows;
mod service;
mod stamps;
mod switches;
mod tokens;
mod values;
mod world;

#[cfg(test)]
mod tests;

pub use service::{Counters, Wisenet};
pub use switches::{
    ExpiresAt, FractionDigits, KeyOrder, Names, PastEnd, Region, Required, Switches, Unknown, Unset,
};
#[cfg(test)]
pub(crate) use tokens::client_secret;
