//! Floor 0: words and rules. No I/O, no clock, no async.

pub mod alike;
pub mod class;
pub mod combo;
pub mod document;
pub mod duration;
pub mod file_text;
pub mod folded;
pub mod guard;
mod hidden;
pub mod name;
pub mod nearest;
pub mod node;
pub mod people;
pub mod percent;
pub mod plan;
pub mod problem;
pub mod retry;
pub mod row;
pub mod scalar;
pub mod schedule;
pub mod schema;
mod schema_walk;
pub mod sign_in;
pub mod spelled;

pub use class::Class;
pub use combo::{By, Reference};
pub use document::Document;
pub use duration::{History, Period};
pub use file_text::{FileText, Place};
pub use name::{ColumnName, CrosswalkName, JobName, MatchName, SourceName, StreamName, VendorName};
pub use node::Node;
pub use percent::Percent;
pub use problem::{Look, Problem, Problems, Severity};
