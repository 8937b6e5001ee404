//! `rollbook approve RUN`: an admin has looked at what a run held back, and wants it.
//!
//! The rows were not kept: the job reads again, and what it finds is applied if it would lose the
//! same rows; else it is held anew. A daemon that runs does that by itself once it is told.

use super::asking::{By, asked};
use super::exit::Exit;
use super::progress::Bars;
use super::sync::{show, stop_on_signal};
use super::{lines, out};
use crate::app::{Granted, Places, Wish};
use crate::model::Cause;
use crate::sync::Order;

/// Options of `approve`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The held run's number, as `rollbook status` shows it
    run: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Notes the approval and has the job run at once.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let wish = Wish::Approve { run: options.run };
    let (granted, by) = asked(places, &wish).await?;
    let Granted::Approved { job } = &granted else {
        return Err(Exit::failed(format!(
            "an answer that makes no sense: {granted:?}"
        )));
    };
    let By::Us(app) = by else {
        if options.json {
            out::json(&granted);
        } else {
            out::text(format!(
                "Run {} is approved. The daemon runs {job} now; `rollbook status` shows how it goes.",
                options.run
            ));
        }
        return Ok(());
    };
    let order = Order {
        cause: Cause::Approval,
        full: false,
        dry: false,
    };
    let report = app
        .run(job, order, &stop_on_signal(), &Bars::default().watch())
        .await;
    let good = report.outcome.is_good();
    let reports = [report];
    if options.json {
        out::json(&lines::json(&reports));
    } else {
        show(&reports, false);
    }
    if good { Ok(()) } else { Err(Exit::unwell()) }
}
