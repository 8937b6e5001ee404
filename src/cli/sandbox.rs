//! `rollbook sandbox`: serves the simulated vendors, for trying things out and for tests.

use std::path::PathBuf;

use super::exit::Exit;
use super::out;
use super::stop::stop_on_signal;
use super::table::{grouped, indented};
use rollbook_sandbox::{Endpoint, Sandbox};

/// Options of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct SandboxOptions {
    /// Number of students of the simulated school
    #[arg(long, default_value_t = 600)]
    students: u64,
    /// Seed of the simulated school
    #[arg(long, default_value_t = 1)]
    seed: u64,
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

/// Serves until it is stopped.
pub async fn run(options: SandboxOptions) -> Result<(), Exit> {
    let mut sandbox = rollbook_sandbox::Options {
        students: options.students,
        seed: options.seed,
        state: options.file.clone(),
        advance: options.advance,
        port: options.port,
        ..rollbook_sandbox::Options::default()
    };
    sandbox.faults.percent = options.faults;
    for quirk in &options.quirks {
        sandbox
            .set_quirk(quirk)
            .map_err(|problem| Exit::usage(format!("{quirk}: {problem}")))?;
    }
    let sandbox = Sandbox::start(sandbox).await.map_err(not_started)?;
    if options.describe {
        describe(&sandbox, options.json);
    } else {
        greet(&sandbox, options.json);
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
