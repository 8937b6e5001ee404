//! `[combos]` of a connector against its streams: the stream that mirrors the lists, and the lists that columns refer to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ConnectorProblem, StreamSpec};
use crate::connector::columns::ColumnSource;
use crate::connector::combos::{ComboColumns, Combos};
use crate::connector::file::{Connector, Setting};
use crate::connector::template::{self, Variables};
use crate::document::suggest::{advice, quoted};
use crate::model::StreamName;
use crate::model::row::Kind;

impl StreamSpec {
    /// The lists that a stream of combo lists is read for, where its connector names them.
    pub fn named_lists(&self) -> Option<BTreeSet<String>> {
        let template = self.list_template()?;
        let items = &self.for_each.as_ref()?.list;
        let names = items.iter().map(|item| template::fill(template, &[item]));
        (!items.is_empty()).then(|| names.collect())
    }

    /// The lists that its columns refer to.
    pub fn referenced_lists(&self) -> impl Iterator<Item = String> {
        let columns = self.columns.iter();
        columns.filter_map(|column| Some(self.reference(column)?.list))
    }

    /// The same stream for a source of which only these lists are read.
    pub fn with_lists(&self, lists: &Arc<BTreeSet<String>>) -> Self {
        let mut spec = self.clone();
        spec.lists = Some(Arc::clone(lists));
        if let (Some(template), Some(each)) = (self.list_template(), &mut spec.for_each) {
            let is_read = |item: &Variables| lists.contains(&template::fill(template, &[item]));
            each.list.retain(is_read);
        }
        spec
    }

    /// What makes the name of the list from an item.
    fn list_template(&self) -> Option<&str> {
        match &self.columns[self.combos?.list].origin {
            ColumnSource::Constant(template) => Some(template),
            ColumnSource::Paths(_) => None,
        }
    }
}

/// Connects `[combos]` with its stream, and reports mistakes in it and in the columns' references.
pub(super) fn connect(
    connector: &Connector,
    specs: &mut BTreeMap<StreamName, StreamSpec>,
    problems: &mut Vec<ConnectorProblem>,
) {
    let Some(combos) = &connector.combos else {
        return;
    };
    problems.extend(setting_problems(connector, combos));
    let mut lists = None;
    match specs.get_mut(combos.stream.as_str()) {
        Some(spec) => {
            spec.combos = columns(combos, spec, problems);
            lists = spec.named_lists();
        }
        None if connector.streams.contains_key(&combos.stream) => {} // off, or with problems of its own
        None => {
            let help = advice(&combos.stream, specs.keys().map(StreamName::as_str));
            problems.push(problem(
                &["combos", "stream"],
                format!("there is no stream {}", quoted(&combos.stream)),
                Some(help),
            ));
        }
    }
    for (name, spec) in specs.iter() {
        problems.extend(reference_problems(
            combos,
            name.as_str(),
            spec,
            lists.as_ref(),
        ));
    }
}

fn problem(at: &[&str], message: String, help: Option<String>) -> ConnectorProblem {
    let at = at.iter().map(|key| (*key).to_owned()).collect();
    ConnectorProblem { at, message, help }
}

fn columns(
    combos: &Combos,
    spec: &StreamSpec,
    problems: &mut Vec<ConnectorProblem>,
) -> Option<ComboColumns> {
    let mut find = |key: &str, name: &str| {
        let index = spec.column(name);
        if index.is_none() {
            let help = advice(name, spec.columns.iter().map(|column| column.name.as_str()));
            let message = format!("{} has no column {}", spec.name, quoted(name));
            problems.push(problem(&["combos", key], message, Some(help)));
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

fn setting_problems(connector: &Connector, combos: &Combos) -> Vec<ConnectorProblem> {
    let mut problems = Vec::new();
    for (name, pick) in &combos.by_setting {
        let known = connector.settings.keys().map(String::as_str);
        if connector.settings.contains_key(name) {
            let message = format!("{} is a setting already", quoted(name));
            let help = "give the list another name";
            problems.push(problem(
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
                problems.push(problem(&at, message, Some(advice(&pick.setting, known))));
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
            problems.push(problem(&at, message, Some(help)));
        }
    }
    problems
}

/// References to unknown lists, from unsuitable columns, or with conflicting names in the view.
fn reference_problems(
    combos: &Combos,
    stream: &str,
    spec: &StreamSpec,
    lists: Option<&BTreeSet<String>>,
) -> Vec<ConnectorProblem> {
    let mut problems = Vec::new();
    for column in spec.columns.iter() {
        let Some(reference) = &column.combo else {
            continue;
        };
        let at = ["streams", stream, "columns", &column.name];
        if column.kind == Kind::Json {
            let message = "a combo list explains one value, and this column is JSON".to_owned();
            let help = "leave `combo` out, and name the list in `help`";
            problems.push(problem(&at, message, Some(help.into())));
        }
        for part in ["code", "label"] {
            let derived = format!("{}_{part}", column.name);
            if spec.column(&derived).is_some() {
                let message = format!(
                    "{} would occur twice in the labelled view",
                    quoted(&derived)
                );
                problems.push(problem(
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
            problems.push(problem(
                &at,
                format!("there is no list {}", quoted(list)),
                Some(help),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
