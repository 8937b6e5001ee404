//! Removing a source from a database: after a rename, or because an admin moves a school out. It is worked off like what is
//! to be published, so that it is done at last if the database is away now.

use super::connect;
use super::ownership::is_own;
use super::pass::PublishPass;
use super::pass_error::{PassError, overtaken};
use crate::app::publish::requests::nothing_published;
use crate::app::publish::{PublishedRows, unknown_publish};
use crate::model::{PublishName, SourceName};
use crate::postgres::fence::{self, Fence};
use crate::postgres::layout::removal;
use crate::postgres::named_rows::NamedRows;
use crate::setup::Setup;
use crate::setup::files::Secrets;
use crate::store::database::reader;
use crate::store::published;

/// What a database has of a source, which may be nothing if this mirror knows of it.
///
/// # Errors
/// When the mirror cannot be read, the database not be reached, or this mirror does not publish the source: a message for an
/// admin.
pub async fn published_rows(
    setup: &Setup,
    secrets: &Secrets,
    mirror: &std::path::Path,
    name: &PublishName,
    source: &SourceName,
) -> Result<PublishedRows, String> {
    let Some(config) = setup.config.publish.get(name) else {
        return Err(unknown_publish(setup, name.as_str()));
    };
    let known = reader(mirror).and_then(|mirror| published::source(&mirror, name, source));
    let known = known.map_err(|error| error.to_string())?;
    let session = connect(secrets, config).await;
    let session = session.map_err(|error| error.to_string())?;
    let counted = async {
        let schema = &config.schema;
        let found = match fence::is_prepared(&session, schema).await? {
            true => fence::find(&session, schema, source.as_str()).await?,
            false => None,
        };
        let Some(found) = found else {
            return Ok(match known {
                Some(known) if known.removed.is_none() => Ok(PublishedRows::default()),
                _ => Err(nothing_published(name, source)),
            });
        };
        if !known.as_ref().is_some_and(|known| is_own(known, &found)) {
            return Ok(Err(foreign(name, source, &found)));
        }
        let mut all = PublishedRows::default();
        for table in removal::tables(&session, schema, source.as_str()).await? {
            all.tables += 1;
            let rows = NamedRows {
                session: &session,
                schema,
                table: &table,
                source: source.as_str(),
            };
            all.rows += removal::count(rows).await?;
        }
        Ok(Ok(all))
    };
    let counted: Result<_, crate::postgres::DatabaseError> = counted.await;
    counted.map_err(|error| error.to_string())?
}

fn foreign(name: &PublishName, source: &SourceName, found: &Fence) -> String {
    format!(
        "another mirror publishes {source} to {name}: that of {}, last at {} UTC: remove it there, \
         or let this mirror forget it: `rollbook publish forget {name} {source}`",
        found.host, found.published
    )
}

impl PublishPass<'_> {
    /// Removes everything of the source, also what is back because the database was restored.
    pub(super) async fn remove(mut self) -> Result<(), PassError> {
        let (known, streams) = {
            let reader = self.app.store().reader()?;
            let known = published::source(&reader, self.name, self.source)?;
            (known, published::streams(&reader, self.name, self.source)?)
        };
        let known = known.unwrap_or_default();
        let found = fence::find(self.session, &self.target.schema, self.source.as_str()).await?;
        if let Some(found) = found {
            if !is_own(&known, &found) {
                return Err(PassError::Claimed {
                    why: foreign(self.name, self.source, &found),
                    by: found.host,
                });
            }
            self.state.claim = found.claim;
            self.state.revision = found.revision;
            // Who is back is not known.
            let is_erasure =
                known.removed.is_some() || streams.values().any(|one| one.erasures > one.erased);
            let (session, schema) = (self.session, &self.target.schema);
            let tables = removal::tables(session, schema, self.source.as_str()).await?;
            self.leave_tables(&tables, is_erasure).await?;
            self.forget_fence().await?;
            tracing::info!(publish = %self.name, source = %self.source, "the source was removed from the database");
        }
        let (name, source) = (self.name.clone(), self.source.clone());
        let now = known.removed.unwrap_or_else(|| self.app.clock.now());
        let note =
            move |connection: &mut _| published::note_removed(connection, &name, &source, now);
        Ok(self.app.store().write(note).await?)
    }

    /// Runs `work` in a transaction that commits only if no other publisher did meanwhile.
    async fn fenced<T>(
        &self,
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.transaction(async {
            let done = work.await?;
            let is_held = fence::hold(self.session, &self.target.schema, self.held()).await?;
            is_held.then_some(done).ok_or_else(overtaken)
        })
        .await
    }

    /// Removes the source from tables, some rows in each transaction; a table that no other source has is dropped.
    pub(super) async fn leave_tables(
        &self,
        tables: &[String],
        is_erasure: bool,
    ) -> Result<(), PassError> {
        let (session, schema) = (self.session, &self.target.schema);
        for table in tables {
            let rows = NamedRows {
                session,
                schema,
                table,
                source: self.source.as_str(),
            };
            while self
                .fenced(async { Ok(removal::remove_some(rows).await?) })
                .await?
                > 0
            {}
            // Before the table is forgotten, so that it is not forgotten without.
            if is_erasure {
                rows.vacuum().await?;
            }
            self.fenced(async {
                Ok(removal::leave(session, self.target, (table, rows.source)).await?)
            })
            .await?;
        }
        Ok(())
    }

    async fn forget_fence(&self) -> Result<(), PassError> {
        self.transaction(async {
            let (session, schema) = (self.session, &self.target.schema);
            let is_forgotten = fence::forget(session, schema, self.held()).await?;
            is_forgotten.then_some(()).ok_or_else(overtaken)
        })
        .await
    }
}
