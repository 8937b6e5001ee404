//! Combo lists in a connector: the stream that mirrors them, and the list that a column refers to.
//!
//! The lists themselves are rows of a stream like any other; this file contains neither lists nor codes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::api::{Flaw, StreamSpec};
use super::columns::Origin;
use super::file::{Connector, Setting};
use super::template::{self, Variables};
use crate::document::suggest::{advice, quoted};
use crate::model::row::Kind;
use crate::model::{By, Reference, StreamName};

/// Where the combo lists are mirrored: a stream, and what its columns hold of an entry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBySetting {
    /// The setting.
    pub setting: String,
    /// The list for each of its values; a column that refers to a value without one refers to nothing.
    pub lists: BTreeMap<String, String>,
}

/// The list that a column refers to: its name, or a table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ComboRules {
    /// The list's name, a template; the column holds ids.
    List(String),
    /// With more about it.
    Full(ComboRule),
}

/// The list that a column refers to, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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

/// The lists that a stream of combo lists is read for, where its connector names them.
pub fn named_lists(spec: &StreamSpec) -> Option<BTreeSet<String>> {
    let index = spec.combos?.list;
    let Origin::Constant(template) = &spec.columns[index].origin else {
        return None;
    };
    let items = &spec.for_each.as_ref()?.list;
    let names = items.iter().map(|item| template::fill(template, &[item]));
    (!items.is_empty()).then(|| names.collect())
}

/// Connects `[combos]` with its stream, and reports mistakes in it and in the columns' references.
pub(super) fn connect(
    connector: &Connector,
    specs: &mut BTreeMap<StreamName, StreamSpec>,
    flaws: &mut Vec<Flaw>,
) {
    let Some(combos) = &connector.combos else {
        return;
    };
    flaws.extend(setting_flaws(connector, combos));
    let mut lists = None;
    match specs.get_mut(combos.stream.as_str()) {
        Some(spec) => {
            spec.combos = columns(combos, spec, flaws);
            lists = named_lists(spec);
        }
        None if connector.streams.contains_key(&combos.stream) => {} // off, or flawed itself
        None => {
            let help = advice(&combos.stream, specs.keys().map(StreamName::as_str));
            flaws.push(flaw(
                &["combos", "stream"],
                format!("there is no stream {}", quoted(&combos.stream)),
                Some(help),
            ));
        }
    }
    for (name, spec) in specs.iter() {
        flaws.extend(reference_flaws(combos, name, spec, lists.as_ref()));
    }
}

fn flaw(at: &[&str], message: String, help: Option<String>) -> Flaw {
    let at = at.iter().map(|key| (*key).to_owned()).collect();
    Flaw { at, message, help }
}

fn columns(combos: &Combos, spec: &StreamSpec, flaws: &mut Vec<Flaw>) -> Option<ComboColumns> {
    let mut find = |key: &str, name: &str| {
        let index = spec.column(name);
        if index.is_none() {
            let help = advice(name, spec.columns.iter().map(|column| column.name.as_str()));
            let message = format!("{} has no column {}", spec.name, quoted(name));
            flaws.push(flaw(&["combos", key], message, Some(help)));
        }
        index
    };
    let (list, id) = (find("list", &combos.list), find("id", &combos.id));
    let (code, label) = (find("code", &combos.code), find("label", &combos.label));
    let active = combos.active.as_ref().map(|name| find("active", name));
    Some(ComboColumns {
        list: list?,
        id: id?,
        code: code?,
        label: label?,
        active: active.flatten(),
    })
}

fn setting_flaws(connector: &Connector, combos: &Combos) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (name, pick) in &combos.by_setting {
        let known = connector.settings.keys().map(String::as_str);
        if connector.settings.contains_key(name) {
            let message = format!("{} is a setting already", quoted(name));
            let help = "give the list another name";
            flaws.push(flaw(
                &["combos", "by_setting", name],
                message,
                Some(help.into()),
            ));
        }
        let choices = match connector.settings.get(&pick.setting) {
            Some(Setting::Full(rules)) => rules.choices.as_slice(),
            Some(Setting::Default(_)) => &[],
            None => {
                let at = ["combos", "by_setting", name, "setting"];
                let message = format!("there is no setting {}", quoted(&pick.setting));
                flaws.push(flaw(&at, message, Some(advice(&pick.setting, known))));
                continue;
            }
        };
        for value in pick
            .lists
            .keys()
            .filter(|value| !choices.is_empty() && !choices.contains(value))
        {
            let at = ["combos", "by_setting", name, "lists", value];
            let message = format!(
                "invalid value {} for {}",
                quoted(value),
                quoted(&pick.setting)
            );
            let help = advice(value, choices.iter().map(String::as_str));
            flaws.push(flaw(&at, message, Some(help)));
        }
    }
    flaws
}

/// References to unknown lists, from unsuitable columns, or with conflicting names in the view.
fn reference_flaws(
    combos: &Combos,
    stream: &StreamName,
    spec: &StreamSpec,
    lists: Option<&BTreeSet<String>>,
) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for column in spec.columns.iter() {
        let Some(reference) = &column.combo else {
            continue;
        };
        let at = ["streams", stream.as_str(), "columns", &column.name];
        if column.kind == Kind::Json {
            let message = "a combo list explains one value, and this column is JSON".to_owned();
            let help = "leave `combo` out, and name the list in `help`";
            flaws.push(flaw(&at, message, Some(help.into())));
        }
        for part in ["code", "label"] {
            let derived = format!("{}_{part}", column.name);
            if spec.column(&derived).is_some() {
                let message = format!(
                    "{} would occur twice in the labelled view",
                    quoted(&derived)
                );
                flaws.push(flaw(
                    &at,
                    message,
                    Some("rename one of both columns".into()),
                ));
            }
        }
        let picks = combos
            .by_setting
            .iter()
            .filter(|(name, _)| template::names(&reference.list).contains(&name.as_str()));
        let mut meant: BTreeSet<String> = BTreeSet::new();
        for (name, pick) in picks {
            let filled = |list: &String| {
                let variable = Variables::from([(name.clone(), list.clone())]);
                template::fill(&reference.list, &[&variable])
            };
            meant.extend(pick.lists.values().map(filled));
        }
        if template::names(&reference.list).is_empty() {
            meant.insert(reference.list.clone());
        }
        let Some(lists) = lists else { continue };
        for list in meant.iter().filter(|list| !lists.contains(*list)) {
            let help = advice(list, lists.iter().map(String::as_str));
            flaws.push(flaw(
                &at,
                format!("there is no list {}", quoted(list)),
                Some(help),
            ));
        }
    }
    flaws
}

#[cfg(test)]
mod tests;
