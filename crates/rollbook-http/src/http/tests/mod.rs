//! The session against real sockets on loopback, with fixtures for `auth/tests`.
//!
//! The clock does not advance and waits end at once, so attempts follow each other without a delay
//! and the tests read the recorded waits; time limits on a peer are real and short.

mod faults;
mod pages;
mod pieces;
mod routes;
mod signed;
mod slashes;
pub(crate) mod vendor;
mod waits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;

use super::*;
use crate::auth::*;
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{
    EndpointRules, ErrorCodes, KeptGrant, KeptRefusal, SourceName, UnexpectedResponse, named,
};

/// A clock that shows a Monday morning.
pub(crate) fn monday() -> TestClock {
    TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"))
}

/// Time limits that no test reaches.
pub(crate) fn slow() -> Timeouts {
    Timeouts::default()
}

pub(crate) fn rules(base: &str) -> SessionRules {
    SessionRules {
        metrics: Arc::default(),
        source: named("school"),
        base_url: Url::parse(base).expect("an address"),
        headers: Vec::new(),
        in_flight: 2,
        per_second: f64::INFINITY,
        per_day: None,
        body_limit: 4 << 20,
        timeouts: slow(),
        errors: ErrorCodes {
            code: vec!["error".into(), "responseStatus.errorCode".into()],
            too_many: vec!["TooManyRequested".into()],
            missing: vec!["NotExist".into()],
            token: vec!["invalid_token".into()],
            ..ErrorCodes::default()
        },
        route: Route::default(),
    }
}

pub(crate) fn session(
    rules: SessionRules,
    manager: Option<TokenManager>,
    clock: &Clock,
) -> Session {
    let authorizer = manager.map(|manager| Arc::new(manager) as Arc<dyn Authorizer>);
    Session::new(rules, authorizer, Arc::new(Days::default()), clock.clone())
        .expect("the rules are right")
}

/// Requests one page with a new budget.
pub(crate) async fn page(session: &Session, clock: &Clock) -> Result<String, HttpError> {
    let budget = RunBudget::new(clock, RunBudget::USUAL);
    let ask = PageRequest {
        path: "/users".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "page 1 of users".into(),
        effort: Effort::USUAL,
    };
    session.get(&ask, &budget, as_json()).await
}

/// A decoder for any JSON; an empty body is null.
pub(crate) fn as_json() -> Decode<String> {
    Decode::new(|| WholeJson)
}

struct WholeJson;

impl BodyDecoder<String> for WholeJson {
    fn take(&mut self, _: &mut Vec<u8>) -> Result<(), UnexpectedResponse> {
        Ok(())
    }

    fn finish(self: Box<Self>, reply: &Reply) -> Result<String, UnexpectedResponse> {
        if reply.body.is_empty() {
            return Ok("null".into());
        }
        let value: Value = serde_json::from_slice(&reply.body)
            .map_err(|_| UnexpectedResponse::of_value("it is not JSON"))?;
        Ok(value.to_string())
    }
}

/// Counts days in memory.
#[derive(Default)]
pub(crate) struct Days(Mutex<HashMap<String, u32>>);

impl DayCount for Days {
    fn add(&self, source: &SourceName, day: &str, _: u32) -> Result<u32, String> {
        let mut days = self.0.lock().expect("no test panics in here");
        let count = days.entry(format!("{source} {day}")).or_default();
        *count += 1;
        Ok(*count)
    }
}

/// A vault in memory that records its calls and fails on demand.
#[derive(Default)]
pub(crate) struct MemoryVault(Mutex<Memory>);

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) kept: Option<KeptGrant>,
    pub(crate) intent: Option<String>,
    pub(crate) refusal: Option<(String, KeptRefusal)>,
    pub(crate) calls: Vec<&'static str>,
    pub(crate) full: bool,
    pub(crate) shut: bool,
    pub(crate) keep_fails: u32,
}

