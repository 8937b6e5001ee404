//! Refreshing a token that is used up by being used (reliability.md 3.3).
//!
//! A crash at any instant leaves either a stored token that works or an open intent, which is tried
//! once and then left to a person. The order of the steps must not change: lock, read, intent, one
//! POST, store, use. Nothing is ever erased because a server said no.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::error::{Failure, Kind};
use super::grant::{GrantVault, KeptAccess, KeptGrant, SignInMark, VaultError};
use super::keeper::{ahead, last_use};
use super::sentence::sentence;
use super::token_request::{Endpoint, Proof, Token};
use crate::clock::Clock;

/// So many failed requests within [`TRIES_SPAN`], then a rest.
const TRIES: usize = 3;
const TRIES_SPAN: Duration = Duration::from_secs(10 * 60);

/// An access token of unknown life is taken over from another process for so long: it has just come.
const JUST_COME: Duration = Duration::from_secs(60);

/// What a keeper remembers of its refresh tokens.
#[derive(Default)]
pub(super) struct Chain {
    /// Tokens that the server called invalid; none of them is sent again.
    dead: Vec<String>,
    /// Fingerprint of the access token that this keeper has; it asks because that one is used up.
    used_up: Option<String>,
    /// A new token that could not be stored; it must not get lost.
    unsaved: Option<(KeptGrant, Token)>,
    /// When the last requests failed without a clear refusal.
    failures: Vec<Duration>,
    /// No request before this time, and what to say until then.
    rest: Option<(Duration, Kind)>,
}

/// Where a chain of refresh tokens may have begun.
#[derive(Clone, Copy)]
pub(super) enum Root<'a> {
    /// With a configured token; without one, anywhere.
    Seed(Option<&'a SecretString>),
    /// With a person's sign-in at this endpoint.
    SignIn,
}

impl Root<'_> {
    /// Whether what is kept grew out of this.
    pub fn is_of(self, kept: &KeptGrant, endpoint: &Endpoint) -> bool {
        match self {
            Self::Seed(None) => true,
            Self::Seed(Some(seed)) => kept.seed_hash == KeptGrant::fingerprint(seed),
            Self::SignIn => SignInMark::of(kept).is_some_and(|mark| mark.is_for(&endpoint.spec)),
        }
    }
}

/// How the next access token is had.
enum Next {
    /// Another process has got one.
    Adopt(Token),
    Spend(Candidate),
}

/// A refresh token that may be sent, and what its success would be stored with.
struct Candidate {
    token: SecretString,
    seed_hash: String,
    key: Option<SecretString>,
    scope: Option<Vec<String>>,
}

impl Chain {
    /// Gets a new access token, and stores a new refresh token before anybody uses it.
    pub async fn refresh(
        &mut self,
        endpoint: &Endpoint,
        root: Root<'_>,
        (vault, source): (&Arc<dyn GrantVault>, &str),
        clock: &Clock,
    ) -> Result<Token, Kind> {
        match &self.rest {
            Some((until, kind)) if clock.running() < *until => return Err(kind.clone()),
            _ => self.rest = None,
        }
        let (vault, source): (_, Arc<str>) = (vault.clone(), source.into());
        let _lock = in_vault(&vault, &source, |vault, source| vault.lock(source)).await?;
        if let Some((grant, token)) = self.unsaved.clone() {
            let kept = in_vault(&vault, &source, |vault, source| vault.load(source)).await?;
            // Whoever signed in anew meanwhile has the better token.
            let is_newest = kept.is_none_or(|kept| kept.obtained <= grant.obtained);
            if is_newest {
                let store = move |vault: &dyn GrantVault, source: &str| vault.keep(source, &grant);
                in_vault(&vault, &source, store).await?;
            }
            self.unsaved = None;
            if is_newest {
                return Ok(self.handed_out(token));
            }
        }
        // Ends, because each round kills one token and dead ones are not offered again.
        while let Some(next) = self.next(root, endpoint, (&vault, &source), clock).await? {
            let candidate = match next {
                Next::Adopt(token) => return Ok(self.handed_out(token)),
                Next::Spend(candidate) => candidate,
            };
            match self
                .spend(&candidate, endpoint, (&vault, &source), clock)
                .await
            {
                Err(Kind::GrantRefused(_, Some("invalid_grant"))) => {
                    self.dead.push(KeptGrant::fingerprint(&candidate.token));
                }
                outcome => return outcome.map(|token| self.handed_out(token)),
            }
        }
        Err(Kind::SignInNeeded(None))
    }

    fn handed_out(&mut self, token: Token) -> Token {
        self.used_up = Some(KeptGrant::fingerprint(&token.access));
        token
    }

    /// What another process has got meanwhile, or the token to send: the vault's, or the configured one
    /// when it is newer; then the previous one, when the server took back the new one before it was
    /// proven. Reads the vault anew each time.
    async fn next(
        &self,
        root: Root<'_>,
        endpoint: &Endpoint,
        (vault, source): (&Arc<dyn GrantVault>, &Arc<str>),
        clock: &Clock,
    ) -> Result<Option<Next>, Kind> {
        let kept = in_vault(vault, source, |vault, source| vault.load(source)).await?;
        if kept.as_ref().is_some_and(|kept| kept.intent.is_some()) {
            tracing::warn!(
                source = &**source,
                "an earlier token refresh was never finished; the old token is tried once"
            );
        }
        let kept = kept.filter(|kept| root.is_of(kept, endpoint));
        let offered = match (kept, root) {
            (Some(kept), _) => {
                if let Some(token) = self.adopted(&kept, clock) {
                    return Ok(Some(Next::Adopt(token)));
                }
                let (seed_hash, key, scope) = (kept.seed_hash, kept.api_key, kept.scope);
                [Some(kept.refresh_token), kept.previous].map(|token| {
                    token.map(|token| Candidate {
                        token,
                        seed_hash: seed_hash.clone(),
                        key: key.clone(),
                        scope: scope.clone(),
                    })
                })
            }
            (None, Root::Seed(Some(seed))) => [
                Some(Candidate {
                    token: seed.clone(),
                    seed_hash: KeptGrant::fingerprint(seed),
                    key: None,
                    scope: None,
                }),
                None,
            ],
            (None, Root::Seed(None) | Root::SignIn) => [None, None],
        };
        let alive = |candidate: &Candidate| {
            let is_dead = self
                .dead
                .contains(&KeptGrant::fingerprint(&candidate.token));
            !is_dead && !candidate.token.expose_secret().is_empty()
        };
        Ok(offered.into_iter().flatten().find(alive).map(Next::Spend))
    }

