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
    /// A quirk, such as webuntis.total_header=on
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
        set_quirk(&mut sandbox, quirk)?;
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

fn set_quirk(options: &mut SandboxOptions, quirk: &str) -> Result<(), Exit> {
    let parts = quirk
        .split_once('=')
        .and_then(|(name, value)| Some((name.split_once('.')?, value)));
    let Some(((vendor, name), value)) = parts else {
        return Err(Exit::usage(format!(
            "write a quirk as vendor.name=value, not `{quirk}`"
        )));
    };
    let set = match vendor {
        "webuntis" => options.webuntis.set(name, value),
        "wapi" => options.wapi.set(name, value),
        "wisenet" => options.wisenet.set(name, value),
        _ => Err("the vendors are webuntis, wapi, wisenet".to_owned()),
    };
    set.map_err(|problem| Exit::usage(format!("{quirk}: {problem}")))
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
