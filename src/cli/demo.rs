//! `rollbook demo`: starts simulated vendors, runs every shipped job once, and shows the mirror.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::run::serve as serve_daemon;
use super::sandbox::not_started;
use super::simulated::{self, SANDBOX_STATE, overlay};
use super::stop::stop_on_signal;
use super::sync::{outcome_of, run_all};
use super::{demo_questions, demo_year, out, run_lines, start};
use crate::web::config::WebConfig;
use crate::web::web_site::{AccessTokens, WebSite};
use rollbook_app::app::App;
use rollbook_core::clock::Clock;
use rollbook_core::connector::builtin::{DEMO_CONFIG, EXAMPLE};
use rollbook_core::model::{Cause, EntryName, Outcome};
use rollbook_core::store::database::reader;
use rollbook_core::store::queries;
use rollbook_engine::daemon::{Changes, Event, RunNow, RunRequest};
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_engine::sync::RunOptions;
use rollbook_http::http_server::listen::listen;
use rollbook_http::http_server::server::HttpServer;
use rollbook_sandbox::Sandbox;

/// Length of a simulated day with `--serve`.
const DAY: Duration = Duration::from_secs(30);

/// Streams with a row of their own; all of the demo fits 24 lines of 80 columns.
const MOST_SHOWN: usize = 6;

