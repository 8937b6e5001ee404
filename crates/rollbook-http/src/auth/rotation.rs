//! Refreshes tokens that can be used once (reliability.md 3.3).
//!
//! A crash at any instant leaves either a valid stored token or an open intent, which is tried
//! once; then a person must sign in. The order of the steps must not change: lock, read, intent, one
//! POST, store, use. A refusal by a server never erases a token.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::grant::{GrantStore, Intended, RefreshIntent, SignInMark, VaultError};
use super::token_request::{Endpoint, TokenRequest};
use super::token_response::{Token, last_use};
use crate::http::error::{HttpErrorKind, HttpFailure};
use crate::http::message::message;
use rollbook_core::blocking::blocking;
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptAccess, KeptGrant, RequestEnd, SourceName};

/// Failed requests within [`FAILURE_WINDOW`] before requests pause.
const MAX_FAILURES: usize = 3;
const FAILURE_WINDOW: Duration = Duration::from_secs(10 * 60);

/// A rejected token is not sent again for this long: a job that is tried once a day sends it once.
const REJECTED: Duration = Duration::from_secs(12 * 3600);

/// The wait before a token that was issued here and is refused is sent once more.
const SECOND_ASKING: Duration = Duration::from_secs(2);

/// How long the end of another refresh is awaited at most: longer than it may take to end and to be stored.
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 60);
/// After this part of it the log says so.
const REPORTED_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_NAP: Duration = Duration::from_millis(500);
const LONGEST_NAP: Duration = Duration::from_secs(2);

/// How long an access token without a declared lifetime, obtained by another process, counts as fresh.
const ASSUMED_FRESH: Duration = Duration::from_secs(60);

/// What a token manager knows of its refresh tokens.
#[derive(Default)]
pub(super) struct RefreshChain {
    /// Fingerprints of tokens that the server rejected as invalid, and when; they rest for [`REJECTED`].
    rejected: Vec<(String, Duration)>,
    /// Fingerprint of the access token last handed out; it is not adopted from the vault again.
    in_use: Option<String>,
    /// A new token that could not be stored; it must not be lost.
    unsaved: Option<(KeptGrant, Token)>,
    /// When the last requests failed without a clear refusal.
    failures: Vec<Duration>,
    /// No request before this time, and the error to return until then.
    pause: Option<(Duration, HttpErrorKind)>,
}

/// The origin of a chain of refresh tokens.
#[derive(Clone, Copy)]
pub(super) enum ChainOrigin<'a> {
    /// A configured token; without one, any origin.
    Seed(Option<&'a SecretString>),
    /// A sign-in at this endpoint.
    SignIn,
}

impl ChainOrigin<'_> {
    /// Whether the kept tokens have this origin.
    pub fn is_of(self, kept: &KeptGrant, endpoint: &Endpoint) -> bool {
        match self {
            Self::Seed(None) => true,
            Self::Seed(Some(seed)) => kept.seed_hash == KeptGrant::fingerprint(seed),
            Self::SignIn => SignInMark::of(kept).is_some_and(|mark| mark.is_for(&endpoint.spec)),
        }
    }
}

/// How to get the next access token.
enum Next {
    /// Another process has obtained one.
    Adopt(Token),
    Spend(RefreshCandidate),
}

/// What became of a token that was to be sent.
enum Spent {
    /// Its successor, or the access token of another refresh.
    Token(Token),
    /// It was not sent: another refresh may end within this time.
    Wait(Duration),
}

/// Whether the server rejected the token itself.
fn is_invalid(kind: &HttpErrorKind) -> bool {
    matches!(kind, HttpErrorKind::GrantRefused(refusal) if refusal.code == Some("invalid_grant"))
}

/// A refresh token to send, and what is stored with its successor.
struct RefreshCandidate {
    token: SecretString,
    seed_hash: String,
    key: Option<SecretString>,
    scope: Option<Vec<String>>,
    /// It has no successor that was received.
    is_newest: bool,
}

