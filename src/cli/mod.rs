//! The command line: one file a command, and the only place that writes to the terminal.
//!
//! Exit codes: 0 fine, 1 a run did not end well, 2 usage, 75 busy, 78 configuration.

mod alerts;
mod approve;
mod args;
mod asking;
mod backup;
mod check;
mod combos;
mod completions;
mod crosswalk;
mod daemon_lines;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "demo")]
mod demo_questions;
mod exit;
mod init;
mod jobs;
mod lines;
mod log;
mod login;
mod logout;
mod man;
mod man_files;
mod matches;
mod online;
mod out;
mod problems;
mod progress;
mod reading;
mod reset;
mod restore;
mod resume;
mod run;
mod runs;
#[cfg(feature = "demo")]
mod sandbox;
mod schema;
mod start;
mod starter;
mod starter_derived;
mod status;
mod streams;
mod sync;
mod table;
mod ticks;
mod tokens;
mod vault;
mod verify;
mod why;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use exit::Exit;

/// Runs the command that the command line names.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let log = log::begin(&args);
    let runtime = match start::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("could not start: {error}")).tell(),
    };
    let done = runtime.block_on(command(args));
    runtime.shutdown_background();
    log.flush();
    done.map_or_else(|exit| exit.tell(), |()| ExitCode::SUCCESS)
}

async fn command(args: Args) -> Result<(), Exit> {
    let places = args.places();
    match args.command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(&places, options).await,
        Command::Run => run::run(&places).await,
        Command::Sync(options) => sync::run(&places, options).await,
        Command::Check(options) => check::run(&places, &options).await,
        Command::Combos(options) => combos::run(&places, &options),
        Command::Crosswalk(options) => crosswalk::run(&places, &options),
        Command::Init(options) => init::run(&places, &options),
        Command::Status(options) => status::run(&places, &options),
        Command::Runs(options) => runs::run(&places, &options),
        Command::Jobs(options) => jobs::run(&places, &options),
        Command::Streams(options) => streams::run(&places, &options),
        Command::Why(options) => why::run(&places, &options),
        Command::Tokens(options) => tokens::run(&places, &options),
        Command::Logout(options) => logout::run(&places, &options).await,
        Command::Vault(options) => vault::run(&places, &options),
        Command::Matches(options) => matches::run(&places, &options).await,
        Command::Approve(options) => approve::run(&places, &options).await,
        Command::Resume(options) => resume::run(&places, options).await,
        Command::Reset(options) => reset::run(&places, options).await,
        Command::Alerts(options) => alerts::run(&places, &options).await,
        Command::Backup(options) => backup::run(&places, options),
        Command::Verify(options) => verify::run(&places, &options),
        Command::Restore(options) => restore::run(&places, &options),
        Command::Login(options) => login::run(&places, &options).await,
        Command::Schema(options) => {
            schema::run(&options);
            Ok(())
        }
        Command::Completions(options) => {
            completions::run(&options);
            Ok(())
        }
        Command::Man(options) => man::run(&options),
        #[cfg(feature = "demo")]
        Command::Sandbox(options) => sandbox::run(options).await,
    }
}
