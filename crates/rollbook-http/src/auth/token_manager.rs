//! Keeps one source's access token fresh.
//!
//! Concurrent requests that need a token cause one token request: the first sends it, the
//! others wait for the lock. A token request runs in its own task, because a caller that is
//! cancelled in the middle would lose a rotated refresh token.

mod changes;
mod passwords;
mod refused_access;
mod rest;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::changes::Follower;
pub use self::changes::Refetch;
use self::refused_access::RefusedAccess;
use self::rest::TokenRest;
use super::grant::GrantStore;
use super::rotation::{ChainOrigin, RefreshChain};
use super::scopes;
use super::token_request::{Endpoint, TokenRequest};
use super::token_response::{Token, last_use};
use super::token_source::{TokenRules, TokenSource};
use crate::http::access::Access;
use crate::http::error::{HttpError, HttpErrorKind};
use crate::http::{AfterRefusal, Authorizer, SourceMetrics};
use rollbook_core::blocking::blocking;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;

/// A refusal by the token endpoint of what worked before is asked for again after this time, before it counts.
const SECOND_ASKING: Duration = Duration::from_secs(2);

/// Provides the access token of one source and renews it in time. Clones share their state.
#[derive(Clone)]
pub struct TokenManager(Arc<Inner>);

struct Inner {
    source: SourceName,
    token_source: RwLock<Arc<TokenSource>>,
    /// Follows changes of the configured secrets; `None` where they are fixed.
    follower: Option<Follower>,
    vault: Arc<dyn GrantStore>,
    clock: Clock,
    state: Arc<Mutex<TokenState>>,
    /// The generation of a rotated token that no request has used successfully yet; 0 when there is none.
    unproven: AtomicU64,
    metrics: Arc<SourceMetrics>,
    /// Whether a request with a token or key of this source has succeeded.
    has_worked: AtomicBool,
    /// Whether a refused token or key may still turn out to be good.
    is_refused: AtomicBool,
}

#[derive(Default)]
struct TokenState {
    generation: u64,
    current: Option<CurrentToken>,
    /// No token request before its end.
    rest: Option<TokenRest>,
    /// Failed token requests in a row.
    failures: u32,
    refused: Option<RefusedAccess>,
    chain: RefreshChain,
    /// Requested scopes that were not granted, by the last response that declared any.
    missing: Vec<String>,
}

/// A token in use.
struct CurrentToken {
    access: Access,
    /// When it was requested, on the clock's running time.
    since: Duration,
    /// Its age at that time; more than zero for a token of another process.
    age: Duration,
    life: Option<Duration>,
    /// When to request the next one.
    renew: Option<Duration>,
}

impl CurrentToken {
    fn is_fresh(&self, now: Duration) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since) + self.age
    }

    /// When to stop using it, on the clock's running time.
    fn last_use(&self) -> Option<Duration> {
        self.life
            .map(|life| self.since + last_use(life).saturating_sub(self.age))
    }
}

impl TokenManager {
    /// Creates a manager; sends nothing.
    ///
    /// # Errors
    /// When an address is not safe or a key cannot be a header.
    pub fn new(
        rules: TokenRules,
        vault: Arc<dyn GrantStore>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        Self::make(rules, None, vault, clock, Arc::default())
    }

    /// Creates a manager that fetches the rules again before a token request, and uses them if they have changed since
    /// `fingerprint`.
    ///
    /// # Errors
    /// As for [`TokenManager::new`].
    pub fn following(
        rules: TokenRules,
        (fingerprint, refetch): (u64, Refetch),
        vault: Arc<dyn GrantStore>,
        clock: Clock,
        metrics: Arc<SourceMetrics>,
    ) -> Result<Self, HttpError> {
        let follower = Follower::new(fingerprint, refetch);
        Self::make(rules, Some(follower), vault, clock, metrics)
    }

    fn make(
        rules: TokenRules,
        follower: Option<Follower>,
        vault: Arc<dyn GrantStore>,
        clock: Clock,
        metrics: Arc<SourceMetrics>,
    ) -> Result<Self, HttpError> {
        let step = || format!("prepare the tokens of {}", rules.source);
        let token_source = TokenSource::of(&rules).map_err(|kind| kind.at(step(), ""))?;
        let (state, unproven, has_worked, is_refused) = Default::default();
        Ok(Self(Arc::new(Inner {
            source: rules.source,
            token_source: RwLock::new(Arc::new(token_source)),
            follower,
            vault,
            clock,
            state,
            unproven,
            metrics,
            has_worked,
            is_refused,
        })))
    }

