//! What the status says of outputs: bundles and hooks. Not why one failed, because a program's own words may name a pupil.

use serde::{Deserialize, Serialize};

use crate::model::{BundleName, HookName};

/// All outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// The configured bundles, by name.
    pub bundles: Vec<BundleStatus>,
    /// What hooks are told of, by hook.
    pub hooks: Vec<HookStatus>,
}

impl Outputs {
    /// Whether nothing leaves the mirror.
    pub fn is_empty(&self) -> bool {
        self.bundles.is_empty() && self.hooks.is_empty()
    }
}

/// A bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleStatus {
    /// Its name.
    pub bundle: BundleName,
    /// Its state.
    pub state: OutputState,
    /// When it was written last, UTC; `null` if never.
    pub written: Option<String>,
    /// Its rows, as they were written last.
    pub rows: u64,
    /// Rows without a legal form, which are not in it.
    pub left_out: u64,
    /// Since when it is held or fails, UTC.
    pub failed_since: Option<String>,
}

/// A hook, with one job or bundle that it is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatus {
    /// Its name.
    pub hook: HookName,
    /// `job NAME` or `bundle NAME`.
    pub follows: String,
    /// Its state.
    pub state: OutputState,
    /// When it was told last, UTC; `null` if never.
    pub told: Option<String>,
    /// Since when it cannot be told, UTC.
    pub failed_since: Option<String>,
    /// When it is tried again, UTC.
    pub next_attempt: Option<String>,
}

/// The state of a bundle or a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputState {
    /// Nothing was written or told yet.
    Pending,
    /// The last attempt succeeded.
    Ok,
    /// The last changes were not fetched yet, so no others are written.
    Waiting,
    /// The guard holds it until an admin approves.
    Held,
    /// The last attempt failed; it is tried again.
    Failed,
}

impl OutputState {
    /// All of them, for a metric a state.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Ok,
        Self::Waiting,
        Self::Held,
        Self::Failed,
    ];

    /// The value in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}
