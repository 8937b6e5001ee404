//! Why a person is erased: a fixed list, because a ledger without free text cannot hold anything about the person.

use serde::{Deserialize, Serialize};

/// Why a person is erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// The person, or their parents, asked for it.
    #[default]
    Request,
    /// The purpose ended, such as after the person left the school.
    Retention,
    /// The data should never have been collected.
    Mistake,
    /// An authority or a court ordered it.
    Order,
}

impl ErasureReason {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Mistake => "mistake",
            Self::Order => "order",
        }
    }
}