    /// The token to use now; requests one when there is none or two thirds of its lifetime are over.
    async fn token(&self) -> Result<Access, HttpError> {
        if self.0.token_source().is_key() {
            self.0.follow_changes_of_a_key().await;
        }
        if let TokenSource::Key(access) = &*self.0.token_source() {
            return Ok(access.clone());
        }
        let state = self.0.state.clone().lock_owned().await;
        match &state.current {
            Some(current) if current.is_fresh(self.0.clock.running()) => Ok(current.access.clone()),
            _ => {
                let manager = self.0.clone();
                let renewal = tokio::spawn(async move { manager.renew(state).await });
                renewal
                    .await
                    .unwrap_or_else(|stopped| match stopped.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => Err(HttpErrorKind::OutOfTime.at(self.0.step(), "")),
                    })
            }
        }
    }

    /// A request returned 403, by which some vendors mean 401. Returns whether to retry with another token: only
    /// when this one is past half its lifetime (webuntis-oneroster.md 4.2 rule 4).
    async fn drop_old(&self, access: &Access) -> bool {
        let mut state = self.0.state.lock().await;
        let now = self.0.clock.running();
        let worth = state.current.as_ref().is_some_and(|current| {
            let is_old = current
                .life
                .is_some_and(|life| now + current.age >= current.since + life / 2);
            is_old || current.access.generation != access.generation
        });
        let is_current = state
            .current
            .as_ref()
            .is_some_and(|current| current.access.generation == access.generation);
        if worth && is_current {
            state.current = None;
        }
        worth
    }

    /// A request with this token succeeded, so the previous refresh token can be dropped.
    async fn note_accepted(&self, access: &Access) {
        self.0.has_worked.store(true, Ordering::Relaxed);
        self.0.end_refusal(access).await;
        let unproven = self.0.unproven.load(Ordering::Relaxed);
        let is_proof = unproven != 0 && access.generation >= unproven;
        let taken = |()| {
            self.0
                .unproven
                .compare_exchange(unproven, 0, Ordering::Relaxed, Ordering::Relaxed)
        };
        if !is_proof || taken(()).is_err() {
            return;
        }
        let (vault, source) = (self.0.vault.clone(), self.0.source.clone());
        if let Err(error) = blocking(move || vault.proven(&source)).await {
            tracing::warn!(source = %self.0.source, %error, "could not remove the previous refresh token from the vault; the next refresh removes it");
        }
    }
}

impl Authorizer for TokenManager {
    fn access(&self) -> BoxFuture<'_, Result<Access, HttpError>> {
        self.token().boxed()
    }

    fn accepted<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, ()> {
        self.note_accepted(access).boxed()
    }

    fn refused<'a>(&'a self, access: &'a Access, may_replace: bool) -> BoxFuture<'a, AfterRefusal> {
        self.0.after_refusal(access, may_replace).boxed()
    }

    fn forbidden<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, bool> {
        self.drop_old(access).boxed()
    }

    fn missing_scopes(&self) -> BoxFuture<'_, Vec<String>> {
        async { self.0.state.lock().await.missing.clone() }.boxed()
    }
}

