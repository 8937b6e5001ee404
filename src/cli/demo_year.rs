//! The year before a demo that serves: the jobs run every second week of it, so that pages have something to show.
//!
//! Nothing is invented here: the vendors simulate a day before each run, and only the wall clock of the runs is in the past.
//! After the first run only jobs of few requests run, so that the year takes less than a minute.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::{out, start};
use rollbook_app::app::App;
use rollbook_core::clock::PastClock;
use rollbook_core::model::{Cause, JobName};
use rollbook_engine::setup::{Folders, Overlay};
use rollbook_engine::sync::{ProgressSink, RunOptions, RunReport};
use rollbook_sandbox::Sandbox;

/// Weeks between two runs.
const STEP: i64 = 2;

/// Runs in the year.
const RUNS: i64 = 26;

/// Jobs that request more run once only.
const MOST_PAGES: u64 = 20;

/// Plays the year into an empty mirror.
pub async fn play(
    folders: &Folders,
    overlay: &Overlay,
    sandbox: &Sandbox,
    stop: &CancellationToken,
) -> Result<(), Exit> {
    out::text("The year before comes first: a run for every second week.");
    let past = PastClock::behind(weeks(RUNS * STEP));
    let app = start::app_at(folders, overlay, past.clock()).await?;
    let mut jobs: Vec<JobName> = app.setup().jobs.keys().cloned().collect();
    for left in (1..=RUNS).rev() {
        if stop.is_cancelled() {
            break;
        }
        past.set_behind(weeks(left * STEP));
        let reports = run(&app, &jobs, stop).await;
        let few = reports.iter().filter(|report| pages(report) <= MOST_PAGES);
        jobs = few.map(|report| report.job.clone()).collect();
        sandbox.advance().map_err(|error| {
            Exit::failed(format!("the sandbox could not simulate a day: {error}"))
        })?;
        if left % 7 == 0 {
            out::text(format!("  {} weeks ago", left * STEP));
        }
    }
    Ok(())
}

async fn run(app: &App, jobs: &[JobName], stop: &CancellationToken) -> Vec<RunReport> {
    let options = RunOptions {
        cause: Cause::Schedule,
        full: false,
        dry: false,
        only: None,
    };
    let silent: ProgressSink = Arc::new(|_| {});
    let mut reports = Vec::new();
    for job in jobs {
        reports.extend(app.run(job, options.clone(), stop, &silent).await);
    }
    reports
}

fn pages(report: &RunReport) -> u64 {
    let streams = report.streams.iter();
    streams.map(|stream| stream.record.pages).sum()
}

fn weeks(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number * 7 * 24)
}
