//! Whether a database has what the mirror has: every row of every table is compared, in one state of the database.

use std::collections::BTreeMap;
use std::path::Path;

use super::chunks::ChunkReading;
use super::connect;
use super::ownership::is_own;
use super::pass::parts;
use super::pass_error::PassError;
use crate::app::publish::{AttemptFailure, PublishVerification, TableDifference, tables_of};
use rollbook_core::model::{PublishName, SourceName, Table};
use rollbook_core::store::database::reader;
use rollbook_core::store::published::{self, chunks_as_of};
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::{PublishConfig, Secrets};
use rollbook_postgres::postgres::layout::{self, PublishTarget, TargetTable};
use rollbook_postgres::postgres::rows::SourceRows;
use rollbook_postgres::postgres::{DatabaseSession, fence};

/// What a comparison needs.
struct MirrorComparison<'a> {
    setup: &'a Setup,
    mirror: &'a Path,
    name: &'a PublishName,
    config: &'a PublishConfig,
    session: &'a DatabaseSession,
    target: &'a PublishTarget,
}

/// Compares the tables of all sources of a database, or of one.
///
/// # Errors
/// When the mirror cannot be read, or the database not be reached: a message for an admin.
pub async fn verify_published(
    setup: &Setup,
    secrets: &Secrets,
    mirror: &Path,
    name: &PublishName,
    only: Option<&SourceName>,
) -> Result<BTreeMap<SourceName, PublishVerification>, String> {
    let Some(config) = setup.config.publish.get(name) else {
        return Ok(BTreeMap::new());
    };
    let connected = connect(secrets, config).await;
    let (session, target) = connected.map_err(|error| error.to_string())?;
    let comparison = MirrorComparison {
        setup,
        mirror,
        name,
        config,
        session: &session,
        target: &target,
    };
    let mut found = BTreeMap::new();
    for (source, tables) in tables_of(setup, config) {
        if only.is_some_and(|only| *only != source) {
            continue;
        }
        let verified = comparison.source(&source, &tables).await;
        let verified = verified.map_err(|error| AttemptFailure::from(error).why)?;
        found.insert(source, verified);
    }
    Ok(found)
}

impl MirrorComparison<'_> {
    async fn source(
        &self,
        source: &SourceName,
        tables: &[Table],
    ) -> Result<PublishVerification, PassError> {
        self.session.begin_reading().await?;
        let found = self.tables(source, tables).await;
        self.session.roll_back().await;
        found
    }

    async fn tables(
        &self,
        source: &SourceName,
        tables: &[Table],
    ) -> Result<PublishVerification, PassError> {
        let unknown = |why: &str| Ok(PublishVerification::Unknown(why.to_owned()));
        if !fence::is_prepared(self.session, &self.target.schema).await? {
            return unknown("it was not published yet");
        }
        let fence = fence::find(self.session, &self.target.schema, source.as_str()).await?;
        let (known, streams) = {
            let mirror = reader(self.mirror)?;
            let known = published::source(&mirror, self.name, source)?;
            (known, published::streams(&mirror, self.name, source)?)
        };
        let (Some(fence), Some(known)) = (fence, known) else {
            return unknown("it was not published yet");
        };
        if !is_own(&known, &fence) {
            return unknown("another mirror publishes it");
        }
        if fence.claim != known.claim {
            return unknown("the database was restored, and is compared soon; try again later");
        }
        if streams.values().any(|stream| stream.compare.is_some()) {
            return unknown("its tables are being filled or compared; try again later");
        }
        let Some(connector) = self
            .setup
            .sources
            .get(source)
            .map(|one| &one.config.connector)
        else {
            return unknown("the source is gone");
        };
        let mut found = Vec::new();
        for table in tables {
            let parts = parts(self.config, table);
            let of = (connector, &table.stream);
            for target in layout::find(self.session, self.target, of, &parts).await? {
                found.push(self.table(source, table, &target, fence.run).await?);
            }
        }
        Ok(PublishVerification::Compared {
            run: fence.run,
            tables: found,
        })
    }

    async fn table(
        &self,
        source: &SourceName,
        table: &Table,
        target: &TargetTable,
        run: i64,
    ) -> Result<TableDifference, PassError> {
        let rows = SourceRows {
            session: self.session,
            schema: &self.target.schema,
            table: target,
            source: source.as_str(),
        };
        let mut found = TableDifference {
            table: target.name.clone(),
            published: rows.named().count().await?,
            ..TableDifference::default()
        };
        let (read, part) = (table.clone(), target.table.clone());
        let mut reading = ChunkReading::start(self.mirror, move |moment, each| {
            chunks_as_of(moment, &read, &part, run, None, each)
        });
        while let Some(chunk) = reading.next().await? {
            let difference = rows.compare(&chunk).await?;
            found.rows += chunk.len() as u64;
            found.missing += difference.missing;
            found.different += difference.different;
            found.left_out += difference.left_out;
        }
        let there = found.rows.saturating_sub(found.missing + found.left_out);
        found.extra = found.published.saturating_sub(there);
        Ok(found)
    }
}
