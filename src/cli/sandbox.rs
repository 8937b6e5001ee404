//! `rollbook sandbox`: serves the simulated vendors, for trying things out and for tests.

use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::out;
use super::simulated::{self, SANDBOX_STATE};
use super::stop::stop_on_signal;
use super::table::{grouped, indented};
use rollbook_sandbox::{Endpoint, Sandbox};

/// The first port with `--init`: a configuration needs addresses that remain.
const INIT_PORT: u16 = 9100;

/// Defaults of the simulated school.
const STUDENTS: u64 = 600;
const SEED: u64 = 1;

/// Options of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct SandboxOptions {
    /// Number of students of the simulated school
    #[arg(long, default_value_t = STUDENTS)]
    students: u64,
    /// Seed of the simulated school
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Write a configuration for these vendors into this empty folder
    ///
    /// It has the shipped sources and jobs with their credentials; the mirror and the file for the day are there too. The
    /// vendors are then served from port 9100.
    #[arg(long, value_name = "DIR", conflicts_with = "describe")]
    init: Option<PathBuf>,
    /// First port; vendors use consecutive ports [default: any free ports]
    #[arg(long)]
    port: Option<u16>,
    /// File for the day and the tokens between starts [default: none]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Simulate one more day since the file was written
    #[arg(long, requires = "file")]
    advance: bool,
    /// Enable a quirk of a vendor, as vendor.name=value; an unknown name lists all
    #[arg(long = "quirk", value_name = "VENDOR.NAME=VALUE")]
    quirks: Vec<String>,
    /// Percentage of requests that fail
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(..=100))]
    faults: u64,
    /// Print the number of rows of each stream, and exit
    #[arg(long)]
    describe: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SandboxOptions {
    fn state(&self) -> Option<PathBuf> {
        let of_init = || Some(self.init.as_ref()?.join(SANDBOX_STATE));
        self.file.clone().or_else(of_init)
    }

    fn first_port(&self) -> Option<u16> {
        self.port.or(self.init.as_ref().map(|_| INIT_PORT))
    }

    /// The command that serves the same school at the same addresses.
    fn start_again(&self) -> String {
        let mut line = "rollbook sandbox".to_owned();
        if let Some(port) = self.first_port() {
            line.push_str(&format!(" --port {port}"));
        }
        if let Some(state) = self.state() {
            line.push_str(&format!(" --file {} --advance", state.display()));
        }
        if self.students != STUDENTS {
            line.push_str(&format!(" --students {}", self.students));
        }
        if self.seed != SEED {
            line.push_str(&format!(" --seed {}", self.seed));
        }
        line
    }
}

/// Serves until it is stopped.
pub async fn run(options: SandboxOptions) -> Result<(), Exit> {
    let init = options.init.as_deref();
    let mut sandbox = rollbook_sandbox::Options {
        students: options.students,
        seed: options.seed,
        state: options.state(),
        advance: options.advance,
        port: options.first_port(),
        ..rollbook_sandbox::Options::default()
    };
    sandbox.faults.percent = options.faults;
    for quirk in &options.quirks {
        sandbox
            .set_quirk(quirk)
            .map_err(|problem| Exit::usage(format!("{quirk}: {problem}")))?;
    }
    if let Some(folder) = init {
        simulated::make_empty(folder)?;
    }
    let started = Sandbox::start(sandbox).await;
    let sandbox = started.map_err(|error| {
        // So that the folder is empty at the next attempt.
        if let Some(folder) = init {
            let _ = std::fs::remove_file(folder.join(SANDBOX_STATE));
        }
        not_started(error)
    })?;
    if let Some(folder) = init {
        simulated::write(folder, &sandbox)?;
    }
    if options.describe {
        describe(&sandbox, options.json);
    } else {
        match init {
            Some(folder) if !options.json => {
                out::text(next_steps(&sandbox, folder, &options.start_again()));
            }
            _ => greet(&sandbox, options.json),
        }
        stop_on_signal().cancelled().await;
    }
    sandbox.stop().await;
    Ok(())
}

/// Why a sandbox did not start.
pub fn not_started(error: std::io::Error) -> Exit {
    Exit::failed(format!(
        "could not start the sandbox: {error}; is a port in use, or the folder of its file missing?"
    ))
}

fn describe(sandbox: &Sandbox, json: bool) {
    let description = sandbox.describe();
    if json {
        out::json(&description);
        return;
    }
    let rows = description.vendors.iter().flat_map(|(vendor, streams)| {
        streams.iter().map(|(stream, rows)| {
            let rows = grouped(*rows);
            [vendor.clone(), stream.clone(), format!("{rows:>9} rows")]
        })
    });
    out::text(format!(
        "Day {} at the simulated school:\n{}",
        description.day,
        indented(2, rows)
    ));
}

fn greet(sandbox: &Sandbox, json: bool) {
    let endpoints = sandbox.endpoints();
    if json {
        // One line, so that a caller can read it while the sandbox runs.
        out::exact(&format!("{}\n", serde_json::json!(endpoints)));
        return;
    }
    let mut text = format!(
        "Simulated vendors, day {} at the simulated school. To read them, use these settings for a source, and write each \
         credential to a file of its name, readable only by you, in credentials/ of the configuration folder.\n",
        sandbox.describe().day
    );
    for endpoint in endpoints {
        text.push_str(&greeting(endpoint));
    }
    out::text(text + "\nCtrl-C stops them.");
}

/// What to type next, after `--init`.
fn next_steps(sandbox: &Sandbox, folder: &Path, start_again: &str) -> String {
    let config = folder.display();
    let day = sandbox.describe().day;
    format!(
        "Simulated vendors listen on loopback; it is day {day} at the simulated school. Their \
         configuration, with credentials, is in {config}. In another terminal:\n\n  \
         rollbook --config {config} check --online\n  \
         rollbook --config {config} sync\n\n\
         Ctrl-C stops the vendors. To start them again, a day later:\n\n  \
         {start_again}"
    )
}

fn greeting(endpoint: &Endpoint) -> String {
    let mut text = format!("\nvendor {} at {}\n", endpoint.vendor, endpoint.origin);
    let settings = endpoint
        .settings
        .iter()
        .map(|(name, value)| ["setting".to_owned(), format!("{name} = {value:?}")]);
    let secrets = endpoint
        .secrets
        .iter()
        .map(|(name, value)| ["credential".to_owned(), format!("{name}: {value}")]);
    let login = endpoint.login.iter().flat_map(|login| {
        [
            ("authorize_url", &login.authorize_url),
            ("client_id", &login.client_id),
            ("client_secret", &login.client_secret),
            ("redirect_url", &login.redirect_url),
        ]
    });
    let login = login.map(|(name, value)| ["login".to_owned(), format!("{name} = {value:?}")]);
    text.push_str(&indented(2, settings.chain(secrets).chain(login)));
    text
}
