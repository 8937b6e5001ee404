//! Why a source could not be filled, shipped or claimed.

use rollbook_core::store::StoreError;
use rollbook_postgres::postgres::DatabaseError;

/// Why something with the cluster failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The database.
    #[error("the cluster's database: {0}")]
    Database(#[from] DatabaseError),
    /// A file of the source.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mirror cannot be written any more.
    #[error("its mirror cannot be written any more: {0}")]
    Mirror(String),
    /// The database does not have what it says: a restore in parts, or a person has changed the tables.
    #[error("the pages in the cluster's database are not those that it had when they were written")]
    Content,
    /// A transaction whose answer was lost has taken effect just now.
    #[error("an earlier attempt was stored meanwhile")]
    Overtaken,
    /// The source is not this worker's any more.
    #[error("another worker has the source, or the database was restored")]
    Lost,
}