impl Inner {
    fn token_source(&self) -> Arc<TokenSource> {
        let token_source = self.token_source.read();
        Arc::clone(&token_source.unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Obtains a token and stores it.
    async fn renew(&self, mut state: OwnedMutexGuard<TokenState>) -> Result<Access, HttpError> {
        self.follow_changes(&mut state).await;
        let now = self.clock.running();
        if let Some(error) = state.rest.as_ref().and_then(|rest| rest.error(now)) {
            return self.fall_back(&mut state, error);
        }
        state.rest = None;
        let token_source = self.token_source();
        let mut outcome = self.obtain(&token_source, &mut state.chain).await;
        let mut since = now;
        if let Err(kind) = &outcome
            && self.is_worth_asking_again(&token_source, kind)
        {
            self.clock.sleep(SECOND_ASKING).await;
            since = self.clock.running();
            outcome = self.obtain(&token_source, &mut state.chain).await;
        }
        match outcome {
            Ok(token) => {
                state.failures = 0;
                self.compare_scopes(&mut state, &token_source, &token);
                self.store_token(&mut state, &token_source, &token, since)
            }
            Err(kind) => {
                let error = kind.at(self.step(), token_source.host());
                let error = self.rest_after(&mut state, error);
                self.fall_back(&mut state, error)
            }
        }
    }

    /// Requests a token, and counts that unless nothing was sent.
    async fn obtain(
        &self,
        token_source: &TokenSource,
        chain: &mut RefreshChain,
    ) -> Result<Token, HttpErrorKind> {
        let outcome = self.request(token_source, chain).await;
        let failure = outcome.as_ref().err();
        if failure.is_none_or(is_sent) {
            let class = failure.map(HttpErrorKind::class);
            self.metrics.count_token_request(class);
        }
        outcome
    }

    async fn request(
        &self,
        token_source: &TokenSource,
        chain: &mut RefreshChain,
    ) -> Result<Token, HttpErrorKind> {
        match token_source {
            TokenSource::Key(_) => Err(HttpErrorKind::Setup("an API key needs no token".into())),
            TokenSource::Client(endpoint) => {
                endpoint
                    .request_token(&TokenRequest::Client, &self.clock)
                    .await
            }
            TokenSource::Assertion(endpoint, signer) => {
                endpoint.request_with_assertion(signer, &self.clock).await
            }
            TokenSource::Password(endpoint, name, password) => {
                self.send_password(endpoint, name, password).await
            }
            TokenSource::Refresh(endpoint, seed) => {
                self.refresh(endpoint, ChainOrigin::Seed(seed.as_ref()), chain)
                    .await
            }
            TokenSource::SignedIn(endpoint, _) => {
                let outcome = self.refresh(endpoint, ChainOrigin::SignIn, chain).await;
                outcome.map_err(|kind| match kind {
                    HttpErrorKind::SignInNeeded(_) => {
                        HttpErrorKind::SignInNeeded(Some(self.source.clone()))
                    }
                    kind => kind,
                })
            }
        }
    }

    /// What worked a moment ago and is refused now may be good: servers restart, and lose their database for a moment. Never
    /// a password, because a few attempts may lock the account.
    fn is_worth_asking_again(&self, token_source: &TokenSource, kind: &HttpErrorKind) -> bool {
        self.has_worked.load(Ordering::Relaxed)
            && matches!(kind, HttpErrorKind::GrantRefused(_))
            && !matches!(token_source, TokenSource::Password(..))
    }

    async fn refresh(
        &self,
        endpoint: &Endpoint,
        origin: ChainOrigin<'_>,
        chain: &mut RefreshChain,
    ) -> Result<Token, HttpErrorKind> {
        // Resolved first, so that no refresh token is marked as used while the endpoint is unknown.
        endpoint.endpoint_url(&self.clock).await?;
        let store = (&self.vault, &self.source);
        chain.refresh(endpoint, origin, store, &self.clock).await
    }

    /// Logs missing scopes before the first page is requested, and again when they change.
    fn compare_scopes(&self, state: &mut TokenState, token_source: &TokenSource, token: &Token) {
        let Some(granted) = token.scope.as_deref() else {
            return;
        };
        let is_received = scopes::is_for_another_token;
        let missing = scopes::missing(&token_source.requested_scopes(), Some(granted), is_received);
        if missing != state.missing && !missing.is_empty() {
            let scopes = missing.join(" ");
            tracing::warn!(
                source = %self.source,
                scopes,
                "requested scopes were not granted; ask an administrator at the vendor to grant them"
            );
        }
        state.missing = missing;
    }

    /// The lifetime counts from before the request, so that a slow response does not extend it.
    fn store_token(
        &self,
        state: &mut TokenState,
        token_source: &TokenSource,
        token: &Token,
        since: Duration,
    ) -> Result<Access, HttpError> {
        state.generation += 1;
        let spec = token_source.endpoint();
        let header = spec.and_then(|endpoint| endpoint.spec.rules.token_header.as_deref());
        let spec = spec.and_then(|endpoint| endpoint.spec.api_key.as_ref());
        let key = spec.and_then(|spec| {
            let key = spec.fixed.as_ref().or(token.key.as_ref())?;
            Some((spec.header.as_str(), key))
        });
        let access = Access::bearer(state.generation, (header, &token.access), key)
            .map_err(|kind| kind.at(self.step(), token_source.host()))?;
        if matches!(
            token_source,
            TokenSource::Refresh(..) | TokenSource::SignedIn(..)
        ) {
            self.unproven.store(state.generation, Ordering::Relaxed);
        }
        let renew = token
            .life
            .map(|life| since + (life * 2 / 3).saturating_sub(token.age));
        let left = token.life.map(|life| {
            let passed = self.clock.running().saturating_sub(since) + token.age;
            life.saturating_sub(passed)
        });
        let expiry = left.map(|left| self.clock.wall_clock_after(left));
        self.metrics.note_token(expiry);
        state.current = Some(CurrentToken {
            access: access.clone(),
            since,
            age: token.age,
            life: token.life,
            renew,
        });
        Ok(access)
    }

    /// Keeps using an old token to its end, whatever the token endpoint sends; not where this machine is the problem.
    fn fall_back(&self, state: &mut TokenState, error: HttpError) -> Result<Access, HttpError> {
        let now = self.clock.running();
        let is_local = matches!(
            error.kind(),
            HttpErrorKind::Setup(_) | HttpErrorKind::VaultShut(_)
        );
        if let Some(current) = &mut state.current
            && let Some(last_use) = current.last_use()
            && now < last_use
            && !is_local
        {
            // Half of what is left, so that a failing endpoint receives only a few requests.
            current.renew = Some(now + (last_use - now) / 2);
            tracing::debug!(source = %self.source, %error, "the token request failed; the old token remains in use");
            return Ok(current.access.clone());
        }
        Err(error)
    }

    fn step(&self) -> String {
        format!("get a token for {}", self.source)
    }
}

/// Whether a token request that failed like this was sent.
fn is_sent(kind: &HttpErrorKind) -> bool {
    !matches!(
        kind,
        HttpErrorKind::Setup(_)
            | HttpErrorKind::SignInNeeded(_)
            | HttpErrorKind::PasswordRests(_)
            | HttpErrorKind::NotRefreshed(_)
            | HttpErrorKind::Vault(_)
            | HttpErrorKind::VaultShut(_)
    )
}
