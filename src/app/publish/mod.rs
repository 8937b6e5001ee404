//! `[publish.NAME]`: what runs changed goes to a PostgreSQL database, in one transaction with its position.
//!
//! No run waits for it and none fails by it: what could not be published stays due, also over a restart. `standing.rs` decides
//! what a source's row in the database means, `pass.rs` brings one source up to date, `compare.rs` fills tables and finds
//! differences, `removal.rs` removes a source, `states.rs` says how far each is.

mod chunks;
mod claim;
mod compare;
mod layout;
mod online;
mod pass;
mod pass_error;
mod random;
mod removal;
mod standing;
mod states;
mod verify;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use self::online::{DatabaseCheck, check_databases, database_host, unusable_database};
use self::pass::PublishPass;
use self::pass_error::PassError;
pub use self::removal::{PublishedRows, published_rows, still_published};
use self::states::why_left_behind;
use self::states::{CHECK, all_states};
pub use self::states::{PublishState, left_behind, publish_states};
pub use self::verify::{PublishVerification, TableDifference, verify_published};
use super::{AdminResponse, App, DaemonEngine, FINISH_WAIT, FinishedErasures, Publishing};
use crate::daemon::alerts::retry_pause;
use crate::document::suggest::advice;
use crate::model::{PublishName, SourceName, Table, scalar};
use crate::postgres::layout::PublishTarget;
use crate::postgres::{Address, DatabaseError, DatabaseSession, fence};
use crate::setup::Setup;
use crate::setup::files::{PublishConfig, Secrets};
use crate::store::published;
use crate::store::{StoreError, queries};

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

/// What one round of a database did.
#[derive(Debug, Default)]
struct Round {
    is_tried: bool,
    /// After how long to look again without a run.
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
        let rounds = rounds.map(|(name, config)| self.publish_to(&setup, name, config, when));
        let mut all = Round::default();
        for round in join_all(rounds).await {
            let round = round.unwrap_or_else(|error| {
                tracing::warn!("could not find out what is to be published: {error}");
                Round {
                    is_tried: false,
                    again: Some(RETRY),
                }
            });
            all.is_tried |= round.is_tried;
            all.again = all.again.into_iter().chain(round.again).min();
        }
        (all.is_tried, all.again)
    }

    async fn publish_to(
        &self,
        setup: &Setup,
        name: &PublishName,
        config: &PublishConfig,
        when: PublishWhen,
    ) -> Result<Round, StoreError> {
        let now = self.clock.now();
        let (mut due, mut round) = (Vec::new(), Round::default());
        {
            let reader = self.store().reader()?;
            let mut tables = tables_of(setup, config);
            for (source, state) in all_states(setup, name, &reader)? {
                let pause = match when {
                    PublishWhen::Now => None,
                    PublishWhen::Due => state.pause(config, now),
                };
                match pause.filter(|pause| pause.is_positive()) {
                    None => {
                        // One that is to leave has none, until it is gone.
                        let tables = tables.remove(&source).filter(|_| !state.leaves());
                        due.push((source, tables));
                    }
                    Some(pause) => {
                        let pause = pause.unsigned_abs();
                        round.again = round.again.into_iter().chain([pause]).min();
                    }
                }
            }
        }
        if due.is_empty() {
            return Ok(round);
        }
        round.is_tried = true;
        let mut session = connect_to_publish(&self.secrets, config).await;
        for (source, tables) in due {
            let ended = match &session {
                Ok(session) => {
                    let target = target(config);
                    let pass =
                        PublishPass::new(self, setup, (name, config), session, &target, &source);
                    match &tables {
                        Some(tables) => pass.run(tables).await,
                        None => pass.remove().await,
                    }
                }
                Err(error) => Err(PassError::Refused(error.to_string())),
            };
            if let Err(PassError::Lost(_)) = &ended {
                session = connect_to_publish(&self.secrets, config).await;
            }
            let pause = match tables {
                None if published::source(&*self.store().reader()?, name, &source)?.is_none() => {
                    continue; // forgotten meanwhile
                }
                _ => self.note_attempt(name, &source, ended).await?,
            };
            round.again = round.again.into_iter().chain([pause]).min();
        }
        Ok(round)
    }

    /// Records how an attempt ended. Returns after how long to look again.
    async fn note_attempt(
        &self,
        name: &PublishName,
        source: &SourceName,
        ended: Result<(), PassError>,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let known = published::source(&*self.store().reader()?, name, source)?;
        let mut state = known.unwrap_or_default();
        let pause = match ended {
            Ok(()) => {
                if state.failed.is_some() {
                    tracing::info!(publish = %name, %source, "publishing works again");
                }
                state.checked = Some(now);
                (state.attempts, state.due, state.failed) = (0, None, None);
                (state.message, state.claimed_by) = (None, None);
                CHECK.unsigned_abs()
            }
            Err(failure) => {
                let (why, claimed_by) = match failure {
                    PassError::Store(error) => (error.to_string(), None),
                    PassError::Refused(why) | PassError::Lost(why) => (why, None),
                    PassError::Claimed { by, why } => (why, Some(by)),
                };
                state.claimed_by = claimed_by;
                state.attempts = state.attempts.saturating_add(1);
                let pause = retry_pause(state.attempts);
                match state.message.as_ref() == Some(&why) {
                    true => {
                        tracing::debug!(publish = %name, %source, "publishing failed again: {why}")
                    }
                    false => tracing::warn!(publish = %name, %source, "publishing failed: {why}"),
                }
                let until = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                state.due = Some(scalar::saturating_add(now, until));
                state.failed = state.failed.or(Some(now));
                state.message = Some(why);
                pause
            }
        };
        let (name, source) = (name.clone(), source.clone());
        let save =
            move |connection: &mut _| published::save_source(connection, &name, &source, &state);
        self.store().write(save).await?;
        Ok(pause)
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

    /// Marks a source, or all of them, to be compared as a whole, also if another mirror published it.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub(super) async fn rebuild_published(
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
}

/// The address of a database.
fn address(secrets: &Secrets, config: &PublishConfig) -> Result<Address, DatabaseError> {
    let url = secrets.fetch(&config.url);
    let url = url.map_err(|error| DatabaseError::Address(error.to_string()))?;
    Address::parse(url.expose_secret(), config.ca_file.clone())
}

/// Connects to a database.
async fn connect(
    secrets: &Secrets,
    config: &PublishConfig,
) -> Result<DatabaseSession, DatabaseError> {
    DatabaseSession::connect(&address(secrets, config)?).await
}

/// Connects to a database, and makes what every source needs there.
async fn connect_to_publish(
    secrets: &Secrets,
    config: &PublishConfig,
) -> Result<DatabaseSession, DatabaseError> {
    let session = connect(secrets, config).await?;
    fence::prepare(&session, &config.schema).await?;
    Ok(session)
}

fn target(config: &PublishConfig) -> PublishTarget {
    PublishTarget {
        schema: config.schema.clone(),
        reader: config.reader.clone(),
    }
}
