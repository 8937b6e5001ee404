//! `rollbook demo`: simulated vendors, every shipped job once, and a look at the mirror.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::exit::Exit;
use super::sandbox::not_started;
use super::sync::{run_all, show, stop_on_signal};
use super::{demo_questions, lines, out, start};
use crate::app::{App, Overlay, Places, Setup};
use crate::clock::Clock;
use crate::config::SourceLimits;
use crate::daemon::Changes;
use crate::model::Cause;
use crate::sync::Order;
use rollbook_sandbox::{Options as SandboxOptions, Sandbox};

/// Politeness towards a vendor on loopback, which has nobody else to serve.
const DEMO_PER_SECOND: f64 = 1000.0;

/// How long a day lasts at the invented school with `--serve`.
const DAY: Duration = Duration::from_secs(60);

/// Where the sandbox remembers its day; it also says that a mirror beside it is the demo's.
const NOTEBOOK: &str = "sandbox.json";

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
    let setup = Setup::load(places, &Overlay::default())?;
    let notebook = places.state.join(NOTEBOOK);
    check_folder(&places.state, &places.mirror(&setup), &notebook)?;
    let sandbox = SandboxOptions {
        students: options.students,
        seed: options.seed,
        state: Some(notebook),
        advance: true,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(sandbox).await.map_err(not_started)?;
    let app = start::app(places, &overlay(&sandbox)).await?;
    let stop = stop_on_signal();
    if !options.json {
        let day = sandbox.describe().day;
        out::text(format!(
            "Simulated vendors are up on loopback; it is day {day} at the invented school.\n"
        ));
    }
    let jobs: Vec<String> = app.setup().jobs.keys().map(ToString::to_string).collect();
    let order = Order {
        cause: Cause::Command,
        full: false,
        dry: false,
    };
    let reports = run_all(&app, &jobs, order, &stop).await;
    if options.json {
        out::json(&lines::json(&reports));
    } else {
        show(&reports, false);
        out::text(invitation(&app)?);
    }
    if options.serve && !stop.is_cancelled() {
        let served = serve(app, places, overlay(&sandbox), &sandbox).await;
        served.map_err(|why| Exit::failed(format!("rollbook: {why}")))?;
    }
    sandbox.stop().await;
    if reports.iter().all(|report| report.outcome.is_good()) {
        Ok(())
    } else {
        Err(Exit::unwell())
    }
}

/// The daemon on the jobs' own schedules, while a day passes at the vendors every minute.
async fn serve(
    app: App,
    places: &Places,
    overlay: Overlay,
    sandbox: &Sandbox,
) -> Result<(), String> {
    out::text(
        "\nThe daemon runs on the jobs' schedules, and every minute is a day at the school. Ctrl-C stops it.",
    );
    let changes = Changes::of(&places.folders());
    let days = async {
        loop {
            Clock::system().sleep(DAY).await;
            if let Err(error) = sandbox.advance() {
                tracing::warn!("the sandbox could not let a day pass: {error}");
            }
        }
    };
    tokio::select! {
        served = super::run::serve(Arc::new(app), places, overlay, changes) => served,
        () = days => Ok(()),
    }
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

/// The demo never writes into a mirror that it did not make.
fn check_folder(state: &Path, mirror: &Path, notebook: &Path) -> Result<(), Exit> {
    if mirror.exists() && !notebook.exists() {
        return Err(Exit::usage(format!(
            "{} is not the demo's; name a folder of its own: rollbook --state DIR demo",
            mirror.display()
        )));
    }
    if state.as_os_str().is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(state)
        .map_err(|error| Exit::failed(format!("could not make {}: {error}", state.display())))
}

/// Where the mirror is, and what to ask it.
fn invitation(app: &App) -> Result<String, Exit> {
    let mirror = app.store().path().display();
    let mut text =
        format!("\nThe mirror is {mirror}. Run the demo again: a day has passed at the school.\n");
    let questions = demo_questions::shown(&app.store().reader()?);
    if !questions.is_empty() {
        text.push_str(&format!(
            "Ask it, for example with `sqlite3 -readonly {mirror}`:\n{questions}"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mirror_that_the_demo_made_is_written() {
        for (mirror, notebook, fine) in [
            (false, false, true),
            (true, true, true),
            (false, true, true),
            (true, false, false),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let state = folder.path().join("state");
            let paths = [(mirror, "mirror.db"), (notebook, NOTEBOOK)].map(|(there, name)| {
                if there {
                    std::fs::create_dir_all(&state).expect("a folder");
                    std::fs::write(state.join(name), "").expect("a file");
                }
                state.join(name)
            });
            let found = check_folder(&state, &paths[0], &paths[1]);
            assert_eq!(found.is_ok(), fine, "mirror {mirror}, notebook {notebook}");
            assert_eq!(state.is_dir(), fine || mirror);
        }
    }
}
