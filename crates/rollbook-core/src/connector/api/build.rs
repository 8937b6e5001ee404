//! A connector made ready, one step a key, with every problem it can have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{ConnectorProblem, HISTORY, SinceRules, StreamSpec, TIME_FORMAT, WindowRules};
use crate::connector::columns::{Column, ColumnSource, Path, read_member_path};
use crate::connector::combos::ComboRules;
use crate::connector::file::{Connector, ForEach, Reread, SinceConfig, StreamConfig, WindowConfig};
use crate::connector::query_value::QueryValue;
use crate::connector::template;
use crate::connector::template::Variables;
use crate::document::suggest::advice;
use crate::model::duration::duration;
use crate::model::{History, StreamName};

/// Builds one stream and notes what is wrong with it.
pub(super) struct Builder<'a> {
    pub(super) connector: &'a Connector,
    pub(super) stream: &'a StreamConfig,
    /// The key of the stream in the file.
    pub(super) at: Vec<String>,
    pub(super) problems: &'a mut Vec<ConnectorProblem>,
}

impl Builder<'_> {
    pub(super) fn build(&mut self, name: &StreamName) -> Option<StreamSpec> {
        let before = self.problems.len();
        let stream = self.stream;
        let columns = self.columns(name);
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        let key: Vec<usize> = stream
            .key
            .iter()
            .filter_map(|name| self.need(find(name), name, &columns, &["key"]))
            .collect();
        if stream.key.is_empty() {
            self.problem(
                &["key"],
                "a stream needs a key".into(),
                Some("name the columns that identify a row".into()),
            );
        }
        let since = stream
            .since
            .as_ref()
            .and_then(|since| self.since(since, &columns));
        let window = stream
            .window
            .as_ref()
            .and_then(|window| self.window(window, &columns));
        let watermark = self.watermark(&stream.page, &columns);
        let newest = stream
            .newest
            .as_ref()
            .and_then(|name| self.need(find(name), name, &columns, &["newest"]));
        let named = stream
            .display
            .iter()
            .filter_map(|name| self.need(find(name), name, &columns, &["display"]));
        let display = named.collect();
        let core = stream
            .core
            .iter()
            .filter_map(|name| self.need(find(name), name, &columns, &["core"]))
            .map(|index| columns[index].name.clone())
            .collect();
        let removed_status = stream.removed.status.as_ref().and_then(|status| {
            let index = self.need(
                find(&status.column),
                &status.column,
                &columns,
                &["removed", "status", "column"],
            )?;
            Some((
                index,
                status.is.iter().map(|word| word.to_lowercase()).collect(),
            ))
        });
        let page = self.page(&stream.page);
        self.check_headers();
        let items_every = self.for_each();
        let needs = self.needs();
        let lacks = self.lacks();
        let person = self.person(&columns);
        let history = self.history();
        let partition: Vec<usize> = (0..columns.len())
            .filter(|index| matches!(columns[*index].origin, ColumnSource::Constant(_)))
            .collect();
        self.skipped_items(window.is_some(), &partition);
        let several = self.several(&columns, (&partition, &key), window.as_ref());
        if self.problems.len() > before {
            return None;
        }
        Some(StreamSpec {
            name: name.clone(),
            title: stream.title.clone(),
            paths: stream.path.texts().to_vec(),
            query: self.query(),
            headers: stream.headers.clone(),
            shape: self.page_shape(),
            page,
            watermark,
            columns: columns.into(),
            key,
            partition,
            window,
            for_each: stream.for_each.clone(),
            several,
            items_every,
            since,
            removed: stream.removed.clone(),
            removed_status,
            needs,
            optional: stream.optional,
            lacks,
            time_zone: self.connector.time_zone.clone(),
            newest,
            display,
            used_by_others: BTreeSet::new(),
            core,
            person,
            concerns_people: false, // see `note_people`
            history,
            combos: None,
            lists: None,
            envelope: stream.envelope.clone(),
            ignored: stream.ignore.clone(),
            nulls: self.connector.nulls.clone(),
            names: self.connector.names,
            settings: Arc::default(),
            pseudonyms: None,
        })
    }

    pub(super) fn problem(&mut self, key: &[&str], message: String, help: Option<String>) {
        let mut at = self.at.clone();
        at.extend(key.iter().map(|key| (*key).to_owned()));
        self.problems.push(ConnectorProblem { at, message, help });
    }

    pub(super) fn need(
        &mut self,
        index: Option<usize>,
        name: &str,
        columns: &[Column],
        key: &[&str],
    ) -> Option<usize> {
        if index.is_none() {
            let help = advice(name, columns.iter().map(|column| column.name.as_str()));
            self.problem(key, format!("there is no column `{name}`"), Some(help));
        }
        index
    }

    fn columns(&mut self, stream: &StreamName) -> Vec<Column> {
        let mut columns = Vec::new();
        let variables = self
            .stream
            .for_each
            .as_ref()
            .map(item_variables)
            .unwrap_or_default();
        for (name, column) in &self.stream.columns.0 {
            let combo = column.combo().map(ComboRules::reference);
            let refers_to = self.refers_to(name, column);
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if name.starts_with('_') || !plain {
                self.problem(
                    &["columns", name],
                    format!("invalid column name `{name}`"),
                    Some(
                        "small letters, digits and underscores, not starting with an underscore"
                            .into(),
                    ),
                );
            }
            // A path may hold variables of an item: any name does to understand the rest of it.
            let is_constant = column.from().trim_start().starts_with('=');
            let text = if is_constant {
                column.from().to_owned()
            } else {
                template::fill(column.from(), &[&variables])
            };
            match Column::read(name, &text, column.help(), combo.as_ref()) {
                Ok(read) => columns.push(Column {
                    from: column.from().to_owned(),
                    personal: self.connector.personal.category(stream.as_str(), name),
                    refers_to,
                    ..read
                }),
                Err(message) => self.problem(&["columns", name], message, None),
            }
        }
        columns
    }

    fn period(&mut self, text: Option<&String>, default: Duration, key: &[&str]) -> Duration {
        let Some(text) = text else { return default };
        match duration(text) {
            Ok(length) => length,
            Err(complaint) => {
                self.problem(key, complaint.message, complaint.help);
                default
            }
        }
    }

    fn history(&mut self) -> History {
        match self.stream.history.as_deref().map(str::parse::<History>) {
            None => History::Keep(HISTORY),
            Some(Ok(history)) => history,
            Some(Err(complaint)) => {
                self.problem(&["history"], complaint.message, complaint.help);
                History::Off
            }
        }
    }

    fn since(&mut self, since: &SinceConfig, columns: &[Column]) -> Option<SinceRules> {
        let index = columns
            .iter()
            .position(|column| column.name == since.column);
        let column = self.need(index, &since.column, columns, &["since", "column"])?;
        Some(SinceRules {
            column,
            query: since.query.clone(),
            overlap: self.period(
                since.overlap.as_ref(),
                Duration::from_secs(600),
                &["since", "overlap"],
            ),
            format: since
                .format
                .clone()
                .unwrap_or_else(|| TIME_FORMAT.to_owned()),
            default: since.default,
            full_every: self.period(
                since.full_every.as_ref(),
                Duration::from_secs(7 * 86_400),
                &["since", "full_every"],
            ),
        })
    }

    fn window(&mut self, window: &WindowConfig, columns: &[Column]) -> Option<WindowRules> {
        let index = columns
            .iter()
            .position(|column| column.name == window.column);
        let column = self.need(index, &window.column, columns, &["window", "column"])?;
        let hour = Duration::from_secs(3600);
        let reread = window.reread.as_ref().map(|Reread { every, span }| {
            let every = self.period(Some(every), 7 * 24 * hour, &["window", "reread", "every"]);
            (
                every,
                self.period(Some(span), 35 * 24 * hour, &["window", "reread", "span"]),
            )
        });
        Some(WindowRules {
            from: window.from.clone(),
            to: window.to.clone(),
            column,
            start: window.start.texts().to_vec(),
            end: window
                .end
                .as_ref()
                .map(|end| end.texts().to_vec())
                .unwrap_or_default(),
            step: self.period(Some(&window.step), 7 * 24 * hour, &["window", "step"]),
            smallest: self.period(window.smallest.as_ref(), hour, &["window", "smallest"]),
            overlap: self.period(window.overlap.as_ref(), 48 * hour, &["window", "overlap"]),
            format: window
                .format
                .clone()
                .unwrap_or_else(|| TIME_FORMAT.to_owned()),
            reread,
        })
    }

    pub(super) fn query(&self) -> BTreeMap<String, QueryValue> {
        let mut query = self.connector.query.clone();
        query.extend(self.stream.query.clone());
        query
    }

    fn check_headers(&mut self) {
        let page = &self.stream.page;
        let named = [
            (["page", "cursor_header"], &page.cursor_header),
            (["page", "next_header"], &page.next_header),
        ];
        let of_page = named
            .into_iter()
            .filter_map(|(key, name)| Some((key, name.as_ref()?)));
        let own = self.stream.headers.keys();
        let own = own.map(|name| (["headers", name.as_str()], name));
        let is_name = |name: &str| {
            let is_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !name.is_empty() && name.bytes().all(is_token)
        };
        for (key, name) in of_page.chain(own).filter(|(_, name)| !is_name(name)) {
            let help = Some("letters, digits and dashes".into());
            self.problem(&key, format!("`{name}` is not a valid header name"), help);
        }
    }

    fn lacks(&mut self) -> Vec<Path> {
        let Some(short) = &self.stream.short else {
            return Vec::new();
        };
        if short.lacks.is_empty() {
            self.problem(
                &["short", "lacks"],
                "`short.lacks` is empty".into(),
                Some("name members that only the full form has".into()),
            );
        }
        let mut lacks = Vec::new();
        for path in &short.lacks {
            match read_member_path(path) {
                Ok(path) => lacks.push(path),
                Err(message) => self.problem(&["short", "lacks"], message, None),
            }
        }
        lacks
    }

    /// Of a list that is read for some of its items, each row must say which it was read for: else all others were missing.
    fn skipped_items(&mut self, is_series: bool, partition: &[usize]) {
        let each = self.stream.for_each.as_ref();
        let skips = each.is_some_and(|each| !each.skip_while_same.is_empty());
        if skips && !is_series && partition.is_empty() {
            self.problem(
                &["for_each", "skip_while_same"],
                "no column says which item a row was read for".into(),
                Some("add one, such as `user_id = \"= {user_id} : text\"`".into()),
            );
        }
    }

    fn needs(&mut self) -> Vec<String> {
        let settings = &self.connector.settings;
        let unknown = |name: &&String| !settings.contains_key(*name);
        if let Some(name) = self.stream.needs.iter().find(unknown) {
            let help = advice(name, settings.keys().map(String::as_str));
            self.problem(
                &["needs"],
                format!("there is no setting `{name}`"),
                Some(help),
            );
        }
        self.stream.needs.clone()
    }

    /// Checks what the stream is read for; returns how often a list is read for all of it.
    fn for_each(&mut self) -> Duration {
        let day = Duration::from_secs(86_400);
        let Some(each) = &self.stream.for_each else {
            return day;
        };
        if each.list.is_empty() && each.setting.is_none() && each.stream.is_none() {
            self.problem(
                &["for_each"],
                "`for_each` names no items".into(),
                Some("add `list`, `setting` or `stream`".into()),
            );
        }
        if each.setting.is_some() && each.variable.is_none() {
            self.problem(
                &["for_each"],
                "`setting` needs `variable`".into(),
                Some("add `variable = \"…\"`".into()),
            );
        }
        self.period(each.full_every.as_ref(), day, &["for_each", "full_every"])
    }
}

/// Every variable that an item can fill, with a placeholder value.
pub(super) fn item_variables(each: &ForEach) -> Variables {
    let listed = each.list.iter().flat_map(|item| item.keys());
    let names = listed.chain(&each.variable).chain(each.take.keys());
    names
        .map(|name| (name.clone(), "member".to_owned()))
        .collect()
}
