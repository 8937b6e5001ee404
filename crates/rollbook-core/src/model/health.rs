//! What "healthy" means to a monitoring: one word for `/healthz` and for the heartbeat.

use serde::Deserialize;

/// What is said to be well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthMeaning {
    /// The daemon runs, makes progress, and does not end by itself.
    #[default]
    Alive,
    /// Also every job that is not paused had a good run in time, and none is parked or held.
    Fresh,
}
