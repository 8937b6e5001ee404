//! A command's connection to the cluster's database.

use crate::cli::exit::Exit;
use crate::cli::start;
use rollbook_app::app::{ClusterDatabase, SharedSession};
use rollbook_engine::setup::files::ClusterConfig;
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_postgres::postgres::{DatabaseError, cluster};

/// The database of the configured cluster, with an open connection.
pub struct ClusterAccess {
    /// The database.
    pub database: ClusterDatabase,
    /// The connection.
    pub session: SharedSession,
    config: ClusterConfig,
    folders: Folders,
}

impl ClusterAccess {
    /// Connects.
    ///
    /// # Errors
    /// When there is no `[cluster]`, its database does not answer, or no worker has made the tables yet.
    pub async fn open(folders: &Folders, setup: &Setup) -> Result<Self, Exit> {
        let Some(config) = &setup.config.cluster else {
            return Err(Exit::usage("rollbook.toml has no [cluster]"));
        };
        let access = Self::connect(folders, config).await?;
        let is_prepared = cluster::is_prepared(&access.session, &config.schema).await;
        match is_prepared.map_err(|error| failed(&access, &error))? {
            true => Ok(access),
            false => Err(Exit::failed(format!(
                "the database on {} has no cluster in the schema {} yet: the first `rollbook run` makes it",
                access.database.hosts(),
                config.schema
            ))),
        }
    }

    async fn connect(folders: &Folders, config: &ClusterConfig) -> Result<Self, Exit> {
        let unusable = |error: DatabaseError| {
            Exit::failed(format!(
                "rollbook: could not use the cluster's database: {error}"
            ))
        };
        let secrets = start::secrets(folders, &Overlay::default());
        let database = ClusterDatabase::new(config, &secrets).map_err(unusable)?;
        let session = database.session().await.map_err(unusable)?;
        Ok(Self {
            database,
            session,
            config: config.clone(),
            folders: folders.clone(),
        })
    }

    /// Another connection to the same.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn again(&self) -> Result<Self, Exit> {
        Self::connect(&self.folders, &self.config).await
    }

    /// The schema of the cluster's tables.
    pub fn schema(&self) -> &str {
        &self.database.schema
    }
}

/// A question that the database did not answer.
pub fn failed(access: &ClusterAccess, error: &DatabaseError) -> Exit {
    Exit::failed(format!(
        "rollbook: the cluster's database on {} did not answer a question: {error}",
        access.database.hosts()
    ))
}
