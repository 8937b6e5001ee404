//! The simulated Wisenet, written from `docs/contracts/wisenet.md` alone.
//!
//! Only reads are simulated: a write is refused and counted. The surprise: no row is stored. The
//! `world` has ids, links and change times of a day, and a page is derived field by field
//! from the tables in `data/` on request.

mod churn;
mod combos;
mod faults;
mod fields;
mod listing;
mod people;
mod resources;
mod responses;
mod rows;
mod service;
mod side;
mod switches;
mod times;
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
