//! `rollbook schema`: the JSON Schema of each kind of file, for completion and checks in editors.

use super::out;
use crate::web::config::web_schema;
use rollbook_core::connector::connector_schema;
use rollbook_engine::setup::files::{
    bundle_schema, crosswalk_schema, job_schema, people_schema, rollbook_schema,
};
use rollbook_http::oneroster::config::oneroster_schema;

/// Options of `schema`.
#[derive(Debug, clap::Args)]
pub struct SchemaOptions {
    /// The kind of file
    kind: SchemaKind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SchemaKind {
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
    /// A bundle of files in config/exports/
    Bundle,
    /// config/web.toml
    Web,
    /// config/oneroster.toml
    #[value(name = "oneroster")]
    OneRoster,
}

/// Prints the schema.
pub fn run(options: &SchemaOptions) {
    out::json(&match options.kind {
        SchemaKind::Connector => connector_schema(),
        SchemaKind::Rollbook => rollbook_schema(),
        SchemaKind::Job => job_schema(),
        SchemaKind::People => people_schema(),
        SchemaKind::Crosswalk => crosswalk_schema(),
        SchemaKind::Bundle => bundle_schema(),
        SchemaKind::Web => web_schema(),
        SchemaKind::OneRoster => oneroster_schema(),
    });
}
