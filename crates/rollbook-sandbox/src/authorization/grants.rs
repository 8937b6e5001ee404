//! Consents that go on: each with a chain of refresh tokens, of which one is good.
//!
//! Of a chain only its length is kept: any link can be worked out from the seed, so a restarted
//! sandbox knows the good token and every spent one.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answers::Granted;
use super::switches::{Rotation, Switches};
use crate::random::Random;
use crate::shared::Shared;
use crate::tokens::{Holder, text_of};

/// Ended grants that are remembered, so that their tokens can be told from invented ones.
const MOST_ENDED: usize = 64;

/// What somebody consented to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) number: u64,
    pub(super) client: String,
    pub(super) holder: Holder,
    /// Whether it has refresh tokens at all.
    refreshes: bool,
    /// How often the refresh token has rotated.
    turn: u64,
    ended: bool,
    /// When the current token came, by the sandbox's clock; a restart begins anew.
    #[serde(skip)]
    since: Duration,
    /// What the spent token before the current one brought, for as long as there is a grace.
    #[serde(skip)]
    pub(super) last: Option<Granted>,
}

/// All grants of one vendor, noted at each change.
#[derive(Debug)]
pub(super) struct Grants {
    vendor: &'static str,
    shared: Arc<Shared>,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    next: u64,
    grants: Vec<Grant>,
}

/// What a presented refresh token is.
#[derive(Debug)]
pub(super) enum Presented {
    /// Nobody's, ended, or too old.
    Bad,
    /// The current one of a grant.
    Current(u64),
    /// The one before the current one, while the grace lasts.
    InGrace(u64),
    /// A spent one.
    Spent(u64),
}

impl Grants {
    /// The grants that were noted; none at the first start.
    pub(super) fn noted(vendor: &'static str, shared: Arc<Shared>) -> Self {
        let kept = shared
            .note(&note(vendor))
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self {
            vendor,
            shared,
            kept,
        }
    }

    /// Whether nobody has ever consented.
    pub(super) fn is_new(&self) -> bool {
        self.kept.next == 0
    }

    /// A new consent; gives its number. With `alone`, the same person's earlier ones end.
    pub(super) fn begin(
        &mut self,
        client: &str,
        holder: Holder,
        refreshes: bool,
        alone: bool,
        now: Duration,
    ) -> u64 {
        let number = self.kept.next;
        let earlier = |grant: &Grant| {
            grant.client == client
                && (&grant.holder.realm, &grant.holder.user) == (&holder.realm, &holder.user)
        };
        for grant in self.kept.grants.iter_mut().filter(|grant| earlier(grant)) {
            grant.ended |= alone;
        }
        self.kept.next += 1;
        self.kept.grants.push(Grant {
            number,
            client: client.to_owned(),
            holder,
            refreshes,
            turn: 0,
            ended: false,
            since: now,
            last: None,
        });
        self.forget_old();
        self.write_down();
        number
    }

    pub(super) fn get(&mut self, number: u64) -> Option<&mut Grant> {
        let mut grants = self.kept.grants.iter_mut();
        grants.find(|grant| grant.number == number)
    }

    /// The refresh token of a grant that is good now.
    pub(super) fn token(&self, number: u64) -> Option<String> {
        let mut grants = self.kept.grants.iter();
        grants
            .find(|grant| grant.number == number && grant.refreshes && !grant.ended)
            .map(|grant| self.link(grant, grant.turn))
    }

    /// All refresh tokens that are good now.
    pub(super) fn current(&self) -> Vec<String> {
        let numbers = self.kept.grants.iter().map(|grant| grant.number);
        numbers.filter_map(|number| self.token(number)).collect()
    }

    /// Looks at a presented token.
    pub(super) fn look(&self, text: &str, switches: &Switches, now: Duration) -> Presented {
        let Some((grant, turn)) = self.find(text) else {
            return Presented::Bad;
        };
        let age = now.saturating_sub(grant.since).as_secs();
        let too_old = switches.refresh_seconds.is_some_and(|most| age >= most);
        let in_grace = turn + 1 == grant.turn && age < switches.grace_seconds;
        match (grant.ended, turn == grant.turn) {
            (true, _) => Presented::Bad,
            (false, true) if too_old => Presented::Bad,
            (false, true) => Presented::Current(grant.number),
            (false, false) if in_grace => Presented::InGrace(grant.number),
            (false, false) => Presented::Spent(grant.number),
        }
    }

    /// Uses the current token; gives the one for the answer.
    pub(super) fn turn(
        &mut self,
        number: u64,
        rotation: Rotation,
        now: Duration,
    ) -> Option<String> {
        if matches!(rotation, Rotation::Rotate | Rotation::DetectReuse) {
            let grant = self.get(number)?;
            grant.turn += 1;
            grant.since = now;
            self.write_down();
        }
        self.token(number).filter(|_| rotation != Rotation::None)
    }

    /// Ends one grant.
    pub(super) fn end_number(&mut self, number: u64) {
        if let Some(grant) = self.get(number) {
            grant.ended = true;
        }
        self.write_down();
    }

    /// Ends the grant of a token; gives its number.
    pub(super) fn end(&mut self, text: &str) -> Option<u64> {
        let number = self.find(text)?.0.number;
        self.end_number(number);
        Some(number)
    }

    /// Ends all grants.
    pub(super) fn end_all(&mut self) {
        for grant in &mut self.kept.grants {
            grant.ended = true;
        }
        self.write_down();
    }

    /// The grant and the turn of a token, the newest first.
    fn find(&self, text: &str) -> Option<(&Grant, u64)> {
        let turns = self.kept.grants.iter().rev().flat_map(|grant| {
            let turns = grant.refreshes.then_some(0..=grant.turn);
            turns
                .into_iter()
                .flatten()
                .rev()
                .map(move |turn| (grant, turn))
        });
        let mut turns = turns;
        turns.find(|(grant, turn)| self.link(grant, *turn) == text)
    }

    fn link(&self, grant: &Grant, turn: u64) -> String {
        refresh_text(self.vendor, self.shared.school.seed, grant.number, turn)
    }

    fn forget_old(&mut self) {
        let ended = |grant: &&Grant| grant.ended || !grant.refreshes;
        let mut surplus = self
            .kept
            .grants
            .iter()
            .filter(ended)
            .count()
            .saturating_sub(MOST_ENDED);
        self.kept.grants.retain(|grant| {
            let goes = surplus > 0 && ended(&grant);
            surplus -= usize::from(goes);
            !goes
        });
    }

    fn write_down(&self) {
        if let Ok(text) = serde_json::to_string(&self.kept) {
            self.shared.set_note(&note(self.vendor), &text);
        }
    }
}

/// The refresh token that a vendor's very first consent gave.
pub(crate) fn first_refresh_token(vendor: &str, seed: u64) -> String {
    refresh_text(vendor, seed, 0, 0)
}

/// The refresh token of a grant after so many turns.
///
/// Tokens are opaque and may hold such letters; a client that parses or trims them fails here.
fn refresh_text(vendor: &str, seed: u64, number: u64, turn: u64) -> String {
    let mut random = Random::of(seed, &format!("{vendor}.refresh.{number}"), turn);
    format!("{}!IAAAA-_", text_of(&mut random))
}

/// Under this name the grants outlive the process.
fn note(vendor: &str) -> String {
    format!("{vendor}.grants")
}
