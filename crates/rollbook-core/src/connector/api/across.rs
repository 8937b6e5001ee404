//! What must fit between the streams of a connector, and what belongs to none of them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{ConnectorProblem, PersonSpec, StreamSpec};
use crate::connector::file::Connector;
use crate::connector::template;
use crate::document::suggest::advice;
use crate::model::{OutcomeMember, StreamName};

/// A time zone that the file itself names; one from a source's setting is checked with the source.
pub(super) fn time_zone_problem(connector: &Connector) -> Option<ConnectorProblem> {
    let zone = &connector.time_zone;
    let is_template = !template::names(zone).is_empty();
    let message = (!is_template).then(|| bad_time_zone(zone)).flatten()?;
    Some(ConnectorProblem {
        at: vec!["time_zone".to_owned()],
        message,
        help: Some("write it as in \"Europe/Vienna\"".to_owned()),
    })
}

/// Why a text is no time zone; the empty text is none on purpose.
pub fn bad_time_zone(zone: &str) -> Option<String> {
    let is_good = zone.is_empty() || TimeZone::get(zone).is_ok();
    (!is_good).then(|| format!("there is no time zone `{zone}`"))
}

/// Paths of `errors` that no member can be at: they would never find a failure.
pub(super) fn outcome_problems(connector: &Connector) -> Vec<ConnectorProblem> {
    let is_step = |step: &str| {
        let name = step.trim_end_matches("[]");
        step == "{*}" || (!step.is_empty() && !name.contains(['[', ']', '{', '}', '|']))
    };
    let members = connector.errors.outcome_members();
    let bad = members.filter(|member| !member.path.split('.').all(is_step));
    let problem = |member: OutcomeMember<'_>| ConnectorProblem {
        at: vec!["errors".to_owned()],
        message: format!("`{}` is not a path of `failed` or `ok`", member.path),
        help: Some(
            "members with dots; `[]` is each element, `{*}` each member: `users[].error`"
                .to_owned(),
        ),
    };
    bad.map(problem).collect()
}

/// The column of the account's name must exist; a stream that is off is no mistake.
pub(super) fn identity_problem(
    connector: &Connector,
    specs: &BTreeMap<StreamName, StreamSpec>,
) -> Option<ConnectorProblem> {
    let identity = connector.identity.as_ref()?;
    let problem = |key: &str, message: String, help: String| ConnectorProblem {
        at: vec!["identity".to_owned(), key.to_owned()],
        message,
        help: Some(help),
    };
    match specs.get(identity.stream.as_str()) {
        None if connector.streams.contains_key(&identity.stream) => None,
        None => Some(problem(
            "stream",
            format!("there is no stream `{}`", identity.stream),
            advice(&identity.stream, specs.keys().map(StreamName::as_str)),
        )),
        Some(spec) if spec.column(&identity.column).is_none() => Some(problem(
            "column",
            format!("{} has no column `{}`", spec.name, identity.column),
            advice(
                &identity.column,
                spec.columns.iter().map(|column| column.name.as_str()),
            ),
        )),
        Some(_) => None,
    }
}

/// A fixed key must be sent somewhere.
pub(super) fn key_problem(connector: &Connector) -> Option<ConnectorProblem> {
    let rules = connector.auth.api_key.as_ref()?;
    let is_sent = !rules.all_headers(None).is_empty() || !rules.query.is_empty();
    (!is_sent).then(|| ConnectorProblem {
        at: vec!["auth".to_owned(), "api_key".to_owned()],
        message: "`api_key` does not say where the key is sent".to_owned(),
        help: Some("add `header = \"Authorization\"`, `headers` or `query`".to_owned()),
    })
}

/// The streams of a kind of record must exist; one that is off is no mistake.
pub(super) fn webhook_problems(connector: &Connector) -> Vec<ConnectorProblem> {
    let entities = connector
        .webhook
        .iter()
        .flat_map(|webhook| &webhook.entities);
    let named = entities.flat_map(|(entity, streams)| streams.iter().map(move |one| (entity, one)));
    let unknown = named.filter(|(_, stream)| !connector.streams.contains_key(*stream));
    let problem = |(entity, stream): (&String, &String)| ConnectorProblem {
        at: vec!["webhook".to_owned(), "entities".to_owned(), entity.clone()],
        message: format!("there is no stream `{stream}`"),
        help: Some(advice(stream, connector.streams.keys().map(String::as_str))),
    };
    unknown.map(problem).collect()
}

/// Notes in each stream which of its columns other streams are read by: for the items of `for_each`, and for deletions.
pub(super) fn note_uses(specs: &mut BTreeMap<StreamName, StreamSpec>) {
    let mut uses: Vec<(String, String)> = Vec::new();
    for spec in specs.values() {
        let mut note =
            |stream: &str, column: &str| uses.push((stream.to_owned(), column.to_owned()));
        if let Some(feed) = &spec.removed.feed {
            note(&feed.stream, &feed.key);
            feed.rows
                .keys()
                .for_each(|column| note(&feed.stream, column));
        }
        let Some(each) = &spec.for_each else { continue };
        let count = each.count.as_ref();
        if let Some(parent) = &each.stream {
            let columns = each.take.values().chain(count.map(|count| &count.by));
            columns.for_each(|column| note(parent, column));
        }
        if let Some(count) = count {
            note(&count.stream, &count.column);
        }
    }
    for (stream, column) in uses {
        if let Some(spec) = specs.get_mut(stream.as_str()) {
            spec.used_by_others.insert(column);
        }
    }
}

/// Notes in each stream whether its rows have to do with a person: they are people, name one, or refer to such rows.
pub(super) fn note_people(specs: &mut BTreeMap<StreamName, StreamSpec>) {
    loop {
        let concerns = |name: &str| specs.get(name).is_some_and(|spec| spec.concerns_people);
        let is_new = |spec: &&StreamSpec| {
            let mut targets = spec.columns.iter().filter_map(|one| one.refers_to.as_ref());
            !spec.concerns_people
                && (spec.person != PersonSpec::None
                    || targets.any(|to| concerns(to.stream.as_str())))
        };
        let new: Vec<StreamName> = specs
            .values()
            .filter(is_new)
            .map(|spec| spec.name.clone())
            .collect();
        if new.is_empty() {
            return;
        }
        for name in new {
            specs
                .entry(name)
                .and_modify(|spec| spec.concerns_people = true);
        }
    }
}

/// Patterns of `[personal]` that cannot fit a column: of an unknown stream, or the name of an unknown column.
pub(super) fn personal_problems(connector: &Connector) -> Vec<ConnectorProblem> {
    let mut problems = Vec::new();
    for (key, _, patterns) in connector.personal.lists() {
        for pattern in patterns {
            let (stream, column) = pattern.split_once('.').unwrap_or((pattern, ""));
            let found = match connector.streams.get(stream) {
                _ if stream.contains('*') && !column.is_empty() => continue,
                Some(config) if config.off || column.contains('*') => continue,
                Some(config) => {
                    let mut names = config.columns.0.iter().map(|(name, _)| name.as_str());
                    match names.any(|name| name == column) {
                        true => continue,
                        false => (
                            format!("{stream} has no column `{column}`"),
                            advice(
                                column,
                                config.columns.0.iter().map(|(name, _)| name.as_str()),
                            ),
                        ),
                    }
                }
                None => (
                    format!("there is no stream `{stream}`"),
                    advice(stream, connector.streams.keys().map(String::as_str)),
                ),
            };
            problems.push(ConnectorProblem {
                at: vec!["personal".to_owned(), key.to_owned()],
                message: found.0,
                help: Some(found.1),
            });
        }
    }
    problems
}
