//! Which rule of the guard holds a difference, for code and pages: a word without a number, a value or a name of a column.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule of the guard; stored as [`HoldRule::as_str`]. A rule that can be configured has the name of its key in `[guard]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldRule {
    /// Too large a share of the rows would be removed.
    Removals,
    /// More rows would be removed than is allowed at all.
    RemovalsMax,
    /// Most keys are replaced by others.
    ChangedKeys,
    /// Too many rows were rejected.
    Rejects,
    /// Too much of one group would be removed.
    Per,
    /// Nothing was received.
    NothingReceived,
    /// No row has a readable key.
    NoReadableKey,
    /// Too many values of a column cannot be read.
    ColumnFormat,
    /// Columns that had values have none.
    EmptiedColumns,
    /// The source reads another account.
    Account,
}

impl HoldRule {
    const ALL: [Self; 10] = [
        Self::Removals,
        Self::RemovalsMax,
        Self::ChangedKeys,
        Self::Rejects,
        Self::Per,
        Self::NothingReceived,
        Self::NoReadableKey,
        Self::ColumnFormat,
        Self::EmptiedColumns,
        Self::Account,
    ];

    /// The value in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removals => "removals",
            Self::RemovalsMax => "removals_max",
            Self::ChangedKeys => "changed_keys",
            Self::Rejects => "rejects",
            Self::Per => "per",
            Self::NothingReceived => "nothing_received",
            Self::NoReadableKey => "no_readable_key",
            Self::ColumnFormat => "column_format",
            Self::EmptiedColumns => "emptied_columns",
            Self::Account => "account",
        }
    }

    /// The inverse of [`HoldRule::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }
}

impl fmt::Display for HoldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_tables_and_json() {
        for rule in HoldRule::ALL {
            assert_eq!(HoldRule::parse(rule.as_str()), Some(rule));
            let json = serde_json::to_value(rule).expect("a value");
            assert_eq!(json, rule.as_str());
        }
        assert_eq!(HoldRule::parse("other"), None);
    }
}