impl RefreshChain {
    /// Gets a new access token, and stores the new refresh token before it is used.
    pub async fn refresh(
        &mut self,
        endpoint: &Endpoint,
        origin: ChainOrigin<'_>,
        (vault, source): (&Arc<dyn GrantStore>, &SourceName),
        clock: &Clock,
    ) -> Result<Token, HttpErrorKind> {
        match &self.pause {
            Some((until, kind)) if clock.running() < *until => return Err(kind.clone()),
            _ => self.pause = None,
        }
        let _lock = in_vault(vault, source, |vault, source| vault.lock(source)).await?;
        if let Some((grant, token)) = self.unsaved.clone() {
            let store =
                move |vault: &dyn GrantStore, source: &SourceName| vault.keep_late(source, &grant);
            let is_stored = in_vault(vault, source, store).await?;
            self.unsaved = None;
            if is_stored {
                return Ok(self.handed_out(token));
            }
        }
        let now = clock.running();
        self.rejected
            .retain(|(_, at)| now.saturating_sub(*at) < REJECTED);
        let mut waited = Duration::ZERO;
        // Terminates: each round rejects one token, and rejected ones are not candidates again; or it waits.
        while let Some(next) = self.next(origin, endpoint, (vault, source), clock).await? {
            let candidate = match next {
                Next::Adopt(token) => return Ok(self.handed_out(token)),
                Next::Spend(candidate) => candidate,
            };
            let mut outcome = self
                .spend(&candidate, endpoint, (vault, source), clock)
                .await;
            if outcome.as_ref().is_err_and(is_invalid) && self.is_doubtful(&candidate) {
                clock.sleep(SECOND_ASKING).await;
                outcome = self
                    .spend(&candidate, endpoint, (vault, source), clock)
                    .await;
            }
            match outcome {
                Err(kind) if is_invalid(&kind) => self.reject(&candidate, clock),
                Ok(Spent::Token(token)) => return Ok(self.handed_out(token)),
                Ok(Spent::Wait(wait)) if waited < LONGEST_WAIT => {
                    let nap = wait.clamp(SHORTEST_NAP, LONGEST_NAP);
                    clock.sleep(nap).await;
                    if waited < REPORTED_WAIT && waited + nap >= REPORTED_WAIT {
                        tracing::info!(source = %source, "another refresh of the source's tokens has not ended yet; waiting for its answer");
                    }
                    waited += nap;
                }
                Ok(Spent::Wait(_)) => return Err(AWAITS_ANOTHER),
                Err(kind) => return Err(kind),
            }
        }
        Err(HttpErrorKind::SignInNeeded(None))
    }

    /// Whether a refusal may be a fault of the server, because the token that it issued last has been in use here. Sending
    /// it again harms nothing: the server holds it for invalid already.
    fn is_doubtful(&self, candidate: &RefreshCandidate) -> bool {
        self.in_use.is_some() && candidate.is_newest
    }

    fn reject(&mut self, candidate: &RefreshCandidate, clock: &Clock) {
        let fingerprint = KeptGrant::fingerprint(&candidate.token);
        self.rejected.push((fingerprint, clock.running()));
    }

    fn handed_out(&mut self, token: Token) -> Token {
        self.in_use = Some(KeptGrant::fingerprint(&token.access));
        token
    }

    /// The access token that another process has obtained, or the token to send: the vault's, or the configured one
    /// when it is newer; then the previous one, when the server rejects the new one before its first
    /// use. Reads the vault each time.
    async fn next(
        &self,
        origin: ChainOrigin<'_>,
        endpoint: &Endpoint,
        (vault, source): (&Arc<dyn GrantStore>, &SourceName),
        clock: &Clock,
    ) -> Result<Option<Next>, HttpErrorKind> {
        let kept = in_vault(vault, source, |vault, source| vault.load(source)).await?;
        if kept.as_ref().is_some_and(|kept| kept.intent.is_some()) {
            tracing::warn!(
                source = %source,
                "an earlier token refresh did not finish; the old token is tried once"
            );
        }
        let kept = kept.filter(|kept| origin.is_of(kept, endpoint));
        let candidates = match (kept, origin) {
            (Some(kept), _) => {
                if let Some(token) = self.adopted(&kept, clock) {
                    return Ok(Some(Next::Adopt(token)));
                }
                let (seed_hash, key, scope) = (kept.seed_hash, kept.api_key, kept.scope);
                let tokens = [(Some(kept.refresh_token), true), (kept.previous, false)];
                tokens.map(|(token, is_newest)| {
                    token.map(|token| RefreshCandidate {
                        token,
                        is_newest,
                        seed_hash: seed_hash.clone(),
                        key: key.clone(),
                        scope: scope.clone(),
                    })
                })
            }
            (None, ChainOrigin::Seed(Some(seed))) => [
                Some(RefreshCandidate {
                    token: seed.clone(),
                    seed_hash: KeptGrant::fingerprint(seed),
                    key: None,
                    scope: None,
                    is_newest: true,
                }),
                None,
            ],
            (None, ChainOrigin::Seed(None) | ChainOrigin::SignIn) => [None, None],
        };
        let is_usable = |candidate: &RefreshCandidate| {
            let fingerprint = KeptGrant::fingerprint(&candidate.token);
            let is_rejected = (self.rejected.iter()).any(|(known, _)| *known == fingerprint);
            !is_rejected && !candidate.token.expose_secret().is_empty()
        };
        Ok(candidates
            .into_iter()
            .flatten()
            .find(is_usable)
            .map(Next::Spend))
    }

