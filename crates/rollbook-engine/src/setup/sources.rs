//! The sources against their connectors: is the connector known, are its settings right, does it offer the grant?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize as _;

use super::checks::Checks;
use super::files::SettingValue;
use super::settings::{self, Given};
use super::{Overlay, grants};
use rollbook_core::connector::api::{Settings, StreamSpec, bad_time_zone, streams};
use rollbook_core::connector::file::Connector;
use rollbook_core::connector::template::{self, Variables};
use rollbook_core::document::Node;
use rollbook_core::document::suggest::{advice, suggest};
use rollbook_core::model::StreamName;

/// The keys of a source's table.
const KEYS: [&str; 9] = [
    "connector",
    "settings",
    "auth",
    "limits",
    "ca_file",
    "proxy",
    "proxy_user",
    "proxy_password",
    "allow_private",
];

/// The sources as far as they can be read, by name.
pub(super) type Sources = BTreeMap<String, SourceDraft>;

/// A source as far as it can be read.
pub(super) struct SourceDraft {
    /// The name people know the vendor by.
    pub title: String,
    /// The names of its streams; `None` where its connector cannot be read.
    pub stream_names: Option<Vec<String>>,
    /// The settings that have a value.
    pub settings: Settings,
    /// What jobs read; `None` where its connector has mistakes.
    pub ready: Option<ReadySource>,
}

/// A source with its connector.
pub(super) struct ReadySource {
    pub connector: Arc<Connector>,
    pub streams: BTreeMap<StreamName, Arc<StreamSpec>>,
}

impl SourceDraft {
    /// One of its streams, where that can be read.
    pub fn stream(&self, name: &str) -> Option<&Arc<StreamSpec>> {
        self.ready.as_ref()?.streams.get(name)
    }

    /// What is wrong with the name of a stream, and what to write instead; `None` where there is one of this name,
    /// or where it is not known which ones there are.
    pub fn unknown_stream(&self, name: &str) -> Option<(String, String)> {
        let known = self.stream_names.as_ref()?;
        if known.iter().any(|other| other == name) {
            return None;
        }
        let message = format!("{} has no stream `{name}`", self.title);
        Some((message, advice(name, known.iter().map(String::as_str))))
    }
}

/// A connector made ready once for all its sources.
struct ReadyConnector {
    connector: Arc<Connector>,
    streams: BTreeMap<StreamName, StreamSpec>,
}

