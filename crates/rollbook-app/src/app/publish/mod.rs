//! `[publish.NAME]`: what runs changed goes to a PostgreSQL database, in one transaction with its position.
//!
//! No run waits for it and none fails by it: what could not be published stays due, also over a restart. `states.rs` says how far
//! each source is, `attempts.rs` when one that failed is made again, `requests.rs` notes what a person wants of it, `database/` does
//! the work.

mod attempts;
#[cfg(not(feature = "postgres"))]
mod built_without;
#[cfg(feature = "postgres")]
mod database;
mod findings;
mod requests;
mod states;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::attempts::{AttemptFailure, FailureKind};
#[cfg(not(feature = "postgres"))]
pub use self::built_without::{
    check_databases, database_host, published_rows, unusable_database, verify_published,
};
#[cfg(feature = "postgres")]
pub use self::database::{
    check_databases, database_host, published_rows, unusable_database, verify_published,
};
pub use self::findings::{DatabaseCheck, PublishVerification, PublishedRows, TableDifference};
pub use self::requests::still_published;
pub use self::states::{PublishState, left_behind, publish_states};
use self::states::{all_states, why_left_behind};
use super::{App, DaemonEngine, FINISH_WAIT, FinishedErasures, Publishing};
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{PublishName, SourceName, Table};
use rollbook_core::store::StoreError;
use rollbook_core::store::published;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::PublishConfig;

/// How long to wait when it cannot be found out what is due.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// The tables of a source that a database gets.
fn tables_of(setup: &Setup, config: &PublishConfig) -> BTreeMap<SourceName, Vec<Table>> {
    let mut tables: BTreeMap<SourceName, Vec<Table>> = BTreeMap::new();
    for table in setup.tables() {
        if let Some(kept) = config.table(&table) {
            tables.entry(table.source).or_default().push(kept);
        }
    }
    tables
}

/// What to say of a database that is not there.
pub fn unknown_publish(setup: &Setup, name: &str) -> String {
    let names = setup.config.publish.keys().map(PublishName::as_str);
    format!("there is no [publish.{name}]; {}", advice(name, names))
}

/// Which sources are published though they are not due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishWhen {
    /// None: by schedule, and after the pause of one that failed.
    Due,
    /// All, because a command runs once.
    Now,
}

/// What is to be done in a database.
#[derive(Debug, Default)]
struct DueSources {
    /// The tables that each source is published to; none for one that is to leave.
    sources: Vec<(SourceName, Option<Vec<Table>>)>,
    /// After how long to look again at the others.
    again: Option<Duration>,
}

impl DaemonEngine {
    /// Publishes until `stop`; `wake` is notified after a run and a reload, `done` after each attempt.
    pub async fn keep_published(&self, wake: &Notify, done: &Notify, stop: &CancellationToken) {
        self.app.has_publisher.store(true, Ordering::Relaxed);
        while !stop.is_cancelled() {
            let (is_tried, again) = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.app.publish(PublishWhen::Due) => ended,
            };
            if is_tried {
                done.notify_one();
                self.app.erasures_followed.notify_waiters();
                self.app.continue_published_erasures().await;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = self.app.publish_wake.notified() => {}
                () = self.app.clock.sleep(again.unwrap_or_default()), if again.is_some() => {}
            }
        }
    }
}

impl App {
    /// Publishes what is due to all databases. Returns whether one was tried, and after how long to look again.
    pub async fn publish(&self, when: PublishWhen) -> (bool, Option<Duration>) {
        // Two at once would disturb each other: an erasure's end, a command, the daemon's own.
        let _alone = self.publishing.lock().await;
        let setup = self.setup();
        let rounds = setup.config.publish.iter();
        // Side by side: a slow one delays only the next look.
        let rounds = rounds.map(|(name, config)| async {
            let DueSources { sources, again } = self.due_sources(&setup, name, config, when)?;
            if sources.is_empty() {
                return Ok((false, again));
            }
            let tried = Box::pin(self.publish_to(&setup, name, config, sources));
            let tried_again = tried.await?;
            Ok::<_, StoreError>((true, again.into_iter().chain(tried_again).min()))
        });
        let (mut is_any_tried, mut first) = (false, None);
        for round in join_all(rounds).await {
            let (is_tried, again) = round.unwrap_or_else(|error| {
                tracing::warn!("could not find out what is to be published: {error}");
                (false, Some(RETRY))
            });
            is_any_tried |= is_tried;
            first = first.into_iter().chain(again).min();
        }
        (is_any_tried, first)
    }

    fn due_sources(
        &self,
        setup: &Setup,
        name: &PublishName,
        config: &PublishConfig,
        when: PublishWhen,
    ) -> Result<DueSources, StoreError> {
        let (now, mut due) = (self.clock.now(), DueSources::default());
        let mut tables = tables_of(setup, config);
        for (source, state) in all_states(setup, name, &*self.store().reader()?)? {
            let pause = match when {
                PublishWhen::Now => None,
                PublishWhen::Due => state.pause(config, now),
            };
            match pause.filter(|pause| pause.is_positive()) {
                None => {
                    // A removal that the configuration has made undone is not worked off.
                    let tables = tables.remove(&source);
                    due.sources.push((source, tables));
                }
                Some(pause) => {
                    let pause = pause.unsigned_abs();
                    due.again = due.again.into_iter().chain([pause]).min();
                }
            }
        }
        Ok(due)
    }

    /// Removes rows of erased people from published tables; notes where that is done, and where it is not, and why.
    pub(super) async fn publish_erasures(
        &self,
        finished: &mut FinishedErasures,
        publishing: Publishing,
    ) -> Result<(), StoreError> {
        let before = published::not_erased(&*self.store().reader()?)?;
        if before.is_empty() {
            return Ok(());
        }
        match publishing {
            Publishing::Later => self.publish_wake.notify_one(),
            Publishing::Now if self.has_publisher.load(Ordering::Relaxed) => {
                let followed = self.erasures_followed.notified();
                self.publish_wake.notify_one();
                tokio::select! {
                    () = followed => {}
                    () = self.clock.sleep(FINISH_WAIT) => {}
                }
            }
            Publishing::Now => drop(self.publish(PublishWhen::Now).await),
        }
        let left = published::not_erased(&*self.store().reader()?)?;
        let is_left = |name: &PublishName| left.iter().any(|(publish, ..)| publish == name);
        let cleaned = before.into_iter().map(|(publish, ..)| publish);
        finished.databases = cleaned.filter(|name| !is_left(name)).collect();
        finished.databases.dedup(); // in order
        let setup = self.setup();
        let reader = self.store().reader()?;
        for (publish, source, stream) in left {
            let why = match why_left_behind(&setup, &publish, &source) {
                Some(why) => why,
                None => {
                    let known = published::source(&reader, &publish, &source)?;
                    let message = known.and_then(|known| known.message);
                    message.unwrap_or_else(|| "not reached yet".to_owned())
                }
            };
            finished.pending.push(format!(
                "the published table of {source}.{stream} in [publish.{publish}]: {why}"
            ));
        }
        Ok(())
    }
}
