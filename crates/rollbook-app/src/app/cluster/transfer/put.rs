//! The files of a single machine become the state of a source, and its sign-in moves into the database.
//!
//! The sign-in is deleted from the vault before the database has it. A crash in between loses it; none leaves a refresh token on both
//! sides.

use std::path::Path;
use std::sync::Arc;

use super::{
    TransactionEnd, TransferError, can_sign_in, commit, found_free, has_a_worker, leave_nothing,
    refused, vacated,
};
use crate::app::ClusterDatabase;
use crate::app::cluster::files::{FileHashes, MIRROR, VAULT};
use crate::app::cluster::sealed_grant::TokenKeys;
use crate::app::cluster::shipping::next_batch;
use crate::app::cluster::token_store::age;
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::listed;
use rollbook_core::model::{ClusterSummary, KeptGrant, SourceName};
use rollbook_core::store::database::reader;
use rollbook_core::store::mirror_lock::lock_mirror;
use rollbook_core::store::pages::{PageHashes, PageSnapshot};
use rollbook_core::store::vault::{Keys, vault_file};
use rollbook_core::store::{StoreError, Vault, queries};
use rollbook_engine::setup::beside;
use rollbook_postgres::cluster::lease::{Position, RunFence};
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::leases::{self, Shipped};
use rollbook_postgres::postgres::cluster::pages::{self, SourceFile};
use rollbook_postgres::postgres::cluster::tokens::TokenTable;
use rollbook_postgres::postgres::cluster::{SHORT, transfer};
use rollbook_postgres::postgres::random::new_revision;

/// Bytes of pages in one transaction.
const BATCH: usize = 4 << 20;

/// Makes the files of a single machine the state of a source that has none yet; returns whether its sign-in moved along.
///
/// # Errors
/// When the source has a state or a worker, the files are not those of this source alone, or `keys` do not open the vault.
pub async fn put_files(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
    keys: Keys,
) -> Result<bool, TransferError> {
    // The service of the machine must not run, nor begin to.
    let _lock = lock_mirror(mirror)?;
    let run = refuse_others(source, mirror)?;
    let vault = open_vault(beside(mirror), keys)?;
    let (session, schema) = (database.bulk_session().await?, &database.schema);
    leases::register(&session, schema, &[source.to_string()]).await?;
    let found = found_free(&session, schema, source).await?;
    let content = transfer::content(&session, schema, source.as_str()).await?;
    if content.is_some() {
        return refused(format!(
            "the cluster's database holds a state of {source} already: `rollbook cluster forget {source}` removes it, for good"
        ));
    }
    let claim = vacated(&session, schema, source, &found).await?;
    let pages = PageSnapshot::of_file(mirror, &PageHashes::default())?;
    let mirror_pages = send(&session, schema, (source, MIRROR), &claim, pages).await?;

    let mut moving = MovingSource {
        source,
        folder: beside(mirror),
        run,
        epoch: found.epoch + 1,
        claim,
        grant: None,
    };
    if let Some(vault) = &vault {
        moving.grant = vault.load(source)?;
        if let Some(grant) = &moving.grant {
            leave_nothing(vault, source, grant)?;
        }
    }
    let failed = match moving
        .store(database, &session, mirror_pages, vault.as_ref())
        .await
    {
        Ok(TransactionEnd::Committed) => return Ok(moving.grant.as_ref().is_some_and(can_sign_in)),
        Ok(TransactionEnd::Unknown(error)) => {
            return refused(format!(
                "it is not known whether the cluster's database has {source} now ({error}); `rollbook cluster status` tells. If it has not, \
                 repeat the command and sign in again"
            ));
        }
        Ok(TransactionEnd::RolledBack(error)) => error.into(),
        Err(error) => error,
    };
    // The database does not have it.
    if let (Some(vault), Some(grant)) = (&vault, &moving.grant) {
        vault.keep(source, grant)?;
    }
    Err(failed)
}

/// The vault in a folder, if there is one, with everything sealed by the key of the cluster.
fn open_vault(folder: &Path, keys: Keys) -> Result<Option<Arc<Vault>>, StoreError> {
    if !vault_file(folder).exists() {
        return Ok(None);
    }
    if let Some(refusal) = keys.refusal(keys.id()) {
        return Err(refusal);
    }
    let vault = Vault::open(folder, keys)?;
    // What another key has sealed no worker could read.
    vault.with_keys(|keys| vault.rekey(&[keys], keys))?;
    Ok(Some(Arc::new(vault)))
}

