//! Grants, each with a chain of rotated refresh tokens, of which one is current.
//!
//! Only the length of a chain is stored: every token is derived from the seed, so a restarted
//! sandbox knows the current token and all used ones.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::switches::{Rotation, Switches};
use super::token_response::IssuedTokens;
use crate::random::Random;
use crate::shared::Shared;
use crate::tokens::{Holder, random_text};

/// Ended grants that are remembered, so that their tokens differ from invented ones.
const MAX_ENDED: usize = 64;

/// One consent of a person or an application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) number: u64,
    pub(super) client: String,
    pub(super) holder: Holder,
    /// Whether it has refresh tokens.
    refreshes: bool,
    /// How often the refresh token has rotated.
    rotation: u64,
    ended: bool,
    /// When the current token was issued, by the sandbox's clock; zero after a restart.
    #[serde(skip)]
    since: Duration,
    /// The response to the previous refresh token, repeated during the grace period.
    #[serde(skip)]
    pub(super) last: Option<IssuedTokens>,
}

/// All grants of one vendor; every change is saved.
#[derive(Debug)]
pub(super) struct Grants {
    vendor: &'static str,
    shared: Arc<Shared>,
    stored: StoredGrants,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredGrants {
    next: u64,
    grants: Vec<Grant>,
}

#[derive(Debug)]
pub(super) enum RefreshTokenStatus {
    /// Unknown, ended or expired.
    Invalid,
    /// The current token of a grant.
    Current(u64),
    /// The previous token, within the grace period.
    InGrace(u64),
    /// A token that was used before.
    Used(u64),
}

impl Grants {
    /// Loads the saved grants; empty at the first start.
    pub(super) fn load(vendor: &'static str, shared: Arc<Shared>) -> Self {
        let stored = shared
            .saved_value(&state_key(vendor))
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self {
            vendor,
            shared,
            stored,
        }
    }

    /// Whether there has never been a grant.
    pub(super) fn is_new(&self) -> bool {
        self.stored.next == 0
    }

    /// Adds a grant and returns its number. `alone` ends earlier grants of the same person and client.
    pub(super) fn begin(
        &mut self,
        client: &str,
        holder: Holder,
        refreshes: bool,
        alone: bool,
        now: Duration,
    ) -> u64 {
        let number = self.stored.next;
        let earlier = |grant: &Grant| {
            grant.client == client
                && (&grant.holder.realm, &grant.holder.user) == (&holder.realm, &holder.user)
        };
        for grant in self.stored.grants.iter_mut().filter(|grant| earlier(grant)) {
            grant.ended |= alone;
        }
        self.stored.next += 1;
        self.stored.grants.push(Grant {
            number,
            client: client.to_owned(),
            holder,
            refreshes,
            rotation: 0,
            ended: false,
            since: now,
            last: None,
        });
        self.prune_ended();
        self.save();
        number
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut Grant> {
        let mut grants = self.stored.grants.iter_mut();
        grants.find(|grant| grant.number == number)
    }

    /// The current refresh token of a grant.
    pub(super) fn token(&self, number: u64) -> Option<String> {
        let mut grants = self.stored.grants.iter();
        grants
            .find(|grant| grant.number == number && grant.refreshes && !grant.ended)
            .map(|grant| self.token_at(grant, grant.rotation))
    }

    /// The current refresh tokens of all grants.
    pub(super) fn current(&self) -> Vec<String> {
        let numbers = self.stored.grants.iter().map(|grant| grant.number);
        numbers.filter_map(|number| self.token(number)).collect()
    }

    /// Classifies a presented token.
    pub(super) fn classify(
        &self,
        text: &str,
        switches: &Switches,
        now: Duration,
    ) -> RefreshTokenStatus {
        let Some((grant, rotation)) = self.find(text) else {
            return RefreshTokenStatus::Invalid;
        };
        let age = now.saturating_sub(grant.since).as_secs();
        let too_old = switches.refresh_seconds.is_some_and(|max| age >= max);
        let in_grace = rotation + 1 == grant.rotation && age < switches.grace_seconds;
        match (grant.ended, rotation == grant.rotation) {
            (true, _) => RefreshTokenStatus::Invalid,
            (false, true) if too_old => RefreshTokenStatus::Invalid,
            (false, true) => RefreshTokenStatus::Current(grant.number),
            (false, false) if in_grace => RefreshTokenStatus::InGrace(grant.number),
            (false, false) => RefreshTokenStatus::Used(grant.number),
        }
    }

    /// Rotates the token; returns the one for the response.
    pub(super) fn rotate(
        &mut self,
        number: u64,
        rotation: Rotation,
        now: Duration,
    ) -> Option<String> {
        if matches!(rotation, Rotation::Rotate | Rotation::DetectReuse) {
            let grant = self.get(number)?;
            grant.rotation += 1;
            grant.since = now;
            self.save();
        }
        self.token(number).filter(|_| rotation != Rotation::None)
    }

    pub(super) fn end_number(&mut self, number: u64) {
        if let Some(grant) = self.get(number) {
            grant.ended = true;
        }
        self.save();
    }

    /// Ends the grant of a token; returns its number.
    pub(super) fn end(&mut self, text: &str) -> Option<u64> {
        let number = self.find(text)?.0.number;
        self.end_number(number);
        Some(number)
    }

    pub(super) fn end_all(&mut self) {
        for grant in &mut self.stored.grants {
            grant.ended = true;
        }
        self.save();
    }

    /// The grant and rotation of a token, newest grants first.
    fn find(&self, text: &str) -> Option<(&Grant, u64)> {
        let rotations = self.stored.grants.iter().rev().flat_map(|grant| {
            let rotations = grant.refreshes.then_some(0..=grant.rotation);
            rotations
                .into_iter()
                .flatten()
                .rev()
                .map(move |rotation| (grant, rotation))
        });
        let mut rotations = rotations;
        rotations.find(|(grant, rotation)| self.token_at(grant, *rotation) == text)
    }

    fn token_at(&self, grant: &Grant, rotation: u64) -> String {
        refresh_text(self.vendor, self.shared.school.seed, grant.number, rotation)
    }

    fn prune_ended(&mut self) {
        let ended = |grant: &&Grant| grant.ended || !grant.refreshes;
        let mut surplus = self
            .stored
            .grants
            .iter()
            .filter(ended)
            .count()
            .saturating_sub(MAX_ENDED);
        self.stored.grants.retain(|grant| {
            let removed = surplus > 0 && ended(&grant);
            surplus -= usize::from(removed);
            !removed
        });
    }

    fn save(&self) {
        if let Ok(text) = serde_json::to_string(&self.stored) {
            self.shared.save_value(&state_key(self.vendor), &text);
        }
    }
}

/// The refresh token of a vendor's first grant.
pub(crate) fn first_refresh_token(vendor: &str, seed: u64) -> String {
    refresh_text(vendor, seed, 0, 0)
}

/// The refresh token of a grant after this many rotations.
///
/// Tokens are opaque and may contain such letters; a client that parses or trims them fails here.
fn refresh_text(vendor: &str, seed: u64, number: u64, rotation: u64) -> String {
    let mut random = Random::of(seed, &format!("{vendor}.refresh.{number}"), rotation);
    format!("{}!IAAAA-_", random_text(&mut random))
}

/// Key of the grants in the state file.
fn state_key(vendor: &str) -> String {
    format!("{vendor}.grants")
}
