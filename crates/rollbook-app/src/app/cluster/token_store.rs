//! The tokens of sources in the cluster's database, for `auth`: who may send a refresh token is decided by [`TokenRow`].
//!
//! What must reach the database, the tokens of an answer before all, is tried again until it answers, whoever has the source by then
//! (cluster-protocol.md 3 rule 14). Methods block the calling thread, which is one for blocking work.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::runtime::Handle;

use super::late_writes::{LateWrite, LateWrites, OpenRequest, WriteOutcome};
use super::sealed_grant::TokenKeys;
use super::{ClusterDatabase, SourceLink};
use crate::app::VaultStore;
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptGrant, KeptRefusal, RequestEnd, SourceName, scalar};
use rollbook_core::store::Vault;
use rollbook_core::store::vault::{Keys, VaultEntry};
use rollbook_http::auth::{GrantStore, Intended, RefreshIntent, SignInMark, VaultError};
use rollbook_http::http::SendGate;
use rollbook_http::http::within;
use rollbook_postgres::cluster::token::{
    GRACE, IntentStep, OpenIntent, REQUEST, TokenRow, TokenStep, time_to_send,
};
use rollbook_postgres::postgres::DatabaseError;
use rollbook_postgres::postgres::cluster::tokens::{SealedTokens, StoredTokens, TokenEntry};

/// What a transaction may take here: threads for blocking work are few.
const ANSWER: Duration = Duration::from_secs(15);

/// How long what is known of a sign-in is not read again.
const MARK_IS_KNOWN: Duration = Duration::from_secs(10);

/// The tokens of one source that this worker has, or those of any source for a command.
pub struct ClusterTokens {
    this: Weak<Self>,
    database: Arc<ClusterDatabase>,
    keys: TokenKeys,
    clock: Clock,
    runtime: Handle,
    /// Without one no refresh token is sent.
    worker: Option<LeaseHolder>,
    state: Mutex<KnownTokens>,
    late: Arc<LateWrites>,
}

/// The lease of a source, as this worker knows it.
pub trait SourceLease: Send + Sync {
    /// The claim.
    fn claim(&self) -> String;
    /// What is left of it; zero when it has ended.
    fn left(&self) -> Duration;
}

impl SourceLease for SourceLink {
    fn claim(&self) -> String {
        self.claim()
    }

    fn left(&self) -> Duration {
        self.left()
    }
}

struct LeaseHolder {
    lease: Arc<dyn SourceLease>,
    /// Has what does not rotate, and the lock of this machine.
    local: VaultStore,
}

#[derive(Default)]
struct KnownTokens {
    /// The generation that was read or stored last.
    generation: Option<i64>,
    /// The request that was announced last and whose end was not told yet.
    open: Option<OpenRequest>,
    /// The number of the last request that ended here without an answer: none can come any more (cluster-protocol.md 6 rule 28).
    unanswered: Option<i64>,
    /// When the sign-in was read last, and what it was.
    mark: Option<(Duration, Option<SignInMark>)>,
}

fn failed(error: &DatabaseError) -> VaultError {
    refused(format!("the cluster's database: {error}"))
}

fn refused(reason: impl Into<String>) -> VaultError {
    VaultError {
        reason: reason.into(),
        shut: false,
    }
}

impl ClusterTokens {
    /// Those of a source whose lease this worker has. Called in a runtime, which does the work.
    pub fn of_worker(
        lease: Arc<dyn SourceLease>,
        database: Arc<ClusterDatabase>,
        vault: Arc<Vault>,
        clock: Clock,
    ) -> Arc<Self> {
        let worker = LeaseHolder {
            local: VaultStore::new(Arc::clone(&vault)),
            lease,
        };
        Self::new(database, TokenKeys::Vault(vault), clock, Some(worker))
    }

    /// Those of every source, for a command on any host: it signs in, signs out and lists. Called in a runtime.
    pub fn of_command(database: Arc<ClusterDatabase>, keys: Keys, clock: Clock) -> Arc<Self> {
        Self::new(database, TokenKeys::Own(keys), clock, None)
    }

    /// The database.
    pub fn database(&self) -> Arc<ClusterDatabase> {
        Arc::clone(&self.database)
    }

