//! TOML files that people write, read with the location of every value and checked against a schema; all problems at once.
//!
//! Knows nothing of Rollbook. A file becomes a [`Document`]; its mistakes become [`Problems`], each with its line.

pub mod file_kind;
pub mod file_text;
pub mod lookalike;
pub mod node;
pub mod ordered;
pub mod parse;
pub mod problem;
mod redact;
pub mod schema;
mod schema_walk;
pub mod suggest;
pub mod text_value;
pub mod toml_text;
pub mod without_values;

pub use file_text::{FileText, Location};
pub use node::Node;
pub use ordered::OrderedTable;
pub use parse::Document;
pub use problem::{Problem, ProblemKind, Problems, RenderStyle, Severity};
