//! What the status says of outputs: bundles, hooks and published databases. Not why a bundle or a hook failed, because a
//! program's own words may name a pupil.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use rollbook_core::model::{BundleName, HookName, PublishName, SourceName, scalar};

/// All outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// The configured bundles, by name.
    pub bundles: Vec<BundleStatus>,
    /// What hooks are told of, by hook.
    pub hooks: Vec<HookStatus>,
    /// Sources in published databases, by database and source.
    #[serde(default)]
    pub published: Vec<PublishStatus>,
}

impl Outputs {
    /// Whether nothing leaves the mirror.
    pub fn is_empty(&self) -> bool {
        self.bundles.is_empty() && self.hooks.is_empty() && self.published.is_empty()
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

/// A source in a published database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishStatus {
    /// The database.
    pub publish: PublishName,
    /// The source.
    pub source: SourceName,
    /// Its state.
    pub state: OutputState,
    /// The tables hold what the mirror held after this run; `null` before the first.
    pub run: Option<i64>,
    /// When something was published last, UTC; `null` if never.
    pub published: Option<String>,
    /// Streams that are filled or compared at present.
    pub comparing: u64,
    /// Whether it is removed from the database.
    pub removal: bool,
    /// Runs that changed something and are not published.
    pub lag_runs: u64,
    /// Since when the database lacks something, UTC.
    pub lag_since: Option<String>,
    /// When that is late, UTC.
    pub late_at: Option<String>,
    /// Since when it fails, UTC.
    pub failed_since: Option<String>,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// When it is tried again, UTC.
    pub next_attempt: Option<String>,
    /// Why the last attempt failed: without a value of a row.
    pub problem: Option<String>,
}

impl PublishStatus {
    /// One that is up to date since that time.
    #[cfg(any(test, feature = "testing"))]
    pub fn up_to_date(publish: &str, source: &str, at: &str) -> Self {
        use rollbook_core::model::named;
        Self {
            publish: named(publish),
            source: named(source),
            state: OutputState::Ok,
            run: Some(812),
            published: Some(at.to_owned()),
            comparing: 0,
            removal: false,
            lag_runs: 0,
            lag_since: None,
            late_at: None,
            failed_since: None,
            attempts: 0,
            next_attempt: None,
            problem: None,
        }
    }

    /// Whether everything is there, and nothing is in the way.
    pub fn is_up_to_date(&self) -> bool {
        self.state == OutputState::Ok && self.lag_runs == 0 && self.comparing == 0 && !self.removal
    }

    /// How long the database has lacked something.
    pub fn lag(&self, now: Timestamp) -> Duration {
        let since = self.lag_since.as_deref().and_then(scalar::parse);
        let lag = since.map(|since| now.duration_since(since));
        lag.and_then(|lag| lag.try_into().ok()).unwrap_or_default()
    }
}

/// The state of a bundle, a hook, or a published source.
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
