//! Keeps one source's access token fresh.
//!
//! Ten requests that need a token at once cause one token request: whoever comes first asks, the
//! others wait at the lock. A token request runs in a task of its own, because a caller that is
//! stopped in its middle would throw a rotated refresh token away.

mod passwords;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::passwords::PASSWORD_REST;
use super::access::Access;
use super::error::{HttpError, Kind};
use super::grant::{Grant, GrantSpec, GrantVault};
use super::rotation::{Chain, Root, blocking};
use super::rules::{Route, Timeouts};
use super::scopes;
use super::token_request::{Endpoint, Proof, Token};
use super::way::Way;
use crate::clock::Clock;
use crate::model::Class;

/// Any other refused credential rests for this long, so that a job of many streams asks once.
const CREDENTIAL_REST: Duration = Duration::from_secs(15 * 60);

/// The least that an old token must still live to be used, unless a third of its life is less.
const MARGIN: Duration = Duration::from_secs(20);

/// What a keeper is told at its start.
#[derive(Clone)]
pub struct KeeperRules {
    /// The source's name; the vault knows the grant by it.
    pub source: String,
    /// The way to a token.
    pub grant: Grant,
    /// How long each step of a token request may take.
    pub timeouts: Timeouts,
    /// How the requests leave the machine.
    pub route: Route,
}

/// Hands out the access token of one source and renews it in time. Clones are the same keeper.
#[derive(Clone)]
pub struct TokenKeeper(Arc<Keeper>);

struct Keeper {
    source: String,
    way: Way,
    vault: Arc<dyn GrantVault>,
    clock: Clock,
    state: Arc<Mutex<State>>,
    /// The generation of a rotated token that no request has used yet; 0 when there is none.
    unproven: AtomicU64,
}

#[derive(Default)]
struct State {
    generation: u64,
    held: Option<Held>,
    refused: Option<(Duration, HttpError)>,
    chain: Chain,
    /// Scopes that were asked for and not granted, by the last answer that said.
    missing: Vec<String>,
}

/// A token in use.
struct Held {
    access: Access,
    /// When it was asked for, on the clock's running time.
    since: Duration,
    /// How old it was then: a token of another process has lived before.
    age: Duration,
    life: Option<Duration>,
    /// When to ask for the next one.
    renew: Option<Duration>,
}

impl Held {
    fn is_fresh(&self, now: Duration) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    /// When it is no longer to be used, on the clock's running time.
    fn last_use(&self) -> Option<Duration> {
        self.life
            .map(|life| self.since + last_use(life).saturating_sub(self.age))
    }
}

/// How old a token may become in use: to 20 s before its end, or a third of its life when that is less.
pub(super) fn last_use(life: Duration) -> Duration {
    life - MARGIN.min(life / 3)
}

impl TokenKeeper {
    /// A keeper that has not asked for a token yet.
    ///
    /// # Errors
    /// When an address is not safe or a key cannot be a header.
    pub fn new(
        rules: KeeperRules,
        vault: Arc<dyn GrantVault>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        let step = || format!("prepare the tokens of {}", rules.source);
        let way = Way::of(&rules).map_err(|kind| kind.at(step(), ""))?;
        let (state, unproven) = Default::default();
        let source = rules.source;
        Ok(Self(Arc::new(Keeper {
            source,
            way,
            vault,
            clock,
            state,
            unproven,
        })))
    }

    /// The token to use now; asks for one when there is none or it is two thirds through its life.
    pub(super) async fn access(&self) -> Result<Access, HttpError> {
        if let Way::Key(access) = &self.0.way {
            return Ok(access.clone());
        }
        let state = self.0.state.clone().lock_owned().await;
        match &state.held {
            Some(held) if held.is_fresh(self.0.clock.running()) => Ok(held.access.clone()),
            _ => {
                let keeper = self.0.clone();
                let renewal = tokio::spawn(async move { keeper.renew(state).await });
                renewal
                    .await
                    .unwrap_or_else(|stopped| match stopped.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => Err(Kind::OutOfTime.at(self.0.step(), "")),
                    })
            }
        }
    }

    /// The scopes that were asked for and not granted, as far as the vendor said.
    pub(super) async fn missing_scopes(&self) -> Vec<String> {
        self.0.state.lock().await.missing.clone()
    }

    /// A request was refused with this token. Is another one worth a try?
    pub(super) async fn refused(&self, access: &Access) -> bool {
        if matches!(self.0.way, Way::Key(_)) {
            return false;
        }
        let mut state = self.0.state.lock().await;
        if state
            .held
            .as_ref()
            .is_some_and(|held| held.access.generation == access.generation)
        {
            state.held = None;
        }
        true
    }

    /// A request was answered 403, where some vendors mean 401. Is another token worth a try? Only
    /// when this one is past half its life (webuntis-oneroster.md 4.2 rule 4).
    pub(super) async fn forbidden(&self, access: &Access) -> bool {
        let mut state = self.0.state.lock().await;
        let now = self.0.clock.running();
        let worth = state.held.as_ref().is_some_and(|held| {
            let is_old = held
                .life
                .is_some_and(|life| now + held.age >= held.since + life / 2);
            is_old || held.access.generation != access.generation
        });
        let is_current = state
            .held
            .as_ref()
            .is_some_and(|held| held.access.generation == access.generation);
        if worth && is_current {
            state.held = None;
        }
        worth
    }

    /// A request was answered well with this token: a rotation that led to it is proven.
    pub(super) async fn worked(&self, access: &Access) {
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
            tracing::warn!(source = self.0.source, %error, "the previous refresh token stays in the vault until the next refresh");
        }
    }
}

