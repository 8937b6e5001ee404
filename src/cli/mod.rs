//! The command line: one file per command, and the only code that writes to the terminal.
//!
//! Exit codes: 0 success, 1 failure, 2 usage, 75 busy, 77 permissions, 78 configuration.

mod admin_request;
mod alerts;
mod approve;
mod args;
mod audit;
mod backup;
mod changes;
mod check;
#[cfg(feature = "postgres")]
mod cluster;
mod combos;
mod completions;
mod config_folder;
mod connector;
mod credentials;
mod crosswalk;
mod daemon_lines;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "demo")]
mod demo_questions;
#[cfg(feature = "demo")]
mod demo_year;
mod erase;
mod exit;
mod export;
mod follow;
mod held_rows;
pub mod help;
mod hooks;
mod http_service;
mod init;
mod jobs;
mod left_out;
mod log;
mod login;
mod logout;
mod matches;
mod mirror_access;
mod mirror_daemon;
mod named_people;
mod out;
mod owner;
mod pause;
mod person;
mod preflight;
mod privacy;
mod problems;
mod progress;
mod prompt;
mod publish;
mod rename;
mod report;
mod reset;
mod restore;
mod resume;
mod run;
mod run_lines;
mod runs;
#[cfg(feature = "demo")]
mod sandbox;
mod schema;
mod serve;
#[cfg(feature = "demo")]
mod simulated;
mod start;
mod starter;
mod status;
mod stop;
mod stream_rules;
mod streams;
mod strips;
mod suggested;
mod sync;
mod table;
mod ticks;
mod tokens;
mod unconfigured;
mod vault;
mod verify;
mod web;
mod why;
#[cfg(feature = "postgres")]
mod worker;
mod write_new;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use args::{Args, Command};
use exit::Exit;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

use rollbook_core::permissions::invoker;

/// The command line without what help adds to it, for man pages.
pub fn command_line() -> clap::Command {
    Args::command()
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let mut command_line = help::command_line(command_line());
    let matches = command_line.get_matches_mut();
    let args = Args::from_arg_matches(&matches)
        .unwrap_or_else(|error| error.format(&mut command_line).exit());
    #[cfg(feature = "postgres")]
    if let Err(exit) = cluster::work_for_origin() {
        return exit.report();
    }
    let (folders, state_use) = (args.folders(), args.command.state_use());
    invoker(); // before this process becomes another user
    let begun = owner::continue_as_owner(&folders, state_use);
    if let Err(exit) = begun.and_then(|()| start::need_configuration(&folders, state_use)) {
        return exit.report();
    }
    if let Err(error) = leave_no_core() {
        return Exit::failed(format!("could not switch core dumps off: {error}")).report();
    }
    let log = log::begin(args.log, args.log_level());
    let runtime = match args.command {
        Command::Web(_) => start::one_thread(),
        Command::Run if owner::is_cluster(&folders.config) => start::worker_runtime(),
        _ => start::runtime(),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("could not start: {error}")).report(),
    };
    let result = runtime.block_on(command(args, &matches));
    runtime.shutdown_background();
    log.flush();
    result.map_or_else(|exit| exit.report(), |()| ExitCode::SUCCESS)
}

/// A core dump would hold secrets and rows. The limit alone does not stop one that the kernel pipes to a program.
fn leave_no_core() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    set_dumpable(false)
}

async fn command(args: Args, matches: &ArgMatches) -> Result<(), Exit> {
    let folders = args.folders();
    #[cfg(feature = "postgres")]
    if cluster::is_done_elsewhere(&folders, args.in_source.as_ref(), matches).await? {
        return Ok(());
    }
    #[cfg(not(feature = "postgres"))]
    if let (Some(_), _) = (&args.in_source, matches) {
        return Err(Exit::usage(rollbook_engine::setup::WITHOUT_POSTGRES));
    }
    match args.command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(&folders, options).await,
        Command::Run => run::run(&folders).await,
        Command::Web(options) => web::run(&folders, &options).await,
        Command::Serve(options) => serve::run(&folders, &options).await,
        Command::Sync(options) => sync::run(&folders, options).await,
        Command::Check(options) => check::run(&folders, &options).await,
        Command::Connector(options) => connector::run(&folders, &options).await,
        Command::Combos(options) => combos::run(&folders, &options),
        Command::Crosswalk(options) => crosswalk::run(&folders, &options),
        Command::Init(options) => init::run(&folders, &options).await,
        Command::Status(options) => status::run(&folders, &options).await,
        Command::Report(options) => report::run(&folders, &options),
        Command::Runs(options) => runs::run(&folders, &options),
        Command::Jobs(options) => jobs::run(&folders, &options),
        Command::Streams(options) => streams::run(&folders, &options),
        Command::Person(options) => person::run(&folders, &options).await,
        Command::Privacy(options) => privacy::run(&folders, &options),
        Command::Changes(options) => changes::run(&folders, options).await,
        Command::Export(options) => export::run(&folders, options).await,
        Command::Why(options) => why::run(&folders, &options),
        Command::Tokens(options) => tokens::run(&folders, &options).await,
        Command::Logout(options) => logout::run(&folders, &options).await,
        Command::Vault(options) => vault::run(&folders, &options).await,
        Command::Matches(options) => matches::run(&folders, &options).await,
        Command::Approve(options) => approve::run(&folders, &options).await,
        Command::Pause(options) => pause::run(&folders, options).await,
        Command::Resume(options) => resume::run(&folders, options).await,
        Command::Rename(options) => rename::run(&folders, &options).await,
        Command::Reset(options) => reset::run(&folders, options).await,
        Command::Audit(options) => audit::run(&folders, &options),
        Command::Erase(options) => erase::run(&folders, &options).await,
        Command::Alerts(options) => alerts::run(&folders, &options).await,
        Command::Hooks(options) => hooks::run(&folders, &options).await,
        #[cfg(feature = "postgres")]
        Command::Cluster(options) => cluster::run(&folders, &options).await,
        Command::Publish(options) => publish::run(&folders, &options).await,
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
        #[cfg(feature = "demo")]
        Command::Sandbox(options) => sandbox::run(options).await,
    }
}
