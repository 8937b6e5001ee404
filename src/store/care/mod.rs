//! Care of the mirror's file: is it whole, a copy of it on the side, and the way back from a copy.
//!
//! All of it reads as other readers do, so it works beside a daemon; only bringing a copy back wants the
//! mirror to itself. A copy is made by SQLite, never by copying the file: what is newest may stand in the log.

mod backup;
mod copy;
mod restore;
mod verify;

pub use backup::{Made, Wanted, make};
pub use copy::before_upgrade;
pub use restore::{Restored, restore};
pub use verify::{Extent, Verified, verify};

#[cfg(test)]
mod tests;