impl Keeper {
    /// Asks for a token and holds it.
    async fn renew(&self, mut state: OwnedMutexGuard<State>) -> Result<Access, HttpError> {
        let now = self.clock.running();
        if let Some((until, error)) = &state.refused {
            if now < *until {
                return Err(error.clone());
            }
            state.refused = None;
        }
        match self.obtain(&mut state.chain).await {
            Ok(token) => {
                self.compare_scopes(&mut state, &token);
                self.hold(&mut state, &token, now)
            }
            Err(kind) => {
                let error = kind.at(self.step(), self.host());
                self.after_failure(&mut state, error).await
            }
        }
    }

    async fn obtain(&self, chain: &mut Chain) -> Result<Token, Kind> {
        let now = self.clock.now();
        match &self.way {
            Way::Key(_) => Err(Kind::Setup("a key needs no token".into())),
            Way::Client(endpoint) => endpoint.ask(&Proof::Client, &self.clock).await,
            Way::Password(endpoint, name, password) => {
                self.must_not_rest(now).await?;
                endpoint
                    .ask(&Proof::Password(name, password), &self.clock)
                    .await
            }
            Way::Refresh(endpoint, seed) => {
                self.refresh(endpoint, Root::Seed(seed.as_ref()), chain)
                    .await
            }
            Way::SignedIn(endpoint, _) => {
                let outcome = self.refresh(endpoint, Root::SignIn, chain).await;
                outcome.map_err(|kind| match kind {
                    Kind::SignInNeeded(_) => Kind::SignInNeeded(Some(self.source.clone())),
                    kind => kind,
                })
            }
        }
    }

    async fn refresh(
        &self,
        endpoint: &Endpoint,
        root: Root<'_>,
        chain: &mut Chain,
    ) -> Result<Token, Kind> {
        // Asked for first, so that no token is spent towards an address that is not known.
        endpoint.place(&self.clock).await?;
        let keeping = (&self.vault, self.source.as_str());
        chain.refresh(endpoint, root, keeping, &self.clock).await
    }

    /// Names what is missing before the first page is asked for, and again when it is something else.
    fn compare_scopes(&self, state: &mut State, token: &Token) {
        let Some(told) = token.scope.as_deref() else {
            return;
        };
        let came = scopes::is_for_another_token;
        let missing = scopes::missing(&self.way.wanted(), Some(told), came);
        if missing != state.missing && !missing.is_empty() {
            let scopes = missing.join(" ");
            tracing::warn!(
                source = self.source,
                scopes,
                "asked for and not granted; an administrator at the vendor may grant it"
            );
        }
        state.missing = missing;
    }

    /// The life counts from before the request, so that a slow answer does not lengthen it.
    fn hold(&self, state: &mut State, token: &Token, since: Duration) -> Result<Access, HttpError> {
        state.generation += 1;
        let spec = self.spec().and_then(|spec| spec.api_key.as_ref());
        let key = spec.and_then(|spec| {
            let key = spec.fixed.as_ref().or(token.key.as_ref())?;
            Some((spec.header.as_str(), key))
        });
        let access = Access::bearer(state.generation, &token.access, key)
            .map_err(|kind| kind.at(self.step(), self.host()))?;
        if matches!(self.way, Way::Refresh(..) | Way::SignedIn(..)) {
            self.unproven.store(state.generation, Ordering::Relaxed);
        }
        let renew = token
            .life
            .map(|life| since + (life * 2 / 3).saturating_sub(token.age));
        state.held = Some(Held {
            access: access.clone(),
            since,
            age: token.age,
            life: token.life,
            renew,
        });
        Ok(access)
    }

    /// An old token is used to its end while the endpoint has a hiccup, and where nothing renews it; a
    /// refusal is remembered.
    async fn after_failure(
        &self,
        state: &mut State,
        error: HttpError,
    ) -> Result<Access, HttpError> {
        let now = self.clock.running();
        if let Some(held) = &mut state.held
            && let Some(last_use) = held.last_use()
            && now < last_use
            && (error.class() == Class::Transient || error.is_sign_in_needed())
        {
            // Half of what is left, so an endpoint that stays away is asked a handful of times.
            held.renew = Some(now + (last_use - now) / 2);
            tracing::debug!(source = self.source, %error, "the old token is used on");
            return Ok(held.access.clone());
        }
        if matches!(error.kind(), Kind::GrantRefused(..)) {
            let rest = match self.way {
                Way::Password(..) => PASSWORD_REST,
                _ => CREDENTIAL_REST,
            };
            state.refused = Some((now + rest, error.clone()));
            self.remember_refusal().await;
        }
        Err(error)
    }

    fn step(&self) -> String {
        format!("get a token for {}", self.source)
    }

    fn host(&self) -> &str {
        self.way.endpoint().map_or("", |endpoint| &endpoint.host)
    }

    fn spec(&self) -> Option<&GrantSpec> {
        self.way.endpoint().map(|endpoint| &endpoint.spec)
    }
}

/// The wall time that lies so far ahead; the farthest there is when it cannot be said.
pub(super) fn ahead(clock: &Clock, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| clock.now().checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}