impl Checks<'_> {
    /// The drafts of all sources, by name.
    pub(super) fn sources(&mut self, overlay: &Overlay) -> Sources {
        let files = self.files;
        let mut drafts = Sources::new();
        let mut shared = BTreeMap::new();
        for entry in files.sources() {
            let draft = self.source(&entry.name, &entry.value, overlay, &mut shared);
            drafts.insert(entry.name.clone(), draft);
        }
        // A connector may be without a source because the source's key is misspelt.
        let connectors = self.connectors;
        for name in connectors.own_names() {
            if let Some(connector) = connectors
                .get(name)
                .filter(|_| !shared.contains_key(&**name))
            {
                self.ready_connector(name, connector);
            }
        }
        drafts
    }

    fn source<'n>(
        &mut self,
        name: &str,
        table: &'n Node,
        overlay: &Overlay,
        shared: &mut BTreeMap<&'n str, Option<ReadyConnector>>,
    ) -> SourceDraft {
        let mut draft = SourceDraft {
            title: name.to_owned(),
            stream_names: None,
            settings: Settings::default(),
            ready: None,
        };
        let Some(connector_name) = table.at(&["connector"]).and_then(Node::text) else {
            return draft;
        };
        if self.connectors.is_unknown(connector_name) {
            let help = advice(connector_name, self.connectors.all_names());
            let message = format!("there is no connector `{connector_name}`");
            self.source_problem(name, &["connector"], message, Some(help));
        }
        let Some(outline) = self.connectors.outline(connector_name) else {
            return draft;
        };
        draft.title.clone_from(&outline.title);
        draft.stream_names = outline.streams;
        if let Some(rules) = &outline.settings {
            let mut given = given_settings(table);
            for (setting, value) in overlay.settings_of(connector_name, rules) {
                let value = SettingValue::Text(value.clone());
                given.insert(setting.clone(), Given::Value(value));
            }
            let may_be_elsewhere = is_misspelt(table, "settings");
            let rules = settings::of_grant(rules, table.at(&["auth"]).and_then(grants::chosen));
            let (found, wrong) =
                settings::resolve(&outline.title, &rules, &given, may_be_elsewhere);
            draft.settings = found;
            for setting in wrong {
                let path: &[&str] = match &setting.name {
                    Some(name) => &["settings", name],
                    None => &[],
                };
                self.source_problem(name, path, setting.message, setting.help);
            }
        }
        let Some(connector) = self.connectors.get(connector_name) else {
            return draft;
        };
        if table.at(&["auth"]).is_some() || !is_misspelt(table, "auth") {
            self.grant(name, table, connector);
        }
        let ready = shared
            .entry(connector_name)
            .or_insert_with(|| self.ready_connector(connector_name, connector));
        let mut texts = draft.settings.texts.clone();
        texts.extend(picked_lists(connector, &draft.settings));
        self.time_zone(name, connector, &texts);
        if let Some(ready) = ready {
            let (texts, lists) = (Arc::new(texts), &draft.settings.lists);
            let of_source = |(name, spec): (&StreamName, &StreamSpec)| {
                (name.clone(), Arc::new(spec.of_source(&texts, lists)))
            };
            draft.ready = Some(ReadySource {
                connector: Arc::clone(&ready.connector),
                streams: ready.streams.iter().map(of_source).collect(),
            });
        }
        draft
    }

    /// A connector made ready, unless its texts have mistakes.
    fn ready_connector(&mut self, name: &str, connector: &Connector) -> Option<ReadyConnector> {
        match streams(connector) {
            Ok(streams) => Some(ReadyConnector {
                connector: Arc::new(connector.clone()),
                streams,
            }),
            Err(mistakes) => {
                for mistake in mistakes {
                    let at: Vec<&str> = mistake.at.iter().map(String::as_str).collect();
                    let problem = self
                        .connectors
                        .problem(name, &at, mistake.message, mistake.help);
                    self.problems.push(problem);
                }
                None
            }
        }
    }

    /// Checks the grant that the source uses.
    fn grant(&mut self, name: &str, table: &Node, connector: &Connector) {
        if let Some(problem) = grants::check(name, table, connector) {
            let (path, message, help) = problem;
            self.source_problem(name, path, message, Some(help));
        }
    }

    /// The time zone that a source fills into its connector.
    fn time_zone(&mut self, source: &str, connector: &Connector, texts: &Variables) {
        let names = template::names(&connector.time_zone);
        if !names.iter().all(|name| texts.contains_key(*name)) {
            return;
        }
        let zone = template::fill(&connector.time_zone, &[texts]);
        // A zone that the connector itself names is checked with the connector.
        let (Some(setting), Some(message)) = (names.first(), bad_time_zone(&zone)) else {
            return;
        };
        let help = "write it as in \"Europe/Vienna\"".to_owned();
        self.source_problem(source, &["settings", setting], message, Some(help));
    }
}

/// The settings of a source's table.
fn given_settings(table: &Node) -> BTreeMap<String, Given> {
    let entries = table.at(&["settings"]).map(Node::entries);
    let given = entries.unwrap_or_default().iter().map(|entry| {
        let value = SettingValue::deserialize(&entry.value);
        let given = value.map_or(Given::Unreadable, Given::Value);
        (entry.name.clone(), given)
    });
    given.collect()
}

/// Whether a source's table has an unknown key where this one was meant.
fn is_misspelt(table: &Node, key: &str) -> bool {
    let mut unknown = table
        .entries()
        .iter()
        .map(|entry| entry.name.as_str())
        .filter(|name| !KEYS.contains(name));
    unknown.any(|name| suggest(name, KEYS) == Some(key))
}

/// The combo lists that a source's settings pick, as variables.
fn picked_lists(connector: &Connector, settings: &Settings) -> Variables {
    let combos = connector.combos.as_ref();
    combos
        .map(|combos| combos.picked(&settings.texts))
        .unwrap_or_default()
}
