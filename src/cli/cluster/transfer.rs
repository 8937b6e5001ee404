//! `rollbook cluster fetch`, `put` and `forget`: a school moves out, moves in with its history, or is gone.

use std::path::PathBuf;

use super::database::ClusterAccess;
use crate::cli::exit::Exit;
use crate::cli::prompt::Prompt;
use crate::cli::table::many;
use crate::cli::{out, start};
use rollbook_app::app::{
    MovedSignIn, TransferError, check_forgettable, fetch_files, forget_source, keys, move_out,
    put_files,
};
use rollbook_core::model::SourceName;
use rollbook_core::store::vault::Keys;
use rollbook_engine::setup::files::StoreConfig;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `cluster fetch`.
#[derive(Debug, clap::Args)]
pub struct FetchOptions {
    /// The source
    source: SourceName,
    /// The folder; it must not have these files yet
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Take the sign-in along, and remove the source from the cluster's database. The configuration must not have it any more
    #[arg(long = "move")]
    moves: bool,
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

/// The key of the cluster.
fn vault_keys(folders: &Folders, setup: &Setup) -> Result<Keys, Exit> {
    let secrets = start::secrets(folders, &Overlay::default());
    Ok(keys(&setup.config.store, &secrets)?)
}

/// Refuses a source that workers still claim.
fn refuse_configured(setup: &Setup, source: &SourceName) -> Result<(), Exit> {
    match setup.sources.contains_key(source) {
        true => Err(Exit::usage(format!(
            "the configuration has {source}: take it out of rollbook.toml on every worker first"
        ))),
        false => Ok(()),
    }
}

/// Writes the files of a source.
pub async fn fetch(
    access: &ClusterAccess,
    (folders, setup): (&Folders, &Setup),
    options: &FetchOptions,
) -> Result<(), Exit> {
    let source = &options.source;
    let mirror = options.to.join(StoreConfig::default().path);
    let keys = vault_keys(folders, setup)?;
    if !options.moves {
        fetch_files(&access.database, source, &mirror, keys).await?;
        out::text(format!(
            "{} is a copy of the mirror of {source} as the cluster's database has it, with its vault beside it. The sign-in stays in the cluster: \
             `--move` takes it along, out of the database.",
            mirror.display()
        ));
        return Ok(());
    }
    refuse_configured(setup, source)?;
    let sign_in = move_out(&access.database, source, &mirror, keys).await?;
    out::text(format!(
        "{} is the mirror of {source}, with its vault beside it; the cluster's database has them no longer. A machine that continues with them needs \
         the same vault key. {}",
        mirror.display(),
        match sign_in {
            MovedSignIn::None => "There was no sign-in.".to_owned(),
            MovedSignIn::Moved => "The sign-in is in the vault.".to_owned(),
            MovedSignIn::Unclear => format!(
                "The sign-in was deleted, because its token may be used up: sign in there again, with `rollbook login {source}` or a new `refresh_token`."
            ),
        }
    ));
    Ok(())
}

/// Makes files the state of a source.
pub async fn put(
    access: &ClusterAccess,
    (folders, setup): (&Folders, &Setup),
    options: &PutOptions,
) -> Result<(), Exit> {
    let source = &options.source;
    let mirror = options.from.join(StoreConfig::default().path);
    let keys = vault_keys(folders, setup)?;
    let what = match put_files(&access.database, source, &mirror, keys).await? {
        true => "the mirror, the vault and the sign-in",
        false => "the mirror and the vault",
    };
    out::text(format!(
        "The cluster's database has {what} of {source} now; a worker continues with them as soon as the configuration of the cluster \
         has the source. Delete {} when the cluster works.",
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
    refuse_configured(setup, source)?;
    check_forgettable(&access.database, source).await?;
    if !options.yes {
        let Some(prompt) = Prompt::open() else {
            return Err(Exit::usage(format!(
                "without a terminal, `--yes` removes what the cluster's database has of {source}"
            )));
        };
        let question = format!(
            "Remove the mirror, the history and the sign-in of {source} from the cluster's database? This cannot be undone; \
             `rollbook cluster fetch {source} --to DIR --move` keeps them."
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
