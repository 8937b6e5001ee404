//! How a source's state gets into the database: the pages that have changed, in one transaction that compares the lease.
//!
//! The file may have been written on meanwhile, and no transaction waits for that: what is shipped is the file at one moment, as after
//! a power failure.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::error::ClusterError;
use super::files::{FileHashes, MIRROR, VAULT};
use super::link::{RunOfSource, ShippedFiles, SourceLink};
use crate::app::App;
use rollbook_core::blocking::blocking;
use rollbook_core::model::{ClusterSummary, JobName, JobSummary, PublishName, SourceName};
use rollbook_core::store::pages::{PageHashes, PageSnapshot};
use rollbook_core::store::{StoreError, queries, runs};
use rollbook_engine::setup::{Setup, beside};
use rollbook_postgres::cluster::lease::{Position, Renewal};
use rollbook_postgres::postgres::cluster::SHORT;
use rollbook_postgres::postgres::cluster::leases::{self, Shipped};
use rollbook_postgres::postgres::cluster::pages::{self, PageBatch, SourceFile};
use rollbook_postgres::postgres::random::new_revision;
use rollbook_postgres::postgres::session::TRANSACTION;
use rollbook_postgres::postgres::{DatabaseError, DatabaseSession};

/// Bytes of pages in one statement.
const BATCH: usize = 512 << 10;

/// The wait before a transaction that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl App {
    /// In a cluster: brings what the mirror and the vault hold now into the database, however long that takes; nothing where they
    /// hold nothing new. Returns false if the source is lost: then what they hold is void.
    pub async fn ship(&self) -> bool {
        let Some(link) = &self.cluster else {
            return true;
        };
        let mut shipped = link.shipped.lock().await;
        let mut is_logged = false;
        loop {
            if link.left().is_zero() {
                link.lost.cancel();
                return false;
            }
            let sent = tokio::select! {
                biased;
                () = link.lost.cancelled() => return false,
                sent = self.ship_once(link, &mut shipped) => sent,
            };
            match sent {
                Ok(()) => return true,
                Err(ClusterError::Overtaken) => continue,
                Err(ClusterError::Lost) => {
                    link.lost.cancel();
                    return false;
                }
                Err(error) if !std::mem::replace(&mut is_logged, true) => {
                    tracing::warn!(source = %link.source, "what the source holds could not be stored in the cluster's database; trying again: {error}");
                }
                Err(error) => tracing::debug!(source = %link.source, "still not stored: {error}"),
            }
            tokio::select! {
                () = link.lost.cancelled() => return false,
                () = link.clock.sleep(RETRY) => {}
            }
        }
    }

    /// In a cluster: waits until a run may begin; `None` if `stop` is cancelled or the source lost first. The run has ended when the
    /// result is dropped.
    pub async fn begin_run(&self, stop: &CancellationToken) -> Option<Option<RunOfSource>> {
        match &self.cluster {
            Some(link) => link.begin_run(stop).await.map(Some),
            None => Some(None),
        }
    }

    /// In a cluster: waits for a connection to a published database, which is another source's when the result is dropped.
    pub async fn turn_to_publish(&self, name: &PublishName) -> Option<OwnedSemaphorePermit> {
        let link = self.cluster.as_ref()?;
        link.database.publications.turn(name).await
    }

    /// In a cluster: lets the database forget the pages that have just been replaced. Returns what is left to do, for an admin.
    pub async fn clean_shipped_pages(&self) -> Option<String> {
        let link = self.cluster.as_ref()?;
        let cleaned = async {
            if !self.ship().await {
                return Err(ClusterError::Lost);
            }
            // It may take long, so on none that others wait for.
            let session = link.database.connect().await?;
            pages::vacuum(&session, &link.database.schema).await?;
            Ok(())
        };
        let failed = cleaned.await.err()?;
        Some(format!(
            "replaced pages of {} in the cluster's database: {failed}",
            link.source
        ))
    }

    /// What a transaction that publishes may stand idle, and its statements may take unless they change a whole table.
    pub fn publishing_limit(&self) -> Duration {
        match &self.cluster {
            Some(_) => SHORT,
            None => TRANSACTION,
        }
    }

    /// In a cluster: whether the source is still this worker's, in the same database; it stays that until the end of the transaction.
    pub async fn still_has_lease(&self, session: &DatabaseSession) -> Result<bool, DatabaseError> {
        match &self.cluster {
            Some(link) => {
                let (schema, source) = (&link.database.schema, link.source.as_str());
                leases::hold(session, schema, source, &link.claim()).await
            }
            None => Ok(true),
        }
    }

    /// Whether something was written since it was shipped last.
    pub fn has_unshipped_writes(&self) -> bool {
        let Some(link) = &self.cluster else {
            return false;
        };
        match link.shipped.try_lock() {
            Ok(shipped) => shipped.writes != Some(self.store().write_counter()),
            Err(_) => false, // being shipped
        }
    }

    async fn ship_once(
        &self,
        link: &SourceLink,
        shipped: &mut ShippedFiles,
    ) -> Result<(), ClusterError> {
        let (database, schema) = (&link.database, &link.database.schema);
        if !shipped.attempts.is_empty() {
            let session = database.session().await?;
            let found = leases::find(&session, schema, link.source.as_str()).await?;
            database.keep(session);
            match link.renewed(shipped, found.as_ref()) {
                Renewal::Same | Renewal::Published => {}
                Renewal::Moved | Renewal::Lost => return Err(ClusterError::Lost),
            }
        }
        // All is read before there is a transaction: the server ends one in which nothing happens.
        let writes = self.store().write_counter();
        let Some(changed) = self.changed_files(shipped, writes).await? else {
            shipped.writes = Some(writes);
            return Ok(());
        };
        let session = database.bulk_session().await?;
        session.begin_within(SHORT).await?;
        let sent = self.send(&session, link, changed, !shipped.attempts.is_empty());
        let (position, files) = sent.await?;
        // From here on it may take effect, whatever we hear.
        shipped.attempts.push((position, files));
        session.commit().await?;
        database.keep(session);
        if let Some((position, files)) = shipped.attempts.pop() {
            link.lease().position = position;
            shipped.files = files;
        }
        shipped.attempts.clear();
        shipped.writes = Some(writes);
        Ok(())
    }

    /// The files as they are now; `None` where neither has changed.
    async fn changed_files(
        &self,
        shipped: &ShippedFiles,
        writes: u64,
    ) -> Result<Option<ChangedFiles>, ClusterError> {
        let store = self.store();
        // The vault first: what the mirror says of erased people is then in it too.
        let (folder, before) = (beside(store.path()).to_owned(), shipped.files.vault.clone());
        let vault = blocking(move || PageSnapshot::of_vault(&folder, &before)).await?;
        let mirror = match shipped.writes == Some(writes) {
            true => None,
            false => {
                let (reader, before) = (store.reader()?, shipped.files.mirror.clone());
                let mirror = blocking(move || PageSnapshot::of_mirror(reader, &before)).await?;
                Some(mirror).filter(|mirror| !mirror.is_same(&shipped.files.mirror))
            }
        };
        let vault = Some(vault).filter(|vault| !vault.is_same(&shipped.files.vault));
        let files = FileHashes {
            mirror: hashes_of(&mirror, &shipped.files.mirror),
            vault: hashes_of(&vault, &shipped.files.vault),
        };
        let is_changed = mirror.is_some() || vault.is_some();
        Ok(is_changed.then_some(ChangedFiles {
            mirror,
            vault,
            files,
        }))
    }

    /// Sends the pages that have changed, and compares and sets the position. `is_again`: an earlier attempt may take effect.
    async fn send(
        &self,
        session: &DatabaseSession,
        link: &SourceLink,
        changed: ChangedFiles,
        is_again: bool,
    ) -> Result<(Position, FileHashes), ClusterError> {
        for (file, snapshot) in [(VAULT, changed.vault), (MIRROR, changed.mirror)] {
            if let Some(snapshot) = snapshot {
                let of = (&link.source, file);
                send_file(session, &link.database.schema, of, snapshot).await?;
            }
        }
        let reader = self.store().reader()?;
        let (run, busy) = queries::newest_and_busy(&reader, self.clock.now())?;
        let fence = link.lease().fence(run, new_revision()?);
        let summary = summary(&self.setup(), &reader)?;
        drop(reader);
        let stored = Shipped {
            content: changed.files.content(),
            weight: weight(busy),
            summary: serde_json::to_string(&summary).unwrap_or_default(),
        };
        let (schema, source) = (&link.database.schema, link.source.as_str());
        match leases::advance(session, schema, source, &fence, &stored).await? {
            true => Ok((fence.to, changed.files)),
            false if is_again => Err(ClusterError::Overtaken),
            false => Err(ClusterError::Lost),
        }
    }
}

