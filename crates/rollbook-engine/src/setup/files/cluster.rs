//! `[cluster]`: workers on several machines that share the sources by a PostgreSQL database.
//!
//! The doc comments are the reference text.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::secrets::SecretRef;

/// A PostgreSQL database by which several workers share the sources. Each source is mirrored by one worker at a time, into a file
/// of its own; its state is in the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Where the database's address is: `postgres://user:password@host:5432/database`. It is a secret as a whole. To another
    /// machine the connection is encrypted and the server's certificate is verified.
    pub url: SecretRef,
    /// A PEM file of authorities that are trusted instead of the machine's; a relative path starts at the configuration folder.
    pub ca_file: Option<PathBuf>,
    /// The schema of the cluster's own tables; it is made if it is missing. Who may read it can read every mirror. Default
    /// `"rollbook_cluster"`.
    #[serde(default = "schema_name")]
    #[cfg_attr(test, schemars(length(min = 1, max = 63)))]
    pub schema: String,
    /// The load that a worker takes at most: a source counts 1, and 1 more for each ten minutes that its runs of a day take. Default
    /// 1000.
    #[serde(default = "capacity")]
    pub capacity: NonZeroU32,
}

fn schema_name() -> String {
    "rollbook_cluster".to_owned()
}

fn capacity() -> NonZeroU32 {
    const { NonZeroU32::new(1000).expect("1000 is not 0") }
}
