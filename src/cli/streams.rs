//! `rollbook streams`: which streams are available and mirrored, and how; of one stream: which columns are mirrored, and why.
//! `--diagram` and `--datasette`: all mirrored tables for other programs.

mod columns;
mod datasette;
mod diagram;
mod mirrored;

use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::stream_rules::{Rules, rules};
use super::table::{TextTable, group, grouped, left, minute, note, right};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{JobName, SourceName, StreamName};
use rollbook_core::store::queries::{self, LastRead, Reader};
use rollbook_core::store::schema::own_tables;
use rollbook_engine::setup::{Folders, Setup};

/// Options of `streams`.
#[derive(Debug, clap::Args)]
pub struct StreamsOptions {
    /// Only streams of this source
    source: Option<String>,
    /// The columns of this stream: which are mirrored, which are left out, and why
    stream: Option<String>,
    /// Print how the mirrored tables join, as a Mermaid diagram
    #[arg(long, conflicts_with_all = ["stream", "json"])]
    diagram: bool,
    /// Print what the mirrored tables and columns mean, as metadata for Datasette
    #[arg(long, conflicts_with_all = ["stream", "json", "diagram"])]
    datasette: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists streams, or the columns of one.
pub fn run(folders: &Folders, options: &StreamsOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open_quietly(folders)?;
    let setup = access.setup()?;
    if let Some(name) = options
        .source
        .as_deref()
        .filter(|name| setup.source(name).is_none())
    {
        let help = advice(name, setup.sources.keys().map(SourceName::as_str));
        return Err(Exit::usage(format!("there is no source `{name}`; {help}")));
    }
    if let Some((source, stream)) = options.source.as_deref().zip(options.stream.as_deref()) {
        return columns::show(setup, source, stream, options.json);
    }
    let mut streams = Vec::new();
    let named = |name: &SourceName| {
        options
            .source
            .as_ref()
            .is_none_or(|only| only == name.as_str())
    };
    if options.diagram {
        out::exact(&diagram::mermaid(&mirrored::tables(setup, named)));
        return Ok(());
    }
    if options.datasette {
        let file = folders.mirror(setup);
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let tables = mirrored::tables(setup, named);
        out::json(&datasette::metadata(
            name.into_owned(),
            &tables,
            own_tables()?,
        ));
        return Ok(());
    }
    for (name, source) in setup.sources.iter().filter(|(name, _)| named(name)) {
        for spec in source.streams.values() {
            streams.push(stream(setup, access.mirror_if_made(), name, spec)?);
        }
    }
    if options.json {
        out::json(&streams);
    } else {
        out::text(text(&streams, out::width()));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct StreamView {
    source: SourceName,
    stream: StreamName,
    table: String,
    title: String,
    /// The jobs that read it.
    jobs: Vec<JobName>,
    /// Rows of the table and of its history; `null` if the table does not exist.
    rows: Option<u64>,
    history_rows: Option<u64>,
    last_read: Option<LastRead>,
    #[serde(flatten)]
    rules: Rules,
}

fn stream(
    setup: &Setup,
    mirror: Option<&Reader>,
    source: &SourceName,
    spec: &StreamSpec,
) -> Result<StreamView, Exit> {
    let readers: Vec<_> = setup
        .jobs
        .iter()
        .filter(|(_, job)| job.source == *source)
        .filter(|(_, job)| job.streams.iter().any(|other| other.name == spec.name))
        .collect();
    let (sizes, last_read) = match mirror {
        Some(mirror) => (
            queries::sizes(mirror, source, &spec.name)?,
            queries::last_read(mirror, source, &spec.name)?,
        ),
        None => (None, None),
    };
    Ok(StreamView {
        source: source.clone(),
        stream: spec.name.clone(),
        table: format!("{source}_{}", spec.name),
        title: spec.title.clone(),
        jobs: readers.iter().map(|(name, _)| (*name).clone()).collect(),
        rows: sizes.map(|(rows, _)| rows),
        history_rows: sizes.map(|(_, rows)| rows),
        last_read,
        rules: rules(
            setup
                .kept(source, spec.name.as_str())
                .as_deref()
                .unwrap_or(spec),
            readers.first().map(|(_, job)| &job.config),
        ),
    })
}

fn text(streams: &[StreamView], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        group("source"),
        left("stream"),
        right("rows"),
        right("old versions").optional(),
        left("job"),
        left("last read (UTC)"),
        left("outcome"),
        note("how it is read"),
    ]);
    for stream in streams {
        let number = |rows: Option<u64>| rows.map_or(String::new(), grouped);
        let last = stream.last_read.as_ref();
        table.row([
            stream.source.to_string(),
            stream.stream.to_string(),
            number(stream.rows),
            number(stream.history_rows),
            match stream.jobs.as_slice() {
                [] => "no job".to_owned(),
                jobs => jobs.join(", "),
            },
            last.map_or(String::new(), |last| minute(&last.started)),
            last.map_or(String::new(), |last| last.outcome.to_string()),
            how_it_is_read(&stream.rules),
        ]);
    }
    table.render(width)
}

fn how_it_is_read(rules: &Rules) -> String {
    let read_for = rules.read_for.as_ref();
    let read_for = read_for.map_or(String::new(), |items| format!(" for {items}"));
    format!(
        "key {}; {}{read_for}; {}; removed {}; old versions {}",
        rules.key.join(", "),
        rules.paging,
        rules.changes,
        rules.removed,
        rules.history
    )
}

#[cfg(test)]
mod tests;
