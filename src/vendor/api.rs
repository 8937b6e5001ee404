//! A description made ready for one source: templates filled, columns and durations understood.
//!
//! This is where a description's texts get their meaning, and where those that mean nothing are
//! found. Not the reading itself. Every problem is told, with the place of its key, before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{PageShape, Place};
use super::columns::{Column, Origin};
use super::decode::Decoder;
use super::description::{
    Again, Description, EndSign, ForEach, Gone, NameMatch, Page, PageBy, Since, Stream, Window,
};
use super::paging::PageRules;
use super::template::{self, Variables};
use crate::model::History;
use crate::model::duration::duration;
use crate::model::nearest::advice;

/// How times are written in a request unless a description says otherwise.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// How long old versions are kept unless somebody says otherwise.
const HISTORY: Duration = Duration::from_secs(400 * 86_400);

/// A problem with a description: the path of the key, what is wrong, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The key's path in the description.
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
    pub name: String,
    /// What a row is.
    pub title: String,
    /// Templates of the paths, in order of preference.
    pub paths: Vec<String>,
    /// Query parameters; templates.
    pub query: BTreeMap<String, String>,
    /// Where a page's parts stand.
    pub shape: PageShape,
    /// How pages are asked for.
    pub page: PageRules,
    /// The column that a watermark walk follows.
    pub watermark: Option<usize>,
    /// The columns in the table's order.
    pub columns: Vec<Column>,
    /// The key's columns.
    pub key: Vec<usize>,
    /// Columns that name the item of `for_each` a row belongs to.
    pub partition: Vec<usize>,
    /// A walk through time.
    pub window: Option<WindowRules>,
    /// What it is read for.
    pub for_each: Option<ForEach>,
    /// How to ask for changes only.
    pub since: Option<SinceRules>,
    /// How a row is known to be gone.
    pub gone: Gone,
    /// The column that marks a gone row.
    pub gone_status: Option<(usize, Vec<String>)>,
    /// The vendor may refuse it.
    pub optional: bool,
    /// A row may come in a short form: what it lacks keeps its last value.
    pub keep: bool,
    /// The column that says which version is newer.
    pub newest: Option<usize>,
    /// How long old versions are kept.
    pub history: History,
    envelope: Option<String>,
    ignored: Vec<String>,
    nulls: Vec<String>,
    names: NameMatch,
    settings: Variables,
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
    pub again: Option<(Duration, Duration)>,
}

/// How to ask for changes only, understood.
#[derive(Clone, Debug)]
pub struct SinceRules {
    /// The change time's column.
    pub column: usize,
    /// Query parameters; templates with `{since}`.
    pub query: BTreeMap<String, String>,
    /// How far before the cursor to read again.
    pub overlap: Duration,
    /// The wire form of a time.
    pub format: String,
    /// Incremental unless the job says otherwise.
    pub default: bool,
    /// A full reading at least this often.
    pub full_every: Duration,
}

