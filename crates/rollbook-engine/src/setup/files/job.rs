//! A job as it is written: one file in `jobs/`, its name is the job's name.
//!
//! Data only. The doc comments are the reference text: `rollbook schema job` is made from them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::schedule::{Schedule, Zone};
use rollbook_core::document::file_kind::file_kind;
use rollbook_core::model::guard::GuardRules;
use rollbook_core::model::{
    ApplyMode, ColumnName, History, Period, ReadMode, SourceName, StreamName,
};

/// What is read, and when.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// A source of `rollbook.toml`.
    pub source: SourceName,
    /// The streams to read, in this order.
    #[cfg_attr(test, schemars(length(min = 1), example = ["orgs", "users"]))]
    pub streams: Vec<StreamName>,
    /// When: a cron pattern of five fields, or six with seconds in front.
    pub schedule: Schedule,
    /// The zone that the schedule's times are in. Default `"UTC"`.
    #[serde(default)]
    pub time_zone: Zone,
    /// When the streams become visible. Default `"each"`.
    #[serde(default)]
    pub apply: ApplyMode,
    /// Whether a time that was missed while the machine was off is made up for once after start. Default false.
    #[serde(default)]
    pub catch_up: bool,
    /// How long a run may take; then it is stopped. Default `"30m"`.
    #[serde(default = "half_an_hour")]
    pub timeout: Period,
    /// Which columns of each stream are mirrored, where the stream has this preset: `"core"` or `"full"`. Default `"full"`.
    pub preset: Option<Preset>,
    /// When a run is held for an admin to approve.
    #[serde(default)]
    pub guard: GuardRules,
    /// Options of single streams.
    #[serde(default)]
    pub stream: BTreeMap<StreamName, StreamOptions>,
}

impl JobConfig {
    /// Uses the schedule of an earlier job that is written alike.
    pub(super) fn share_schedule(mut self, known: &mut BTreeMap<String, Schedule>) -> Self {
        let text = self.schedule.as_str().to_owned();
        let shared = known.entry(text).or_insert(self.schedule);
        self.schedule = shared.clone();
        self
    }
}

file_kind!(JobConfig, "job", "../../");

fn half_an_hour() -> Period {
    Period(Duration::from_secs(30 * 60))
}

/// A set of columns that a connector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Who, what, which status, when.
    Core,
    /// Every column of the connector.
    Full,
}

impl Preset {
    /// The preset that a file means by a text.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "core" => Some(Self::Core),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What is stored of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// The first day of its year.
    Year,
    /// The first day of its month.
    Month,
}

/// Options of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamOptions {
    /// Which columns are mirrored: `"core"`, a few that the connector names, or `"full"`. Default: the job's.
    pub preset: Option<Preset>,
    /// The columns that are mirrored; with the preset `"core"`, those that are mirrored besides. The key, what rows are
    /// compared by, and references to streams of the job always are.
    pub keep: Option<Vec<ColumnName>>,
    /// Columns that are not mirrored; they are erased where they are. Not together with `keep`.
    #[serde(default)]
    pub drop: Vec<ColumnName>,
    /// Columns of which a pseudonym is stored in place of the value: the same text for the same value, in every stream.
    #[serde(default)]
    pub pseudonymise: Vec<ColumnName>,
    /// Date columns of which only the year or month is stored, such as `{ date_of_birth = "year" }`.
    #[serde(default)]
    pub truncate: BTreeMap<ColumnName, Precision>,
    /// How long old versions are kept, or `"off"`. Default: the connector's.
    pub history: Option<History>,
    /// Removes rows by a date of their own, such as `{ column = "end_date", for = "2 years" }`.
    pub retain: Option<RetainRule>,
    /// How much is requested. Default: the connector's.
    pub mode: Option<ReadMode>,
    /// Which combo lists are read, in the stream that mirrors them; each is a request: `"used"`, those that mirrored columns
    /// and crosswalks refer to, `"all"`, or names. Default `"all"`.
    #[cfg_attr(test, schemars(example = &"used"))]
    pub lists: Option<ComboSelection>,
}

/// Which combo lists are read: a word, or names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ComboSelection {
    /// By a rule.
    Rule(ComboRuleWord),
    /// These.
    Named(Vec<String>),
}

/// A rule for the combo lists that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComboRuleWord {
    /// Those that mirrored columns and crosswalks refer to.
    Used,
    /// Every one.
    All,
}

/// How long after a date of its own a row is kept. Rows without the date are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetainRule {
    /// A column with dates or times.
    pub column: ColumnName,
    /// How long after it.
    #[serde(rename = "for")]
    pub length: Period,
}
