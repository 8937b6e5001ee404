//! A transaction of a few statements about one source, that holds no lock for long whatever happens to this process.

use super::ClusterDatabase;
use super::database::SharedSession;
use rollbook_postgres::postgres::DatabaseError;
use rollbook_postgres::postgres::cluster::SHORT;
use rollbook_postgres::postgres::cluster::tokens::TokenTable;

/// A transaction that was begun. Dropped, it is given up with its connection.
pub(super) struct ShortTransaction<'a> {
    database: &'a ClusterDatabase,
    session: SharedSession,
}

impl ClusterDatabase {
    /// Begins a short transaction.
    pub(super) async fn begin(&self) -> Result<ShortTransaction<'_>, DatabaseError> {
        let session = self.session().await?;
        session.begin_within(SHORT).await?;
        Ok(ShortTransaction {
            database: self,
            session,
        })
    }
}

impl ShortTransaction<'_> {
    /// The statements about tokens.
    pub fn tokens(&self) -> TokenTable<'_> {
        TokenTable::new(&self.session, &self.database.schema)
    }

    /// Commits, and lets others use the connection.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.session.commit().await?;
        self.database.keep(self.session);
        Ok(())
    }
}
