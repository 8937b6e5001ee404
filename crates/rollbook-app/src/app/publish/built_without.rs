//! What a program says of databases that was built without the feature `postgres`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{AttemptFailure, DatabaseCheck, FailureKind, PublishVerification, PublishedRows};
use crate::app::App;
use rollbook_core::model::{PublishName, SourceName, Table};
use rollbook_core::store::StoreError;
use rollbook_engine::setup::files::{PublishConfig, Secrets};
use rollbook_engine::setup::{Setup, WITHOUT_POSTGRES};

impl App {
    /// Publishes nothing, and records why.
    pub(super) async fn publish_to(
        &self,
        _setup: &Setup,
        name: &PublishName,
        _config: &PublishConfig,
        due: Vec<(SourceName, Option<Vec<Table>>)>,
    ) -> Result<Option<Duration>, StoreError> {
        let mut again = None;
        for (source, _) in due {
            let failure = AttemptFailure {
                kind: FailureKind::Lasting,
                why: WITHOUT_POSTGRES.to_owned(),
            };
            let pause = self.note_attempt(name, &source, Err(failure)).await?;
            again = again.into_iter().chain([pause]).min();
        }
        Ok(again)
    }
}

/// Why no address can be used.
pub fn unusable_database(_url: &str) -> Option<String> {
    Some(WITHOUT_POSTGRES.to_owned())
}

/// No hosts.
pub fn database_host(_config: &PublishConfig, _secrets: &Secrets) -> Option<String> {
    None
}

/// Connects to no database.
pub async fn check_databases(setup: &Setup, _secrets: &Secrets) -> Vec<DatabaseCheck> {
    let databases = setup.config.publish.keys();
    let check = |name: &PublishName| DatabaseCheck {
        publish: Some(name.clone()),
        host: None,
        version: None,
        problems: vec![WITHOUT_POSTGRES.to_owned()],
    };
    databases.map(check).collect()
}

/// Counts nothing.
///
/// # Errors
/// Always.
pub async fn published_rows(
    _setup: &Setup,
    _secrets: &Secrets,
    _mirror: &Path,
    _name: &PublishName,
    _source: &SourceName,
) -> Result<PublishedRows, String> {
    Err(WITHOUT_POSTGRES.to_owned())
}

/// Compares nothing.
///
/// # Errors
/// Always.
pub async fn verify_published(
    _setup: &Setup,
    _secrets: &Secrets,
    _mirror: &Path,
    _name: &PublishName,
    _only: Option<&SourceName>,
) -> Result<BTreeMap<SourceName, PublishVerification>, String> {
    Err(WITHOUT_POSTGRES.to_owned())
}
