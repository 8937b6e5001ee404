//! What of a value is mirrored in place of the value itself.

/// How a column's values are changed before they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    /// A pseudonym: the same text for the same value, in every stream of the installation.
    Pseudonym,
    /// The first day of a date's year.
    Year,
    /// The first day of a date's month.
    Month,
}

impl Masking {
    /// As it is stored in `rollbook_columns`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pseudonym => "pseudonym",
            Self::Year => "year",
            Self::Month => "month",
        }
    }

    /// What is stored under this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pseudonym, Self::Year, Self::Month]
            .into_iter()
            .find(|masking| masking.as_str() == word)
    }

    /// The text in tables and sentences.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Pseudonym => "pseudonymised",
            Self::Year => "truncated to the year",
            Self::Month => "truncated to the month",
        }
    }
}
