//! Whose data the rows of a stream are, as the connector declares it: what an erasure of a person erases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whose data the rows of a table are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonRows {
    /// Of no single person: a course, a school. A reference to an erased person is cut out of them.
    #[default]
    None,
    /// Each row is a person.
    Each,
    /// Each row is about the person that the first of these columns with a value refers to.
    About(Vec<PersonColumn>),
}

/// A column that refers to the person that a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonColumn {
    /// The column.
    pub column: String,
    /// The table and column that its values are found in, such as `north_users.id`.
    pub refers_to: String,
    /// Only in rows with these values: column = value. Empty for all rows.
    pub rows: BTreeMap<String, String>,
}

impl PersonRows {
    /// As it is stored; nothing where nothing is declared.
    pub fn to_json(&self) -> Option<String> {
        match self {
            Self::None => None,
            declared => serde_json::to_string(declared).ok(),
        }
    }

    /// The reverse; what cannot be read is not declared.
    pub fn from_json(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}
