//! How often tokens were asked for, by grant: for a test that allows one request a round.

use std::collections::BTreeMap;

use serde::Serialize;

/// Token requests of one kind of grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub asked: u64,
    /// Those that brought tokens, also when the answer was lost.
    pub granted: u64,
    /// Those that were refused. What is neither was answered with nonsense; with the switch
    /// `trouble_after`, one can be both.
    pub refused: u64,
}

/// Tallies by `grant_type`; `none` where the request did not say.
pub(super) type Tallies = BTreeMap<String, Tally>;
