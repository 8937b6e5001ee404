//! Everything that the database has sealed is sealed with another key: the tokens, and what is secret in the vault of each source.
//!
//! No worker may run: it would read with its old key. One transaction a source, so what was interrupted is repeated.

use std::fs;
use std::path::Path;

use super::ClusterDatabase;
use super::error::ClusterError;
use super::files::{VAULT, fill_file, with_vault};
use super::sealed_grant::resealed;
use super::shipping::send_file;
use super::transfer::{TransferError, refused, take};
use rollbook_core::model::SourceName;
use rollbook_core::store::pages::PageSnapshot;
use rollbook_core::store::vault::{Keys, vault_file};
use rollbook_core::store::{StoreError, Vault, make_private_folder};
use rollbook_postgres::cluster::lease::{LeaseRow, Position, RunFence};
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::tokens::TokenTable;
use rollbook_postgres::postgres::cluster::{SHORT, leases, survey, transfer};
use rollbook_postgres::postgres::random::new_revision;

/// The keys of a change.
struct KeyChange<'a> {
    from: &'a [&'a Keys],
    to: &'a Keys,
}

/// Seals what the database has of every source with another key; returns how many sources were sealed with another one. Needs `folder`, which is
/// removed, for the vaults.
///
/// # Errors
/// When a worker runs, or something opens with none of the keys; then sources may have either key, and it is to be repeated.
pub async fn rekey_cluster(
    database: &ClusterDatabase,
    folder: &Path,
    from: &[&Keys],
    to: &Keys,
) -> Result<u64, TransferError> {
    let (session, schema) = (database.bulk_session().await?, &database.schema);
    let workers = survey::workers(&session, schema).await?;
    if !workers.is_empty() {
        let mut hosts: Vec<&str> = workers.iter().map(|worker| worker.host.as_str()).collect();
        hosts.dedup();
        return refused(format!(
            "stop all workers first, because they would read with the old key: there are some on {}",
            hosts.join(", ")
        ));
    }
    let sources = transfer::sources(&session, schema).await?;
    leases::register(&session, schema, &sources).await?;
    let (change, mut changed) = (KeyChange { from, to }, 0);
    for source in sources
        .iter()
        .filter_map(|source| source.parse::<SourceName>().ok())
    {
        let sealed = change.seal(database, &session, &source, folder).await;
        remove(folder)?;
        changed += u64::from(sealed?);
    }
    if let Err(error) = transfer::vacuum(&session, schema).await {
        tracing::warn!(
            "PostgreSQL did not free the bytes of what was sealed with the old key: {error}"
        );
    }
    database.keep(session);
    Ok(changed)
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::disk(folder, "remove it")(error))
        }
        _ => Ok(()),
    }
}

impl KeyChange<'_> {
    /// Seals what there is of a source; returns whether something was sealed with another key.
    async fn seal(
        &self,
        database: &ClusterDatabase,
        session: &DatabaseSession,
        source: &SourceName,
        folder: &Path,
    ) -> Result<bool, TransferError> {
        let (schema, name) = (&database.schema, source.as_str());
        let taken = take(session, schema, source).await?;
        let content = transfer::content(session, schema, name).await?;
        let vault = match &content {
            Some(content) => {
                self.vault(database, session, (source, content), folder)
                    .await?
            }
            None => None,
        };
        session.begin_within(SHORT).await?;
        let is_changed = self
            .tokens(&TokenTable::new(session, schema), source)
            .await?;
        let is_held = match vault {
            Some((pages, content)) => {
                send_file(session, schema, (source, VAULT), pages).await?;
                let fence = fence(&taken)?;
                transfer::set_content(session, schema, name, &fence, &content).await?
            }
            None if !is_changed => {
                session.commit().await?;
                return Ok(false);
            }
            None => leases::hold(session, schema, name, &taken.claim).await?,
        };
        if !is_held {
            return refused(format!(
                "a worker has started and claimed {source}: stop it, and repeat the command"
            ));
        }
        session.commit().await?;
        Ok(true)
    }

    async fn tokens(
        &self,
        table: &TokenTable<'_>,
        source: &SourceName,
    ) -> Result<bool, TransferError> {
        let row = table.read(source.as_str()).await?;
        let is_sealed_so = |id: &str| self.to.id() == Some(id);
        let is_done = match (&row.tokens, &row.intent) {
            (Some(tokens), _) => is_sealed_so(&tokens.key_id),
            (None, intent) => intent.is_none(),
        };
        if is_done {
            return Ok(false);
        }
        let sealed = resealed(source, &row, self.from, self.to)?;
        Ok(table.reseal(source.as_str(), &sealed).await?)
    }

    /// The changed pages of the vault, and what the content is with them; nothing where it has the key already.
    async fn vault(
        &self,
        database: &ClusterDatabase,
        session: &DatabaseSession,
        (source, content): (&SourceName, &str),
        folder: &Path,
    ) -> Result<Option<(PageSnapshot, String)>, TransferError> {
        remove(folder)?;
        make_private_folder(folder)?;
        let of = (source, VAULT);
        let before = fill_file(database, session, of, &vault_file(folder)).await?;
        // The last connection that closes it empties its log.
        if Vault::open(folder, Keys::None)?.rekey(self.from, self.to)? == 0 {
            return Ok(None);
        }
        let pages = PageSnapshot::of_vault(folder, &before)?;
        match with_vault(content, &before, &pages.hashes()) {
            Some(content) => Ok(Some((pages, content))),
            None => Err(ClusterError::Content.into()),
        }
    }
}

fn fence(taken: &LeaseRow) -> Result<RunFence, TransferError> {
    Ok(RunFence {
        claim: taken.claim.clone(),
        from: taken.position,
        to: Position {
            epoch: taken.epoch,
            run: taken.position.run,
            revision: new_revision()?,
        },
    })
}
