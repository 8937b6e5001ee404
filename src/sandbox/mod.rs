//! The sandbox: three simulated vendors on loopback, written from `vendors/*.md` alone.
//!
//! Apart from the floors: it shares no decoding, paging or token code with the client, so that a
//! shared mistake cannot hide. It knows vendors by name; nothing else in `src/` does.

pub mod random;
pub mod school;
pub mod shared;
pub mod wisenet;
