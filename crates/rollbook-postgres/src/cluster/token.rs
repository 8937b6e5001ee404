//! Who may send a source's refresh token, and when. Pure.
//!
//! A refresh token can be used once, and a vendor may revoke all tokens when it is sent again. So before it is sent an intent is
//! stored beside it, in a transaction that compares generation, intent and lease; what comes back is stored by comparing the
//! generation alone, whoever holds the lease by then (cluster-protocol.md 3 rule 14). What the database's clock decides is computed
//! by the statement that reads the row: it returns what is left, and nothing here knows the time.

use std::time::Duration;

use super::lease::{HEARTBEAT, is_ample};
use rollbook_core::model::RequestEnd;

/// From an intent to its deadline; the request ends by then. That of a token request (reliability.md 2.3).
pub const REQUEST: Duration = Duration::from_secs(30);

/// After the deadline, until an answer that was received in time is expected to be stored.
pub const GRACE: Duration = Duration::from_secs(60);

/// An access token that ends sooner is renewed, if it can be.
pub const FRESH: Duration = Duration::from_secs(60);

/// A source's token row, as the database returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Changed by every store; storing, opening and closing an intent compare it.
    pub generation: i64,
    /// A request that was announced and whose end is not known.
    pub intent: Option<OpenIntent>,
    /// What is left of the sealed access token; zero without one.
    pub access_left: Duration,
}

/// An announced request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// The claim of the worker that announced it and alone may close it without an answer.
    pub claim: String,
    /// What is left until the deadline and [`GRACE`]; zero afterwards.
    pub left: Duration,
}

/// What to do when a source needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStep {
    /// Use the stored access token.
    UseAccess,
    /// Store an intent in place of the one in the row, if any, and then send the refresh token.
    Refresh,
    /// Read the row again after this wait: an answer may be stored, or the lease be renewed.
    Wait(Duration),
    /// Nothing is sent until a person says `resume`, or a late answer is stored.
    Park,
}

/// What becomes of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentStep {
    /// Store the tokens and close it, if the row still has the generation; until that is answered, again and again.
    Store,
    /// Close it, if the row still has the generation and the intent our claim.
    Close,
    /// It stays open, and no answer is waited for any more: the request has ended, and the time of the one that it took the place of was
    /// over before (cluster-protocol.md 5 rule 22, 6 rule 28).
    Expire,
    /// It stays open, for this worker too (cluster-protocol.md 3 rule 17).
    Leave,
}

impl TokenRow {
    /// What to do for a source whose lease has this much left. `is_resumed`: a person wants the open intent tried again.
    ///
    /// An open intent is respected also when it is our own, and its owner's lease is not considered: the request may be on its way
    /// (cluster-protocol.md 3 rule 15).
    pub fn next_step(&self, lease_left: Duration, is_resumed: bool) -> TokenStep {
        let may_refresh = match &self.intent {
            None => true,
            Some(intent) => is_resumed && intent.left.is_zero(),
        };
        let enough = if may_refresh { FRESH } else { Duration::ZERO };
        if self.access_left > enough {
            return TokenStep::UseAccess;
        }
        match &self.intent {
            _ if may_refresh && is_ample(lease_left) => TokenStep::Refresh,
            _ if may_refresh => TokenStep::Wait(HEARTBEAT),
            Some(intent) if !intent.left.is_zero() => TokenStep::Wait(intent.left),
            _ => TokenStep::Park,
        }
    }
}

/// How long a token request may take that is sent at once, on a connection that is open already; `None` when it may not be sent
/// (cluster-protocol.md 3 rule 16).
///
/// Both are counted by the worker's clock: the lease as [`HeldUntil`](super::lease::HeldUntil), the intent from before it was
/// stored.
pub fn time_to_send(lease_left: Duration, intent_left: Duration) -> Option<Duration> {
    let is_enough = is_ample(lease_left) && intent_left > REQUEST / 2;
    is_enough.then_some(intent_left)
}

impl IntentStep {
    /// What becomes of a request's intent. `is_resumed`: it took the place of an open one, of which nothing is known still
    /// (cluster-protocol.md 5 rule 22).
    pub fn after(end: RequestEnd, is_resumed: bool) -> Self {
        match end {
            RequestEnd::Granted => Self::Store,
            RequestEnd::NotSent | RequestEnd::Refused if is_resumed => Self::Expire,
            RequestEnd::NotSent | RequestEnd::Refused => Self::Close,
            RequestEnd::Unknown => Self::Leave,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_for_a_token() {
        use TokenStep::{Park, Refresh, UseAccess, Wait};
        let seconds = Duration::from_secs;
        for (name, access, intent, lease, is_resumed, expected) in [
            ("fresh", 600, None, 25, false, UseAccess),
            ("first use", 0, None, 25, false, Refresh),
            ("ends soon", 60, None, 25, false, Refresh),
            ("little lease", 0, None, 15, false, Wait(HEARTBEAT)),
            ("fresh, little lease", 600, None, 1, false, UseAccess),
            ("fresh, open", 600, Some(50), 25, false, UseAccess),
            ("ends soon, open", 5, Some(50), 25, false, UseAccess),
            ("open", 0, Some(50), 25, false, Wait(seconds(50))),
            ("open, resumed", 0, Some(50), 25, true, Wait(seconds(50))),
            ("over", 0, Some(0), 25, false, Park),
            ("ends soon, over", 5, Some(0), 25, false, UseAccess),
            ("over, resumed", 0, Some(0), 25, true, Refresh),
            (
                "resumed, little lease",
                0,
                Some(0),
                9,
                true,
                Wait(HEARTBEAT),
            ),
            ("resumed, ends soon", 5, Some(0), 25, true, Refresh),
        ] {
            let row = TokenRow {
                generation: 7,
                intent: intent.map(|left| OpenIntent {
                    claim: "a".to_owned(),
                    left: seconds(left),
                }),
                access_left: seconds(access),
            };
            let step = row.next_step(seconds(lease), is_resumed);
            assert_eq!(step, expected, "{name}");
        }
    }

    #[test]
    fn what_becomes_of_an_intent() {
        use IntentStep::{Close, Expire, Leave, Store};
        for (end, first, resumed) in [
            (RequestEnd::Granted, Store, Store),
            (RequestEnd::NotSent, Close, Expire),
            (RequestEnd::Refused, Close, Expire),
            (RequestEnd::Unknown, Leave, Leave),
        ] {
            assert_eq!(IntentStep::after(end, false), first, "{end:?}");
            assert_eq!(IntentStep::after(end, true), resumed, "{end:?}, resumed");
        }
    }

    #[test]
    fn how_long_a_request_may_take() {
        for (lease, intent, expected) in [
            (25, 28, Some(28)),
            (15, 28, None),
            (0, 28, None),
            (25, 15, None),
            (25, 0, None),
        ] {
            let time = time_to_send(Duration::from_secs(lease), Duration::from_secs(intent));
            let expected = expected.map(Duration::from_secs);
            assert_eq!(time, expected, "lease {lease} s, intent {intent} s");
        }
    }
}