/// What is to be sent of a source.
struct ChangedFiles {
    mirror: Option<PageSnapshot>,
    vault: Option<PageSnapshot>,
    /// What the files are then.
    files: FileHashes,
}

fn hashes_of(snapshot: &Option<PageSnapshot>, before: &PageHashes) -> PageHashes {
    match snapshot {
        Some(snapshot) => snapshot.hashes(),
        None => before.clone(),
    }
}

/// The next pages of a file that have changed, about this many bytes; none behind the last.
pub(super) async fn next_batch(
    mut snapshot: PageSnapshot,
    bytes: usize,
) -> Result<(PageSnapshot, PageBatch), StoreError> {
    let read = move || {
        let (numbers, bytes) = snapshot.next(bytes)?.into_iter().unzip();
        Ok((snapshot, PageBatch { numbers, bytes }))
    };
    blocking(read).await
}

/// Sends the pages of a file that have changed.
pub(super) async fn send_file(
    session: &DatabaseSession,
    schema: &str,
    (source, file): (&SourceName, &'static str),
    mut snapshot: PageSnapshot,
) -> Result<(), ClusterError> {
    let file = SourceFile {
        source: source.as_str(),
        file,
    };
    loop {
        let (returned, batch) = next_batch(snapshot, BATCH).await?;
        snapshot = returned;
        if batch.numbers.is_empty() {
            break;
        }
        pages::put(session, schema, file, &batch).await?;
    }
    if let Some(last) = snapshot.cut_behind() {
        pages::cut(session, schema, file, last).await?;
    }
    Ok(())
}

/// What a source adds to the load of a worker: 1, and 1 more for each ten minutes that its runs of a day took.
fn weight(busy: f64) -> i64 {
    let tens = (busy / 600.0).clamp(0.0, 144.0);
    1 + tens as i64
}

/// What the database says of a source's jobs.
fn summary(setup: &Setup, reader: &queries::Reader) -> Result<ClusterSummary, StoreError> {
    let job = |job: &JobName| {
        let (outcome, ended) = queries::last_outcome(reader, job)?.unzip();
        let state = runs::job_state(reader, &job.into())?;
        let held = queries::held(reader, job)?;
        Ok(JobSummary {
            job: job.clone(),
            outcome,
            ended,
            parked: state.parked.is_some(),
            held: held.map(|held| held.run),
        })
    };
    let jobs: Result<_, StoreError> = setup.jobs.keys().map(job).collect();
    Ok(ClusterSummary { jobs: jobs? })
}
