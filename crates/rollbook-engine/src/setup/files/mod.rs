//! The admin's files, each read by itself, with every problem in it.
//!
//! Knows no connector: whether a setting, a stream or a grant exists is checked one level up.

pub mod alerts;
pub mod auth;
pub mod bundle;
pub mod cluster;
pub mod crosswalk;
pub mod grants;
pub mod hooks;
pub mod job;
mod key;
pub mod load;
pub mod people;
pub mod publish;
pub mod rollbook;
pub mod schedule;
pub mod secrets;
pub mod webhooks;

pub use alerts::AlertsConfig;
pub use auth::Auth;
pub use bundle::{BundleConfig, Bundles, bundle_schema};
pub use cluster::ClusterConfig;
pub use crosswalk::{CrosswalkConfig, Crosswalks, crosswalk_schema};
pub use hooks::HookConfig;
pub use job::{JobConfig, Precision, Preset, StreamOptions};
pub use load::{Config, Files, JobFile, job_schema, rollbook_schema};
pub use people::{People, people_schema};
pub use publish::PublishConfig;
pub use rollbook::{
    BackupConfig, CopyConfig, Proxy, Rollbook, SettingValue, SourceConfig, StoreConfig,
};
pub use schedule::{Schedule, Zone};
pub use secrets::{
    CREDENTIALS, Opened, SecretError, SecretRef, Secrets, encrypted_file, unusable_secret,
};
pub use webhooks::WebhookConfig;
