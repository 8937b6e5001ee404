//! `rollbook vault rekey` in a cluster: one host seals what the database has, and every worker gets the key by its admin.

use super::database::ClusterAccess;
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::table::many;
use rollbook_app::app::rekey_cluster;
use rollbook_core::store::vault::Keys;
use rollbook_engine::setup::{Folders, Setup};

/// Where vaults are while they are sealed, in the state folder.
const FOLDER: &str = "rekey";

/// Seals what the cluster's database has with another key.
pub async fn rekey(
    folders: &Folders,
    setup: &Setup,
    from: &[&Keys],
    to: &Keys,
) -> Result<(), Exit> {
    let Some(id) = to.id() else {
        return Err(Exit::usage(
            "the tokens of a cluster are in its database, so they need a key: use --new-key FILE",
        ));
    };
    let access = ClusterAccess::open(folders, setup).await?;
    let folder = folders.state.join(FOLDER);
    let sources = rekey_cluster(&access.database, &folder, from, to).await?;
    out::text(text(sources, id));
    Ok(())
}

fn text(sources: u64, id: &str) -> String {
    let done = match sources {
        0 => format!("Everything in the cluster's database is already encrypted with key {id}."),
        _ => format!(
            "{} encrypted with key {id}.",
            many(sources, "source is", "sources are")
        ),
    };
    format!(
        "{done}\nBefore a worker starts, set its [store] vault_key to this key, on every machine: with another one it can use no stored token. \
         PostgreSQL's write-ahead log, replicas and backups have what was encrypted with the old key."
    )
}
