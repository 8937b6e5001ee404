//! `rollbook sandbox`: the simulated vendors, to play with and to test against.

use std::path::PathBuf;

use super::exit::Exit;
use super::sync::stop_on_signal;
use crate::sandbox::{Options as SandboxOptions, Sandbox};

/// Options of `sandbox`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Students of the invented school
    #[arg(long, default_value_t = 600)]
    students: u64,
    /// Another number, another school
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First of the ports; free ones without
    #[arg(long)]
    port: Option<u16>,
    /// File that remembers the day and the tokens
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Let one more day of churn pass before serving
    #[arg(long)]
    advance: bool,
    /// A quirk of a vendor, as vendor.name=value; a wrong name lists the known ones
    #[arg(long = "quirk", value_name = "VENDOR.NAME=VALUE")]
    quirks: Vec<String>,
    /// Requests of a hundred that fail in some way
    #[arg(long, default_value_t = 0)]
    faults: u64,
    /// Say what a complete reading finds, and end
    #[arg(long)]
    describe: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Serves until it is stopped.
pub async fn run(options: Options) -> Result<(), Exit> {
    let mut sandbox = SandboxOptions {
        students: options.students,
        seed: options.seed,
        state: options.file.clone(),
        advance: options.advance,
        port: options.port,
        ..SandboxOptions::default()
    };
    sandbox.faults.percent = options.faults;
    for quirk in &options.quirks {
        sandbox
            .set_quirk(quirk)
            .map_err(|problem| Exit::usage(format!("{quirk}: {problem}")))?;
    }
    let sandbox = Sandbox::start(sandbox)
        .await
        .map_err(|error| Exit::failed(format!("could not start the sandbox: {error}")))?;
    if options.describe {
        describe(&sandbox, options.json);
    } else {
        greet(&sandbox, options.json);
        stop_on_signal().cancelled().await;
    }
    sandbox.stop().await;
    Ok(())
}

fn describe(sandbox: &Sandbox, json: bool) {
    let description = sandbox.describe();
    if json {
        println!("{}", serde_json::json!(description));
        return;
    }
    for (vendor, streams) in &description.vendors {
        for (stream, rows) in streams {
            anstream::println!("{vendor:<10} {stream:<24} {rows:>8}");
        }
    }
}

fn greet(sandbox: &Sandbox, json: bool) {
    if json {
        println!("{}", serde_json::json!(sandbox.endpoints()));
        return;
    }
    for endpoint in sandbox.endpoints() {
        anstream::println!("{} at {}", endpoint.vendor, endpoint.origin);
        for (name, value) in &endpoint.settings {
            anstream::println!("  {name} = \"{value}\"");
        }
        for (name, value) in &endpoint.secrets {
            anstream::println!("  credential {name}: {value}");
        }
    }
    anstream::println!("Ctrl-C stops it.");
}