    /// The access token in the vault, while it is fresh and not the one that was last handed out.
    fn adopted(&self, kept: &KeptGrant, clock: &Clock) -> Option<Token> {
        let access = kept.access.as_ref().filter(|_| kept.intent.is_none())?;
        if self.in_use == Some(KeptGrant::fingerprint(&access.token)) {
            return None;
        }
        let token = kept_token(kept, clock)?;
        // A sign-in that cannot be renewed is used to its end.
        let is_last = kept.refresh_token.expose_secret().is_empty();
        let fresh = match (access.life, is_last) {
            (Some(life), false) => life * 2 / 3,
            (Some(life), true) => last_use(life),
            (None, false) => ASSUMED_FRESH,
            (None, true) => Duration::MAX,
        };
        (token.age < fresh).then_some(token)
    }

    /// One POST between an intent and its end.
    async fn spend(
        &mut self,
        candidate: &RefreshCandidate,
        endpoint: &Endpoint,
        (vault, source): (&Arc<dyn GrantStore>, &SourceName),
        clock: &Clock,
    ) -> Result<Spent, HttpErrorKind> {
        let at = clock.now();
        let hash = KeptGrant::fingerprint(&candidate.token);
        let replaced = self.in_use.clone();
        let intend = move |vault: &dyn GrantStore, source: &SourceName| {
            let refresh = RefreshIntent {
                token: &hash,
                replaced: replaced.as_deref(),
                at,
            };
            vault.intend(source, refresh)
        };
        let gate = match in_vault(vault, source, intend).await? {
            Intended::Send(gate) => gate,
            Intended::Use(kept) => return self.still_valid(&kept, clock).map(Spent::Token),
            Intended::Wait(wait) => return Ok(Spent::Wait(wait)),
            Intended::Open => return Err(HttpErrorKind::RefreshOpen(source.clone())),
            Intended::Not(reason) => return Err(HttpErrorKind::NotRefreshed(reason)),
        };
        let request = TokenRequest::Refresh(&candidate.token);
        let outcome = endpoint
            .request_through(gate.as_ref(), &request, clock)
            .await;
        let mut token = match outcome {
            Ok(token) => token,
            Err(kind) => {
                let end = match gate {
                    Some(gate) if !gate.has_sent() => RequestEnd::NotSent,
                    _ => end_of(&kind),
                };
                let kind = match end {
                    RequestEnd::NotSent
                        if matches!(kind, HttpErrorKind::Cut | HttpErrorKind::TooSlow(..)) =>
                    {
                        TOO_LATE
                    }
                    _ => self.after_failure(kind, &endpoint.host, clock),
                };
                let note =
                    move |vault: &dyn GrantStore, source: &SourceName| vault.ended(source, end);
                return Err(match in_vault(vault, source, note).await? {
                    // Nothing may be sent again, so it is not tried once more.
                    true if is_invalid(&kind) => {
                        self.reject(candidate, clock);
                        HttpErrorKind::SignInNeeded(None)
                    }
                    true => HttpErrorKind::RefreshOpen(source.clone()),
                    false => kind,
                });
            }
        };
        self.failures.clear();
        token.key = token.key.or_else(|| candidate.key.clone());
        // A response without scopes leaves them unchanged (RFC 6749 6).
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
        Ok(Spent::Token(token))
    }

    /// The access token of another refresh, unless it is the one that is to be replaced: that one is used as long as it is valid.
    fn still_valid(&self, kept: &KeptGrant, clock: &Clock) -> Result<Token, HttpErrorKind> {
        let token = kept_token(kept, clock).ok_or(AWAITS_ANOTHER)?;
        match self.in_use == Some(KeptGrant::fingerprint(&token.access)) {
            true => Err(AWAITS_ANOTHER),
            false => Ok(token),
        }
    }

