//! `rollbook.toml` as it is written: the store, and one table for each account at a vendor.
//!
//! Data only. The doc comments are the reference text: `rollbook schema rollbook` is made from them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::alerts::AlertsConfig;
use super::auth::Auth;
use super::cluster::ClusterConfig;
use super::hooks::HookConfig;
use super::publish::PublishConfig;
use super::schedule::{Schedule, Zone};
use super::secrets::SecretRef;
use super::webhooks::WebhookConfig;
use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::text_value::{ValueError, text_value};
use rollbook_core::model::{
    ConnectorName, HookName, Period, PublishName, RequestLimits, SourceName, StagingLimits,
    WebhookName,
};

/// The daemon and its sources.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rollbook {
    /// Where the mirror is kept.
    #[serde(default)]
    pub store: StoreConfig,
    /// Who is alerted when a job needs a person. Default: no one.
    pub alerts: Option<AlertsConfig>,
    /// Programs and addresses that are told when runs changed something or a bundle was written, by a name that you choose.
    #[serde(default)]
    pub hooks: BTreeMap<HookName, HookConfig>,
    /// PostgreSQL databases that streams are published to, by a name that you choose.
    #[serde(default)]
    pub publish: BTreeMap<PublishName, PublishConfig>,
    /// Workers on several machines that share the sources. Default: this machine has them all.
    pub cluster: Option<ClusterConfig>,
    /// Webhooks of vendors that make jobs run early, by a name that you choose: the last part of `/webhooks/NAME`.
    #[serde(default)]
    pub webhooks: BTreeMap<WebhookName, WebhookConfig>,
    /// The accounts at vendors, by a name that you choose. A table of the mirror is named
    /// `<source>_<stream>`, so a new name is a new mirror.
    #[serde(default)]
    pub sources: BTreeMap<SourceName, SourceConfig>,
}

file_kind!(Rollbook, "rollbook", "../../");

/// Where the mirror is kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The mirror's file; a relative path starts at the state directory. Default `"mirror.db"`.
    #[serde(default = "mirror")]
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub path: PathBuf,
    /// Where the key is that seals the tokens in the vault (`rollbook vault key` makes one). Without it they
    /// are protected by the file's mode alone. Read at the start of the program and at a reload.
    pub vault_key: Option<SecretRef>,
    /// How long the records of runs are kept; a job's last ones stay. Default `"400 days"`.
    #[serde(default = "four_hundred_days")]
    pub runs: Period,
    /// How long it is kept why rows could not be taken; no longer than their run. Default `"90 days"`.
    #[serde(default = "ninety_days")]
    pub rejects: Period,
    /// No old version of a row is kept longer, whatever connectors and jobs say. Default: no limit.
    pub history_max: Option<Period>,
    /// How long the tables of a stream are kept that no job reads any more. Default `"400 days"`.
    #[serde(default = "four_hundred_days")]
    pub unconfigured: Period,
    /// What a reading may stage in the mirror's folder before it is applied.
    #[serde(default)]
    pub staging: StagingLimits,
    /// The group whose members may read the mirror; never the vault. Default: only the owner of the mirror's folder
    /// may. The service must be able to give files to it: its own group, or one of which its user is a member.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub readers: Option<String>,
    /// Whether the views with labels have the code of each reference too, which makes reading all of their columns
    /// slower. Default false.
    #[serde(default)]
    pub label_codes: bool,
    /// Backups that the daemon makes; without this table it makes none.
    pub backup: Option<BackupConfig>,
    /// A copy of tables for programs that cannot or may not read the mirror itself; without this table there is none.
    pub copy: Option<CopyConfig>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: mirror(),
            vault_key: None,
            runs: four_hundred_days(),
            rejects: ninety_days(),
            history_max: None,
            unconfigured: four_hundred_days(),
            staging: StagingLimits::default(),
            readers: None,
            label_codes: false,
            backup: None,
            copy: None,
        }
    }
}

const fn days(number: u64) -> Period {
    Period(Duration::from_secs(number * 24 * 60 * 60))
}

fn four_hundred_days() -> Period {
    days(400)
}

fn ninety_days() -> Period {
    days(90)
}