impl MemoryVault {
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.lock().expect("no test panics in here"))
    }

    /// Takes the calls recorded so far.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.with(|memory| std::mem::take(&mut memory.calls))
    }
}

pub(crate) fn disk_full() -> VaultError {
    VaultError {
        reason: "the disk is full".into(),
        shut: false,
    }
}

impl GrantStore for MemoryVault {
    fn load(&self, _: &SourceName) -> Result<Option<KeptGrant>, VaultError> {
        self.with(|memory| {
            memory.calls.push("load");
            if memory.shut {
                return Err(VaultError {
                    reason: "the vault is sealed".into(),
                    shut: true,
                });
            }
            let intent = memory.intent.clone();
            Ok(memory.kept.clone().map(|kept| KeptGrant { intent, ..kept }))
        })
    }

    fn intend(&self, _: &SourceName, refresh: RefreshIntent<'_>) -> Result<Intended, VaultError> {
        self.with(|memory| {
            memory.calls.push("intend");
            if memory.full {
                return Err(disk_full());
            }
            memory.intent = Some(refresh.token.into());
            Ok(Intended::Send(None))
        })
    }

    fn keep(&self, _: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        self.with(|memory| {
            memory.calls.push("keep");
            if memory.keep_fails > 0 {
                memory.keep_fails -= 1;
                return Err(disk_full());
            }
            memory.kept = Some(grant.clone());
            memory.intent = None;
            Ok(())
        })
    }

    fn proven(&self, _: &SourceName) -> Result<(), VaultError> {
        self.with(|memory| {
            memory.calls.push("proven");
            if let Some(kept) = &mut memory.kept {
                kept.previous = None;
            }
            Ok(())
        })
    }

    fn refusal(&self, _: &SourceName, credential: &str) -> Result<Option<KeptRefusal>, VaultError> {
        self.with(|memory| {
            let noted = memory.refusal.as_ref();
            Ok(noted.and_then(|(mark, refusal)| (mark == credential).then_some(*refusal)))
        })
    }

    fn note_refusal(
        &self,
        _: &SourceName,
        credential: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError> {
        self.with(|memory| {
            if memory.full {
                return Err(disk_full());
            }
            memory.refusal = refusal.map(|refusal| (credential.to_owned(), refusal));
            Ok(())
        })
    }

    fn forget(&self, _: &SourceName) -> Result<(), VaultError> {
        self.with(|memory| (memory.kept, memory.intent) = (None, None));
        Ok(())
    }

    fn lock(&self, _: &SourceName) -> Result<Box<dyn Send>, VaultError> {
        self.with(|memory| memory.calls.push("lock"));
        Ok(Box::new(()))
    }
}

pub(crate) fn spec(token_url: &str) -> GrantSpec {
    GrantSpec {
        token_url: Some(Url::parse(token_url).expect("an address")),
        issuer: None,
        revocation_url: None,
        client_id: "school-client".into(),
        client_secret: Some(SecretString::from("cl1ent+s3cret")),
        rules: EndpointRules::default(),
        api_key: None,
    }
}

/// The same endpoint with other rules.
pub(crate) fn with(spec: &GrantSpec, change: impl FnOnce(&mut EndpointRules)) -> GrantSpec {
    let mut spec = spec.clone();
    change(&mut spec.rules);
    spec
}

pub(crate) fn manager(grant: Grant, vault: &Arc<MemoryVault>, clock: &Clock) -> TokenManager {
    manager_with(grant, vault, clock, slow())
}

pub(crate) fn manager_with(
    grant: Grant,
    vault: &Arc<MemoryVault>,
    clock: &Clock,
    timeouts: Timeouts,
) -> TokenManager {
    let rules = TokenRules {
        source: named("school"),
        grant,
        timeouts,
        route: Route::default(),
    };
    TokenManager::new(rules, vault.clone(), clock.clone()).expect("the rules are right")
}
