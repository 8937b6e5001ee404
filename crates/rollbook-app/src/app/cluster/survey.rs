//! A look at the whole cluster, for people.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::ClusterDatabase;
use rollbook_core::clock::Clock;
use rollbook_core::model::{ClusterSummary, SourceName};
use rollbook_engine::daemon::cluster_status::{
    ClusterConfigurationStatus, ClusterFile, ClusterSource, ClusterStatus, ClusterWorker,
};
use rollbook_postgres::postgres::cluster::survey::{self, SurveyedSource, SurveyedWorker};
use rollbook_postgres::postgres::{DatabaseError, DatabaseSession};

/// How often the file of the status page is written: each worker reads all rows for it.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

/// Workers, sources and configuration as the database has them now, beside the configured sources.
///
/// # Errors
/// When the database refuses it or does not answer.
pub async fn survey_cluster(
    database: &ClusterDatabase,
    session: &DatabaseSession,
    configured: impl Iterator<Item = &SourceName>,
) -> Result<ClusterStatus, DatabaseError> {
    let schema = &database.schema;
    let (at, [hash, host, since]) = survey::in_force(session, schema).await?;
    let workers = survey::workers(session, schema).await?;
    let known = survey::sources(session, schema, None).await?;
    let mut configured: BTreeSet<&SourceName> = configured.collect();
    let mut sources: Vec<ClusterSource> = Vec::new();
    for one in known {
        if let Ok(name) = one.source.parse::<SourceName>() {
            let is_configured = configured.remove(&name);
            sources.push(source(name, one, is_configured));
        }
    }
    // No worker knew of them yet.
    sources.extend(configured.into_iter().map(|name| unclaimed(name.clone())));
    sources.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(ClusterStatus {
        at,
        database: database.hosts(),
        workers: workers.into_iter().map(|one| worker(one, &hash)).collect(),
        configuration: ClusterConfigurationStatus { hash, host, since },
        sources,
    })
}

/// Keeps the file of the status page until it is dropped; then it is removed.
pub async fn keep_cluster_file(
    database: &ClusterDatabase,
    configured: impl Fn() -> Vec<SourceName>,
    file: &ClusterFile,
) {
    let (clock, _removed) = (Clock::system(), RemovedAtEnd(file));
    loop {
        let written = match write(database, &configured(), file).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = written {
            tracing::debug!("the cluster's state for the status page could not be written: {why}");
        }
        clock.sleep(WRITTEN_EVERY).await;
    }
}

/// Without a worker the file is not written, so it would show what is no longer true.
struct RemovedAtEnd<'a>(&'a ClusterFile);

impl Drop for RemovedAtEnd<'_> {
    fn drop(&mut self) {
        self.0.remove();
    }
}

async fn write(
    database: &ClusterDatabase,
    configured: &[SourceName],
    file: &ClusterFile,
) -> Result<io::Result<()>, DatabaseError> {
    let session = database.session().await?;
    let status = survey_cluster(database, &session, configured.iter()).await?;
    database.keep(session);
    Ok(file.write(&status))
}

fn worker(found: SurveyedWorker, in_force: &str) -> ClusterWorker {
    ClusterWorker {
        other_configuration: found.configuration != in_force,
        host: found.host,
        start: found.start,
        version: found.version,
        since: found.began,
        sources: found.sources,
        load: found.load,
        leaving: found.leaving,
        room: found.room,
        waits: found.waits,
    }
}

fn source(name: SourceName, found: SurveyedSource, configured: bool) -> ClusterSource {
    // A worker of another version may have another form.
    let summary = found
        .summary
        .and_then(|text| serde_json::from_str(&text).ok());
    let (stored, stored_seconds) = found.shipped.unzip();
    ClusterSource {
        source: name,
        configured,
        epoch: found.epoch,
        worker: found.worker,
        seconds: found.seconds,
        stored,
        stored_seconds,
        summary: summary.unwrap_or_default(),
    }
}

fn unclaimed(name: SourceName) -> ClusterSource {
    ClusterSource {
        source: name,
        configured: true,
        epoch: 0,
        worker: None,
        seconds: 0,
        stored: None,
        stored_seconds: None,
        summary: ClusterSummary::default(),
    }
}
