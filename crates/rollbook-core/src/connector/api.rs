//! A connector made ready: its columns and durations understood, its templates filled with a source's settings.
//!
//! Interprets a connector's texts and finds those that mean nothing. Not the reading itself. Every problem is reported
//! with the path of its key, before anything is sent.

mod across;
mod build;
mod combos;
mod page;
mod person;
mod refers_to;
mod several;

pub use self::across::bad_time_zone;
use self::across::{
    identity_problem, key_problem, note_people, note_uses, outcome_problems, personal_problems,
    time_zone_problem, webhook_problems,
};
use self::build::Builder;
use self::person::PersonSpec;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::columns::{Column, Path};
use super::combos::ComboColumns;
use super::decode::{Decoder, DecoderRules};
use super::file::{Connector, ForEach, NameMatch, Removed};
use super::mask::PseudonymKey;
use super::paging::PageRules;
use super::query_value::QueryValue;
use super::response::PageShape;
use super::template::{self, Variables};
use jiff::tz::TimeZone;

use crate::document::suggest::advice;
use crate::document::text_value::ValueError;
use crate::model::{
    History, Masking, Reference, SourceName, StreamName, Table, TableColumn, debug_fingerprint,
};

/// The default format of times in a request.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// The default lifetime of old versions.
const HISTORY: Duration = Duration::from_secs(400 * 86_400);

/// A problem with a connector: the path of the key, what is wrong, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorProblem {
    /// The key's path in the connector.
    pub at: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// The settings of a source: texts, and lists of texts.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Filled into templates.
    pub texts: Variables,
    /// For `for_each.setting`.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// One kind of row of one source, ready to be read.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub name: StreamName,
    /// What a row is.
    pub title: String,
    /// Templates of the paths, in order of preference.
    pub paths: Vec<String>,
    /// Query parameters.
    pub query: BTreeMap<String, QueryValue>,
    /// Headers; templates.
    pub headers: BTreeMap<String, String>,
    /// The paths of a page's parts.
    pub shape: PageShape,
    /// How pages are requested.
    pub page: PageRules,
    /// The column that a watermark walk follows.
    pub watermark: Option<usize>,
    /// The columns in the table's order.
    pub columns: Arc<[Column]>,
    /// The key's columns.
    pub key: Vec<usize>,
    /// Columns that name the item of `for_each` a row belongs to.
    pub partition: Vec<usize>,
    /// A walk through time.
    pub window: Option<WindowRules>,
    /// What it is read for.
    pub for_each: Option<ForEach>,
    /// How several items are asked for by one request.
    pub several: Option<SeveralRules>,
    /// How often a list is read for all its items, though some did not move.
    pub items_every: Duration,
    /// How only changes are requested.
    pub since: Option<SinceRules>,
    /// How a row is known to be removed.
    pub removed: Removed,
    /// The column that marks a removed row.
    pub removed_status: Option<(usize, Vec<String>)>,
    /// Settings without which it is not requested.
    pub needs: Vec<String>,
    /// The vendor may refuse it.
    pub optional: bool,
    /// The members that a row in its short form has none of: what it lacks keeps its last value. Empty where
    /// every row is full.
    pub lacks: Vec<Path>,
    /// Template of the time zone in which a time with a zone is a day; may be empty.
    pub time_zone: String,
    /// The column that orders versions.
    pub newest: Option<usize>,
    /// The columns by which people know a row.
    pub display: Vec<usize>,
    /// The names of the columns by which other streams of the connector are read.
    pub used_by_others: BTreeSet<String>,
    /// The names of the columns of the preset `core`; empty where the stream has none.
    pub core: BTreeSet<String>,
    /// Whose data the rows are.
    pub person: PersonSpec,
    /// Whether a row is, or refers to, what has to do with a person.
    pub concerns_people: bool,
    /// How long old versions are kept.
    pub history: History,
    /// The columns of a combo list's entry, where this stream mirrors the combo lists.
    pub combos: Option<ComboColumns>,
    /// The combo lists that the jobs of the source read, where they choose: a column refers to no other.
    lists: Option<Arc<BTreeSet<String>>>,
    envelope: Option<String>,
    ignored: Vec<String>,
    nulls: Vec<String>,
    names: NameMatch,
    settings: Arc<Variables>,
    pseudonyms: Option<PseudonymKey>,
}