    /// What is kept of each source, without a secret.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn entries(&self) -> Result<Vec<VaultEntry>, DatabaseError> {
        let transaction = self.database.begin().await?;
        let rows = transaction.tokens().entries().await?;
        transaction.commit().await?;
        let before = |age: Duration| {
            let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
            scalar::to_canonical(scalar::saturating_add(self.clock.now(), -age))
        };
        let entry = |row: TokenEntry| {
            let tokens = row.tokens.as_ref();
            let life = tokens.and_then(|tokens| tokens.life);
            VaultEntry {
                obtained: tokens.map(|tokens| before(tokens.age)),
                access_life_ms: life.and_then(|life| life.as_millis().try_into().ok()),
                scope: tokens.and_then(|tokens| tokens.scope.clone()),
                key_id: tokens.map(|tokens| tokens.key_id.clone()),
                intent: row.intent_age.map(before),
                source: row.source,
                ..VaultEntry::default()
            }
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    fn new(
        database: Arc<ClusterDatabase>,
        keys: TokenKeys,
        clock: Clock,
        worker: Option<LeaseHolder>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            late: Arc::new(LateWrites::new(Arc::clone(&database), clock.clone())),
            database,
            keys,
            clock,
            runtime: Handle::current(),
            worker,
            state: Mutex::default(),
        })
    }

    fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, VaultError> {
        let answer = self.runtime.block_on(within(ANSWER, work));
        let answer = answer.unwrap_or(Err(DatabaseError::Slow(ANSWER)));
        answer.map_err(|error| failed(&error))
    }

    fn state(&self) -> MutexGuard<'_, KnownTokens> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, source: &SourceName) -> Result<StoredTokens, DatabaseError> {
        let transaction = self.database.begin().await?;
        let row = transaction.tokens().read(source.as_str()).await?;
        transaction.commit().await?;
        Ok(row)
    }

    fn opened(
        &self,
        source: &SourceName,
        row: &StoredTokens,
    ) -> Result<Option<KeptGrant>, VaultError> {
        let open = |tokens: &SealedTokens| self.keys.open(source, tokens, &self.clock);
        row.tokens.as_ref().map(open).transpose()
    }

    fn note_mark(&self, mark: Option<SignInMark>) {
        self.state().mark = Some((self.clock.since_boot(), mark));
    }

    /// Whether the open intent of a row concerns this token: not where a token is configured that descends from none of the row.
    fn concerns(
        &self,
        source: &SourceName,
        row: &StoredTokens,
        kept: Option<&KeptGrant>,
        hash: &str,
    ) -> bool {
        let tokens = kept.map(|kept| [Some(&kept.refresh_token), kept.previous.as_ref()]);
        let mut tokens = tokens.into_iter().flatten().flatten();
        let is_of_the_row = tokens.any(|token| KeptGrant::fingerprint(token) == hash);
        let is_intended = |token| self.keys.is_fingerprint(source, token, hash);
        is_of_the_row || (row.intent.as_ref()).is_none_or(|intent| is_intended(&intent.token))
    }

    /// Announces that a token is sent.
    fn announce(
        &self,
        worker: &LeaseHolder,
        (source, hash): (&SourceName, &str),
        row: &StoredTokens,
    ) -> Result<Intended, VaultError> {
        let token = self.keys.seal_fingerprint(source, hash)?;
        let request = OpenRequest {
            generation: row.generation,
            number: row.intents + 1,
            claim: worker.lease.claim(),
            is_resumed: row.intent.is_some(),
        };
        // From before it is stored (cluster-protocol.md 2 rule 9).
        let announced = self.clock.since_boot();
        let stored = self.wait(async {
            let transaction = self.database.begin().await?;
            let tokens = transaction.tokens();
            let stored = tokens
                .intend(source.as_str(), row, &request.claim, &token)
                .await?;
            transaction.commit().await?;
            Ok(stored)
        });
        let is_stored = stored.inspect_err(|_| {
            // It may be stored, and nothing is sent.
            if !request.is_resumed {
                self.later(LateWrite::close(source, &request));
            }
        })?;
        if !is_stored {
            return Ok(Intended::Wait(Duration::ZERO));
        }
        let (lease, claim) = (Arc::clone(&worker.lease), request.claim.clone());
        self.state().open = Some(request);
        let clock = self.clock.clone();
        Ok(Intended::Send(Some(SendGate::new(move || {
            let passed = clock.since_boot().saturating_sub(announced);
            let left = time_to_send(lease.left(), REQUEST.saturating_sub(passed));
            left.filter(|_| lease.claim() == claim)
        }))))
    }

    fn later(&self, write: LateWrite) {
        self.late.begin(&self.runtime, write);
    }

    /// Writes; later, if it cannot be written now.
    fn write(&self, write: LateWrite) -> Result<WriteOutcome, VaultError> {
        let outcome = self.wait(self.late.write(&write));
        outcome.inspect_err(|_| self.later(write))
    }

    async fn read_mark(&self, source: &SourceName) {
        let read = self.read(source).await.map_err(|error| failed(&error));
        match read.and_then(|row| self.opened(source, &row)) {
            Ok(kept) => self.note_mark(kept.as_ref().and_then(SignInMark::of)),
            Err(error) => {
                tracing::debug!(source = %source, %error, "could not read the last sign-in")
            }
        }
    }
}

