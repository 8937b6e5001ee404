//! `rollbook connector test`: one page of each stream, with what its columns received.
//!
//! Shows no value of a row unless asked: rows are about people.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::super::exit::Exit;
use super::super::stop::stop_on_signal;
use super::super::table::{TextTable, blocks, bullets, grouped, left, many, right};
use super::super::{out, start};
use rollbook_app::app::SampledStream;
use rollbook_core::connector::columns::Column;
use rollbook_core::document::suggest::{advice, listed};
use rollbook_core::model::{SourceName, StreamName};
use rollbook_engine::setup::{Folders, Setup, SourceSetup};

/// Rows whose values are shown.
const SHOWN: usize = 3;

/// A shown value is cut at this length.
const LONGEST: usize = 24;

/// Options of `connector test`.
#[derive(Debug, clap::Args)]
pub struct TestOptions {
    /// The connector: its name, or its file in connectors/
    #[arg(value_name = "FILE")]
    connector: String,
    /// Only these streams
    #[arg(value_name = "STREAM")]
    streams: Vec<StreamName>,
    /// The source that is signed in to, if several use the connector
    #[arg(long, value_name = "SOURCE")]
    source: Option<SourceName>,
    /// Also show the values of three rows, which may be about people
    #[arg(long)]
    rows: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A stream's first page.
#[derive(Debug, Serialize)]
struct SampledStreamView {
    stream: StreamName,
    /// What it was read for; the value of a row is shown with rows only.
    item: String,
    /// Why there is no page.
    message: Option<String>,
    received: usize,
    rejected: u64,
    /// Rows with the key of another row of the page.
    duplicates: usize,
    /// The declared size of the whole list.
    total: Option<u64>,
    next: String,
    columns: Vec<SampledColumn>,
    /// What is wrong, and how often.
    problems: BTreeMap<String, u64>,
    unlisted: Vec<String>,
}

/// What a column received.
#[derive(Debug, Serialize)]
struct SampledColumn {
    column: String,
    r#type: &'static str,
    path: String,
    key: bool,
    values: u64,
    unreadable: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Value>,
}

/// Reads the pages and shows them; fails when one cannot be read.
pub async fn run(folders: &Folders, options: &TestOptions) -> Result<(), Exit> {
    let stop = stop_on_signal();
    let app = start::with_empty_mirror(folders).await?;
    let setup = app.setup();
    let (name, source) = source(folders, &setup, options)?;
    let streams = streams(source, &options.streams)?;
    let sampled = tokio::select! {
        sampled = app.sample_pages(name, &streams) => sampled.map_err(Exit::failed)?,
        () = stop.cancelled() => return Err(Exit::failed("stopped")),
    };
    let views: Vec<SampledStreamView> = sampled.iter().map(|one| view(one, options.rows)).collect();
    match options.json {
        true => out::json(&views),
        false => out::text(text(name, &views, out::width())),
    }
    match views.iter().any(|view| view.message.is_some()) {
        true => Err(Exit::unsuccessful()),
        false => Ok(()),
    }
}

/// The source that uses the connector.
fn source<'s>(
    folders: &Folders,
    setup: &'s Setup,
    options: &TestOptions,
) -> Result<(&'s SourceName, &'s SourceSetup), Exit> {
    let given = Path::new(&options.connector);
    let name = given.file_stem().unwrap_or_default().to_string_lossy();
    let own = folders
        .config
        .join("connectors")
        .join(format!("{name}.toml"));
    let is_file = given.extension().is_some() || given.components().count() > 1;
    if is_file && !is_same(given, &own) {
        return Err(Exit::usage(format!(
            "{} is not the connector that is used: copy it to {}",
            options.connector,
            own.display()
        )));
    }
    let uses = |(_, source): &(&SourceName, &SourceSetup)| source.config.connector.as_str() == name;
    let all: Vec<_> = setup.sources.iter().filter(uses).collect();
    let is_wanted = |(other, _): &&(&SourceName, &SourceSetup)| {
        options
            .source
            .as_ref()
            .is_none_or(|wanted| wanted == *other)
    };
    let wanted: Vec<_> = all.iter().filter(is_wanted).collect();
    match (wanted.as_slice(), &options.source) {
        ([one], _) => Ok(**one),
        ([], Some(source)) => Err(Exit::usage(format!(
            "no source `{source}` uses the connector `{name}`"
        ))),
        ([], None) => Err(Exit::failed(format!(
            "no source uses the connector `{name}`, so it is not known how to sign in; `rollbook init {name}` adds one"
        ))),
        _ => {
            let names = listed(all.iter().map(|(name, _)| name.as_str()));
            Err(Exit::usage(format!(
                "several sources use the connector `{name}`; choose one by --source: {names}"
            )))
        }
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The streams to read, each once.
fn streams(source: &SourceSetup, wanted: &[StreamName]) -> Result<Vec<StreamName>, Exit> {
    for name in wanted {
        if !source.streams.contains_key(name) {
            let help = advice(name.as_str(), source.streams.keys().map(StreamName::as_str));
            return Err(Exit::usage(format!(
                "{} has no stream `{name}`; {help}",
                source.connector.title
            )));
        }
    }
    let all = source
        .streams
        .keys()
        .filter(|name| wanted.is_empty() || wanted.contains(name));
    Ok(all.cloned().collect())
}

fn view(sampled: &SampledStream, with_rows: bool) -> SampledStreamView {
    let spec = &sampled.spec;
    let page = sampled.page.as_ref();
    let parts = sampled.parts();
    let mut problems = BTreeMap::new();
    let mut unreadable: BTreeMap<u32, u64> = BTreeMap::new();
    for part in parts {
        for (reject, rows) in part.problems.rejects() {
            let message = format!("rejected, {}: {}", reject.path, reject.reason);
            *problems.entry(message).or_default() += rows;
        }
        for ((column, reason), cells) in part.problems.cells() {
            let name = spec
                .columns
                .get(*column as usize)
                .map_or("", |column| &column.name);
            *problems
                .entry(format!("column {name}: {reason}"))
                .or_default() += cells;
            *unreadable.entry(*column).or_default() += cells;
        }
    }
    let keys: Vec<u64> = sampled
        .rows()
        .map(|row| row.fingerprint_of(&spec.key))
        .collect();
    let distinct = keys.iter().collect::<HashSet<_>>().len();
    let column = |(index, column): (usize, &Column)| {
        let values = parts.iter().filter_map(|part| part.values.get(index));
        let shown = sampled.rows().take(if with_rows { SHOWN } else { 0 });
        SampledColumn {
            column: column.name.clone(),
            r#type: column.kind.as_str(),
            path: column
                .from
                .rsplit_once(':')
                .map_or("", |(path, _)| path)
                .trim()
                .to_owned(),
            key: spec.key.contains(&index),
            values: values.map(|values| u64::from(*values)).sum(),
            unreadable: unreadable.get(&(index as u32)).copied().unwrap_or_default(),
            rows: shown.map(|row| row.at(index).json(column.kind)).collect(),
        }
    };
    SampledStreamView {
        stream: spec.name.clone(),
        item: item(sampled, with_rows),
        message: page.err().cloned(),
        received: sampled.received(),
        rejected: parts.iter().map(|part| part.problems.rejected()).sum(),
        duplicates: keys.len() - distinct,
        total: page.ok().and_then(|page| page.total),
        next: sampled.next(),
        columns: spec.columns.iter().enumerate().map(column).collect(),
        problems,
        unlisted: page.map_or(Vec::new(), |page| page.unlisted.clone()),
    }
}

fn item(sampled: &SampledStream, with_rows: bool) -> String {
    match &sampled.row_of {
        Some(parent) if !with_rows => format!("a row of {parent}"),
        _ => sampled.item.clone(),
    }
}

fn text(source: &SourceName, views: &[SampledStreamView], width: Option<usize>) -> String {
    let unread = views.iter().filter(|view| view.message.is_some()).count();
    let end = match unread {
        0 => "Nothing was written.\n".to_owned(),
        _ => format!(
            "{unread} of {} could not be read. Nothing was written.\n",
            many(views.len() as u64, "stream", "streams")
        ),
    };
    let streams = views.iter().map(|view| stream_text(source, view, width));
    blocks(streams.chain([end]))
}

fn stream_text(source: &SourceName, view: &SampledStreamView, width: Option<usize>) -> String {
    let name = match view.item.as_str() {
        "" => format!("{source}.{}", view.stream),
        item => format!("{source}.{} ({item})", view.stream),
    };
    if let Some(message) = &view.message {
        return format!("{name}: could not be read\n{}", bullets([message]));
    }
    let total = view
        .total
        .map(|total| format!(", {} declared", grouped(total)))
        .unwrap_or_default();
    let rows = many(view.received as u64, "row", "rows");
    let mut table = TextTable::new([
        left("column"),
        left("type"),
        right("values"),
        right("unreadable"),
        left("path").optional(),
        left("row 1"),
        left("row 2"),
        left("row 3"),
    ]);
    for column in &view.columns {
        let key = if column.key { " (key)" } else { "" };
        let shown = |row: usize| column.rows.get(row).map(shown).unwrap_or_default();
        let unreadable = match column.unreadable {
            0 => String::new(),
            some => grouped(some),
        };
        table.row([
            format!("{}{key}", column.column),
            column.r#type.to_owned(),
            grouped(column.values),
            unreadable,
            column.path.clone(),
            shown(0),
            shown(1),
            shown(2),
        ]);
    }
    format!(
        "{name}: {rows}{total}, {}\n{}{}",
        view.next,
        table.render(width),
        bullets(remarks(view))
    )
}

fn remarks(view: &SampledStreamView) -> Vec<String> {
    let mut remarks: Vec<String> = view
        .problems
        .iter()
        .map(|(problem, times)| format!("{problem} ({times} times)"))
        .collect();
    if view.duplicates > 0 {
        remarks.push(format!(
            "the key is not unique: {} with the key of another row",
            many(view.duplicates as u64, "row", "rows")
        ));
    }
    if !view.unlisted.is_empty() {
        remarks.push(format!("no column lists: {}", view.unlisted.join(", ")));
    }
    let empty: Vec<&str> = view
        .columns
        .iter()
        .filter(|column| column.values == 0)
        .map(|column| column.column.as_str())
        .collect();
    if view.received > 0 && !empty.is_empty() {
        remarks.push(format!(
            "without a value in these rows: {}",
            empty.join(", ")
        ));
    }
    remarks
}

/// A value as a person reads it, on one line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "·".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
