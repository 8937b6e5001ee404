//! Every quirk of a contract is either handled, or ends in a clear message without any loss.
//!
//! One row of data per quirk. The shipped jobs and connectors read the
//! sandbox: once into a mirror that was filled before the quirk, once into an empty one; the
//! tables are compared with those of an undisturbed mirror. The surprise: pages are
//! small here, so that a small school has several of each list.

mod combos;
mod expect;
mod harness;
mod moving;
mod side;
mod wapi;
mod webuntis;
mod wisenet;
