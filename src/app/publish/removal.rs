//! Removing a source from a database: after a rename, or because an admin moves a school out. It is worked off like what is
//! to be published, so that it is done at last if the database is away now.

use super::pass::PublishPass;
use super::pass_error::{PassError, overtaken};
use super::standing::is_own;
use super::{connect, tables_of, unknown_publish};
use crate::app::{AdminResponse, App};
use crate::document::suggest::joined;
use crate::model::{PublishName, SourceName};
use crate::postgres::fence::{self, Fence};
use crate::postgres::layout::removal;
use crate::setup::Setup;
use crate::setup::files::Secrets;
use crate::store::database::reader;
use crate::store::published;

/// What a database has of a source, before an admin removes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishedRows {
    /// Its tables.
    pub tables: u64,
    /// Their rows of the source.
    pub rows: u64,
}

/// Why the configuration does not let a source be removed from a database: it would be published again.
pub fn still_published(setup: &Setup, name: &PublishName, source: &SourceName) -> Option<String> {
    let config = setup.config.publish.get(name)?;
    let tables = tables_of(setup, config).remove(source)?;
    let tables: Vec<String> = tables.iter().map(|table| table.name()).collect();
    let first = match &config.tables {
        Some(_) => format!(
            "remove {} from `tables` of [publish.{name}]",
            joined(tables.iter().map(String::as_str))
        ),
        None => format!(
            "list in `tables` of [publish.{name}] what stays published, or remove the jobs that read {source}"
        ),
    };
    Some(format!(
        "{source} is still published to {name}: {first}, load that (`systemctl reload rollbook`), and run this again; \
         nothing was removed"
    ))
}

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
            all.rows += removal::count(&session, schema, (&table, source.as_str())).await?;
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
            let of = (table.as_str(), self.source.as_str());
            while self
                .fenced(async { Ok(removal::remove_some(session, schema, of).await?) })
                .await?
                > 0
            {}
            // Before the table is forgotten, so that it is not forgotten without.
            if is_erasure {
                removal::vacuum(session, schema, table).await?;
            }
            self.fenced(async { Ok(removal::leave(session, self.target, of).await?) })
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

impl App {
    /// Marks a source that is published no longer, so that everything of it is removed from the database.
    ///
    /// # Errors
    /// When it would be published again, this mirror never published it, or the mirror cannot be written.
    pub(in crate::app) async fn remove_published(
        &self,
        name: &PublishName,
        source: &SourceName,
    ) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        if !setup.config.publish.contains_key(name) {
            let unknown = unknown_publish(&setup, name.as_str());
            return Err(AdminResponse::Refused(unknown));
        }
        if let Some(why) = still_published(&setup, name, source) {
            return Err(AdminResponse::Refused(why));
        }
        let (database, leaving) = (name.clone(), source.clone());
        let request =
            move |connection: &mut _| published::request_removal(connection, &database, &leaving);
        if !self.store().write(request).await? {
            return Err(AdminResponse::Refused(nothing_published(name, source)));
        }
        self.publish_wake.notify_one();
        Ok(AdminResponse::RemovingPublished)
    }
}

impl App {
    /// Forgets what this mirror has published of sources, which stays there. Erasures wait for it no longer.
    ///
    /// # Errors
    /// When the configuration publishes one of them, nothing is known of them, or the mirror cannot be written.
    pub(in crate::app) async fn forget_published(
        &self,
        name: &PublishName,
        only: Option<&SourceName>,
    ) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        let known = published::sources(&*self.store().reader()?, name)?;
        let known = known.into_keys();
        let sources: Vec<SourceName> = known
            .filter(|source| only.is_none_or(|only| only == source))
            .collect();
        let why = match only {
            _ if !sources.is_empty() => sources
                .iter()
                .find_map(|source| still_published(&setup, name, source)),
            Some(source) => Some(nothing_published(name, source)),
            None => Some(unknown_publish(&setup, name.as_str())),
        };
        if let Some(why) = why {
            return Err(AdminResponse::Refused(why));
        }
        let (database, gone) = (name.clone(), sources.clone());
        let forget = move |connection: &mut _| {
            for source in &gone {
                published::forget(connection, &database, source)?;
            }
            Ok(())
        };
        self.store().write(forget).await?;
        self.continue_published_erasures().await;
        Ok(AdminResponse::ForgotPublished { sources })
    }
}

/// What to say of a source that this mirror never published.
fn nothing_published(name: &PublishName, source: &SourceName) -> String {
    format!(
        "nothing of a source {source} is published to {name}; `rollbook publish status` lists what is"
    )
}
