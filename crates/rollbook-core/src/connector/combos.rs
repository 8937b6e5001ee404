//! Combo lists in a connector: the stream that mirrors them, and the list that a column refers to.
//!
//! The lists themselves are rows of a stream like any other; this file contains neither lists nor codes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::template::Variables;
use crate::model::{By, Reference};

/// Where the combo lists are mirrored: a stream, and what its columns hold of an entry.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Combos {
    /// The stream; a row is one entry of one list.
    pub stream: String,
    /// Its column with the list's name.
    pub list: String,
    /// Its column with the entry's id.
    pub id: String,
    /// Its column with the entry's code.
    pub code: String,
    /// Its column with what the entry means.
    pub label: String,
    /// Its boolean column that is false when the entry is retired.
    pub active: Option<String>,
    /// Lists that a setting picks, by a name that a column uses as `{name}`.
    #[serde(default)]
    pub by_setting: BTreeMap<String, ListBySetting>,
}

/// A list whose name depends on a setting of the source.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListBySetting {
    /// The setting.
    pub setting: String,
    /// The list for each of its values; a column that refers to a value without one refers to nothing.
    pub lists: BTreeMap<String, String>,
}

/// The list that a column refers to: its name, or a table.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ComboRules {
    /// The list's name, a template; the column holds ids.
    List(String),
    /// With more about it.
    Full(ComboRule),
}

/// The list that a column refers to, and how.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ComboRule {
    /// The list's name, a template.
    pub list: String,
    /// What the column holds of an entry. Default `"id"`.
    #[serde(default)]
    pub by: By,
}

/// The columns of the stream that mirrors combo lists, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComboColumns {
    /// The list's name.
    pub list: usize,
    /// The entry's id.
    pub id: usize,
    /// The entry's code.
    pub code: usize,
    /// What the entry means.
    pub label: usize,
    /// Whether the entry is in use.
    pub active: Option<usize>,
}

impl ComboRules {
    /// What the column refers to; the list is still a template.
    pub fn reference(&self) -> Reference {
        match self {
            Self::List(list) => Reference {
                list: list.clone(),
                by: By::Id,
            },
            Self::Full(rule) => Reference {
                list: rule.list.clone(),
                by: rule.by,
            },
        }
    }
}

impl Combos {
    /// The lists that settings pick, as variables for the templates of columns; empty where a value has none.
    pub fn picked(&self, settings: &Variables) -> Variables {
        self.by_setting
            .iter()
            .map(|(name, pick)| {
                let value = settings.get(&pick.setting);
                let list = value.and_then(|value| pick.lists.get(value));
                (name.clone(), list.cloned().unwrap_or_default())
            })
            .collect()
    }
}

impl ComboColumns {
    /// All of them.
    pub fn all(self) -> impl Iterator<Item = usize> {
        [self.list, self.id, self.code, self.label]
            .into_iter()
            .chain(self.active)
    }

    /// The same where columns have moved; none when one of them is no more.
    pub fn moved(self, to: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        Some(Self {
            list: to(self.list)?,
            id: to(self.id)?,
            code: to(self.code)?,
            label: to(self.label)?,
            active: self.active.and_then(&to),
        })
    }
}
