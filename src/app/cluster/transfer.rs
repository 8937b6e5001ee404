//! A source's files between the cluster's database and a folder, and out of the database for good. Only while no worker has the source;
//! fetching works always.

use std::fs;
use std::path::Path;

use super::ClusterDatabase;
use super::error::ClusterError;
use super::files::{FileHashes, MIRROR, VAULT, fill};
use crate::clock::Clock;
use crate::cluster::lease::{LeaseRow, Position, RunFence};
use crate::document::suggest::listed;
use crate::http::blocking::blocking;
use crate::model::{ClusterSummary, SourceName};
use crate::postgres::cluster::leases::{self, Shipped};
use crate::postgres::cluster::pages::{self, PageBatch, SourceFile};
use crate::postgres::cluster::{SHORT, transfer};
use crate::postgres::random::{new_claim, new_revision};
use crate::postgres::{DatabaseError, DatabaseSession};
use crate::setup::beside;
use crate::store::database::reader;
use crate::store::mirror_lock::lock_mirror;
use crate::store::pages::{PageHashes, PageSnapshot};
use crate::store::queries;
use crate::store::vault::vault_file;
use crate::store::{StoreError, make_private_folder};

/// The database may store a newer state while the files are written; then they are written again.
const ATTEMPTS: u32 = 5;

/// Bytes of pages in one transaction.
const BATCH: usize = 4 << 20;

/// Why files of a source were not moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The cluster, or a file.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It is not possible; why, and what to do.
    #[error("{0}")]
    Refused(String),
}

impl From<DatabaseError> for TransferError {
    fn from(error: DatabaseError) -> Self {
        Self::Cluster(error.into())
    }
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        Self::Cluster(error.into())
    }
}

fn refused<T>(why: String) -> Result<T, TransferError> {
    Err(TransferError::Refused(why))
}

/// Writes what the database holds of a source as the files of a single machine: the mirror, and the vault beside it.
///
/// # Errors
/// When there is a file already, or the database holds nothing.
pub async fn fetch_files(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
) -> Result<(), TransferError> {
    let files = [mirror.to_owned(), vault_file(beside(mirror))];
    if let Some(file) = files.iter().find(|file| file.exists()) {
        return refused(format!(
            "{} is there already: name another folder",
            file.display()
        ));
    }
    make_private_folder(beside(mirror))?;
    let mut attempt = 1;
    loop {
        let session = database.bulk_session().await?;
        let content = transfer::content(&session, &database.schema, source.as_str()).await?;
        database.keep(session);
        let Some(content) = content else {
            return refused(format!(
                "the cluster's database holds nothing of {source} yet"
            ));
        };
        match fill(database, source, mirror, &content).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                for file in &files {
                    let _ = fs::remove_file(file); // made by this attempt
                }
                match error {
                    ClusterError::Content if attempt < ATTEMPTS => attempt += 1,
                    error => return Err(error.into()),
                }
            }
        }
    }
}

