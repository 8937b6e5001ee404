//! `rollbook reset JOB STREAM`: deletes a stream's checkpoint, so that the next run reads it in full.
//!
//! No row is changed: the next run compares with the mirror, as always.

use super::admin_request::send_request;
use super::exit::Exit;
use super::out;
use rollbook_app::app::{AdminRequest, AdminResponse};
use rollbook_core::model::JobName;
use rollbook_engine::setup::Folders;

/// Options of `reset`.
#[derive(Debug, clap::Args)]
pub struct ResetOptions {
    /// The job
    job: JobName,
    /// One of its streams
    stream: String,
}

/// Deletes the stream's checkpoints.
pub async fn run(folders: &Folders, options: ResetOptions) -> Result<(), Exit> {
    let ResetOptions { job, stream } = options;
    let request = AdminRequest::Reset {
        job: job.clone(),
        stream,
    };
    let (response, by) = send_request(folders, &request).await?;
    let AdminResponse::Reset { table } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    out::text(format!(
        "The next run of {job} reads {table} in full; no row was changed.{}",
        by.run_now_hint(job.as_str())
    ));
    Ok(())
}
