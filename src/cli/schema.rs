//! `rollbook schema`: the JSON Schema of each kind of file, for completion and checks in editors.

use super::out;
use crate::connector::connector_schema;
use crate::setup::files::{crosswalk_schema, job_schema, people_schema, rollbook_schema};

/// Options of `schema`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The kind of file
    kind: Kind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// A connector in config/connectors/
    Connector,
    /// config/rollbook.toml
    Rollbook,
    /// A job in jobs/
    Job,
    /// config/crosswalks/people.toml
    People,
    /// A crosswalk in config/crosswalks/
    Crosswalk,
}

/// Prints the schema.
pub fn run(options: &Options) {
    out::json(&match options.kind {
        Kind::Connector => connector_schema(),
        Kind::Rollbook => rollbook_schema(),
        Kind::Job => job_schema(),
        Kind::People => people_schema(),
        Kind::Crosswalk => crosswalk_schema(),
    });
}