/// All streams of a description for one source, or every flaw of it.
pub fn streams(
    description: &Description,
    settings: &Settings,
) -> Result<BTreeMap<String, StreamSpec>, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let mut specs = BTreeMap::new();
    for (name, stream) in description.streams.iter().filter(|(_, stream)| !stream.off) {
        let mut builder = Builder {
            description,
            stream,
            at: vec!["streams".into(), name.clone()],
            flaws: &mut flaws,
        };
        if let Some(spec) = builder.build(name, settings) {
            specs.insert(name.clone(), spec);
        }
    }
    let known: Vec<&str> = specs.keys().map(String::as_str).collect();
    for (name, spec) in &specs {
        let mut needs = |other: &str, key: &[&str]| {
            if !known.contains(&other)
                && !description
                    .streams
                    .get(other)
                    .is_some_and(|stream| stream.off)
            {
                let mut at = vec!["streams".to_owned(), name.clone()];
                at.extend(key.iter().map(|key| (*key).to_owned()));
                flaws.push(Flaw {
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
        if let Some(feed) = &spec.gone.feed {
            needs(&feed.stream, &["gone", "feed", "stream"]);
        }
    }
    if flaws.is_empty() {
        Ok(specs)
    } else {
        Err(flaws)
    }
}

impl StreamSpec {
    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The decoder for one item of `for_each`: its variables stand in constants and member names.
    pub fn decoder(&self, item: &Variables) -> Arc<Decoder> {
        let columns = self
            .columns
            .iter()
            .map(|column| {
                let filled = template::fill(&column.from, &[item]);
                let read =
                    Column::read(&column.name, &filled, &column.help, column.combo.as_deref());
                let mut read = read.unwrap_or_else(|_| column.clone());
                read.from.clone_from(&column.from);
                read
            })
            .collect();
        let envelope = self.envelope.as_deref();
        Arc::new(Decoder::new(
            columns,
            self.key.clone(),
            envelope,
            &self.ignored,
            self.nulls.clone(),
            self.names,
        ))
    }

    /// The same stream without some columns; the key stays.
    pub fn without(&self, dropped: &[String]) -> Self {
        let kept: Vec<usize> = (0..self.columns.len())
            .filter(|place| !dropped.contains(&self.columns[*place].name))
            .collect();
        let moved = |place: usize| kept.iter().position(|old| *old == place);
        let all = |places: &[usize]| places.iter().filter_map(|place| moved(*place)).collect();
        let mut spec = self.clone();
        spec.columns = kept
            .iter()
            .map(|place| self.columns[*place].clone())
            .collect();
        spec.key = all(&self.key);
        spec.partition = all(&self.partition);
        spec.watermark = self.watermark.and_then(moved);
        spec.newest = self.newest.and_then(moved);
        spec.gone_status = self
            .gone_status
            .clone()
            .and_then(|(place, is)| Some((moved(place)?, is)));
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
        // A dropped column is left out on purpose: its members are not reported as unlisted.
        spec.ignored.extend(dropped.iter().filter_map(|name| {
            let column = self.columns.iter().find(|column| column.name == *name)?;
            column
                .from
                .split([':', '|', '['])
                .next()
                .map(|path| path.trim().to_owned())
        }));
        spec
    }

    /// Columns that the engine itself needs, which no job can drop.
    pub fn needed(&self) -> Vec<usize> {
        let mut needed = self.key.clone();
        needed.extend(&self.partition);
        needed.extend(self.watermark);
        needed.extend(self.newest);
        needed.extend(self.gone_status.as_ref().map(|status| status.0));
        needed.extend(self.since.as_ref().map(|since| since.column));
        needed.extend(self.window.as_ref().map(|window| window.column));
        needed
    }

    /// Query parameters with every name filled; those that come out empty are left out.
    pub fn query(&self, item: &Variables) -> Vec<(String, String)> {
        filled(&self.query, &[&self.settings, item])
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

    /// A template's text for an item.
    pub fn fill(&self, text: &str, item: &Variables) -> String {
        template::fill(text, &[&self.settings, item])
    }
}

impl SinceRules {
    /// The query of an incremental reading from this time on.
    pub fn query_from(&self, moment: jiff::Timestamp) -> Vec<(String, String)> {
        let variables = Variables::from([("since".to_owned(), wire_time(moment, &self.format))]);
        filled(&self.query, &[&variables])
    }
}

/// A time as a request writes it, in UTC.
pub fn wire_time(moment: jiff::Timestamp, format: &str) -> String {
    moment
        .to_zoned(jiff::tz::TimeZone::UTC)
        .strftime(format)
        .to_string()
}

fn filled(query: &BTreeMap<String, String>, layers: &[&Variables]) -> Vec<(String, String)> {
    query
        .iter()
        .map(|(name, value)| (name.clone(), template::fill(value, layers)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Everything but the unreserved signs of RFC 3986, and the comma, which lists of ids need.
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

/// Builds one stream and notes what is wrong with it.
struct Builder<'a> {
    description: &'a Description,
    stream: &'a Stream,
    at: Vec<String>,
    flaws: &'a mut Vec<Flaw>,
}

impl Builder<'_> {
    fn build(&mut self, name: &str, settings: &Settings) -> Option<StreamSpec> {
        let before = self.flaws.len();
        let stream = self.stream;
        let columns = self.columns();
        let find = |name: &str| columns.iter().position(|column| column.name == name);
        let key: Vec<usize> = stream
            .key
            .iter()
            .filter_map(|name| self.need(find(name), name, &columns, &["key"]))
            .collect();
        if stream.key.is_empty() {
            self.flaw(
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
        let gone_status = stream.gone.status.as_ref().and_then(|status| {
            let place = self.need(
                find(&status.column),
                &status.column,
                &columns,
                &["gone", "status", "column"],
            )?;
            Some((
                place,
                status.is.iter().map(|word| word.to_lowercase()).collect(),
            ))
        });
        let page = self.page(&stream.page);
        self.for_each();
        let history = self.history();
        let partition = (0..columns.len())
            .filter(|place| matches!(columns[*place].origin, Origin::Constant(_)))
            .collect();
        if self.flaws.len() > before {
            return None;
        }
        Some(StreamSpec {
            name: name.to_owned(),
            title: stream.title.clone(),
            paths: stream.path.texts().to_vec(),
            query: stream.query.clone(),
            shape: page_shape(stream, self.description.names),
            page,
            watermark,
            columns,
            key,
            partition,
            window,
            for_each: stream.for_each.clone(),
            since,
            gone: stream.gone.clone(),
            gone_status,
            optional: stream.optional,
            keep: stream.keep,
            newest,
            history,
            envelope: stream.envelope.clone(),
            ignored: stream.ignore.clone(),
            nulls: self.description.nulls.clone(),
            names: self.description.names,
            settings: settings.texts.clone(),
        })
    }

    fn flaw(&mut self, key: &[&str], message: String, help: Option<String>) {
        let mut at = self.at.clone();
        at.extend(key.iter().map(|key| (*key).to_owned()));
        self.flaws.push(Flaw { at, message, help });
    }

    fn need(
        &mut self,
        place: Option<usize>,
        name: &str,
        columns: &[Column],
        key: &[&str],
    ) -> Option<usize> {
        if place.is_none() {
            let help = advice(name, columns.iter().map(|column| column.name.as_str()));
            self.flaw(key, format!("there is no column `{name}`"), Some(help));
        }
        place
    }

    fn columns(&mut self) -> Vec<Column> {
        let mut columns = Vec::new();
        let variables = self
            .stream
            .for_each
            .as_ref()
            .map(item_variables)
            .unwrap_or_default();
        for (name, column) in &self.stream.columns.0 {
            let (help, combo) = match column {
                super::description::Column::Text(_) => ("", None),
                super::description::Column::Full(rules) => {
                    (rules.help.as_str(), rules.combo.as_deref())
                }
            };
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if name.starts_with('_') || !plain {
                self.flaw(
                    &["columns", name],
                    format!("`{name}` cannot be a column"),
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
            match Column::read(name, &text, help, combo) {
                Ok(read) => columns.push(Column {
                    from: column.from().to_owned(),
                    ..read
                }),
                Err(message) => self.flaw(&["columns", name], message, None),
            }
        }
        columns
    }

    fn period(&mut self, text: Option<&String>, default: Duration, key: &[&str]) -> Duration {
        let Some(text) = text else { return default };
        match duration(text) {
            Ok(length) => length,
            Err(complaint) => {
                self.flaw(key, complaint.message, complaint.help);
                default
            }
        }
    }

    fn history(&mut self) -> History {
        match self.stream.history.as_deref().map(str::parse::<History>) {
            None => History::Keep(HISTORY),
            Some(Ok(history)) => history,
            Some(Err(complaint)) => {
                self.flaw(&["history"], complaint.message, complaint.help);
                History::Off
            }
        }
    }

    fn since(&mut self, since: &Since, columns: &[Column]) -> Option<SinceRules> {
        let place = columns
            .iter()
            .position(|column| column.name == since.column);
        let column = self.need(place, &since.column, columns, &["since", "column"])?;
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

    fn window(&mut self, window: &Window, columns: &[Column]) -> Option<WindowRules> {
        let place = columns
            .iter()
            .position(|column| column.name == window.column);
        let column = self.need(place, &window.column, columns, &["window", "column"])?;
        let hour = Duration::from_secs(3600);
        let again = window.again.as_ref().map(|Again { every, span }| {
            let every = self.period(Some(every), 7 * 24 * hour, &["window", "again", "every"]);
            (
                every,
                self.period(Some(span), 35 * 24 * hour, &["window", "again", "span"]),
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
            again,
        })
    }

    fn watermark(&mut self, page: &Page, columns: &[Column]) -> Option<usize> {
        if page.by != PageBy::Watermark {
            return None;
        }
        if self.stream.since.is_none() {
            self.flaw(
                &["page"],
                "a watermark walk asks by `since`, which is missing".into(),
                Some("add `since`".into()),
            );
        }
        let name =
            page.column
                .as_ref()
                .or(self.stream.since.as_ref().map(|since| &since.column))?;
        let place = columns.iter().position(|column| column.name == *name);
        self.need(place, name, columns, &["page", "column"])
    }

    fn page(&mut self, page: &Page) -> PageRules {
        let needed = match page.by {
            PageBy::Offset if page.offset.is_none() => Some("offset"),
            PageBy::Number if page.number.is_none() => Some("number"),
            PageBy::Cursor if page.cursor.is_none() => Some("cursor"),
            PageBy::Cursor if page.next.is_none() => Some("next"),
            _ => None,
        };
        if let Some(key) = needed {
            self.flaw(
                &["page"],
                format!("this paging needs `{key}`"),
                Some(format!("add `{key} = \"…\"`")),
            );
        }
        PageRules {
            by: page.by,
            size: u64::from(page.size.unwrap_or(1000)),
            offset: page.offset.clone(),
            limit: page.limit.clone(),
            number: page.number.clone(),
            first: u64::from(page.first.unwrap_or(1)),
            cursor: page.cursor.clone(),
            short_ends: page.until.contains(&EndSign::Short),
            repeat_ends: page.until.contains(&EndSign::Repeat),
        }
    }

    fn for_each(&mut self) {
        let Some(each) = &self.stream.for_each else {
            return;
        };
        if each.list.is_empty() && each.setting.is_none() && each.stream.is_none() {
            self.flaw(
                &["for_each"],
                "for each of what?".into(),
                Some("add `list`, `setting` or `stream`".into()),
            );
        }
        if each.setting.is_some() && each.variable.is_none() {
            self.flaw(
                &["for_each"],
                "`setting` needs `variable`".into(),
                Some("add `variable = \"…\"`".into()),
            );
        }
    }
}

/// Every variable that an item can fill, with a stand-in.
fn item_variables(each: &ForEach) -> Variables {
    let listed = each.list.iter().flat_map(|item| item.keys());
    let names = listed.chain(&each.variable).chain(each.take.keys());
    names
        .map(|name| (name.clone(), "member".to_owned()))
        .collect()
}

fn page_shape(stream: &Stream, names: NameMatch) -> PageShape {
    PageShape {
        rows: stream
            .rows
            .texts()
            .iter()
            .map(|text| Place::read(text))
            .collect(),
        null_is_empty: stream.page.until.contains(&EndSign::Null),
        blank_is_empty: stream.page.until.contains(&EndSign::Blank),
        total_header: stream.page.total_header.clone(),
        total_member: stream.page.total_member.clone(),
        cursor: stream.page.next.clone(),
        names,
    }
}
