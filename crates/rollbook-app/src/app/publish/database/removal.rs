//! Removing a source from a database: after a rename, or because an admin moves a school out. It is worked off like what is
//! to be published, so that it is done at last if the database is away now.

use super::connect;
use super::layout::both_tables;
use super::ownership::is_own;
use super::pass::{PublishPass, Statements};
use super::pass_error::PassError;
use crate::app::publish::requests::nothing_published;
use crate::app::publish::{PublishedRows, unknown_publish};
use rollbook_core::model::{PublishName, SourceName, StreamName};
use rollbook_core::store::database::reader;
use rollbook_core::store::published;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::Secrets;
use rollbook_postgres::postgres::fence::{self, Fence};
use rollbook_postgres::postgres::layout::removal;
use rollbook_postgres::postgres::named_rows::NamedRows;

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
    let (session, _) = session.map_err(|error| error.to_string())?;
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
    let counted: Result<_, rollbook_postgres::postgres::DatabaseError> = counted.await;
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
        let known = published::source(&*self.app.store().reader()?, self.name, self.source)?;
        let known = known.unwrap_or_default();
        let found = fence::find(self.session, &self.target.schema, self.source.as_str()).await?;
        self.check_place(&known, found.as_ref())?;
        let mut tables = Vec::new();
        if let Some(found) = found {
            if !is_own(&known, &found) {
                // One that was removed may be published by another mirror since: nothing there is ours.
                return match known.removed {
                    Some(_) => Ok(()),
                    None => Err(PassError::Claimed {
                        why: foreign(self.name, self.source, &found),
                        by: found.host,
                    }),
                };
            }
            self.state.claim = found.claim;
            self.state.revision = found.revision;
            let (session, schema) = (self.session, &self.target.schema);
            tables = removal::tables(session, schema, self.source.as_str()).await?;
            self.leave_tables(&tables).await?;
            // Those that an attempt before has left.
            if let Ok(connector) = found.connector.parse() {
                let streams =
                    published::streams(&*self.app.store().reader()?, self.name, self.source)?;
                tables.extend(both_tables(&connector, streams.keys()));
            }
            if known.removed.is_some() {
                // Who is back is not known.
                self.vacuum_tables(&tables).await?;
            }
        }
        loop {
            let followed = self.vacuum_if_erased(&tables, None).await?;
            let (name, source) = (self.name.clone(), self.source.clone());
            let now = known.removed.unwrap_or_else(|| self.app.clock.now());
            let note = move |connection: &mut _| {
                published::note_removed(connection, &name, &source, (followed, now))
            };
            if self.app.store().write(note).await? {
                break;
            }
        }
        // Last, so that what is interrupted is found again.
        if !self.state.claim.is_empty() {
            self.forget_fence().await?;
            tracing::info!(publish = %self.name, source = %self.source, "the source was removed from the database");
        }
        Ok(())
    }

    /// Runs `work` in a transaction that commits only if no other publisher did meanwhile.
    async fn fenced<T>(
        &self,
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.transaction(Statements::Short, async {
            let done = work.await?;
            let is_held = fence::hold(self.session, &self.target.schema, self.held()).await?;
            is_held.then_some(done).ok_or(PassError::Overtaken)
        })
        .await
    }

    fn named<'t>(&'t self, table: &'t str) -> NamedRows<'t> {
        NamedRows {
            session: self.session,
            schema: &self.target.schema,
            table,
            source: self.source.as_str(),
        }
    }

    /// Removes the source from tables, some rows in each transaction; a table that no other source has is dropped.
    pub(super) async fn leave_tables(&self, tables: &[String]) -> Result<(), PassError> {
        for table in tables {
            let rows = self.named(table);
            while self
                .fenced(async { Ok(removal::remove_some(rows).await?) })
                .await?
                > 0
            {}
            self.fenced(async { Ok(removal::leave(rows, self.target).await?) })
                .await?;
        }
        Ok(())
    }

    async fn vacuum_tables(&self, tables: &[String]) -> Result<(), PassError> {
        for table in tables {
            removal::vacuum(self.named(table)).await?;
        }
        Ok(())
    }

    /// Cleans what is left of tables, if people were erased who may have had rows of the source, or of one of its streams, there.
    /// Returns how many erasures are followed.
    pub(super) async fn vacuum_if_erased(
        &self,
        tables: &[String],
        stream: Option<&StreamName>,
    ) -> Result<i64, PassError> {
        let streams = published::streams(&*self.app.store().reader()?, self.name, self.source)?;
        let meant = streams
            .iter()
            .filter(|(name, _)| stream.is_none_or(|only| only == *name));
        let (mut erasures, mut is_open) = (0, false);
        for (_, known) in meant {
            erasures += known.erasures;
            is_open |= known.erasures > known.erased;
        }
        if is_open {
            self.vacuum_tables(tables).await?;
        }
        Ok(erasures)
    }

    async fn forget_fence(&self) -> Result<(), PassError> {
        self.transaction(Statements::Short, async {
            let (session, schema) = (self.session, &self.target.schema);
            let is_forgotten = fence::forget(session, schema, self.held()).await?;
            is_forgotten.then_some(()).ok_or(PassError::Overtaken)
        })
        .await
    }
}