/// A source on its way into the database.
struct MovingSource<'a> {
    source: &'a SourceName,
    /// That of its files.
    folder: &'a Path,
    /// The newest one of the mirror.
    run: i64,
    epoch: i64,
    claim: String,
    /// Deleted from the vault.
    grant: Option<KeptGrant>,
}

impl MovingSource<'_> {
    /// Sends the vault, and makes all that was sent the state of the source. The error: nothing was stored.
    async fn store(
        &self,
        database: &ClusterDatabase,
        session: &DatabaseSession,
        mirror: PageHashes,
        vault: Option<&Arc<Vault>>,
    ) -> Result<TransactionEnd, TransferError> {
        let (source, schema) = (self.source, &database.schema);
        let mut files = FileHashes {
            mirror,
            vault: PageHashes::default(),
        };
        if vault.is_some() {
            let pages = PageSnapshot::of_vault(self.folder, &PageHashes::default())?;
            files.vault = send(session, schema, (source, VAULT), &self.claim, pages).await?;
        }
        session.begin_within(SHORT).await?;
        if let Some(vault) = vault {
            let table = TokenTable::new(session, schema);
            self.bring(&table, vault).await?;
        }
        let fence = RunFence {
            claim: self.claim.clone(),
            from: Position::default(),
            to: Position {
                epoch: self.epoch,
                run: self.run,
                revision: new_revision()?,
            },
        };
        let shipped = Shipped {
            content: files.content(),
            weight: 1,
            summary: serde_json::to_string(&ClusterSummary::default()).unwrap_or_default(),
        };
        match leases::advance(session, schema, source.as_str(), &fence, &shipped).await? {
            true => Ok(commit(database, session, source, |row| row.position == fence.to).await),
            false => refused(has_a_worker(source)),
        }
    }

    /// Brings the sign-in, unless a person has signed in to the source in the cluster, and the requests of each day.
    async fn bring(&self, table: &TokenTable<'_>, vault: &Arc<Vault>) -> Result<(), TransferError> {
        let source = self.source;
        for (day, requests) in vault.counts(source)? {
            table.count(source.as_str(), &day, requests.into()).await?;
        }
        let found = table.read(source.as_str()).await?;
        if let (None, Some(grant)) = (found.tokens, &self.grant) {
            let keys = TokenKeys::Vault(Arc::clone(vault));
            let sealed = keys.seal(source, grant, age(grant, &Clock::system()));
            let sealed = sealed.map_err(|error| TransferError::Refused(error.reason))?;
            table.replace(source.as_str(), &sealed).await?;
        }
        Ok(())
    }
}

/// The newest run of a mirror that holds only this source.
fn refuse_others(source: &SourceName, mirror: &Path) -> Result<i64, TransferError> {
    let reader = reader(mirror)?;
    let mut others: Vec<String> = queries::mirrored(&reader)?
        .into_iter()
        .map(|(of, _)| of.to_string())
        .collect();
    others.retain(|of| *of != *source.as_str());
    others.dedup();
    if !others.is_empty() {
        return refused(format!(
            "{} has rows of {} too, and in a cluster each source has a mirror of its own: take them out of the configuration of that machine, \
             and let it remove their tables",
            mirror.display(),
            listed(others.iter().map(String::as_str))
        ));
    }
    Ok(queries::newest_and_busy(&reader, Clock::system().now())?.0)
}

/// Sends the pages of a file, in transactions that hold the source's row.
async fn send(
    session: &DatabaseSession,
    schema: &str,
    (source, file): (&SourceName, &'static str),
    claim: &str,
    mut snapshot: PageSnapshot,
) -> Result<PageHashes, TransferError> {
    let of = SourceFile {
        source: source.as_str(),
        file,
    };
    loop {
        let (returned, batch) = next_batch(snapshot, BATCH).await?;
        snapshot = returned;
        let is_end = batch.numbers.is_empty();
        session.begin_within(SHORT).await?;
        if !leases::hold(session, schema, source.as_str(), claim).await? {
            session.roll_back().await;
            return refused(has_a_worker(source));
        }
        match snapshot.cut_behind().filter(|_| is_end) {
            // Those of an attempt that was interrupted.
            Some(last) => pages::cut(session, schema, of, last).await?,
            None => pages::put(session, schema, of, &batch).await?,
        }
        session.commit().await?;
        if is_end {
            return Ok(snapshot.hashes());
        }
    }
}
