//! `rollbook approve RUN`: accepts the changes that a run held back.
//!
//! The rows were not kept: the job reads again and applies the changes if it would remove the same rows; otherwise they
//! are held again. A running daemon runs the job itself.

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::sync::{run_all, show, stop_on_signal};
use super::{out, run_lines};
use crate::app::{AdminRequest, AdminResponse};
use crate::model::Cause;
use crate::setup::Folders;
use crate::sync::RunOptions;

/// Options of `approve`.
#[derive(Debug, clap::Args)]
pub struct ApproveOptions {
    /// The held run's number, as `rollbook status` shows it
    run: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Records the approval and runs the job.
pub async fn run(folders: &Folders, options: &ApproveOptions) -> Result<(), Exit> {
    let request = AdminRequest::Approve { run: options.run };
    let (response, by) = send_request(folders, &request).await?;
    let AdminResponse::Approved { job } = &response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    let HandledBy::ThisProcess(app) = by else {
        if options.json {
            out::json(&response);
        } else {
            out::text(format!(
                "Run {} is approved. The daemon runs {job} now; `rollbook status` shows its progress.",
                options.run
            ));
        }
        return Ok(());
    };
    let run_options = RunOptions {
        cause: Cause::Approval,
        full: false,
        dry: false,
    };
    let jobs = std::slice::from_ref(job);
    let reports = run_all(&app, jobs, run_options, &stop_on_signal()).await;
    let is_good = reports.iter().all(|report| report.outcome.is_good());
    if options.json {
        out::json(&run_lines::json(&reports));
    } else {
        show(&reports, false);
    }
    if is_good {
        Ok(())
    } else {
        Err(Exit::unsuccessful())
    }
}