/// A walk through time, understood.
#[derive(Clone, Debug)]
pub struct WindowRules {
    /// Parameter with the start.
    pub from: String,
    /// Parameter with the end.
    pub to: String,
    /// The timestamp column.
    pub column: usize,
    /// Templates of the first start.
    pub start: Vec<String>,
    /// Templates of the end.
    pub end: Vec<String>,
    /// Length of a step.
    pub step: Duration,
    /// Smallest length of a step.
    pub smallest: Duration,
    /// How far before the last point the next walk starts.
    pub overlap: Duration,
    /// The wire form of a time.
    pub format: String,
    /// How often an older span is read again, and how far back.
    pub reread: Option<(Duration, Duration)>,
}

/// How several items of a time series are asked for by one request, understood.
#[derive(Clone, Debug)]
pub struct SeveralRules {
    /// How many at most.
    pub most: usize,
    /// What is between the values of the variable.
    pub separator: String,
    /// The variable that names an item.
    pub variable: String,
    /// Reads from a row what is a constant where one item is asked for.
    pub column: Column,
}

/// How only changes are requested, understood.
#[derive(Clone, Debug)]
pub struct SinceRules {
    /// The change time's column.
    pub column: usize,
    /// Query parameters; templates with `{since}`.
    pub query: BTreeMap<String, QueryValue>,
    /// How far before the cursor to read again.
    pub overlap: Duration,
    /// The wire form of a time.
    pub format: String,
    /// The default for jobs that do not choose.
    pub default: bool,
    /// A full reading at least this often.
    pub full_every: Duration,
}

/// All streams of a connector, as no source has set them yet, or every problem of it.
pub fn streams(
    connector: &Connector,
) -> Result<BTreeMap<StreamName, StreamSpec>, Vec<ConnectorProblem>> {
    let mut problems = Vec::new();
    let mut specs = BTreeMap::new();
    for (name, stream) in connector.streams.iter().filter(|(_, stream)| !stream.off) {
        let name: StreamName = match name.parse() {
            Ok(name) => name,
            Err(ValueError { message, help }) => {
                let at = vec!["streams".into(), name.clone()];
                problems.push(ConnectorProblem { at, message, help });
                continue;
            }
        };
        let mut builder = Builder {
            connector,
            stream,
            at: vec!["streams".into(), name.to_string()],
            problems: &mut problems,
        };
        if let Some(spec) = builder.build(&name) {
            specs.insert(name, spec);
        }
    }
    let known: Vec<&str> = specs.keys().map(StreamName::as_str).collect();
    for (name, spec) in &specs {
        let mut needs = |other: &str, key: &[&str]| {
            if !known.contains(&other)
                && !connector
                    .streams
                    .get(other)
                    .is_some_and(|stream| stream.off)
            {
                let mut at = vec!["streams".to_owned(), name.to_string()];
                at.extend(key.iter().map(|key| (*key).to_owned()));
                problems.push(ConnectorProblem {
                    at,
                    message: format!("there is no stream `{other}`"),
                    help: Some(advice(other, known.iter().copied())),
                });
            }
        };
        if let Some(parent) = spec
            .for_each
            .as_ref()
            .and_then(|each| each.stream.as_deref())
        {
            needs(parent, &["for_each", "stream"]);
        }
        if let Some(count) = spec.for_each.as_ref().and_then(|each| each.count.as_ref()) {
            needs(&count.stream, &["for_each", "count", "stream"]);
        }
        if let Some(feed) = &spec.removed.feed {
            needs(&feed.stream, &["removed", "feed", "stream"]);
        }
    }
    problems.extend(time_zone_problem(connector));
    problems.extend(outcome_problems(connector));
    problems.extend(identity_problem(connector, &specs));
    problems.extend(personal_problems(connector));
    problems.extend(webhook_problems(connector));
    problems.extend(key_problem(connector));
    combos::connect(connector, &mut specs, &mut problems);
    note_uses(&mut specs);
    note_people(&mut specs);
    if problems.is_empty() {
        Ok(specs)
    } else {
        Err(problems)
    }
}

