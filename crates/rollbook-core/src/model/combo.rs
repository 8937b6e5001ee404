//! Combo lists: what a value of a column is to an entry of a list of codes.
//!
//! An entry has an id, which is a database key and differs from account to account, a code, which is often a
//! government's, and a description. The connector declares which of them a column holds.

use serde::{Deserialize, Serialize};

/// By what an entry of a combo list is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By its key at the vendor, which another account does not share.
    #[default]
    Id,
    /// By its code: a text, also where it looks like a number (`00`).
    Code,
    /// By its description, to the letter.
    Description,
}

impl By {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Id, Self::Code, Self::Description];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Code => "code",
            Self::Description => "description",
        }
    }

    /// The one that is written so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// What a column's values refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The list; in a description a template, in a table its name.
    pub list: String,
    /// What the column holds of an entry.
    pub by: By,
}
