//! `rollbook check` for databases: is the address one, and may its user make the tables? It changes nothing there.

use futures_util::future::join_all;

use super::{address, connect};
use crate::app::ClusterDatabase;
use crate::app::publish::DatabaseCheck;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::{ClusterConfig, PublishConfig, Secrets};
use rollbook_postgres::postgres::survey::survey;
use rollbook_postgres::postgres::{Address, DatabaseError};

/// Why the address of a database cannot be used, without a word of it.
pub fn unusable_database(url: &str) -> Option<String> {
    Address::parse(url, None)
        .err()
        .map(|error| error.to_string())
}

/// The hosts of a database, without user and password; `None` where the secret or the address cannot be read.
pub fn database_host(config: &PublishConfig, secrets: &Secrets) -> Option<String> {
    address(secrets, config).ok().map(|address| address.hosts())
}

/// Connects to all databases.
pub async fn check_databases(setup: &Setup, secrets: &Secrets) -> Vec<DatabaseCheck> {
    let databases = setup.config.publish.iter();
    let checks = databases.map(|(name, config)| async {
        let (version, problems) = match surveyed(config, secrets).await {
            Ok((version, obstacles)) => (Some(version), obstacles),
            Err(error) => (None, vec![error.to_string()]),
        };
        DatabaseCheck {
            publish: Some(name.clone()),
            host: database_host(config, secrets),
            version,
            problems,
        }
    });
    let mut found = join_all(checks).await;
    if let Some(config) = &setup.config.cluster {
        found.push(check_cluster(config, secrets).await);
    }
    found
}

async fn check_cluster(config: &ClusterConfig, secrets: &Secrets) -> DatabaseCheck {
    let database = ClusterDatabase::new(config, secrets);
    let host = database.as_ref().ok().map(ClusterDatabase::hosts);
    let surveyed = async {
        let session = database?.session().await?;
        survey(&session, &config.schema, None).await
    };
    let (version, problems) = match surveyed.await {
        Ok(found) => (Some(found.version), found.obstacles),
        Err(error) => (None, vec![error.to_string()]),
    };
    DatabaseCheck {
        publish: None,
        host,
        version,
        problems,
    }
}

async fn surveyed(
    config: &PublishConfig,
    secrets: &Secrets,
) -> Result<(String, Vec<String>), DatabaseError> {
    let (session, _) = connect(secrets, config).await?;
    let found = survey(&session, &config.schema, config.reader.as_deref()).await?;
    Ok((found.version, found.obstacles))
}
