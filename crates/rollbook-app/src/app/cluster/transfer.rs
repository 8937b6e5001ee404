//! A source's files and sign-in between the cluster's database and a folder, and out of the database for good. Only while no worker has
//! the source; a copy of its files can be had always.

mod fetch;
mod forget;
mod put;

use secrecy::{ExposeSecret as _, SecretString};

use super::ClusterDatabase;
use super::error::ClusterError;
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptGrant, SourceName};
use rollbook_core::store::{StoreError, Vault};
use rollbook_http::auth::SignInMark;
use rollbook_postgres::cluster::lease::LeaseRow;
use rollbook_postgres::postgres::cluster::tokens::TokenTable;
use rollbook_postgres::postgres::cluster::{SHORT, leases, transfer};
use rollbook_postgres::postgres::random::new_claim;
use rollbook_postgres::postgres::{DatabaseError, DatabaseSession};

pub use fetch::{MovedSignIn, fetch_files, move_out};
pub use forget::{check_forgettable, forget_source};
pub use put::put_files;

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

pub(super) fn refused<T>(why: String) -> Result<T, TransferError> {
    Err(TransferError::Refused(why))
}

fn has_a_worker(source: &SourceName) -> String {
    format!(
        "a worker has {source}: take it out of the configuration of the cluster first, so that it is given back"
    )
}

/// The row of a source that no worker has.
async fn found_free(
    session: &DatabaseSession,
    schema: &str,
    source: &SourceName,
) -> Result<LeaseRow, TransferError> {
    match leases::find(session, schema, source.as_str()).await? {
        None => refused(format!("the cluster's database knows no source {source}")),
        Some(row) if row.is_valid => refused(has_a_worker(source)),
        Some(row) => Ok(row),
    }
}

/// Takes the row of a source, so that a worker that was stopped stores nothing and announces no token request.
pub(super) async fn take(
    session: &DatabaseSession,
    schema: &str,
    source: &SourceName,
) -> Result<LeaseRow, TransferError> {
    let found = found_free(session, schema, source).await?;
    let claim = new_claim()?;
    match transfer::take(session, schema, source.as_str(), &found, &claim).await? {
        true => Ok(LeaseRow {
            epoch: found.epoch + 1,
            claim,
            start: None,
            ..found
        }),
        false => refused(has_a_worker(source)),
    }
}

/// Takes the row of a source, and says that the database holds nothing of it; returns its claim.
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

/// Leaves nothing to sign in with where a grant was, or is not to be.
fn leave_nothing(vault: &Vault, source: &SourceName, grant: &KeptGrant) -> Result<(), StoreError> {
    match SignInMark::of(grant) {
        Some(_) => vault.forget(source).map(drop),
        None => leave_successor(vault, source, &grant.seed_hash),
    }
}

/// Whether a grant is more than what [`leave_nothing`] has left.
fn can_sign_in(grant: &KeptGrant) -> bool {
    !grant.refresh_token.expose_secret().is_empty() || grant.access.is_some()
}

/// Leaves an empty successor of a configured refresh token, so that it is not sent again: it is used up.
fn leave_successor(vault: &Vault, source: &SourceName, seed_hash: &str) -> Result<(), StoreError> {
    let successor = KeptGrant {
        refresh_token: SecretString::default(),
        previous: None,
        seed_hash: seed_hash.to_owned(),
        intent: None,
        api_key: None,
        access: None,
        obtained: Clock::system().now(),
        scope: None,
    };
    vault.keep(source, &successor)
}

/// Removes everything that the database has of a source with this claim, but two rows: that of its lease, which no worker may take for
/// a new one (cluster-protocol.md 1 rule 1), and that of its tokens, whose generations must not come again (cluster-protocol.md 3 rule 14).
async fn remove_rows(
    session: &DatabaseSession,
    schema: &str,
    source: &SourceName,
    claim: &str,
) -> Result<u64, TransferError> {
    let mut pages = 0;
    loop {
        session.begin_within(SHORT).await?;
        if !leases::hold(session, schema, source.as_str(), claim).await? {
            session.roll_back().await;
            return refused(has_a_worker(source));
        }
        let deleted = transfer::delete_pages(session, schema, source.as_str()).await?;
        if deleted == 0 {
            let tokens = TokenTable::new(session, schema);
            tokens.forget(source.as_str()).await?;
            transfer::delete_rest(session, schema, source.as_str()).await?;
        }
        session.commit().await?;
        pages += deleted;
        if deleted == 0 {
            break;
        }
    }
    if let Err(error) = transfer::vacuum(session, schema).await {
        tracing::warn!("the rows were deleted, and PostgreSQL did not free their bytes: {error}");
    }
    Ok(pages)
}

/// How a transaction ended that has changed the row of a source.
enum TransactionEnd {
    Committed,
    /// For certain.
    RolledBack(DatabaseError),
    Unknown(DatabaseError),
}

/// How often it is looked how a transaction ended.
const LOOKS: u32 = 3;

/// Commits. If the answer is lost, the row tells whether it took effect: it is locked until the transaction has ended.
async fn commit(
    database: &ClusterDatabase,
    session: &DatabaseSession,
    source: &SourceName,
    is_done: impl Fn(&LeaseRow) -> bool,
) -> TransactionEnd {
    let Err(error) = session.commit().await else {
        return TransactionEnd::Committed;
    };
    for _ in 0..LOOKS {
        let looked = async {
            let session = database.bulk_session().await?;
            session.begin_within(SHORT).await?;
            let row = leases::find_settled(&session, &database.schema, source.as_str()).await?;
            session.commit().await?;
            database.keep(session);
            Ok::<_, DatabaseError>(row)
        };
        match looked.await {
            Ok(Some(row)) if is_done(&row) => return TransactionEnd::Committed,
            Ok(_) => return TransactionEnd::RolledBack(error),
            Err(why) => tracing::debug!(%source, "it is not known yet what was stored: {why}"),
        }
    }
    TransactionEnd::Unknown(error)
}
