//! One vendor's authorization server: its state, and how it handles a token request.
//!
//! Tests use the same handle to set switches, read counts and withdraw consent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};

use super::codes::Codes;
use super::grants::Grants;
use super::rules::Rules;
use super::switches::{ClientAuth, Switches, TokenResponse};
use super::token_counts::{AllTokenCounts, TokenCounts};
use super::token_request::{TokenRequest, origin};
use super::token_response::{IssuedTokens, TokenError, no_store, unexpected_response};
use crate::clock::Clock;
use crate::fault_responses::{DelayMs, DropConnection, build_response};
use crate::shared::Shared;
use crate::tokens::{Holder, Tokens};

/// Codes, grants and switches of one vendor.
#[derive(Debug)]
pub struct Authorization {
    pub(super) clock: Arc<Clock>,
    pub(super) tokens: Arc<Tokens>,
    switches: RwLock<Switches>,
    codes: Mutex<Codes>,
    grants: Mutex<Grants>,
    all_token_counts: Mutex<AllTokenCounts>,
    faults_injected: AtomicU64,
    lost: AtomicU64,
}

/// The parts of a token request that the server uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostRequest<'a> {
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a str,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Authorization {
    /// A server with the grants that an earlier process saved.
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
            grants: Mutex::new(Grants::load(vendor, shared)),
            all_token_counts: Mutex::default(),
            faults_injected: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// The current switches.
    pub fn switches(&self) -> Switches {
        self.switches
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces all switches.
    pub fn set_switches(&self, switches: Switches) {
        *self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner) = switches;
    }

    /// Sets one switch at run time, by its name without `auth.`; restarts the counts of `fault_requests`
    /// and `refresh_lost`.
    ///
    /// # Errors
    ///
    /// Lists the known switches or values.
    pub fn set(&self, name: &str, value: &str) -> Result<(), String> {
        self.faults_injected.store(0, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
        let mut switches = self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        crate::switches::set(&mut *switches, name, value)
    }

    /// Token requests so far, by `grant_type`; `none` for requests without one.
    pub fn all_token_counts(&self) -> AllTokenCounts {
        locked(&self.all_token_counts).clone()
    }

    /// Token requests so far with this `grant_type`.
    pub fn token_counts(&self, grant_type: &str) -> TokenCounts {
        locked(&self.all_token_counts)
            .get(grant_type)
            .copied()
            .unwrap_or_default()
    }

    /// The current refresh tokens, the oldest grant's first.
    pub fn refresh_tokens(&self) -> Vec<String> {
        self.grants().current()
    }

    /// Ends all grants and tokens, as when a person withdraws consent at the vendor.
    pub fn revoke_consent(&self) {
        self.grants().end_all();
        self.tokens.revoke_all();
    }

    /// Ends the grant of a refresh token, current or used; false when the token is unknown.
    pub fn revoke_grant(&self, refresh_token: &str) -> bool {
        let Some(number) = self.grants().end(refresh_token) else {
            return false;
        };
        self.tokens.revoke_grant(number);
        true
    }

    /// Adds a grant from before the first start; does nothing when there are grants.
    pub(crate) fn add_initial_grant(&self, client: &str, holder: Holder) {
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

    /// Handles a token request; `work` authenticates the client and issues the tokens.
    pub(crate) fn token(
        &self,
        rules: &Rules,
        posted: PostRequest<'_>,
        work: impl FnOnce(&TokenRequest) -> Result<IssuedTokens, TokenError>,
    ) -> Response<Body> {
        let switches = self.switches();
        let request = TokenRequest::read(switches.token_body, posted.headers, posted.body);
        let tried_basic = request
            .as_ref()
            .is_ok_and(|request| request.basic.is_some());
        let grant_type = request
            .as_ref()
            .ok()
            .and_then(|request| request.field("grant_type"));
        let grant_type = grant_type.unwrap_or("none").to_owned();
        self.count(&grant_type, |counts| counts.requests += 1);
        let fault = self.fault(rules, &switches, posted);
        let outcome = match fault {
            Some(fault) if !switches.fault_after_issue => Err(fault),
            fault => {
                let outcome = request
                    .and_then(|request| work(&request))
                    .map_err(InjectedFault::Error);
                if outcome.is_ok() {
                    self.count(&grant_type, |counts| counts.granted += 1);
                }
                fault.map_or(outcome, Err)
            }
        };
        let lost = outcome.is_ok() && grant_type == "refresh_token" && self.is_lost(&switches);
        let mut response = match outcome {
            Ok(granted) => {
                let body = granted.body(rules, &switches).to_string();
                no_store(build_response(StatusCode::OK, "application/json", body))
            }
            Err(InjectedFault::Error(refusal)) => {
                self.count(&grant_type, |counts| counts.refused += 1);
                refusal.response(tried_basic)
            }
            Err(InjectedFault::Unexpected(response)) => response,
        };
        if lost {
            response.extensions_mut().insert(DropConnection);
        }
        if switches.slow_ms > 0 {
            response.extensions_mut().insert(DelayMs(switches.slow_ms));
        }
        response
    }

    fn count(&self, grant_type: &str, update: impl FnOnce(&mut TokenCounts)) {
        update(
            locked(&self.all_token_counts)
                .entry(grant_type.to_owned())
                .or_default(),
        );
    }

    fn is_lost(&self, switches: &Switches) -> bool {
        self.lost.fetch_add(1, Ordering::Relaxed) < switches.refresh_lost
    }

    /// The fault that the switches inject into this request, if any.
    fn fault(
        &self,
        rules: &Rules,
        switches: &Switches,
        posted: PostRequest<'_>,
    ) -> Option<InjectedFault> {
        if switches.token_response == TokenResponse::Right && switches.token_error.is_empty() {
            return None;
        }
        let before = self.faults_injected.fetch_add(1, Ordering::Relaxed);
        if switches.fault_requests.is_some_and(|max| before >= max) {
            return None;
        }
        if switches.token_error.is_empty() {
            let elsewhere = format!(
                "{}{}",
                origin(posted.headers).replacen("127.0.0.1", "localhost", 1),
                posted.path
            );
            return unexpected_response(switches.token_response, &elsewhere)
                .map(InjectedFault::Unexpected);
        }
        let usual = match switches.token_error.as_str() {
            "invalid_client" => rules.client_refused,
            _ => StatusCode::BAD_REQUEST,
        };
        let status = StatusCode::from_u16(switches.token_error_status).unwrap_or(usual);
        let description = "switched on in the sandbox";
        Some(InjectedFault::Error(TokenError::with(
            status,
            &switches.token_error,
            description,
        )))
    }

    /// Authenticates the client as this vendor requires.
    pub(crate) fn client(
        &self,
        rules: &Rules,
        request: &TokenRequest,
    ) -> Result<&'static str, TokenError> {
        let in_body = || {
            Some((
                request.field("client_id")?.to_owned(),
                request.field("client_secret")?.to_owned(),
            ))
        };
        let request = match rules.client_auth(&self.switches()) {
            ClientAuth::Post => in_body().filter(|_| request.basic.is_none()),
            ClientAuth::Basic => request.basic.clone(),
            ClientAuth::Either | ClientAuth::Usual => request.basic.clone().or_else(in_body),
        };
        let refused = || {
            TokenError::with(
                rules.client_refused,
                "invalid_client",
                "client authentication failed",
            )
        };
        let (id, secret) = request.ok_or_else(refused)?;
        let known = rules.client(&id).filter(|client| client.secret == secret);
        known.map(|client| client.id).ok_or_else(refused)
    }

    /// Issues tokens without a person's grant.
    pub(crate) fn issue_without_grant(&self, holder: Holder, seconds: u64) -> IssuedTokens {
        IssuedTokens {
            scope: holder.scope.clone(),
            access: self.tokens.issue(holder, seconds),
            seconds,
            refresh: None,
            id_token: None,
            more: Default::default(),
        }
    }

    /// Handles a revocation request (RFC 7009): always 200 for an authenticated client.
    pub(crate) fn revocation(&self, rules: &Rules, posted: PostRequest<'_>) -> Response<Body> {
        let outcome = TokenRequest::read(self.switches().token_body, posted.headers, posted.body)
            .and_then(|request| {
                self.client(rules, &request)?;
                let token = request.required("token")?;
                if !self.revoke_grant(token) {
                    self.tokens.revoke(token);
                }
                Ok(())
            });
        match outcome {
            Ok(()) => build_response(StatusCode::OK, "text/plain", ""),
            Err(refusal) => refusal.response(posted.headers.contains_key(header::AUTHORIZATION)),
        }
    }
}

/// What replaces the outcome of a token request.
enum InjectedFault {
    Error(TokenError),
    Unexpected(Response<Body>),
}
