//! One connection to a database, and transactions on it.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::address::Address;
use super::error::DatabaseError;
use super::tls::Tls;
use rollbook_http::http::within;

/// What the server lets a statement take, and a transaction stand idle: a publisher that was stopped must not hold locks for
/// ever (decision 0065).
pub const TRANSACTION: Duration = Duration::from_secs(60);

/// What the server lets a statement wait for a lock.
const LOCK: Duration = Duration::from_secs(10);

/// What we wait for an answer: longer, so that the server's own words arrive.
const ANSWER: Duration = Duration::from_secs(75);

/// What we wait for a connection with all its greetings.
const GREETING: Duration = Duration::from_secs(20);

/// What a statement may take that changes or cleans a whole table.
const LONG: Duration = Duration::from_secs(60 * 60);

/// A value of a statement, with its type: a server that is asked for it would have to keep the statement.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open connection.
pub struct DatabaseSession {
    client: Client,
    driver: JoinHandle<()>,
    /// How long an answer is waited for.
    timeout: Duration,
}

impl Drop for DatabaseSession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl DatabaseSession {
    /// Connects.
    ///
    /// # Errors
    /// When no server answers, or not to this user.
    pub async fn connect(address: &Address) -> Result<Self, DatabaseError> {
        let tls = Tls::new(address.ca_file.as_deref())?;
        let (client, connection) = answered(GREETING, address.config.connect(tls)).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the connection to the database ended: {error}");
            }
        });
        Ok(Self {
            client,
            driver,
            timeout: ANSWER,
        })
    }

    /// Waits no longer than this for an answer.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether the server has ended it.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Begins a transaction whose statements may take, wait for a lock and stand idle no longer than this.
    ///
    /// # Errors
    /// When the database refuses it or does not answer; the same holds for all below.
    pub async fn begin_within(&self, limit: Duration) -> Result<(), DatabaseError> {
        self.batch(&begin("", limit, limit)).await
    }

    /// Begins a transaction whose statements may take long, and that may stand idle no longer than this between them.
    pub async fn begin_long(&self, idle: Duration) -> Result<(), DatabaseError> {
        self.batch(&begin("", LONG, idle)).await
    }

    /// Begins a transaction that reads one state of the database.
    pub async fn begin_reading(&self) -> Result<(), DatabaseError> {
        let mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.batch(&begin(mode, TRANSACTION, TRANSACTION)).await
    }

    /// Commits. After an error it may have taken effect or do so later.
    pub async fn commit(&self) -> Result<(), DatabaseError> {
        self.batch("COMMIT").await
    }

    /// Gives a transaction up; a connection that is lost has given it up too.
    pub async fn roll_back(&self) {
        if let Err(error) = self.batch("ROLLBACK").await {
            tracing::debug!("a transaction could not be rolled back: {error}");
        }
    }

    /// Statements without values.
    pub async fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        answered(self.timeout, self.client.batch_execute(sql)).await
    }

    /// Statements without values that may take long: outside a transaction, or in one that was begun for them.
    pub async fn long(&self, sql: &str) -> Result<(), DatabaseError> {
        answered(LONG + GREETING, self.client.batch_execute(sql)).await
    }

    /// A statement; returns how many rows it wrote.
    pub async fn execute(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, DatabaseError> {
        answered(self.timeout, self.client.execute_typed(sql, parameters)).await
    }

    /// A question.
    pub async fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        answered(self.timeout, self.client.query_typed(sql, parameters)).await
    }
}

fn begin(mode: &str, statement: Duration, idle: Duration) -> String {
    format!(
        "BEGIN{mode}; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; \
         SET LOCAL idle_in_transaction_session_timeout = {idle}",
        statement = statement.as_millis(),
        idle = idle.as_millis(),
        lock = statement.min(LOCK).as_millis(),
    )
}

async fn answered<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    match within(limit, work).await {
        Some(answer) => Ok(answer?),
        None => Err(DatabaseError::Slow(limit)),
    }
}
