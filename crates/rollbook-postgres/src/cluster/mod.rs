//! Workers that share sources by a database: who has a source, who may send its refresh token, who claims what. Pure.
//!
//! No I/O, no clock and no chance: rows, times and seeds are parameters, so that all histories can be searched. The rules are
//! those of `docs/contracts/cluster-protocol.md`; each decision cites the one that it implements.

pub mod lease;
pub mod placement;
pub mod token;

#[cfg(test)]
mod search;
