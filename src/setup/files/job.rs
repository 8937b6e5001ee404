//! A job as it is written: one file in `jobs/`, its name is the job's name.
//!
//! Data only. The doc comments are the reference text: `rollbook schema job` is made from them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schedule::{Schedule, Zone};
use crate::model::{ColumnName, History, Percent, Period, SourceName, StreamName};

/// What is read, and when.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// A source of `rollbook.toml`.
    pub source: SourceName,
    /// The streams to read, in this order.
    #[schemars(length(min = 1), example = ["orgs", "users"])]
    pub streams: Vec<StreamName>,
    /// When: a cron pattern of five fields, or six with seconds in front.
    pub schedule: Schedule,
    /// The zone that the schedule's times are in. Default `"UTC"`.
    #[serde(default)]
    pub time_zone: Zone,
    /// When the streams become visible. Default `"each"`.
    #[serde(default)]
    pub apply: Apply,
    /// Whether a time that was missed while the machine was off is made up for once after start. Default false.
    #[serde(default)]
    pub catch_up: bool,
    /// How long a run may take; then it is stopped. Default `"30m"`.
    #[serde(default = "half_an_hour")]
    pub timeout: Period,
    /// When a run is held for an admin to approve.
    #[serde(default)]
    pub guard: Guard,
    /// Options of single streams.
    #[serde(default)]
    pub stream: BTreeMap<StreamName, StreamOptions>,
}

fn half_an_hour() -> Period {
    Period(Duration::from_secs(30 * 60))
}

/// When the streams of a run become visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// All in one transaction, or none.
    Together,
    /// Each by itself; one that fails does not stop the others.
    #[default]
    Each,
}

/// How much of a stream is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything, each time.
    Full,
    /// What changed since the last run, and now and then everything.
    Incremental,
}

/// Options of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamOptions {
    /// Columns that are not kept; they are erased where they are.
    #[serde(default)]
    pub drop: Vec<ColumnName>,
    /// How long old versions are kept, or `"off"`. Default: the connector's.
    pub history: Option<History>,
    /// How much is requested. Default: the connector's.
    pub mode: Option<Mode>,
}

/// When a run is held. A held run changes nothing until `rollbook approve`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// More of a stream's rows than this would be removed. Default `"10%"`.
    pub removals: Percent,
    /// More rows than this would be removed, whatever their share. Default 500.
    pub removals_max: u32,
    /// More of the rows than this would be removed and added again with only their key changed. Default `"30%"`.
    pub changed_keys: Percent,
    /// More of the rows read than this do not fit their types. Default `"1%"`.
    pub rejects: Percent,
    /// A column by which removals are checked group by group, such as `"school_id"`. Default none.
    pub per: Option<ColumnName>,
    /// How many complete readings in a row must miss a row before it is removed. Default: the connector's.
    pub confirm: Option<NonZeroU32>,
    /// Groups with fewer rows than this are not checked by themselves. Default 5.
    pub group_min: NonZeroU32,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            removals: Percent::whole(10),
            removals_max: 500,
            changed_keys: Percent::whole(30),
            rejects: Percent::whole(1),
            per: None,
            confirm: None,
            group_min: const { NonZeroU32::new(5).expect("5 is not 0") },
        }
    }
}
