//! The columns of one stream: what each holds, whether it is mirrored, and why.

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::table::{TextTable, group, left, many};
use rollbook_core::connector::columns::Column;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{JobName, Masking, SourceName, StreamName};
use rollbook_engine::setup::{ColumnChoice, ColumnReason, Setup, SourceSetup};

/// A column of a stream.
#[derive(Debug, Serialize)]
pub(super) struct ColumnLine {
    pub column: String,
    pub r#type: &'static str,
    pub key: bool,
    pub path: String,
    pub meaning: String,
    pub combo: Option<String>,
    pub refers_to: Option<String>,
    /// Whether a job mirrors it.
    pub mirrored: bool,
    /// How its values are changed before they are stored.
    pub masking: Option<&'static str>,
    /// Why it is mirrored or left out; `null` where no job reads the stream.
    pub why: Option<ColumnReason>,
}

/// Prints the columns of one stream of a source.
pub(super) fn show(setup: &Setup, source: &str, stream: &str, json: bool) -> Result<(), Exit> {
    let Some((name, found)) = setup.sources.get_key_value(source) else {
        return Err(Exit::usage(format!("there is no source `{source}`")));
    };
    let Some((stream, _)) = found.streams.get_key_value(stream) else {
        let help = advice(stream, found.streams.keys().map(StreamName::as_str));
        let title = &found.connector.title;
        let message = format!("{title} has no stream `{stream}`; {help}");
        return Err(Exit::usage(message));
    };
    let columns = columns(setup, name, found, stream);
    if json {
        out::json(&columns);
    } else {
        let jobs: Vec<&str> = readers(setup, name, stream)
            .map(|(job, _)| job.as_str())
            .collect();
        let table = format!("{name}_{stream}");
        out::text(text(&table, &jobs, &columns, out::width()));
    }
    Ok(())
}

/// The jobs that read a stream; all mirror the same columns of it.
fn readers<'s>(
    setup: &'s Setup,
    source: &'s SourceName,
    stream: &'s StreamName,
) -> impl Iterator<Item = (&'s JobName, &'s ColumnChoice)> {
    let jobs = setup
        .jobs
        .iter()
        .filter(move |(_, job)| job.source == *source);
    jobs.filter_map(move |(name, job)| Some((name, job.choices.get(stream)?.as_ref())))
}

/// The columns of a stream, in the order of the connector.
pub(super) fn columns(
    setup: &Setup,
    name: &SourceName,
    source: &SourceSetup,
    stream: &StreamName,
) -> Vec<ColumnLine> {
    let Some(spec) = source.streams.get(stream) else {
        return Vec::new();
    };
    let choice = readers(setup, name, stream)
        .next()
        .map(|(_, choice)| choice);
    let reasons = choice.map(|choice| choice.reasons(spec));
    let why = |index: usize| reasons.as_ref()?.get(index).copied();
    let masked = spec.masked(|name| choice.and_then(|choice| choice.masking(name)));
    let line = |(index, column): (usize, &Column)| ColumnLine {
        column: column.name.clone(),
        r#type: column.stored_kind().as_str(),
        key: spec.key.contains(&index),
        path: column
            .from
            .rsplit_once(':')
            .map_or(column.from.as_str(), |(path, _)| path)
            .trim()
            .to_owned(),
        meaning: column.help.clone(),
        combo: spec.reference(column).map(|combo| combo.list),
        refers_to: spec.refers_to(column, name),
        masking: column.masking.map(Masking::describe),
        mirrored: why(index).is_some_and(ColumnReason::is_mirrored),
        why: why(index),
    };
    masked.columns.iter().enumerate().map(line).collect()
}

/// Mirrored columns first.
pub(super) fn text(
    table: &str,
    jobs: &[&str],
    columns: &[ColumnLine],
    width: Option<usize>,
) -> String {
    let (mirrored, left_out): (Vec<_>, Vec<_>) = columns.iter().partition(|one| one.mirrored);
    let number = many(columns.len() as u64, "column", "columns");
    let summary = match jobs {
        [] => format!("{table}: {number}; no job reads it.\n"),
        jobs => format!(
            "{table}: {} of {number} mirrored by {}.\n",
            mirrored.len(),
            jobs.join(", ")
        ),
    };
    let mut lines = TextTable::new([
        group("mirrored"),
        left("column"),
        left("type"),
        left("why"),
        left("path").optional(),
        left("meaning"),
    ]);
    for column in mirrored.into_iter().chain(left_out) {
        lines.row([
            match column.why {
                None => "",
                Some(why) if why.is_mirrored() => "mirrored",
                Some(_) => "left out",
            }
            .to_owned(),
            column.column.clone(),
            column.r#type.to_owned(),
            column
                .why
                .map(ColumnReason::as_str)
                .into_iter()
                .chain(column.masking)
                .collect::<Vec<_>>()
                .join(", "),
            column.path.clone(),
            notes(column),
        ]);
    }
    format!("{summary}{}", lines.render(width))
}

/// What a column means and refers to.
pub(super) fn notes(column: &ColumnLine) -> String {
    let mut parts = Vec::new();
    if !column.meaning.is_empty() {
        parts.push(column.meaning.clone());
    }
    match (&column.combo, &column.refers_to) {
        (Some(combo), _) => parts.push(format!("combo list {combo}")),
        (None, Some(refers_to)) => parts.push(format!("refers to {refers_to}")),
        (None, None) => {}
    }
    parts.join("; ")
}

#[cfg(test)]
pub(super) mod tests;
