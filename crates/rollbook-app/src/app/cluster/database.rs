//! The cluster's database: few connections, which all sources of a worker share.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::publications::Publications;
use rollbook_engine::setup::files::{ClusterConfig, Secrets};
use rollbook_postgres::postgres::cluster::SHORT;
use rollbook_postgres::postgres::{Address, DatabaseError, DatabaseSession};

/// Connections of a worker at once for short transactions, and for those that move files; more wait.
const SHORT_SESSIONS: usize = 6;
const BULK_SESSIONS: usize = 4;

/// How long an answer is waited for: a little longer than the server lets a statement take, so that its own words arrive.
const TIMEOUT: Duration = SHORT.saturating_add(Duration::from_secs(3));

/// Where the cluster's tables are.
pub struct ClusterDatabase {
    address: Address,
    /// The schema of the tables.
    pub schema: String,
    idle: Mutex<Vec<DatabaseSession>>,
    short: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    pub(super) publications: Publications,
}

/// A connection that one uses at a time. [`ClusterDatabase::keep`] alone lets another use it again, so that none is in a transaction.
pub struct SharedSession {
    session: DatabaseSession,
    _permit: OwnedSemaphorePermit,
}

impl Deref for SharedSession {
    type Target = DatabaseSession;

    fn deref(&self) -> &DatabaseSession {
        &self.session
    }
}

impl ClusterDatabase {
    /// The database of a configuration. Connects to nothing yet.
    ///
    /// # Errors
    /// When the address cannot be had or is none.
    pub fn new(config: &ClusterConfig, secrets: &Secrets) -> Result<Self, DatabaseError> {
        let url = secrets.fetch(&config.url);
        let url = url.map_err(|error| DatabaseError::Address(error.to_string()))?;
        Ok(Self {
            address: Address::parse(url.expose_secret(), config.ca_file.clone())?,
            schema: config.schema.clone(),
            idle: Mutex::default(),
            short: Arc::new(Semaphore::new(SHORT_SESSIONS)),
            bulk: Arc::new(Semaphore::new(BULK_SESSIONS)),
            publications: Publications::default(),
        })
    }

    /// A connection for a short transaction: one that is idle, or a new one.
    ///
    /// # Errors
    /// When no server answers, or not to this user.
    pub async fn session(&self) -> Result<SharedSession, DatabaseError> {
        self.shared(&self.short).await
    }

    /// A connection that moves files. Leases and tokens do not wait for these.
    ///
    /// # Errors
    /// As [`ClusterDatabase::session`].
    pub async fn bulk_session(&self) -> Result<SharedSession, DatabaseError> {
        self.shared(&self.bulk).await
    }

    async fn shared(&self, permits: &Arc<Semaphore>) -> Result<SharedSession, DatabaseError> {
        let permit = Arc::clone(permits).acquire_owned().await;
        let permit = permit.map_err(|_| DatabaseError::Address("it is closed".to_owned()))?;
        let idle = {
            let mut idle = self.idle();
            idle.retain(|session| !session.is_closed());
            idle.pop()
        };
        let session = match idle {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(SharedSession {
            session,
            _permit: permit,
        })
    }

    /// A connection of its own, for heartbeats: they must not wait for those of the sources.
    ///
    /// # Errors
    /// As [`ClusterDatabase::session`].
    pub async fn connect(&self) -> Result<DatabaseSession, DatabaseError> {
        let session = DatabaseSession::connect(&self.address).await?;
        Ok(session.with_timeout(TIMEOUT))
    }

    /// Where it is, for messages.
    pub fn hosts(&self) -> String {
        self.address.hosts()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<DatabaseSession>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection on which no transaction is open.
    pub fn keep(&self, session: SharedSession) {
        self.idle().push(session.session);
    }
}
