//! A worker of a cluster: it claims sources, has for each a folder and an [`App`](super::App) of its own, and gives them back
//! (docs/contracts/cluster-protocol.md).
//!
//! The state of a source moves as pages of its SQLite files (`files.rs`, `shipping.rs`): taking a source over is what a start after a
//! power failure is, on another machine.

mod claim;
mod database;
mod day_count;
mod error;
mod files;
mod late_writes;
mod link;
mod publications;
mod rekey;
mod requests;
mod sealed_grant;
mod serve;
mod shared;
mod shipping;
mod short_transaction;
mod source;
mod survey;
mod token_store;
mod transfer;
mod worker;

pub use database::{ClusterDatabase, SharedSession};
pub use day_count::ClusterDays;
pub use error::ClusterError;
pub use link::SourceLink;
pub use rekey::rekey_cluster;
pub use requests::{
    ASKED, FORWARDED_COMMANDS, ForwardedCommand, HOST_OPTIONS, RequestOrigin, RequestProgram,
    answer_requests,
};
pub use serve::{ServeSource, ServedSource};
pub use shared::WorkerShared;
pub use survey::{keep_cluster_file, survey_cluster};
pub use token_store::{ClusterTokens, SourceLease};
pub use transfer::{
    MovedSignIn, TransferError, check_forgettable, fetch_files, forget_source, move_out, put_files,
};
pub use worker::{Worker, WorkerControl, WorkerLife};
