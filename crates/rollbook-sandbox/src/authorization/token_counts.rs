//! Counts of token requests by grant type, for tests that allow one request per round.

use std::collections::BTreeMap;

use serde::Serialize;

/// Token requests with one `grant_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    /// All requests.
    pub requests: u64,
    /// Requests that issued tokens, also when the response was lost.
    pub granted: u64,
    /// Requests answered with an error. An unexpected response counts as neither; with the switch
    /// `fault_after_issue`, one request can count as both.
    pub refused: u64,
}

/// Counts by `grant_type`; `none` for requests without one.
pub(super) type AllTokenCounts = BTreeMap<String, TokenCounts>;
