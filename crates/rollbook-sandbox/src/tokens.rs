//! Access tokens of one simulated vendor: holder and expiry.
//!
//! Texts are derived from the seed and a saved counter, so a restarted sandbox never issues a text
//! that a client may still hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::random::Random;
use super::shared::Shared;

/// Account, person and scope of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Tenant or account.
    pub realm: String,
    /// The person; none for client credentials.
    pub user: Option<String>,
    /// Granted scopes, separated by spaces; empty where the vendor has none.
    pub scope: String,
}

#[derive(Debug)]
struct Token {
    holder: Holder,
    /// The grant it was issued under; none for client credentials.
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

/// Forty letters that need no escaping.
pub(crate) fn random_text(random: &mut Random) -> String {
    (0..40).map(|_| *random.pick(LETTERS)).collect()
}

impl Tokens {
    /// A store without tokens.
    pub fn new(vendor: &'static str, shared: Arc<Shared>, clock: Arc<Clock>) -> Self {
        Self {
            vendor,
            shared,
            clock,
            live: Mutex::default(),
            uses: Mutex::default(),
        }
    }

    /// A text that was never issued before.
    pub fn new_text(&self) -> String {
        let name = format!("{}.issued", self.vendor);
        let number: u64 = self
            .shared
            .saved_value(&name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        self.shared.save_value(&name, &(number + 1).to_string());
        random_text(&mut Random::of(
            self.shared.school.seed,
            self.vendor,
            number,
        ))
    }

    /// Issues a token that is valid for this many seconds.
    pub fn issue(&self, holder: Holder, seconds: u64) -> String {
        self.issue_for_grant(None, holder, seconds)
    }

    /// The same, and revoked together with its grant.
    pub(crate) fn issue_for_grant(
        &self,
        grant: Option<u64>,
        holder: Holder,
        seconds: u64,
    ) -> String {
        let text = self.new_text();
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

    /// The holder of a token that is valid for one more request.
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

    /// Revokes all access tokens.
    pub fn revoke_all(&self) {
        if let Ok(mut live) = self.live.lock() {
            live.clear();
        }
    }

    /// Revokes one access token.
    pub(crate) fn revoke(&self, text: &str) {
        if let Ok(mut live) = self.live.lock() {
            live.remove(text);
        }
    }

    /// Revokes the access tokens of a grant.
    pub(crate) fn revoke_grant(&self, grant: u64) {
        if let Ok(mut live) = self.live.lock() {
            live.retain(|_, token| token.grant != Some(grant));
        }
    }

    /// Limits every token, issued or future, to this many more requests.
    pub fn expire_after(&self, requests: u64) {
        if let (Ok(mut uses), Ok(mut live)) = (self.uses.lock(), self.live.lock()) {
            *uses = Some(requests);
            for token in live.values_mut() {
                token.uses_left = Some(requests);
            }
        }
    }
}
