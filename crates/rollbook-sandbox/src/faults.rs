//! Faults injected between a correct response and its reader: which request, and which fault.
//!
//! Random faults depend on the seed, the URL and how often it was requested, not on the order of
//! parallel requests. Token requests receive scripted faults only.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::random::Random;

/// A way in which a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 without `Retry-After`.
    TooMany,
    /// 429 with `Retry-After: 1`.
    TooManySeconds,
    /// 429 with `Retry-After` as an HTTP date one second ahead.
    TooManyDate,
    /// 500 with a short JSON body.
    InternalError,
    /// 502 with a gateway's HTML page.
    BadGateway,
    /// 503 with an empty body.
    Unavailable,
    /// The request is processed, and the connection closed before the response.
    Cut,
    /// The connection is closed in the middle of the body.
    CutBody,
    /// Half of the body, then nothing until the sandbox stops.
    Stall,
    /// A body that ends in the middle, with a matching length.
    Truncated,
    /// 200 with an HTML page.
    Html,
    /// 200 without the member that holds the rows.
    NoKey,
    /// 200 with the first half of the rows.
    HalfPage,
}

/// A fault for the nth request with a path prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedFault {
    /// Path prefix, without host and query.
    pub path: String,
    /// Number of the matching request, from one.
    pub nth: u64,
    /// The fault of this request.
    pub fault: Fault,
}

/// The faults to inject; the default injects none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Percentage of requests that fail at random.
    pub percent: u64,
    /// Seed of the random choice.
    pub seed: u64,
    /// The faults to choose from.
    ///
    /// By default those that a reader can detect and recover from within a second: no stalled body,
    /// and no half page, which looks complete.
    pub kinds: Vec<Fault>,
    /// Faults for specific requests.
    pub scripted: Vec<ScriptedFault>,
    /// Delay of every response in milliseconds.
    pub latency_ms: u64,
}

impl Default for Faults {
    fn default() -> Self {
        use Fault::{BadGateway, Cut, CutBody, Html, InternalError, NoKey, TooMany};
        use Fault::{TooManyDate, TooManySeconds, Truncated, Unavailable};
        let kinds = vec![
            TooMany,
            TooManySeconds,
            TooManyDate,
            InternalError,
            BadGateway,
            Unavailable,
            Cut,
            CutBody,
            Truncated,
            Html,
            NoKey,
        ];
        Self {
            percent: 0,
            seed: 1,
            kinds,
            scripted: Vec::new(),
            latency_ms: 0,
        }
    }
}

#[derive(Debug)]
struct ScriptState {
    script: ScriptedFault,
    seen: u64,
}

/// The faults of one vendor's server, and the requests counted so far.
#[derive(Debug)]
pub struct FaultPlan {
    faults: Faults,
    scripts: Mutex<Vec<ScriptState>>,
    requests: Mutex<BTreeMap<String, u64>>,
}

impl FaultPlan {
    /// A plan before the first request.
    pub fn new(faults: Faults) -> Self {
        let scripts = faults
            .scripted
            .iter()
            .cloned()
            .map(|script| ScriptState { script, seen: 0 })
            .collect();
        Self {
            faults,
            scripts: Mutex::new(scripts),
            requests: Mutex::default(),
        }
    }

    /// Adds a fault at run time; its requests are counted from now.
    pub fn script(&self, script: ScriptedFault) {
        if let Ok(mut scripts) = self.scripts.lock() {
            scripts.push(ScriptState { script, seen: 0 });
        }
    }

    /// Delay of every response in milliseconds.
    pub(crate) fn latency_ms(&self) -> u64 {
        self.faults.latency_ms
    }

    /// The fault for this request, if any; scripted faults take precedence.
    pub(crate) fn fault_for(&self, path: &str, query: &str, for_token: bool) -> Option<Fault> {
        if let Some(fault) = self.scripted(path) {
            return Some(fault);
        }
        if for_token || self.faults.kinds.is_empty() {
            return None;
        }
        let address = format!("{path}?{query}");
        let mut requests = self.requests.lock().ok()?;
        let times = requests.entry(address.clone()).or_default();
        *times += 1;
        let mut random = Random::of(self.faults.seed, &address, *times);
        random
            .chance(self.faults.percent)
            .then(|| *random.pick(&self.faults.kinds))
    }

    fn scripted(&self, path: &str) -> Option<Fault> {
        let mut scripts = self.scripts.lock().ok()?;
        let mut fault = None;
        for one in scripts
            .iter_mut()
            .filter(|one| path.starts_with(&one.script.path))
        {
            one.seen += 1;
            if one.seen == one.script.nth {
                fault = Some(one.script.fault);
            }
        }
        fault
    }
}