/// The file with example queries.
const QUERIES: &str = "demo.sql";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct DemoOptions {
    /// Number of students of the simulated school
    #[arg(long, default_value_t = 600)]
    students: u64,
    /// Seed of the simulated school
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the vendors and the daemon running until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the demo in the state folder; each run there simulates one more day.
pub async fn run(folders: &Folders, options: DemoOptions) -> Result<(), Exit> {
    let is_shipped = write_shipped(folders)?;
    let setup = Setup::load(folders, &Overlay::default())?;
    let sandbox_state = folders.state.join(SANDBOX_STATE);
    check_folder(&folders.state, &folders.mirror(&setup), &sandbox_state)?;
    let sandbox = rollbook_sandbox::Options {
        students: options.students,
        seed: options.seed,
        state: Some(sandbox_state),
        advance: true,
        ..rollbook_sandbox::Options::default()
    };
    let sandbox = Sandbox::start(sandbox).await.map_err(not_started)?;
    let stop = stop_on_signal();
    if options.serve && !folders.mirror(&setup).exists() {
        demo_year::play(folders, &overlay(&sandbox), &sandbox, &stop).await?;
    }
    let app = start::app(folders, &overlay(&sandbox)).await?;
    if !options.json {
        let day = sandbox.describe().day;
        if is_shipped {
            let shown = folders.config.display();
            out::text(format!(
                "No configuration here: using the shipped one, now in {shown}."
            ));
        }
        out::text(format!(
            "Simulated vendors listen on loopback; it is day {day} at the simulated school."
        ));
    }
    let jobs: Vec<_> = app.setup().jobs.keys().cloned().collect();
    let run_options = RunOptions {
        cause: Cause::Command,
        full: false,
        dry: false,
        only: None,
    };
    let reports = run_all(&app, &jobs, &run_options, &stop, 1).await;
    if options.json {
        out::json(&run_lines::json(&reports));
    } else {
        out::text(run_lines::of_runs(&reports, MOST_SHOWN, out::width()));
        out::text(summary(&app, &folders.state)?);
    }
    if options.serve && !stop.is_cancelled() {
        let served = serve(app, folders, overlay(&sandbox), &sandbox).await;
        served.map_err(|why| Exit::failed(format!("rollbook: {why}")))?;
    }
    sandbox.stop().await;
    outcome_of(&reports)
}

/// Runs the daemon; each simulated day every job runs, and a line says what it found.
async fn serve(
    app: App,
    folders: &Folders,
    overlay: Overlay,
    sandbox: &Sandbox,
) -> Result<(), String> {
    let clock = Clock::system();
    let (listener, address) =
        page().map_err(|error| format!("no port for the status page: {error}"))?;
    out::text(format!(
        "\nThe daemon serves; every half minute is a day at the school, and every job runs. Its status page is {address}. \
         Ctrl-C stops both.",
    ));
    open_in_browser(&address);
    let changes = Changes::of(&folders.folders());
    let (app, run_now) = (Arc::new(app), Arc::new(RunNow::default()));
    let mirror = app.store().path().to_owned();
    let folders_of_daemon = start::runtime_folders(folders, &mirror);
    let site = WebSite::new(
        &WebConfig::default(),
        AccessTokens::default(),
        folders_of_daemon,
        clock.clone(),
    );
    let web = HttpServer::new(site, CancellationToken::new());
    let observe = move |event: &Event| {
        if let Event::RunEnded { job, .. } = event {
            out::text(ended(&mirror, job).unwrap_or_default());
        }
    };
    let days = async {
        loop {
            clock.sleep(DAY).await;
            match sandbox.advance() {
                Ok(()) => out::text(format!("Day {}", sandbox.describe().day)),
                Err(error) => tracing::warn!("the sandbox could not simulate a day: {error}"),
            }
            for job in app.setup().jobs.keys().cloned() {
                let start = Cause::Command.into();
                run_now.request(RunRequest { job, start });
            }
        }
    };
    let daemon = Arc::clone(&app);
    tokio::select! {
        served = serve_daemon(daemon, folders, overlay, changes, Arc::clone(&run_now), observe) => served,
        () = web.serve(listener, &clock) => Ok(()),
        () = days => Ok(()),
    }
}

/// A socket for the status page on its usual port, else on any, and the address to open.
fn page() -> std::io::Result<(TcpListener, String)> {
    let usual = WebConfig::default().listen.0;
    let any = SocketAddr::new(usual.ip(), 0);
    let listener = listen(usual).or_else(|_| listen(any))?;
    let address = format!("http://{}/", listener.local_addr()?);
    Ok((listener, address))
}

/// Opens the address where a person sits at a screen of this machine.
fn open_in_browser(address: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if has_screen && out::width().is_some() {
        // The address is printed anyway.
        let _ = Command::new("xdg-open")
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
    }
}

/// What the last run of a job did, in a line.
fn ended(mirror: &Path, job: &EntryName) -> Option<String> {
    let run = queries::runs(&reader(mirror).ok()?, job.job(), 1)
        .ok()?
        .pop()?;
    Some(format!(
        "  {job}: {} new, {} changed, {} removed; {}",
        run.new,
        run.changed,
        run.removed,
        run.outcome.map_or("running", Outcome::as_str)
    ))
}

/// Writes the shipped configuration where the demo has found none; whether it did.
fn write_shipped(folders: &Folders) -> Result<bool, Exit> {
    let config = &folders.config;
    if !config.ends_with(DEMO_CONFIG) || config.join("rollbook.toml").exists() {
        return Ok(false);
    }
    let written = simulated::write_shipped(config, &folders.jobs, EXAMPLE);
    written.map(|()| true).map_err(|error| {
        let shown = config.display();
        Exit::failed(format!(
            "could not write the shipped configuration to {shown}: {error}"
        ))
    })
}

/// The demo never writes to a mirror that it did not create.
fn check_folder(state: &Path, mirror: &Path, sandbox_state: &Path) -> Result<(), Exit> {
    if mirror.exists() && !sandbox_state.exists() {
        return Err(Exit::usage(format!(
            "{} was not created by the demo; choose another folder: rollbook --state DIR demo",
            mirror.display()
        )));
    }
    if state.as_os_str().is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(state)
        .map_err(|error| Exit::failed(format!("could not create {}: {error}", state.display())))
}

/// Where the mirror is, an answer from it, and where more queries are.
fn summary(app: &App, state: &Path) -> Result<String, Exit> {
    let mirror = app.store().path().display();
    let mut text =
        format!("\nThe mirror is {mirror}.\nRun the demo again to simulate another day.\n");
    if let Some(queries) = demo_questions::queries(&*app.store().reader()?) {
        let file = state.join(QUERIES);
        let shown = file.display();
        std::fs::write(&file, &queries.sql)
            .map_err(|error| Exit::failed(format!("could not write {shown}: {error}")))?;
        text.push_str(&format!(
            "{}\nThese queries and more, for `sqlite3 -readonly -box`: {shown}\n",
            queries.answers.join("\n")
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mirror_of_the_demo_is_written() {
        for (mirror, sandbox_state, fine) in [
            (false, false, true),
            (true, true, true),
            (false, true, true),
            (true, false, false),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let state = folder.path().join("state");
            let paths =
                [(mirror, "mirror.db"), (sandbox_state, SANDBOX_STATE)].map(|(there, name)| {
                    if there {
                        std::fs::create_dir_all(&state).expect("a folder");
                        std::fs::write(state.join(name), "").expect("a file");
                    }
                    state.join(name)
                });
            let found = check_folder(&state, &paths[0], &paths[1]);
            assert_eq!(
                found.is_ok(),
                fine,
                "mirror {mirror}, sandbox_state {sandbox_state}"
            );
            assert_eq!(state.is_dir(), fine || mirror);
        }
    }
}