    /// Returns a clear refusal unchanged. A failure that left the token unused may be retried within the
    /// run, three times in ten minutes; one that may have used it up may not.
    fn after_failure(&mut self, kind: HttpErrorKind, host: &str, clock: &Clock) -> HttpErrorKind {
        let kind = match kind {
            HttpErrorKind::Cut
            | HttpErrorKind::TooSlow(..)
            | HttpErrorKind::UnexpectedResponse(..)
            | HttpErrorKind::TooLarge(_)
            | HttpErrorKind::Bomb
            | HttpErrorKind::Encoding => HttpErrorKind::GrantUnclear,
            // A web page in place of a token may hide that the server has rotated; one with an error status does not.
            HttpErrorKind::NoTokenResponse(200..=299, _) => HttpErrorKind::GrantUnclear,
            HttpErrorKind::Unreachable(_)
            | HttpErrorKind::Unavailable(..)
            | HttpErrorKind::NoTokenResponse(..) => kind,
            clear => return clear,
        };
        let now = clock.running();
        self.failures
            .retain(|failure| now.saturating_sub(*failure) < FAILURE_WINDOW);
        self.failures.push(now);
        if self.failures.len() < MAX_FAILURES {
            return kind;
        }
        let until = self.failures[0] + FAILURE_WINDOW;
        let failure = HttpFailure {
            step: String::new(),
            host: host.to_owned(),
            attempts: 1,
            pause: Duration::ZERO,
            kind,
            quoted: None,
            rests_until: None,
        };
        let paused =
            HttpErrorKind::GrantPaused(clock.wall_clock_after(until - now), message(&failure));
        self.pause = Some((until, paused.clone()));
        paused
    }
}

/// The access token of a grant; nothing where there is none, or a wrong clock has written its time.
fn kept_token(kept: &KeptGrant, clock: &Clock) -> Option<Token> {
    let access = kept.access.as_ref()?;
    let age = Duration::try_from(clock.now().duration_since(kept.obtained)).ok()?;
    Some(Token {
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

/// How a request that was sent and returned no tokens has ended. A gateway that gave up says nothing of what is behind it.
fn end_of(kind: &HttpErrorKind) -> RequestEnd {
    match kind {
        HttpErrorKind::Unavailable(502 | 504, _) | HttpErrorKind::NoTokenResponse(200..=299, _) => {
            RequestEnd::Unknown
        }
        HttpErrorKind::GrantRefused(_)
        | HttpErrorKind::Unavailable(..)
        | HttpErrorKind::NoTokenResponse(..) => RequestEnd::Refused,
        _ => RequestEnd::Unknown,
    }
}

const AWAITS_ANOTHER: HttpErrorKind = HttpErrorKind::NotRefreshed(
    "another refresh of this source's tokens has not ended yet; the next run uses its answer, or is parked when none can come any more",
);

const TOO_LATE: HttpErrorKind = HttpErrorKind::NotRefreshed(
    "it became too late to send the refresh token: too little was left of the lease, or of the time that a request may take; \
     the next run tries again",
);

async fn in_vault<T: Send + 'static>(
    vault: &Arc<dyn GrantStore>,
    source: &SourceName,
    act: impl FnOnce(&dyn GrantStore, &SourceName) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, HttpErrorKind> {
    let (vault, source) = (vault.clone(), source.clone());
    blocking(move || act(&*vault, &source))
        .await
        .map_err(|error| match error.shut {
            true => HttpErrorKind::VaultShut(error.reason),
            false => HttpErrorKind::Vault(error.reason),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::refusal::{Refused, TokenRefusal};

    #[test]
    fn how_a_request_without_tokens_has_ended() {
        use RequestEnd::{Refused as Unused, Unknown};
        let refusal = || TokenRefusal {
            status: 400,
            code: Some("invalid_grant"),
            description: None,
            refused: Refused::Token,
        };
        for (kind, expected) in [
            (HttpErrorKind::GrantRefused(refusal()), Unused),
            (HttpErrorKind::Unavailable(429, None), Unused),
            (HttpErrorKind::Unavailable(503, None), Unused),
            (HttpErrorKind::Unavailable(502, None), Unknown),
            (HttpErrorKind::Unavailable(504, None), Unknown),
            (HttpErrorKind::NoTokenResponse(403, "a page".into()), Unused),
            (
                HttpErrorKind::NoTokenResponse(200, "a page".into()),
                Unknown,
            ),
            (HttpErrorKind::Cut, Unknown),
            (HttpErrorKind::OutOfTime, Unknown),
        ] {
            assert_eq!(end_of(&kind), expected, "{kind:?}");
        }
    }
}