/// Backups of the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// When the daemon makes one: a cron pattern of five fields, or six with seconds in front.
    pub schedule: Schedule,
    /// The zone that the schedule's times are in. Default `"UTC"`.
    #[serde(default)]
    pub time_zone: Zone,
    /// How many are kept. Default 7.
    #[serde(default = "seven")]
    pub keep: NonZeroU32,
    /// The folder they go to; a relative path starts at the mirror's folder. Default `"backups"`.
    #[serde(default = "backups")]
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub path: PathBuf,
    /// Whether the vault, which holds tokens, is copied too. Default false.
    #[serde(default)]
    pub vault: bool,
}

impl BackupConfig {
    /// How many are kept by default.
    pub const KEEP: NonZeroU32 = const { NonZeroU32::new(7).expect("7 is not 0") };

    /// The default folder.
    pub const FOLDER: &str = "backups";
}

/// A copy of tables in one file without a write-ahead log, made after each run that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CopyConfig {
    /// The file; a relative path starts at the mirror's folder. Each copy replaces the last one.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub path: PathBuf,
    /// The group whose members may read it. Default: that of `readers` in `[store]`.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub group: Option<String>,
    /// The tables, such as `rosters_users`, `rosters_users_history` or `rosters_users_labelled`. Default: the live
    /// table of every stream.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub tables: Option<Vec<String>>,
    /// Columns that are left out of the copy, such as `rosters_users.email`: of the table, its history and its views.
    #[serde(default)]
    pub leave_out: Vec<String>,
}

impl CopyConfig {
    /// `TABLE.COLUMN` of `leave_out`.
    pub fn split(left_out: &str) -> Option<(&str, &str)> {
        left_out.split_once('.')
    }
}

fn seven() -> NonZeroU32 {
    BackupConfig::KEEP
}

fn backups() -> PathBuf {
    PathBuf::from(BackupConfig::FOLDER)
}

fn mirror() -> PathBuf {
    PathBuf::from("mirror.db")
}

/// One account at a vendor.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The connector that reads it: one that is built in, or a file in `connectors/`.
    pub connector: ConnectorName,
    /// Its vendor is simulated and has another address each time, which does not mean another account.
    #[serde(skip)]
    #[cfg_attr(test, schemars(skip))]
    pub is_simulated: bool,
    /// The settings that the connector defines.
    #[serde(default)]
    pub settings: BTreeMap<String, SettingValue>,
    /// How to sign in.
    pub auth: Option<Auth>,
    /// Politeness, where it shall differ from the connector's.
    #[serde(default)]
    pub limits: RequestLimits,
    /// A PEM file with certificates to trust besides the system's; a relative path starts at this file's folder.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub ca_file: Option<PathBuf>,
    /// The proxy for every request of this source.
    pub proxy: Option<Proxy>,
    /// The user at the proxy, where it requires one.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub proxy_user: Option<String>,
    /// That user's password.
    pub proxy_password: Option<SecretRef>,
    /// Whether names of this source may lead into your own network or to this machine. Default false: a name of
    /// the internet has no business there. An address that is written as a number needs no leave. With a
    /// `proxy` the proxy resolves names, and this is not used.
    #[serde(default)]
    pub allow_private: bool,
}

/// What a setting may be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum SettingValue {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A list of texts.
    List(Vec<String>),
}

/// The address of a proxy, without a user's name or password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy(String);

impl Proxy {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Proxy {
    type Err = ValueError;

    /// Never repeats the text: there may be a password in it.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let form = "write scheme, host and port, such as `\"http://proxy.school.example:3128\"`";
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let Some(rest) = rest else {
            return Err(
                ValueError::new("a proxy's address starts with `http://` or `https://`").help(form),
            );
        };
        if rest.contains('@') {
            return Err(
                ValueError::new("a proxy's address must not hold a name or a password")
                    .help(format!("{form}, and set `proxy_user` and `proxy_password`")),
            );
        }
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let fits =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(fits) {
            return Err(ValueError::new(
                "a proxy's address is scheme, host and port, and nothing else",
            )
            .help(form));
        }
        Ok(Self(text.to_owned()))
    }
}

text_value!(
    Proxy,
    pattern = r"^https?://[A-Za-z0-9._:\[\]-]+/?$",
    example = "http://proxy.school.example:3128"
);
