//! Faults between a right answer and its reader: which request is struck, and by what.
//!
//! Random faults depend on the seed, the address asked for and how often it was asked for, not on
//! the order in which parallel requests arrive. Requests for tokens are struck by script only.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::random::Random;

/// One way in which a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 without a word on when to come back.
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
    /// The request is carried out, and the connection cut before any answer.
    Cut,
    /// The connection is cut in the middle of the body.
    CutBody,
    /// Half of the body, and then nothing until the sandbox stops.
    Stall,
    /// A body that ends in the middle, with a length that says it is whole.
    Truncated,
    /// 200 with an HTML page.
    Html,
    /// 200 without the member that holds the rows.
    NoKey,
    /// 200 with the first half of the rows.
    HalfPage,
}

/// A fault for the nth request whose path begins in a certain way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// How the path begins, without host and query.
    pub path: String,
    /// Which request is struck, counted from one.
    pub nth: u64,
    /// What strikes it.
    pub fault: Fault,
}

/// How unpleasant the sandbox is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How many requests of a hundred are struck at random; zero is none.
    pub percent: u64,
    /// Same seed, same struck requests.
    pub seed: u64,
    /// Among which faults to choose at random.
    ///
    /// By default those that a reader can notice and get over within a second: no stalled body,
    /// and no half page, which looks right.
    pub kinds: Vec<Fault>,
    /// Faults for chosen requests.
    pub scripted: Vec<Scripted>,
    /// Milliseconds that every answer is late.
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
struct Waiting {
    script: Scripted,
    seen: u64,
}

/// The faults of one vendor's server, and what it has seen so far.
#[derive(Debug)]
pub struct FaultPlan {
    faults: Faults,
    waiting: Mutex<Vec<Waiting>>,
    asked: Mutex<BTreeMap<String, u64>>,
}

impl FaultPlan {
    /// A plan nothing has been asked of yet.
    pub fn new(faults: Faults) -> Self {
        let waiting = faults
            .scripted
            .iter()
            .cloned()
            .map(|script| Waiting { script, seen: 0 })
            .collect();
        Self {
            faults,
            waiting: Mutex::new(waiting),
            asked: Mutex::default(),
        }
    }

    /// Adds a fault while the server runs; its requests are counted from now.
    pub fn script(&self, script: Scripted) {
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.push(Waiting { script, seen: 0 });
        }
    }

    /// Milliseconds that every answer is late.
    pub(crate) fn latency_ms(&self) -> u64 {
        self.faults.latency_ms
    }

    /// What strikes this request, if anything does; scripted faults go first.
    pub(crate) fn strike(&self, path: &str, query: &str, for_token: bool) -> Option<Fault> {
        if let Some(fault) = self.scripted(path) {
            return Some(fault);
        }
        if for_token || self.faults.kinds.is_empty() {
            return None;
        }
        let address = format!("{path}?{query}");
        let mut asked = self.asked.lock().ok()?;
        let times = asked.entry(address.clone()).or_default();
        *times += 1;
        let mut random = Random::of(self.faults.seed, &address, *times);
        random
            .chance(self.faults.percent)
            .then(|| *random.pick(&self.faults.kinds))
    }

    fn scripted(&self, path: &str) -> Option<Fault> {
        let mut waiting = self.waiting.lock().ok()?;
        let mut struck = None;
        for one in waiting
            .iter_mut()
            .filter(|one| path.starts_with(&one.script.path))
        {
            one.seen += 1;
            if one.seen == one.script.nth {
                struck = Some(one.script.fault);
            }
        }
        struck
    }
}