impl StreamSpec {
    /// The same stream for a source with these settings. What it needs of lists is decided here, because they fill no template.
    pub fn of_source(
        &self,
        settings: &Arc<Variables>,
        lists: &BTreeMap<String, Vec<String>>,
    ) -> Self {
        let is_filled = |name: &String| lists.get(name).is_some_and(|list| !list.is_empty());
        let needs = self.needs.iter().filter(|name| !is_filled(name));
        Self {
            settings: Arc::clone(settings),
            needs: needs.cloned().collect(),
            ..self.clone()
        }
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The decoder for one item of `for_each`: its variables fill constants and member names.
    pub fn decoder(&self, item: &Variables) -> Arc<Decoder> {
        let filled = |column: &Column| {
            let filled = template::fill(&column.from, &[item]);
            let read = Column::read(&column.name, &filled, &column.help, column.combo.as_ref());
            Self::like(column, read.unwrap_or_else(|_| column.clone()))
        };
        self.decoder_of(self.columns.iter().map(filled).collect())
    }

    /// The decoder for rows of several items, which tell the item that they are of.
    pub fn decoder_of_several(&self, several: &SeveralRules) -> Arc<Decoder> {
        let columns = self.columns.iter().enumerate();
        let read = columns.map(|(index, column)| match self.partition.contains(&index) {
            true => Self::like(column, several.column.clone()),
            false => column.clone(),
        });
        self.decoder_of(read.collect())
    }

    /// Why the stream is not requested: a setting that it needs is empty.
    pub fn unset(&self) -> Option<String> {
        let is_empty = |name: &&String| self.settings.get(*name).is_none_or(String::is_empty);
        let name = self.needs.iter().find(is_empty)?;
        Some(format!(
            "not requested, because the source's setting `{name}` is empty"
        ))
    }

    /// A column that is read in another way than the connector writes it, and is the same for all others.
    fn like(column: &Column, mut read: Column) -> Column {
        read.from.clone_from(&column.from);
        read.refers_to.clone_from(&column.refers_to);
        read.masking = column.masking;
        read
    }

    fn decoder_of(&self, columns: Vec<Column>) -> Arc<Decoder> {
        let zone = template::fill(&self.time_zone, &[self.settings.as_ref()]);
        let rules = DecoderRules {
            envelope: self.envelope.clone(),
            ignored: self.ignored.clone(),
            nulls: self.nulls.clone(),
            names: self.names,
            lacks: self.lacks.clone(),
            zone: TimeZone::get(&zone).ok(), // `time_zone_problem` reports an unknown one
            pseudonyms: self.pseudonyms.clone(),
        };
        Arc::new(Decoder::new(columns, self.key.clone(), rules))
    }

    /// A hash of all that decides how a response is read.
    pub fn context(&self) -> u128 {
        // A key shows nothing of itself.
        let pseudonyms = self.pseudonyms.as_ref().map(PseudonymKey::name);
        debug_fingerprint(&(self, pseudonyms))
    }

    /// The same stream with only these columns, ascending; those that the engine needs must be among them.
    pub fn with_columns(&self, kept: &[usize]) -> Self {
        let moved = |index: usize| kept.iter().position(|old| *old == index);
        let all =
            |positions: &[usize]| positions.iter().filter_map(|index| moved(*index)).collect();
        let mut spec = self.clone();
        spec.columns = kept
            .iter()
            .map(|index| self.columns[*index].clone())
            .collect();
        spec.key = all(&self.key);
        spec.partition = all(&self.partition);
        spec.display = all(&self.display);
        spec.watermark = self.watermark.and_then(moved);
        spec.newest = self.newest.and_then(moved);
        spec.combos = self.combos.and_then(|combos| combos.moved(moved));
        spec.removed_status = self
            .removed_status
            .clone()
            .and_then(|(index, is)| Some((moved(index)?, is)));
        spec.since = self.since.clone().and_then(|since| {
            Some(SinceRules {
                column: moved(since.column)?,
                ..since
            })
        });
        spec.window = self.window.clone().and_then(|window| {
            Some(WindowRules {
                column: moved(window.column)?,
                ..window
            })
        });
        // Such a column is left out on purpose: its members are not reported as unlisted.
        let left_out = (0..self.columns.len()).filter(|index| !kept.contains(index));
        let paths = left_out.flat_map(|index| {
            let (paths, _) = self.columns[index]
                .from
                .rsplit_once(':')
                .unwrap_or_default();
            paths.split('|')
        });
        let members = paths.filter_map(|path| path.split('[').next());
        spec.ignored
            .extend(members.map(|path| path.trim().to_owned()));
        spec
    }

    /// The same stream with some columns masked.
    pub fn masked(&self, masking: impl Fn(&str) -> Option<Masking>) -> Self {
        let column = |column: &Column| Column {
            masking: masking(&column.name),
            ..column.clone()
        };
        Self {
            columns: self.columns.iter().map(column).collect(),
            ..self.clone()
        }
    }

    /// Whether it can only be read with the key of the pseudonyms.
    pub fn has_pseudonyms(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|column| column.masking == Some(Masking::Pseudonym))
    }

    /// The same stream with the key of the pseudonyms.
    pub fn with_pseudonyms(&self, key: &PseudonymKey) -> Self {
        Self {
            pseudonyms: Some(key.clone()),
            ..self.clone()
        }
    }

    /// Columns that the engine itself needs, which no job can leave out.
    pub fn needed(&self) -> Vec<usize> {
        [self.key.clone(), self.read_by()].concat()
    }

