//! What must be written about a token request although the database does not answer: it is tried until it does.
//!
//! Exempt from the lease: each statement compares the generation of the token (cluster-protocol.md 3 rule 14). It ends with the
//! process, and then nothing can save the token (cluster-protocol.md 3 rule 17).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::ClusterDatabase;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;
use rollbook_postgres::cluster::token::{GRACE, REQUEST};
use rollbook_postgres::postgres::DatabaseError;
use rollbook_postgres::postgres::cluster::tokens::SealedTokens;

/// Between two attempts.
const RETRY: Duration = Duration::from_secs(5);

/// A request that this worker has announced.
#[derive(Clone, Debug)]
pub(super) struct OpenRequest {
    pub generation: i64,
    pub number: i64,
    pub claim: String,
    /// It took the place of an open one.
    pub is_resumed: bool,
}

/// What is to be written of a request that was announced.
#[derive(Clone)]
pub(super) struct LateWrite {
    source: SourceName,
    request: OpenRequest,
    what: RequestResult,
}

/// What has become of a request.
#[derive(Clone)]
enum RequestResult {
    /// Its tokens, and when they were requested, since boot.
    Tokens(SealedTokens, Duration),
    /// Its intent is closed.
    Closed,
    /// Its intent stays open, and no answer is waited for.
    Expired,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteOutcome {
    Written,
    /// Others have stored newer tokens.
    Superseded,
}

impl LateWrite {
    fn is_of(&self, other: &Self) -> bool {
        let of = |write: &Self| {
            (
                write.request.generation,
                write.request.number,
                std::mem::discriminant(&write.what),
            )
        };
        of(self) == of(other)
    }

    /// The tokens that a request has brought.
    pub fn store(
        source: &SourceName,
        request: &OpenRequest,
        tokens: SealedTokens,
        clock: &Clock,
    ) -> Self {
        let requested = clock.since_boot().saturating_sub(tokens.age);
        Self {
            source: source.clone(),
            request: request.clone(),
            what: RequestResult::Tokens(tokens, requested),
        }
    }

    /// That a request was not sent, or was refused.
    pub fn close(source: &SourceName, request: &OpenRequest) -> Self {
        Self {
            source: source.clone(),
            request: request.clone(),
            what: RequestResult::Closed,
        }
    }

    /// That one which took the place of an open one was not sent, or was refused.
    pub fn expire(source: &SourceName, request: &OpenRequest) -> Self {
        Self {
            what: RequestResult::Expired,
            ..Self::close(source, request)
        }
    }
}

/// The writes of one source; one at a time, because no token is requested before it is written.
pub(super) struct LateWrites {
    database: Arc<ClusterDatabase>,
    clock: Clock,
    /// Held while something is written: two at once would not know which of them did it.
    settling: tokio::sync::Mutex<()>,
    state: Mutex<LateState>,
}

#[derive(Default)]
struct LateState {
    pending: Option<LateWrite>,
    /// Of the last write.
    outcome: Option<WriteOutcome>,
}

impl LateWrites {
    pub fn new(database: Arc<ClusterDatabase>, clock: Clock) -> Self {
        Self {
            database,
            clock,
            settling: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, LateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something is still to be written.
    pub fn is_pending(&self) -> bool {
        self.state().pending.is_some()
    }

    /// What became of the last write; nothing while it is pending.
    pub fn outcome(&self) -> Option<WriteOutcome> {
        self.state().outcome
    }

    /// Writes it from now on, until the database has answered.
    pub fn begin(self: &Arc<Self>, runtime: &Handle, write: LateWrite) {
        let mut state = self.state();
        state.outcome = None;
        let is_running = state.pending.replace(write).is_some();
        drop(state);
        if is_running {
            return;
        }
        let this = Arc::clone(self);
        runtime.spawn(async move {
            loop {
                this.clock.sleep(RETRY).await;
                match this.settle().await {
                    Ok(()) if this.is_pending() => {}
                    Ok(()) => break,
                    Err(error) => {
                        tracing::warn!(%error, "tokens could not be written to the cluster's database yet; it is tried again");
                    }
                }
            }
        });
    }

    /// Writes what is pending.
    pub async fn settle(&self) -> Result<(), DatabaseError> {
        let _alone = self.settling.lock().await;
        let Some(write) = self.state().pending.clone() else {
            return Ok(());
        };
        self.write(&write).await?;
        let mut state = self.state();
        // What came meanwhile is not written yet.
        if state
            .pending
            .as_ref()
            .is_some_and(|pending| pending.is_of(&write))
        {
            state.pending = None;
        }
        Ok(())
    }

    /// Writes once.
    pub async fn write(&self, write: &LateWrite) -> Result<WriteOutcome, DatabaseError> {
        let outcome = self.attempt(write).await?;
        self.state().outcome = Some(outcome);
        Ok(outcome)
    }

    async fn attempt(&self, write: &LateWrite) -> Result<WriteOutcome, DatabaseError> {
        let (source, request) = (write.source.as_str(), &write.request);
        let transaction = self.database.begin().await?;
        let table = transaction.tokens();
        let intent = (request.generation, request.number);
        let is_written = match &write.what {
            RequestResult::Tokens(tokens, requested) => {
                let age = self.clock.since_boot().saturating_sub(*requested);
                let tokens = SealedTokens {
                    age,
                    ..tokens.clone()
                };
                table.store(source, request.generation, &tokens).await?
            }
            RequestResult::Closed => {
                table.close(source, intent, &request.claim).await?;
                true
            }
            RequestResult::Expired => {
                let age = REQUEST + GRACE;
                table.expire(source, intent, &request.claim, age).await?;
                true
            }
        };
        transaction.commit().await?;
        Ok(match is_written {
            true => WriteOutcome::Written,
            false => WriteOutcome::Superseded,
        })
    }
}
