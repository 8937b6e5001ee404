//! `rollbook demo`: simulated vendors, every shipped job once, and a look at the mirror.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::exit::Exit;
use super::sync::{run_all, stop_on_signal};
use super::{lines, start, table};
use crate::app::{App, Overlay, Places};
use crate::clock::Clock;
use crate::config::SourceLimits;
use crate::sandbox::{Options as SandboxOptions, Sandbox};
use crate::sync::{Order, RunReport};

/// Politeness towards a vendor on loopback, which has nobody else to serve.
const DEMO_PER_SECOND: f64 = 1000.0;

/// How long a day lasts at the invented school with `--serve`.
const DAY: Duration = Duration::from_secs(60);

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Students of the invented school
    #[arg(long, default_value_t = 600)]
    students: u64,
    /// Another number, another school
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep vendors and daemon running on their schedules until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the demo in the state folder; a second run there sees one more day of the invented school.
pub async fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let sandbox = SandboxOptions {
        students: options.students,
        seed: options.seed,
        state: Some(places.state.join("sandbox.json")),
        advance: true,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(sandbox)
        .await
        .map_err(|error| Exit::failed(format!("could not start the sandbox: {error}")))?;
    let app = start::app(places, &overlay(&sandbox)).await?;
    let stop = stop_on_signal();
    if !options.json {
        let day = sandbox.describe().day;
        anstream::println!(
            "Three simulated vendors are up; it is day {day} at the invented school.\n"
        );
    }
    let jobs: Vec<String> = jobs_in_order(&app);
    let order = Order {
        cause: "demo",
        full: false,
        dry: false,
    };
    let reports = run_all(&app, &jobs, order, &stop).await;
    if options.json {
        println!("{}", lines::json(&reports));
    } else {
        show(&reports, app.store().path());
    }
    if options.serve && !stop.is_cancelled() {
        serve(app, places, overlay(&sandbox), &sandbox).await;
    }
    sandbox.stop().await;
    if reports.iter().all(|report| report.outcome.is_good()) {
        Ok(())
    } else {
        Err(Exit::unwell())
    }
}

/// The daemon on the jobs' own schedules, while a day passes at the vendors every minute.
async fn serve(app: App, places: &Places, overlay: Overlay, sandbox: &Sandbox) {
    anstream::println!(
        "\nThe daemon runs on the jobs' schedules, and every minute is a day at the school. Ctrl-C stops it."
    );
    let days = async {
        loop {
            Clock::system().sleep(DAY).await;
            if let Err(error) = sandbox.advance() {
                tracing::warn!("the sandbox could not let a day pass: {error}");
            }
        }
    };
    tokio::select! {
        () = super::run::serve(Arc::new(app), places, overlay) => {}
        () = days => {}
    }
}

/// Slow things last, so that a viewer sees rosters first.
fn jobs_in_order(app: &App) -> Vec<String> {
    let mut jobs: Vec<String> = app.setup().jobs.keys().map(ToString::to_string).collect();
    jobs.sort_by_key(|name| (name.starts_with("wisenet_c"), name.clone()));
    jobs
}

/// The sandbox's addresses and secrets over the shipped configuration.
fn overlay(sandbox: &Sandbox) -> Overlay {
    let mut overlay = Overlay {
        limits: SourceLimits {
            in_flight: 4.try_into().ok(),
            per_second: Some(DEMO_PER_SECOND),
            ..SourceLimits::default()
        },
        ..Overlay::default()
    };
    for endpoint in sandbox.endpoints() {
        overlay
            .settings
            .insert(endpoint.vendor.clone(), endpoint.settings.clone());
        overlay.secrets.extend(endpoint.secrets.clone());
    }
    overlay
}

fn show(reports: &[RunReport], mirror: &Path) {
    anstream::println!("{}", table::of_runs(reports));
    for remark in lines::remarks(reports) {
        anstream::println!("• {remark}");
    }
    anstream::println!("\nThe mirror is {}. Try:", mirror.display());
}