    /// Columns by whose values, as the vendor sends them, the engine reads, orders or finds rows.
    pub fn read_by(&self) -> Vec<usize> {
        let mut needed = self.partition.clone();
        needed.extend(self.watermark);
        needed.extend(self.newest);
        needed.extend(self.removed_status.as_ref().map(|status| status.0));
        needed.extend(self.since.as_ref().map(|since| since.column));
        needed.extend(self.window.as_ref().map(|window| window.column));
        needed.extend(self.combos.into_iter().flat_map(ComboColumns::all));
        needed.extend(
            self.used_by_others
                .iter()
                .filter_map(|name| self.column(name)),
        );
        needed
    }

    /// Query parameters with every name filled; empty ones are left out.
    pub fn query(&self, item: &Variables) -> Vec<(String, String)> {
        filled(&self.query, &[self.settings.as_ref(), item])
    }

    /// The headers with every name filled; empty ones are left out.
    pub fn headers(&self, item: &Variables) -> Vec<(String, String)> {
        let layers = [self.settings.as_ref(), item];
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), template::fill(value, &layers)));
        headers.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The paths with every name filled, in order of preference; values are percent-encoded.
    pub fn paths(&self, item: &Variables) -> Vec<String> {
        let encoded = |variables: &Variables| -> Variables {
            variables
                .iter()
                .map(|(name, value)| (name.clone(), percent_encoded(value)))
                .collect()
        };
        let (settings, item) = (encoded(&self.settings), encoded(item));
        self.paths
            .iter()
            .map(|path| template::fill(path, &[&settings, &item]))
            .collect()
    }

    /// The combo list that a column refers to with this source's settings; none where they pick none.
    pub fn reference(&self, column: &Column) -> Option<Reference> {
        let reference = column.combo.as_ref()?;
        let list = template::fill(&reference.list, &[self.settings.as_ref()]);
        let is_read = self
            .lists
            .as_ref()
            .is_none_or(|lists| lists.contains(&list));
        (is_read && !list.is_empty() && template::names(&list).is_empty()).then_some(Reference {
            list,
            by: reference.by,
        })
    }

    /// The column of the mirror that a column's values are found in; none where the source's settings pick no combo list.
    pub fn refers_to(&self, column: &Column, source: &SourceName) -> Option<String> {
        let refers_to = column.refers_to.as_ref()?;
        let is_picked = column.combo.is_none() || self.reference(column).is_some();
        is_picked.then(|| format!("{source}_{}.{}", refers_to.stream, refers_to.column))
    }

    /// Its table in the mirror, for a source.
    pub fn table(&self, source: &SourceName, history: History) -> Table {
        let column = |column: &Column| TableColumn {
            name: column.name.clone(),
            kind: column.stored_kind(),
            masking: column.masking,
            from: column.from.clone(),
            help: column.help.clone(),
            combo: self.reference(column),
            refers_to: self.refers_to(column, source),
        };
        let history = history != History::Off;
        Table {
            source: source.clone(),
            stream: self.name.clone(),
            columns: self.columns.iter().map(column).collect(),
            key: self.key.clone(),
            partition: self.partition.clone(),
            newest: self.newest,
            removed_status: self.removed_status.clone(),
            series: !history && self.has_points(),
            history,
            person: self.person.of_source(source),
        }
    }

    /// Whether its rows are points: read through time, known by item and time, and not about a person, so that none is ever erased.
    fn has_points(&self) -> bool {
        let Some(window) = &self.window else {
            return false;
        };
        let key = self.partition.iter().chain([&window.column]);
        !self.concerns_people && key.eq(&self.key)
    }

    /// A template's text for an item.
    pub fn fill(&self, text: &str, item: &Variables) -> String {
        template::fill(text, &[self.settings.as_ref(), item])
    }
}

impl SinceRules {
    /// The query of an incremental reading from this time on.
    pub fn query_from(&self, timestamp: jiff::Timestamp) -> Vec<(String, String)> {
        let variables = Variables::from([("since".to_owned(), wire_time(timestamp, &self.format))]);
        filled(&self.query, &[&variables])
    }
}

/// A time as a request writes it, in UTC.
pub fn wire_time(timestamp: jiff::Timestamp, format: &str) -> String {
    timestamp
        .to_zoned(jiff::tz::TimeZone::UTC)
        .strftime(format)
        .to_string()
}

fn filled(query: &BTreeMap<String, QueryValue>, layers: &[&Variables]) -> Vec<(String, String)> {
    query
        .iter()
        .map(|(name, value)| (name.clone(), value.fill(layers)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Everything but the unreserved characters of RFC 3986, and the comma, which lists of ids need.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
