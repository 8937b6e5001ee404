//! A cluster on the command line: which worker carries a command out, and `rollbook cluster` itself.
//!
//! A command that works with a mirror is carried out by the worker that has the source, as a process there that is asked for it
//! (`app/cluster/requests.rs`); on its own machine it is what it would be without a cluster.

mod database;
mod forward;
mod rekey;
mod route;
mod status;
mod transfer;

use clap::ArgMatches;

use self::database::ClusterAccess;
use self::route::CommandRoute;
use super::exit::Exit;
use super::suggested::suggest_in;
use super::{out, owner};
pub use rekey::rekey;
use rollbook_app::app::{ASKED, RequestOrigin};
use rollbook_core::model::SourceName;
use rollbook_core::permissions::invoked_by;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `cluster`.
#[derive(Debug, clap::Args)]
pub struct ClusterOptions {
    #[command(subcommand)]
    action: ClusterAction,
}

#[derive(Debug, clap::Subcommand)]
enum ClusterAction {
    /// Show workers and sources; the exit code is 1 if a source has no worker
    Status(status::ClusterStatusOptions),
    /// Write a source's mirror and vault to a folder, or move the source out
    Fetch(transfer::FetchOptions),
    /// Give a source the mirror and the vault of a single machine
    Put(transfer::PutOptions),
    /// Remove what the database has of a source that is gone
    ///
    /// Its mirror, history and sign-in; not what it published.
    Forget(transfer::ForgetOptions),
}

/// Shows the cluster, or moves files of a source.
pub async fn run(folders: &Folders, options: &ClusterOptions) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let access = ClusterAccess::open(folders, &setup).await?;
    match &options.action {
        ClusterAction::Status(options) => status::run(&access, &setup, options).await,
        ClusterAction::Fetch(options) => transfer::fetch(&access, (folders, &setup), options).await,
        ClusterAction::Put(options) => transfer::put(&access, (folders, &setup), options).await,
        ClusterAction::Forget(options) => transfer::forget(&access, &setup, options).await,
    }
}

/// Whether a worker started this process for a person on another host.
pub fn is_asked() -> bool {
    std::env::var_os(ASKED).is_some()
}

/// Makes this process work for the person who asked a worker for it, if one did.
///
/// # Errors
/// When it is not known who.
pub fn work_for_origin() -> Result<(), Exit> {
    let Some(origin) = std::env::var_os(ASKED) else {
        return Ok(());
    };
    let origin = serde_json::from_str::<RequestOrigin>(&origin.to_string_lossy());
    let origin = origin.map_err(|error| Exit::usage(format!("{ASKED}: {error}")))?;
    out::lay_out_for(origin.width, origin.error_width);
    invoked_by(origin.by);
    Ok(())
}

/// Has the worker carry the command out that has its source; `false` where this process does it. `given` is the source of `--in`.
///
/// # Errors
/// When the command is not possible in a cluster, and when it failed there.
pub async fn is_done_elsewhere(
    folders: &Folders,
    given: Option<&SourceName>,
    matches: &ArgMatches,
) -> Result<bool, Exit> {
    if is_asked() {
        route::check(matches)?;
        return match &folders.source {
            Some(source) if !folders.state.is_dir() => Err(Exit::busy(format!(
                "this worker does not have {source} any more; repeat the command"
            ))),
            Some(source) => {
                suggest_in(source.clone());
                Ok(false)
            }
            None => Err(Exit::usage("a worker's command needs `--in SOURCE`")),
        };
    }
    if route::is_here(matches) && given.is_none() {
        return Ok(false);
    }
    if !owner::is_cluster(&folders.config) {
        return match given {
            Some(_) => Err(Exit::usage(
                "rollbook.toml has no [cluster], so all sources are in one mirror: leave --in out",
            )),
            None => Ok(false),
        };
    }
    let setup = Setup::load(folders, &Overlay::default())?;
    let sources = match route::route(&setup, matches, given)? {
        CommandRoute::Here => return Ok(false),
        CommandRoute::Sources(sources) => sources,
    };
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let arguments = forward::own_arguments(arguments);
    let access = ClusterAccess::open(folders, &setup).await?;
    if matches.subcommand_name() == Some("status") && given.is_none() {
        status::show_first(&access, &setup, &arguments).await?;
    }
    forward::forward(&access, sources, arguments).await?;
    Ok(true)
}
