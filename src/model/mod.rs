//! Values and rules: rows, plan, guard, completeness, outcomes, schedule, retry arithmetic. No I/O, no clock, no async.

pub mod absence;
pub mod account;
pub mod cause;
pub mod class;
pub mod combo;
pub mod completeness;
pub mod decision;
pub mod duration;
mod fingerprint;
pub mod grant;
pub mod guard;
pub mod name;
pub mod normalize;
pub mod outcome;
pub mod park;
pub mod people;
pub mod percent;
pub mod plan;
pub mod retry;
pub mod row;
pub mod scalar;
pub mod schedule;
pub mod sign_in;
pub mod similarity;

pub use cause::Cause;
pub use class::Class;
pub use combo::{By, Reference};
pub use completeness::{Completeness, Inconsistency};
pub use duration::{History, Period};
pub use grant::{ClientAuth, EndpointRules, GrantKind, TokenBody, TokenMembers};
pub use name::{
    ColumnName, ConnectorName, CrosswalkName, JobName, MatchName, SourceName, StreamName,
};
pub use outcome::Outcome;
pub use park::ParkReason;
pub use percent::Percent;
