//! Floor 0: words and rules. No I/O, no clock, no async.

pub mod class;
pub mod row;
pub mod scalar;

pub use class::Class;
