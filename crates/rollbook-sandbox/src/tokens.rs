//! Access tokens of one simulated vendor: who holds which, and until when.
//!
//! Texts come from the seed and a counter that outlives the process, so that a restarted sandbox
//! never hands out a text a client may still have in its pocket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::random::Random;
use super::shared::Shared;

/// Whom a token speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The tenant or account the token opens.
    pub realm: String,
    /// The person behind it; none for a token without user context.
    pub user: Option<String>,
    /// What was granted, with blanks between the words; empty where the vendor knows no scopes.
    pub scope: String,
}

#[derive(Debug)]
struct Token {
    holder: Holder,
    /// The consent it came from; none for client credentials.
    grant: Option<u64>,
    until: Duration,
    uses_left: Option<u64>,
}

/// All tokens of one vendor.
#[derive(Debug)]
pub struct Tokens {
    vendor: &'static str,
    shared: Arc<Shared>,
    clock: Arc<Clock>,
    live: Mutex<BTreeMap<String, Token>>,
    uses: Mutex<Option<u64>>,
}

const LETTERS: &[char] = &[
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U',
    'V', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v',
    '2', '3', '4', '5', '6', '7', '8', '9', '-', '_',
];

/// Forty letters that need no escape anywhere.
pub(crate) fn text_of(random: &mut Random) -> String {
    (0..40).map(|_| *random.pick(LETTERS)).collect()
}

impl Tokens {
    /// No tokens yet.
    pub fn new(vendor: &'static str, shared: Arc<Shared>, clock: Arc<Clock>) -> Self {
        Self {
            vendor,
            shared,
            clock,
            live: Mutex::default(),
            uses: Mutex::default(),
        }
    }

    /// A text nobody has seen before, noted as used.
    pub fn fresh_text(&self) -> String {
        let name = format!("{}.issued", self.vendor);
        let number: u64 = self
            .shared
            .note(&name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        self.shared.set_note(&name, &(number + 1).to_string());
        text_of(&mut Random::of(
            self.shared.school.seed,
            self.vendor,
            number,
        ))
    }

    /// Issues a token for some seconds.
    pub fn issue(&self, holder: Holder, seconds: u64) -> String {
        self.issue_under(None, holder, seconds)
    }

    /// Issues a token for some seconds, or for as long as its grant lasts.
    pub(crate) fn issue_under(&self, grant: Option<u64>, holder: Holder, seconds: u64) -> String {
        let text = self.fresh_text();
        let until = self.clock.now() + Duration::from_secs(seconds);
        let uses_left = self.uses.lock().ok().and_then(|uses| *uses);
        if let Ok(mut live) = self.live.lock() {
            live.insert(
                text.clone(),
                Token {
                    holder,
                    grant,
                    until,
                    uses_left,
                },
            );
        }
        text
    }

    /// Who holds a token, when it is good for one more request.
    pub fn check(&self, text: &str) -> Option<Holder> {
        let mut live = self.live.lock().ok()?;
        let token = live.get_mut(text)?;
        if token.until <= self.clock.now() || token.uses_left == Some(0) {
            live.remove(text);
            return None;
        }
        token.uses_left = token.uses_left.map(|uses| uses - 1);
        Some(token.holder.clone())
    }

    /// Forgets all access tokens, as when the vendor revokes them.
    pub fn revoke_all(&self) {
        if let Ok(mut live) = self.live.lock() {
            live.clear();
        }
    }

    /// Forgets one access token.
    pub(crate) fn revoke(&self, text: &str) {
        if let Ok(mut live) = self.live.lock() {
            live.remove(text);
        }
    }

    /// Forgets the access tokens of one grant.
    pub(crate) fn revoke_grant(&self, grant: u64) {
        if let Ok(mut live) = self.live.lock() {
            live.retain(|_, token| token.grant != Some(grant));
        }
    }

    /// Lets every token, old and new, be good for this many more requests.
    pub fn expire_after(&self, requests: u64) {
        if let (Ok(mut uses), Ok(mut live)) = (self.uses.lock(), self.live.lock()) {
            *uses = Some(requests);
            for token in live.values_mut() {
                token.uses_left = Some(requests);
            }
        }
    }
}