/// Makes the files of a single machine the state of a source that has none yet.
///
/// # Errors
/// When the source has a state or a worker, or the files are not those of this source alone.
pub async fn put_files(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
) -> Result<(), TransferError> {
    // The service of the machine must not run, nor begin to.
    let _lock = lock_mirror(mirror)?;
    let run = refuse_others(source, mirror)?;
    let session = database.bulk_session().await?;
    let schema = &database.schema;
    leases::register(&session, schema, &[source.to_string()]).await?;
    let found = match leases::find(&session, schema, source.as_str()).await? {
        Some(row) if row.is_valid => return refused(has_a_worker(source)),
        Some(row) => row,
        None => {
            return refused(format!(
                "the row of {source} is missing from the cluster's database"
            ));
        }
    };
    let content = transfer::content(&session, schema, source.as_str()).await?;
    if content.is_some() {
        return refused(format!(
            "the cluster's database holds a state of {source} already: `rollbook cluster forget {source}` removes it, for good"
        ));
    }
    let claim = vacated(&session, schema, source, &found).await?;
    let mirror_pages = PageSnapshot::of_file(mirror, &PageHashes::default())?;
    let mut files = FileHashes {
        mirror: send(&session, schema, (source, MIRROR), &claim, mirror_pages).await?,
        vault: PageHashes::default(),
    };
    if vault_file(beside(mirror)).exists() {
        let vault = PageSnapshot::of_vault(beside(mirror), &PageHashes::default())?;
        files.vault = send(&session, schema, (source, VAULT), &claim, vault).await?;
    }
    let epoch = found.epoch + 1;
    let fence = RunFence {
        claim,
        from: Position::default(),
        to: Position {
            epoch,
            run,
            revision: new_revision()?,
        },
    };
    let shipped = Shipped {
        content: files.content(),
        weight: 1,
        summary: serde_json::to_string(&ClusterSummary::default()).unwrap_or_default(),
    };
    match leases::advance(&session, schema, source.as_str(), &fence, &shipped).await? {
        true => Ok(()),
        false => refused(has_a_worker(source)),
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

fn has_a_worker(source: &SourceName) -> String {
    format!(
        "a worker has {source}: take it out of the configuration of the cluster first, so that it is given back"
    )
}

/// Takes the row of a source; returns its claim.
async fn vacated(
    session: &DatabaseSession,
    schema: &str,
    source: &SourceName,
    found: &LeaseRow,
) -> Result<String, TransferError> {
    let claim = new_claim()?;
    match transfer::vacate(session, schema, source.as_str(), found, &claim).await? {
        true => Ok(claim),
        false => refused(has_a_worker(source)),
    }
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
        let read = blocking(move || {
            let batch = snapshot.next(BATCH);
            (snapshot, batch)
        });
        let (returned, batch) = read.await;
        snapshot = returned;
        let (numbers, bytes): (Vec<i32>, Vec<Vec<u8>>) = batch?.into_iter().unzip();
        let is_end = numbers.is_empty();
        session.begin_within(SHORT).await?;
        if !leases::hold(session, schema, source.as_str(), claim).await? {
            session.roll_back().await;
            return refused(has_a_worker(source));
        }
        match snapshot.cut_behind().filter(|_| is_end) {
            // Those of an attempt that was interrupted.
            Some(last) => pages::cut(session, schema, of, last).await?,
            None => pages::put(session, schema, of, &PageBatch { numbers, bytes }).await?,
        }
        session.commit().await?;
        if is_end {
            return Ok(snapshot.hashes());
        }
    }
}

/// Looks whether a source can be forgotten.
///
/// # Errors
/// When a worker has the source, or the database knows none of this name.
pub async fn check_forgettable(
    database: &ClusterDatabase,
    source: &SourceName,
) -> Result<(), TransferError> {
    let session = database.bulk_session().await?;
    let found = leases::find(&session, &database.schema, source.as_str()).await?;
    database.keep(session);
    match found {
        None => refused(format!("the cluster's database knows no source {source}")),
        Some(row) if row.is_valid => refused(has_a_worker(source)),
        Some(_) => Ok(()),
    }
}

/// Removes everything that the database has of a source but its row, which no worker may take for a new one
/// (cluster-protocol.md 1 rule 1).
///
/// # Errors
/// When a worker has the source.
pub async fn forget_source(
    database: &ClusterDatabase,
    source: &SourceName,
) -> Result<u64, TransferError> {
    let session = database.bulk_session().await?;
    let schema = &database.schema;
    let found = leases::find(&session, schema, source.as_str()).await?;
    let Some(found) = found else {
        return refused(format!("the cluster's database knows no source {source}"));
    };
    let claim = vacated(&session, schema, source, &found).await?;
    let mut pages = 0;
    loop {
        session.begin_within(SHORT).await?;
        if !leases::hold(&session, schema, source.as_str(), &claim).await? {
            session.roll_back().await;
            return refused(has_a_worker(source));
        }
        let deleted = transfer::delete_pages(&session, schema, source.as_str()).await?;
        if deleted == 0 {
            transfer::delete_rest(&session, schema, source.as_str()).await?;
        }
        session.commit().await?;
        pages += deleted;
        if deleted == 0 {
            break;
        }
    }
    if let Err(error) = pages::vacuum(&session, schema).await {
        tracing::warn!("the pages were deleted, and PostgreSQL did not free their bytes: {error}");
    }
    Ok(pages)
}
