//! Values and rules: rows, plan, guard, completeness, outcomes, schedule, retry arithmetic. No I/O, no clock, no async.

pub mod absence;
pub mod account;
pub mod adaptation;
pub mod alert_subject;
pub mod apply_mode;
pub mod cause;
pub mod class;
pub mod combo;
pub mod completeness;
pub mod decision;
pub mod duration;
pub mod entry_name;
pub mod erasure_reason;
pub mod error_codes;
mod fingerprint;
pub mod grant;
pub mod guard;
pub mod kept_grant;
pub mod kept_refusal;
pub mod name;
pub mod normalize;
pub mod outcome;
pub mod park;
pub mod people;
pub mod percent;
pub mod person_rows;
pub mod plan;
pub mod read_mode;
pub mod request_limits;
pub mod retry;
pub mod row;
pub mod scalar;
pub mod schedule;
pub mod sign_in;
pub mod similarity;
pub mod table;
pub mod unexpected_response;

pub use adaptation::Adaptation;
pub use alert_subject::AlertSubject;
pub use apply_mode::ApplyMode;
pub use cause::{Cause, RunStart};
pub use class::Class;
pub use combo::{By, Reference};
pub use completeness::{Completeness, Inconsistency};
pub use duration::{History, Period};
pub use entry_name::EntryName;
pub use erasure_reason::ErasureReason;
pub use error_codes::ErrorCodes;
pub use grant::{ClientAuth, EndpointRules, GrantKind, TokenBody, TokenMembers};
pub use kept_grant::{KeptAccess, KeptGrant};
pub use kept_refusal::KeptRefusal;
#[cfg(test)]
pub(crate) use name::named;
pub use name::{
    ColumnName, ConnectorName, CrosswalkName, JobName, MatchName, SourceName, StreamName,
};
pub use outcome::Outcome;
pub use park::ParkReason;
pub use percent::Percent;
pub use person_rows::{PersonColumn, PersonRows};
pub use read_mode::ReadMode;
pub use request_limits::RequestLimits;
pub use table::{Table, TableColumn};
pub use unexpected_response::{ResponseFault, UnexpectedResponse};
