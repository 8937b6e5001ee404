//! Floor 0: words and rules. No I/O, no clock, no async.

pub mod class;

pub use class::Class;