impl GrantStore for ClusterTokens {
    fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, VaultError> {
        self.wait(self.late.settle())?;
        let row = self.wait(self.read(source))?;
        self.state().generation = Some(row.generation);
        let kept = self.opened(source, &row)?;
        self.note_mark(kept.as_ref().and_then(SignInMark::of));
        Ok(kept)
    }

    fn intend(
        &self,
        source: &SourceName,
        refresh: RefreshIntent<'_>,
    ) -> Result<Intended, VaultError> {
        let Some(worker) = &self.worker else {
            return Ok(Intended::Not(
                "only the worker that has the source requests tokens in a cluster",
            ));
        };
        let left = worker.lease.left();
        if left.is_zero() {
            return Ok(Intended::Not(
                "the lease of this worker has ended; the worker that has the source then continues",
            ));
        }
        let row = self.wait(self.read(source))?;
        if self.state().generation != Some(row.generation) {
            return Ok(Intended::Wait(Duration::ZERO));
        }
        let kept = self.opened(source, &row)?;
        if !self.concerns(source, &row, kept.as_ref(), refresh.token) {
            self.wait(async {
                let transaction = self.database.begin().await?;
                let tokens = transaction.tokens();
                tokens.supersede(source.as_str(), row.generation).await?;
                transaction.commit().await
            })?;
            return Ok(Intended::Wait(Duration::ZERO));
        }
        let mut token_row = token_row(&row);
        let access = kept.as_ref().and_then(|kept| kept.access.as_ref());
        let access = access.map(|access| KeptGrant::fingerprint(&access.token));
        if access.as_deref() == refresh.replaced {
            token_row.access_left = Duration::ZERO;
        }
        let is_open = row.intent.is_some() && !row.is_resumed;
        let is_unanswered = is_open && self.state().unanswered == Some(row.intents);
        let step = match token_row.next_step(left, row.is_resumed) {
            TokenStep::Wait(_) if is_unanswered => TokenStep::Park,
            step => step,
        };
        match (step, kept) {
            (TokenStep::UseAccess, Some(kept)) => Ok(Intended::Use(Box::new(kept))),
            (TokenStep::Refresh, _) => self.announce(worker, (source, refresh.token), &row),
            (TokenStep::Wait(wait), _) => Ok(Intended::Wait(wait)),
            (TokenStep::Park | TokenStep::UseAccess, _) => Ok(Intended::Open),
        }
    }

    fn ended(&self, source: &SourceName, end: RequestEnd) -> Result<bool, VaultError> {
        let Some(request) = self.state().open.clone() else {
            return Ok(false);
        };
        let step = IntentStep::after(end, request.is_resumed);
        let write = match step {
            IntentStep::Leave | IntentStep::Store => None,
            IntentStep::Close => Some(LateWrite::close(source, &request)),
            IntentStep::Expire => Some(LateWrite::expire(source, &request)),
        };
        if let Some(Err(error)) = write.map(|write| self.write(write)) {
            tracing::warn!(source = %source, %error, "could not store yet how a token request ended; it is tried again");
        }
        let is_open = matches!(step, IntentStep::Leave | IntentStep::Expire);
        let mut state = self.state();
        state.open = None;
        state.unanswered = is_open.then_some(request.number);
        Ok(is_open)
    }

    fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        let request = self.state().open.clone();
        let request = request.ok_or_else(|| refused("no token refresh was announced"))?;
        let sealed = self.keys.seal(source, grant, age(grant, &self.clock))?;
        let outcome = self.write(LateWrite::store(source, &request, sealed, &self.clock));
        // Only now: the end of this worker waits for it.
        self.state().open = None;
        match outcome? {
            WriteOutcome::Written => {
                self.state().generation = Some(request.generation + 1);
                Ok(())
            }
            WriteOutcome::Superseded => Err(refused(
                "newer tokens were stored meanwhile, which the next run uses",
            )),
        }
    }

    fn keep_late(&self, source: &SourceName, grant: &KeptGrant) -> Result<bool, VaultError> {
        if self.state().open.is_some() {
            // It could not be sealed.
            return self.keep(source, grant).map(|()| true);
        }
        self.wait(self.late.settle())?;
        let is_written = self.late.outcome() == Some(WriteOutcome::Written);
        // What was stored by now may be replaced again already; `proven` compares.
        let row = self.wait(self.read(source))?;
        self.state().generation = Some(row.generation);
        Ok(is_written)
    }

    fn sign_in(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        let sealed = self.keys.seal(source, grant, age(grant, &self.clock))?;
        self.wait(async {
            let transaction = self.database.begin().await?;
            transaction
                .tokens()
                .replace(source.as_str(), &sealed)
                .await?;
            transaction.commit().await
        })
    }

    fn signed_in(&self, source: &SourceName) -> Result<Option<SignInMark>, VaultError> {
        let known = self.state().mark.clone();
        let since = |at| self.clock.since_boot().saturating_sub(at);
        let is_known = known
            .as_ref()
            .is_some_and(|(at, _)| since(*at) < MARK_IS_KNOWN);
        if let (false, Some(this)) = (is_known, self.this.upgrade()) {
            // One question at a time.
            self.note_mark(known.as_ref().and_then(|(_, mark)| mark.clone()));
            let source = source.clone();
            self.runtime
                .spawn(async move { this.read_mark(&source).await });
        }
        Ok(known.and_then(|(_, mark)| mark))
    }

    fn is_settled(&self) -> bool {
        self.state().open.is_none() && !self.late.is_pending()
    }

    fn resume(&self, source: &SourceName) -> Result<(), VaultError> {
        self.wait(async {
            let transaction = self.database.begin().await?;
            transaction.tokens().resume(source.as_str()).await?;
            transaction.commit().await
        })
    }

    fn forget(&self, source: &SourceName) -> Result<(), VaultError> {
        self.wait(async {
            let transaction = self.database.begin().await?;
            transaction.tokens().forget(source.as_str()).await?;
            transaction.commit().await
        })
    }

    fn proven(&self, source: &SourceName) -> Result<(), VaultError> {
        let Some(generation) = self.state().generation else {
            return Ok(());
        };
        self.wait(async {
            let transaction = self.database.begin().await?;
            let tokens = transaction.tokens();
            tokens.proven(source.as_str(), generation).await?;
            transaction.commit().await
        })
    }

    fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, VaultError> {
        match &self.worker {
            Some(worker) => worker.local.refusal(source, credential),
            None => Ok(None),
        }
    }

    fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError> {
        match &self.worker {
            Some(worker) => worker.local.note_refusal(source, credential, refusal),
            None => Ok(()),
        }
    }

    fn lock(&self, source: &SourceName) -> Result<Box<dyn Send>, VaultError> {
        match &self.worker {
            Some(worker) => worker.local.lock(source),
            None => Ok(Box::new(())),
        }
    }
}

/// How long ago a grant was requested, by this machine's clock.
pub(super) fn age(grant: &KeptGrant, clock: &Clock) -> Duration {
    Duration::try_from(clock.now().duration_since(grant.obtained)).unwrap_or_default()
}

/// The row as the decisions see it.
///
/// The chain has found that it needs another access token, so the stored one counts only where none may be requested.
fn token_row(row: &StoredTokens) -> TokenRow {
    let intent = row.intent.as_ref().map(|intent| OpenIntent {
        claim: intent.claim.clone(),
        left: (REQUEST + GRACE).saturating_sub(intent.age),
    });
    let is_over = |intent: &OpenIntent| row.is_resumed && intent.left.is_zero();
    let may_request = intent.as_ref().is_none_or(is_over);
    let tokens = row.tokens.as_ref().filter(|_| !may_request);
    let access_left = tokens.map(|tokens| match tokens.life {
        Some(life) => life.saturating_sub(tokens.age),
        None => UNDECLARED.saturating_sub(tokens.age),
    });
    TokenRow {
        generation: row.generation,
        intent,
        access_left: access_left.unwrap_or_default(),
    }
}

/// How long an access token without a declared lifetime is used while its refresh may be on its way.
const UNDECLARED: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests;
