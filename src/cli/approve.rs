//! `rollbook approve RUN`: accepts the changes that a run held back.
//!
//! The rows were not kept: the job reads again and applies the changes if it would remove the same rows; otherwise they
//! are held again. A running daemon runs the job itself; its run is followed in the mirror.

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::follow::follow;
use super::mirror_access::MirrorAccess;
use super::prompt::Prompt;
use super::stop::stop_on_signal;
use super::suggested::suggested;
use super::sync::{outcome_of, run_all, show};
use super::{held_rows, out, runs};
use rollbook_app::app::{AdminRequest, AdminResponse};
use rollbook_core::model::{Cause, Outcome};
use rollbook_core::store::queries::{self, Reader};
use rollbook_engine::setup::Folders;
use rollbook_engine::sync::RunOptions;

/// Options of `approve`.
#[derive(Debug, clap::Args)]
pub struct ApproveOptions {
    /// The held run's number, as `rollbook status` shows it
    run: i64,
    /// Do not ask: for scripts
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Says what will happen, asks, records the approval, and shows what the job's run did.
pub async fn run(folders: &Folders, options: &ApproveOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    if !options.yes {
        confirm(access.mirror()?, options.run).await?;
    }
    let request = AdminRequest::Approve { run: options.run };
    let (response, by) = send_request(folders, &request).await?;
    let AdminResponse::Approved { job, after } = &response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    let HandledBy::ThisProcess(app) = by else {
        if !options.json {
            out::text(format!(
                "Run {} is approved; the daemon runs {job} now.",
                options.run
            ));
        }
        let mirror = access.mirror()?;
        let run = follow(folders, (mirror, &access.path), job, *after).await?;
        return runs::show_result(mirror, run, options.json);
    };
    let run_options = RunOptions {
        cause: Cause::Approval,
        full: false,
        dry: false,
        only: None,
    };
    let jobs = std::slice::from_ref(job);
    let reports = run_all(&app, jobs, &run_options, &stop_on_signal(), 1).await;
    show(&reports, &run_options, options.json);
    outcome_of(&reports)
}

/// Asks on a terminal, after what would happen in numbers. Anything but yes is no.
async fn confirm(mirror: &Reader, run: i64) -> Result<(), Exit> {
    let streams = queries::held_streams(mirror, run)?;
    let outcome = queries::run(mirror, run)?.and_then(|line| line.outcome);
    // The request itself says that there is nothing to approve.
    if outcome != Some(Outcome::Held) {
        return Ok(());
    }
    let Some(prompt) = Prompt::open() else {
        return Err(Exit::usage(format!(
            "approve asks on a terminal; in a script: {}",
            suggested(&format!("approve {run} --yes"))
        )));
    };
    out::text(format!(
        "{}`{}` lists the rows. The job reads again, and applies this if it still finds the same.",
        held_rows::summary(&streams),
        suggested(&format!("runs show {run} --rows"))
    ));
    match prompt.agrees(&format!("Approve run {run}?")).await? {
        true => Ok(()),
        false => Err(Exit::failed("nothing was approved")),
    }
}
