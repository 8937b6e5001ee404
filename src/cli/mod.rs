//! The command line: one file per command, and the only code that writes to the terminal.
//!
//! Exit codes: 0 success, 1 failure, 2 usage, 75 busy, 77 permissions, 78 configuration.

mod admin_request;
mod alerts;
mod approve;
mod args;
mod backup;
mod check;
mod combos;
mod completions;
mod credentials;
mod crosswalk;
mod daemon_lines;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "demo")]
mod demo_questions;
mod erase;
mod exit;
mod follow;
mod held_rows;
mod init;
mod jobs;
mod log;
mod login;
mod logout;
mod man;
mod matches;
mod mirror_access;
mod out;
mod owner;
mod preflight;
mod problems;
mod progress;
mod reset;
mod restore;
mod resume;
mod run;
mod run_lines;
mod runs;
#[cfg(feature = "demo")]
mod sandbox;
mod schema;
mod start;
mod starter;
mod status;
mod stop;
mod stream_rules;
mod streams;
mod sync;
mod table;
mod ticks;
mod tokens;
mod vault;
mod verify;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};
use exit::Exit;

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let (folders, state_use) = (args.folders(), args.command.state_use());
    let begun = owner::continue_as_owner(&folders, state_use);
    if let Err(exit) = begun.and_then(|()| start::need_configuration(&folders, state_use)) {
        return exit.report();
    }
    let log = log::begin(args.log, args.log_level());
    let runtime = match start::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("could not start: {error}")).report(),
    };
    let result = runtime.block_on(command(args));
    runtime.shutdown_background();
    log.flush();
    result.map_or_else(|exit| exit.report(), |()| ExitCode::SUCCESS)
}

async fn command(args: Args) -> Result<(), Exit> {
    let folders = args.folders();
    match args.command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(&folders, options).await,
        Command::Run => run::run(&folders).await,
        Command::Sync(options) => sync::run(&folders, options).await,
        Command::Check(options) => check::run(&folders, &options).await,
        Command::Combos(options) => combos::run(&folders, &options),
        Command::Crosswalk(options) => crosswalk::run(&folders, &options),
        Command::Init(options) => init::run(&folders, &options),
        Command::Status(options) => status::run(&folders, &options),
        Command::Runs(options) => runs::run(&folders, &options),
        Command::Jobs(options) => jobs::run(&folders, &options),
        Command::Streams(options) => streams::run(&folders, &options),
        Command::Why(options) => why::run(&folders, &options),
        Command::Tokens(options) => tokens::run(&folders, &options),
        Command::Logout(options) => logout::run(&folders, &options).await,
        Command::Vault(options) => vault::run(&folders, &options),
        Command::Matches(options) => matches::run(&folders, &options).await,
        Command::Approve(options) => approve::run(&folders, &options).await,
        Command::Resume(options) => resume::run(&folders, options).await,
        Command::Reset(options) => reset::run(&folders, options).await,
        Command::Erase(options) => erase::run(&folders, &options).await,
        Command::Alerts(options) => alerts::run(&folders, &options).await,
        Command::Backup(options) => backup::run(&folders, options),
        Command::Verify(options) => verify::run(&folders, &options),
        Command::Restore(options) => restore::run(&folders, &options).await,
        Command::Login(options) => login::run(&folders, &options).await,
        Command::Schema(options) => {
            schema::run(&options);
            Ok(())
        }
        Command::Completions(options) => {
            completions::run(&options, &mut Args::command());
            Ok(())
        }
        Command::Man(options) => man::run(&options, Args::command()),
        #[cfg(feature = "demo")]
        Command::Sandbox(options) => sandbox::run(options).await,
    }
}
