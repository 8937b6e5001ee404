//! Every quirk that a contract lists is either survived, or ends in a clear message with nothing lost.
//!
//! One row of data a quirk. The shipped jobs and connectors run through the real path against the
//! sandbox: once over a mirror that was filled before the quirk came, once into an empty one; what stands
//! in the tables is compared with what an undisturbed mirror holds. The surprise: pages are cut
//! small here, so that a small school has several of each list.

mod bench;
mod combos;
mod expect;
mod moving;
mod wapi;
mod webuntis;
mod wisenet;
