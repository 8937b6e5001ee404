//! Floor 0: words and rules. No I/O, no clock, no async.

pub mod class;
pub mod duration;
pub mod guard;
pub mod name;
pub mod nearest;
pub mod percent;
pub mod plan;
pub mod row;
pub mod scalar;
pub mod spelled;
pub mod retry;
pub use class::Class;
pub use duration::{History, Period};
pub use name::{JobName, SourceName, StreamName, VendorName};
pub use percent::Percent;
pub mod document;
pub mod file_text;
mod hidden;
pub mod node;
pub mod problem;
mod schema;
mod schema_walk;
pub use document::Document;
pub use file_text::{FileText, Place};
pub use node::Node;
pub use problem::{Look, Problem, Problems, Severity};
