//! How much of a stream a job requests.

use serde::Deserialize;

/// How much of a stream is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// Everything, each time.
    Full,
    /// What changed since the last run, and now and then everything.
    Incremental,
}
