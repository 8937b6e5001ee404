//! One vendor's authorization server: what it keeps, and how a token request goes through it.
//!
//! Also the handle by which a test turns its switches, counts what was asked and withdraws consent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};

use super::answers::{Granted, Refusal, nonsense, unkept};
use super::ask::{Ask, origin};
use super::codes::Codes;
use super::grants::Grants;
use super::rules::Rules;
use super::switches::{ClientAuth, Switches, TokenAnswer};
use super::tally::{Tallies, Tally};
use crate::clock::Clock;
use crate::shared::Shared;
use crate::tamper::{Late, LoseAnswer, answer};
use crate::tokens::{Holder, Tokens};

/// Codes, grants and switches of one vendor.
#[derive(Debug)]
pub struct Authorization {
    pub(super) clock: Arc<Clock>,
    pub(super) tokens: Arc<Tokens>,
    switches: RwLock<Switches>,
    codes: Mutex<Codes>,
    grants: Mutex<Grants>,
    tallies: Mutex<Tallies>,
    struck: AtomicU64,
    lost: AtomicU64,
}

/// The parts of a token request that count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posted<'a> {
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a str,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Authorization {
    /// A server with the grants that an earlier sandbox noted.
    pub(crate) fn new(
        vendor: &'static str,
        shared: Arc<Shared>,
        clock: Arc<Clock>,
        tokens: Arc<Tokens>,
    ) -> Self {
        Self {
            clock,
            tokens,
            switches: RwLock::default(),
            codes: Mutex::default(),
            grants: Mutex::new(Grants::noted(vendor, shared)),
            tallies: Mutex::default(),
            struck: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// The switches as they are now.
    pub fn switches(&self) -> Switches {
        self.switches
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces all switches.
    pub fn switch(&self, switches: Switches) {
        *self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner) = switches;
    }

    /// Sets one switch while the vendor runs, by its name without `auth.`; `trouble_for` and
    /// `refresh_lost` count from now.
    ///
    /// # Errors
    ///
    /// Names the known switches, or the known values.
    pub fn set(&self, name: &str, value: &str) -> Result<(), String> {
        self.struck.store(0, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
        let mut switches = self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        crate::switches::set(&mut *switches, name, value)
    }

    /// Token requests so far, by `grant_type`; `none` where none was named.
    pub fn tallies(&self) -> Tallies {
        locked(&self.tallies).clone()
    }

    /// Token requests so far of one `grant_type`.
    pub fn tally(&self, grant_type: &str) -> Tally {
        locked(&self.tallies)
            .get(grant_type)
            .copied()
            .unwrap_or_default()
    }

    /// The refresh tokens that are good now, the oldest grant's first.
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.grants().current()
    }

    /// Ends all grants and tokens, as when a person withdraws the consent in the vendor's console.
    pub fn revoke_consent(&self) {
        self.grants().end_all();
        self.tokens.revoke_all();
    }

    /// Ends the grant of one refresh token, current or spent; false when it is nobody's.
    pub fn revoke_grant(&self, refresh_token: &str) -> bool {
        let Some(number) = self.grants().end(refresh_token) else {
            return false;
        };
        self.tokens.revoke_grant(number);
        true
    }

    /// The first consent, given before anybody signed in here; only where nobody has consented yet.
    pub(crate) fn consent_before(&self, client: &str, holder: Holder) {
        let mut grants = self.grants();
        if grants.is_new() {
            grants.begin(client, holder, true, false, self.clock.now());
        }
    }

    pub(super) fn codes(&self) -> MutexGuard<'_, Codes> {
        locked(&self.codes)
    }

    pub(super) fn grants(&self) -> MutexGuard<'_, Grants> {
        locked(&self.grants)
    }

    /// Answers a token request: `work` looks at the grant, after the client has proved itself.
    pub(crate) fn token(
        &self,
        rules: &Rules,
        posted: Posted<'_>,
        work: impl FnOnce(&Ask) -> Result<Granted, Refusal>,
    ) -> Response<Body> {
        let switches = self.switches();
        let ask = Ask::read(switches.token_body, posted.headers, posted.body);
        let tried_basic = ask.as_ref().is_ok_and(|ask| ask.basic.is_some());
        let kind = ask.as_ref().ok().and_then(|ask| ask.field("grant_type"));
        let kind = kind.unwrap_or("none").to_owned();
        self.count(&kind, |tally| tally.asked += 1);
        let trouble = self.trouble(rules, &switches, posted);
        let outcome = match trouble {
            Some(trouble) if !switches.trouble_after => Err(trouble),
            trouble => {
                let outcome = ask.and_then(|ask| work(&ask)).map_err(Trouble::Refusal);
                if outcome.is_ok() {
                    self.count(&kind, |tally| tally.granted += 1);
                }
                trouble.map_or(outcome, Err)
            }
        };
        let lost = outcome.is_ok() && kind == "refresh_token" && self.is_lost(&switches);
        let mut response = match outcome {
            Ok(granted) => {
                let body = granted.body(rules, &switches).to_string();
                unkept(answer(StatusCode::OK, "application/json", body))
            }
            Err(Trouble::Refusal(refusal)) => {
                self.count(&kind, |tally| tally.refused += 1);
                refusal.response(tried_basic)
            }
            Err(Trouble::Nonsense(response)) => response,
        };
        if lost {
            response.extensions_mut().insert(LoseAnswer);
        }
        if switches.slow_ms > 0 {
            response.extensions_mut().insert(Late(switches.slow_ms));
        }
        response
    }

    fn count(&self, kind: &str, note: impl FnOnce(&mut Tally)) {
        note(locked(&self.tallies).entry(kind.to_owned()).or_default());
    }

    fn is_lost(&self, switches: &Switches) -> bool {
        self.lost.fetch_add(1, Ordering::Relaxed) < switches.refresh_lost
    }

    /// What strikes this request, if anything does.
    fn trouble(&self, rules: &Rules, switches: &Switches, posted: Posted<'_>) -> Option<Trouble> {
        if switches.token_answer == TokenAnswer::Right && switches.token_error.is_empty() {
            return None;
        }
        let before = self.struck.fetch_add(1, Ordering::Relaxed);
        if switches.trouble_for.is_some_and(|most| before >= most) {
            return None;
        }
        if switches.token_error.is_empty() {
            let elsewhere = format!(
                "{}{}",
                origin(posted.headers).replacen("127.0.0.1", "localhost", 1),
                posted.path
            );
            return nonsense(switches.token_answer, &elsewhere).map(Trouble::Nonsense);
        }
        let usual = match switches.token_error.as_str() {
            "invalid_client" => rules.client_refused,
            _ => StatusCode::BAD_REQUEST,
        };
        let status = StatusCode::from_u16(switches.token_error_status).unwrap_or(usual);
        let words = "switched on in the sandbox";
        Some(Trouble::Refusal(Refusal::with(
            status,
            &switches.token_error,
            words,
        )))
    }

    /// Which application asks; each vendor says how it has to prove itself.
    pub(crate) fn client(&self, rules: &Rules, ask: &Ask) -> Result<&'static str, Refusal> {
        let in_body = || {
            Some((
                ask.field("client_id")?.to_owned(),
                ask.field("client_secret")?.to_owned(),
            ))
        };
        let said = match rules.client_auth(&self.switches()) {
            ClientAuth::Post => in_body().filter(|_| ask.basic.is_none()),
            ClientAuth::Basic => ask.basic.clone(),
            ClientAuth::Either | ClientAuth::Usual => ask.basic.clone().or_else(in_body),
        };
        let refused = || {
            Refusal::with(
                rules.client_refused,
                "invalid_client",
                "client authentication failed",
            )
        };
        let (id, secret) = said.ok_or_else(refused)?;
        let known = rules.client(&id).filter(|client| client.secret == secret);
        known.map(|client| client.id).ok_or_else(refused)
    }

    /// Gives tokens outside of any grant of a person: client credentials.
    pub(crate) fn without_grant(&self, holder: Holder, seconds: u64) -> Granted {
        Granted {
            scope: holder.scope.clone(),
            access: self.tokens.issue(holder, seconds),
            seconds,
            refresh: None,
            id_token: None,
            more: Default::default(),
        }
    }

    /// Answers a revocation request (RFC 7009): any known application, any of its tokens, always 200.
    pub(crate) fn revocation(&self, rules: &Rules, posted: Posted<'_>) -> Response<Body> {
        let outcome =
            Ask::read(self.switches().token_body, posted.headers, posted.body).and_then(|ask| {
                self.client(rules, &ask)?;
                let token = ask.needed("token")?;
                if !self.revoke_grant(token) {
                    self.tokens.revoke(token);
                }
                Ok(())
            });
        match outcome {
            Ok(()) => answer(StatusCode::OK, "text/plain", ""),
            Err(refusal) => refusal.response(posted.headers.contains_key(header::AUTHORIZATION)),
        }
    }
}

/// What a switch makes of a token request.
enum Trouble {
    Refusal(Refusal),
    Nonsense(Response<Body>),
}
