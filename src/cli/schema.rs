//! `rollbook schema`: the JSON Schema of each kind of file, for editors that complete and check.

use super::out;
use crate::config::{crosswalk_schema, job_schema, people_schema, rollbook_schema};
use crate::vendor::description_schema;

/// Options of `schema`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which kind of file
    kind: Kind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// A description in config/vendors/
    Vendor,
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
        Kind::Vendor => description_schema(),
        Kind::Rollbook => rollbook_schema(),
        Kind::Job => job_schema(),
        Kind::People => people_schema(),
        Kind::Crosswalk => crosswalk_schema(),
    });
}
