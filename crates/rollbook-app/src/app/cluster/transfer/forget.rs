//! A source is removed from the database.

use super::{TransferError, found_free, remove_rows, vacated};
use crate::app::ClusterDatabase;
use rollbook_core::model::SourceName;

/// Looks whether a source can be forgotten.
///
/// # Errors
/// When a worker has the source, or the database knows none of this name.
pub async fn check_forgettable(
    database: &ClusterDatabase,
    source: &SourceName,
) -> Result<(), TransferError> {
    let session = database.bulk_session().await?;
    found_free(&session, &database.schema, source).await?;
    database.keep(session);
    Ok(())
}

/// Removes everything that the database has of a source; returns how many pages there were.
///
/// # Errors
/// When a worker has the source.
pub async fn forget_source(
    database: &ClusterDatabase,
    source: &SourceName,
) -> Result<u64, TransferError> {
    let (session, schema) = (database.bulk_session().await?, &database.schema);
    let found = found_free(&session, schema, source).await?;
    let claim = vacated(&session, schema, source, &found).await?;
    remove_rows(&session, schema, source, &claim).await
}
