//! What admins wrote, checked against the connectors: every problem of every file in one pass.
//!
//! A mistake hides only what depends on its value, so the checks work on drafts: what can be read of each source and
//! job. A [`Setup`] is made only when there is no error. Not here: what is checked against the mirror (`app/targets.rs`).

mod bundles;
mod checked;
mod checks;
mod cluster;
mod crosswalks;
pub mod files;
mod folders;
mod grants;
mod hooks;
mod jobs;
pub mod lookups;
mod overlay;
mod people;
mod readers;
mod readiness;
mod resolve;
mod settings;
mod sources;
mod store_copy;
pub mod tables;
mod webhooks;

pub use checked::{JobSetup, Setup, SourceSetup};
pub use cluster::WITHOUT_POSTGRES;
pub use folders::{CLUSTER, Folders, beside};
pub use jobs::{ColumnChoice, ColumnReason};
pub use overlay::Overlay;
pub use readers::{copy_group, mirror_group};
pub use readiness::{CHANGE_ME, CHANGE_ME_URL, check};
pub use resolve::resolve;
