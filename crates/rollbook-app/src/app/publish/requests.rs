//! What a person requests of published sources: compare, remove, forget. It is noted in the mirror, and the publisher works it off.

use super::{tables_of, unknown_publish};
use crate::app::{AdminResponse, App};
use rollbook_core::document::suggest::joined;
use rollbook_core::model::{PublishName, SourceName};
use rollbook_core::store::published;
use rollbook_core::store::queries;
use rollbook_engine::setup::Setup;

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

impl App {
    /// Marks a source, or all of them, to be compared as a whole, also if another mirror published it.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub(in crate::app) async fn rebuild_published(
        &self,
        name: &PublishName,
        only: Option<&SourceName>,
    ) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        let Some(config) = setup.config.publish.get(name) else {
            return Err(AdminResponse::Refused(unknown_publish(
                &setup,
                name.as_str(),
            )));
        };
        let sources = tables_of(&setup, config).into_keys();
        let sources: Vec<SourceName> = sources
            .filter(|source| only.is_none_or(|only| only == source))
            .collect();
        if let (Some(only), true) = (only, sources.is_empty()) {
            return Err(AdminResponse::Refused(format!(
                "[publish.{name}] has no table of a source {only}"
            )));
        }
        let (name, marked) = (name.clone(), sources.clone());
        let mark = move |connection: &mut queries::Reader| {
            let mut sources = sources.iter();
            sources.try_for_each(|source| published::request_rebuild(connection, &name, source))
        };
        self.store().write(mark).await?;
        self.publish_wake.notify_one();
        Ok(AdminResponse::Rebuilding { sources: marked })
    }

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

    /// Forgets what this mirror has published of sources, which stays there. Erasures wait for it no longer. The rows of
    /// one that is still published count as those of another mirror, until it is rebuilt.
    ///
    /// # Errors
    /// When nothing is known of them, or the mirror cannot be written.
    pub(in crate::app) async fn forget_published(
        &self,
        name: &PublishName,
        only: Option<&SourceName>,
    ) -> Result<AdminResponse, AdminResponse> {
        let setup = self.setup();
        // What is under way would be recorded afterwards.
        let Ok(alone) = self.publishing.try_lock() else {
            return Err(AdminResponse::Refused(
                "something is published at this moment, so nothing was forgotten; try again when it is done (`rollbook publish status`)"
                    .to_owned(),
            ));
        };
        let known = published::sources(&*self.store().reader()?, name)?;
        let known = known.into_keys();
        let sources: Vec<SourceName> = known
            .filter(|source| only.is_none_or(|only| only == source))
            .collect();
        if sources.is_empty() {
            return Err(AdminResponse::Refused(match only {
                Some(source) => nothing_published(name, source),
                None => unknown_publish(&setup, name.as_str()),
            }));
        }
        let (database, gone) = (name.clone(), sources.clone());
        let forget = move |connection: &mut _| {
            for source in &gone {
                published::forget(connection, &database, source)?;
            }
            Ok(())
        };
        self.store().write(forget).await?;
        drop(alone);
        self.publish_wake.notify_one();
        self.continue_published_erasures().await;
        Ok(AdminResponse::ForgotPublished { sources })
    }
}

/// What to say of a source that this mirror never published.
pub(super) fn nothing_published(name: &PublishName, source: &SourceName) -> String {
    format!(
        "nothing of a source {source} is published to {name}; `rollbook publish status` lists what is"
    )
}
