//! Publishing to a PostgreSQL database. `ownership.rs` decides what a source's row there means, `pass.rs` brings one source up to
//! date, `compare.rs` fills tables and finds differences, `removal.rs` removes a source.

mod chunks;
mod claim;
mod compare;
mod layout;
mod online;
mod ownership;
mod pass;
mod pass_error;
mod random;
mod removal;
mod verify;

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

pub use self::online::{check_databases, database_host, unusable_database};
use self::pass::PublishPass;
use self::pass_error::PassError;
pub use self::removal::published_rows;
pub use self::verify::verify_published;
use super::states::CHECK;
use crate::app::App;
use crate::daemon::alerts::retry_pause;
use crate::model::{PublishName, SourceName, Table, scalar};
use crate::postgres::layout::PublishTarget;
use crate::postgres::{Address, DatabaseError, DatabaseSession, fence};
use crate::setup::Setup;
use crate::setup::files::{PublishConfig, Secrets};
use crate::store::StoreError;
use crate::store::published;

impl App {
    /// Publishes sources to a database. Returns after how long to look again.
    pub(super) async fn publish_to(
        &self,
        setup: &Setup,
        name: &PublishName,
        config: &PublishConfig,
        due: Vec<(SourceName, Option<Vec<Table>>)>,
    ) -> Result<Option<Duration>, StoreError> {
        let mut again = None;
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
            again = again.into_iter().chain([pause]).min();
        }
        Ok(again)
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
