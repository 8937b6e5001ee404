//! The claim of one source.

use super::ClusterDatabase;
use super::error::ClusterError;
use rollbook_postgres::cluster::lease::{HeldLease, LeaseRow, may_claim};
use rollbook_postgres::postgres::cluster::leases::{self, Claim};
use rollbook_postgres::postgres::random::new_claim;

/// Claims a source whose row was found like this; `None` where another was faster, or has it. On a connection of its own.
pub(super) async fn claim(
    database: &ClusterDatabase,
    start: &str,
    source: &str,
    found: &LeaseRow,
) -> Result<Option<(HeldLease, Option<String>)>, ClusterError> {
    let Some(epoch) = may_claim(Some(found), start) else {
        return Ok(None);
    };
    let claim = new_claim()?;
    let new = Claim {
        source,
        epoch,
        claim: &claim,
        start,
    };
    let session = database.session().await?;
    let claimed = leases::claim(&session, &database.schema, new, found).await?;
    database.keep(session);
    let Some(claimed) = claimed else {
        return Ok(None);
    };
    let lease = HeldLease {
        epoch,
        claim,
        position: claimed.position,
        next: None,
    };
    Ok(Some((lease, claimed.content)))
}
