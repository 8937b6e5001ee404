//! `rollbook sync`: run jobs now.

use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::progress::Bars;
use super::{lines, out, start, table};
use crate::app::{App, Overlay, Places, known_job};
use crate::model::Cause;
use crate::sync::{Order, RunReport};

/// Options of `sync`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The jobs to run; all without a name
    jobs: Vec<String>,
    /// Show what would be new, changed and gone, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Read everything, also where only changes are due
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the jobs one after another.
pub async fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let app = if options.dry_run {
        start::rehearsal(places).await?
    } else {
        start::app(places, &Overlay::default()).await?
    };
    let jobs = jobs(&app, &options.jobs)?;
    let order = Order {
        cause: Cause::Command,
        full: options.full,
        dry: options.dry_run,
    };
    let reports = run_all(&app, &jobs, order, &stop_on_signal()).await;
    if options.json {
        out::json(&lines::json(&reports));
    } else {
        show(&reports, options.dry_run);
    }
    if reports.iter().all(|report| report.outcome.is_good()) {
        Ok(())
    } else {
        Err(Exit::unwell())
    }
}

/// Runs jobs in order with progress on the terminal.
pub async fn run_all(
    app: &App,
    jobs: &[String],
    order: Order,
    stop: &CancellationToken,
) -> Vec<RunReport> {
    let bars = Bars::default();
    let mut reports = Vec::new();
    for job in jobs {
        if stop.is_cancelled() {
            break;
        }
        reports.push(app.run(job, order, stop, &bars.watch()).await);
    }
    reports
}

/// A token that Ctrl-C or a stop of the service cancels.
pub fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut term =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut term {
                Some(term) => term.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
        told.cancel();
    });
    stop
}

fn jobs(app: &App, named: &[String]) -> Result<Vec<String>, Exit> {
    let setup = app.setup();
    if named.is_empty() {
        return Ok(setup.jobs.keys().map(ToString::to_string).collect());
    }
    for name in named {
        known_job(&setup, name).map_err(Exit::usage)?;
    }
    Ok(named.to_vec())
}

/// The table and what needs saying.
pub fn show(reports: &[RunReport], dry: bool) {
    let mut text = String::new();
    if reports.iter().any(|report| !report.streams.is_empty()) {
        text.push_str(&format!("{}\n", table::of_runs(reports)));
    }
    for remark in lines::remarks(reports) {
        text.push_str(&format!("• {remark}\n"));
    }
    if dry {
        text.push_str("Nothing was written: this was a dry run.\n");
    }
    out::text(text);
}
