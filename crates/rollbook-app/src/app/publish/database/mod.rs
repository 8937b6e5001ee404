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
mod removal;
mod verify;

use std::time::Duration;

use secrecy::ExposeSecret as _;

pub use self::online::{check_databases, database_host, unusable_database};
use self::pass::PublishPass;
use self::pass_error::PassError;
pub use self::removal::published_rows;
pub use self::verify::verify_published;
use super::AttemptFailure;
use crate::app::App;
use rollbook_core::model::{PublishName, SourceName, Table};
use rollbook_core::store::StoreError;
use rollbook_core::store::published;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::{PublishConfig, Secrets};
use rollbook_postgres::postgres::layout::PublishTarget;
use rollbook_postgres::postgres::{Address, DatabaseError, DatabaseSession, fence};

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
        let _turn = self.turn_to_publish(name).await;
        let mut session = connect_to_publish(&self.secrets, config).await;
        for (source, tables) in due {
            let ended = match &session {
                Ok(session) => {
                    let (session, target) = session;
                    let pass =
                        PublishPass::new(self, setup, (name, config), session, target, &source);
                    match &tables {
                        Some(tables) => Box::pin(pass.run(tables)).await,
                        None => Box::pin(pass.remove()).await,
                    }
                }
                Err(error) => Err(PassError::from(error.clone())),
            };
            if let (Ok(_), Err(PassError::Lost(_))) = (&session, &ended) {
                session = connect_to_publish(&self.secrets, config).await;
            }
            let pause = match tables {
                None if published::source(&*self.store().reader()?, name, &source)?.is_none() => {
                    continue; // forgotten meanwhile
                }
                _ => {
                    let ended = ended.map_err(AttemptFailure::from);
                    self.note_attempt(name, &source, ended).await?
                }
            };
            again = again.into_iter().chain([pause]).min();
        }
        Ok(again)
    }
}

/// The address of a database.
fn address(secrets: &Secrets, config: &PublishConfig) -> Result<Address, DatabaseError> {
    let url = secrets.fetch(&config.url);
    let url = url.map_err(|error| DatabaseError::Address(error.to_string()))?;
    Address::parse(url.expose_secret(), config.ca_file.clone())
}

/// Connects to a database; where the tables are.
async fn connect(
    secrets: &Secrets,
    config: &PublishConfig,
) -> Result<(DatabaseSession, PublishTarget), DatabaseError> {
    let address = address(secrets, config)?;
    let target = PublishTarget {
        schema: config.schema.clone(),
        reader: config.reader.clone(),
        place: address.place(&config.schema),
    };
    Ok((DatabaseSession::connect(&address).await?, target))
}

/// Connects to a database, and makes what every source needs there.
async fn connect_to_publish(
    secrets: &Secrets,
    config: &PublishConfig,
) -> Result<(DatabaseSession, PublishTarget), DatabaseError> {
    let (session, target) = connect(secrets, config).await?;
    fence::prepare(&session, &config.schema).await?;
    Ok((session, target))
}