    /// The access token in the vault, while it is fresh and not the one that this keeper has used up.
    fn adopted(&self, kept: &KeptGrant, clock: &Clock) -> Option<Token> {
        let access = kept.access.as_ref().filter(|_| kept.intent.is_none())?;
        if self.used_up == Some(KeptGrant::fingerprint(&access.token)) {
            return None;
        }
        // Fails for a time ahead of ours, which a wrong clock has written.
        let age = Duration::try_from(clock.now().duration_since(kept.obtained)).ok()?;
        // A sign-in that cannot be renewed is good to its end; nothing better will come.
        let is_last = kept.refresh_token.expose_secret().is_empty();
        let fresh = match (access.life, is_last) {
            (Some(life), false) => life * 2 / 3,
            (Some(life), true) => last_use(life),
            (None, false) => JUST_COME,
            (None, true) => Duration::MAX,
        };
        (age < fresh).then(|| Token {
            access: access.token.clone(),
            refresh: None,
            life: access.life,
            age,
            key: kept.api_key.clone(),
            scope: kept.scope.clone(),
            id_token: None,
            made: kept.obtained,
        })
    }

    /// One POST between an intent and its end.
    async fn spend(
        &mut self,
        candidate: &Candidate,
        endpoint: &Endpoint,
        (vault, source): (&Arc<dyn GrantVault>, &Arc<str>),
        clock: &Clock,
    ) -> Result<Token, Kind> {
        let at = clock.now();
        let hash = KeptGrant::fingerprint(&candidate.token);
        in_vault(vault, source, move |vault, source| {
            vault.intend(source, &hash, at)
        })
        .await?;
        let mut token = match endpoint.ask(&Proof::Refresh(&candidate.token), clock).await {
            Ok(token) => token,
            Err(kind) => return Err(self.after_failure(kind, &endpoint.host, clock)),
        };
        self.failures.clear();
        token.key = token.key.or_else(|| candidate.key.clone());
        // An answer that says nothing of scopes leaves them as they were (RFC 6749 6).
        token.scope = token.scope.or_else(|| candidate.scope.clone());
        let fresh = token
            .refresh
            .clone()
            .unwrap_or_else(|| candidate.token.clone());
        let is_rotated = fresh.expose_secret() != candidate.token.expose_secret();
        let grant = KeptGrant {
            refresh_token: fresh,
            previous: is_rotated.then(|| candidate.token.clone()),
            seed_hash: candidate.seed_hash.clone(),
            intent: None,
            api_key: token.key.clone(),
            access: Some(KeptAccess {
                token: token.access.clone(),
                life: token.life,
            }),
            obtained: at,
            scope: token.scope.clone(),
        };
        let stored = grant.clone();
        let kept = in_vault(vault, source, move |vault, source| {
            vault.keep(source, &stored)
        })
        .await;
        if let Err(kind) = kept {
            self.unsaved = Some((grant, token));
            return Err(kind);
        }
        Ok(token)
    }

    /// A clear refusal is passed on. A failure that left the token alone may be repeated within the
    /// run, three times in ten minutes; one that may have used it up may not.
    fn after_failure(&mut self, kind: Kind, host: &str, clock: &Clock) -> Kind {
        let kind = match kind {
            Kind::Cut
            | Kind::TooSlow(..)
            | Kind::BadAnswer(..)
            | Kind::TooLarge(_)
            | Kind::Bomb
            | Kind::Encoding => Kind::GrantUnclear,
            Kind::Unreachable(_) | Kind::Busy(..) => kind,
            clear => return clear,
        };
        let now = clock.running();
        self.failures
            .retain(|failure| now.saturating_sub(*failure) < TRIES_SPAN);
        self.failures.push(now);
        if self.failures.len() < TRIES {
            return kind;
        }
        let until = self.failures[0] + TRIES_SPAN;
        let failure = Failure {
            step: String::new(),
            host: host.to_owned(),
            attempts: 1,
            kind,
        };
        let paused = Kind::GrantPaused(ahead(clock, until - now), sentence(&failure));
        self.rest = Some((until, paused.clone()));
        paused
    }
}

async fn in_vault<T: Send + 'static>(
    vault: &Arc<dyn GrantVault>,
    source: &Arc<str>,
    act: impl FnOnce(&dyn GrantVault, &str) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, Kind> {
    let (vault, source) = (vault.clone(), source.clone());
    blocking(move || act(&*vault, &source))
        .await
        .map_err(|error| match error.shut {
            true => Kind::VaultShut(error.reason),
            false => Kind::Vault(error.reason),
        })
}

/// Runs what may block on a thread that may; a panic in there goes on here.
pub(super) async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(act).await {
        Ok(value) => value,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // A blocking task is only cancelled when the runtime ends, and then nobody waits here.
            Err(_) => std::future::pending().await,
        },
    }
}
