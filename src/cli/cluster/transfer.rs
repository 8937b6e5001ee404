//! `rollbook cluster fetch`, `put` and `forget`: a school moves out, moves in with its history, or is gone.

use std::path::PathBuf;

use super::database::ClusterAccess;
use crate::app::{TransferError, check_forgettable, fetch_files, forget_source, put_files};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::prompt::Prompt;
use crate::cli::table::many;
use crate::model::SourceName;
use crate::setup::Setup;
use crate::setup::files::StoreConfig;

/// Options of `cluster fetch`.
#[derive(Debug, clap::Args)]
pub struct FetchOptions {
    /// The source
    source: SourceName,
    /// The folder; it must not have these files yet
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Options of `cluster put`.
#[derive(Debug, clap::Args)]
pub struct PutOptions {
    /// The source; the cluster has no state of it yet
    source: SourceName,
    /// The folder with mirror.db and vault.db; its service must not run
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

/// Options of `cluster forget`.
#[derive(Debug, clap::Args)]
pub struct ForgetOptions {
    /// The source, which the configuration has no longer
    source: SourceName,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl From<TransferError> for Exit {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Refused(why) => Self::usage(why),
            TransferError::Cluster(error) => Self::failed(format!("rollbook: {error}")),
        }
    }
}

/// Writes the files of a source.
pub async fn fetch(access: &ClusterAccess, options: &FetchOptions) -> Result<(), Exit> {
    let source = &options.source;
    let mirror = options.to.join(StoreConfig::default().path);
    fetch_files(&access.database, source, &mirror).await?;
    out::text(format!(
        "{} is the mirror of {source} as the cluster's database has it, with its vault beside it. A machine that continues with it needs the same \
         vault key; a sign-in stays in the cluster: `rollbook logout {source}` here, then `rollbook login {source}` there.",
        mirror.display()
    ));
    Ok(())
}

/// Makes files the state of a source.
pub async fn put(access: &ClusterAccess, options: &PutOptions) -> Result<(), Exit> {
    let source = &options.source;
    let mirror = options.from.join(StoreConfig::default().path);
    put_files(&access.database, source, &mirror).await?;
    out::text(format!(
        "The cluster's database has the mirror and the vault of {source} now; a worker continues with them as soon as the configuration of the cluster \
         has the source. If it signs in by browser: `rollbook login {source}`. Delete {} when the cluster works.",
        options.from.display()
    ));
    Ok(())
}

/// Removes what the database has of a source.
pub async fn forget(
    access: &ClusterAccess,
    setup: &Setup,
    options: &ForgetOptions,
) -> Result<(), Exit> {
    let source = &options.source;
    if setup.sources.contains_key(source) {
        return Err(Exit::usage(format!(
            "the configuration has {source}: take it out of rollbook.toml on every worker first"
        )));
    }
    check_forgettable(&access.database, source).await?;
    if !options.yes {
        let Some(prompt) = Prompt::open() else {
            return Err(Exit::usage(format!(
                "without a terminal, `--yes` removes what the cluster's database has of {source}"
            )));
        };
        let question = format!(
            "Remove the mirror, the history and the sign-in of {source} from the cluster's database? This cannot be undone; \
             `rollbook cluster fetch {source} --to DIR` keeps the files."
        );
        if !prompt.agrees(&question).await? {
            return Err(Exit::failed("nothing was removed"));
        }
    }
    let pages = forget_source(&access.database, source).await?;
    out::text(format!(
        "Removed {} of {source} from the cluster's database; its write-ahead log, replicas and backups are its operator's.",
        many(pages, "page", "pages")
    ));
    Ok(())
}
