//! How an outcome is shown: one of four moods, which have a word, a shape and a colour each.

use rollbook_core::model::Outcome;

/// How an outcome is shown. Never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing to do.
    Good,
    /// It may pass by itself.
    Doubtful,
    /// A run waits for an approval.
    Held,
    /// It failed, or waits for an admin.
    Bad,
}

impl Mood {
    /// Of a run.
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok | Outcome::OkWithRejects | Outcome::NotServed => Self::Good,
            Outcome::Incomplete | Outcome::Interrupted => Self::Doubtful,
            Outcome::Held => Self::Held,
            Outcome::Failed(_) | Outcome::Parked => Self::Bad,
        }
    }

    /// The name of its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Held => "held",
            Self::Bad => "bad",
        }
    }
}
