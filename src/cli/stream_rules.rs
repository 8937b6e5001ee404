//! How a stream is read, described for people: paging, changes, removals, history.

use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::file::PageBy;
use rollbook_core::model::{History, Period, ReadMode};
use rollbook_engine::setup::files::JobConfig;

/// How a stream is read, for `rollbook streams`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rules {
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// How pages are requested.
    pub paging: String,
    /// What it is read for each of; `null` if it is one list.
    pub read_for: Option<String>,
    /// How much is requested.
    pub changes: String,
    /// How removed rows are detected.
    pub removed: String,
    /// How long old versions are kept.
    pub history: String,
}

/// The rules of a stream, with the settings of the job that reads it.
pub fn rules(spec: &StreamSpec, job: Option<&JobConfig>) -> Rules {
    let options = job.and_then(|job| job.stream.get(&spec.name));
    let mode = options.and_then(|options| options.mode);
    let confirm = job
        .and_then(|job| job.guard.confirm)
        .map(u32::from)
        .or(spec.removed.confirm);
    Rules {
        key: spec
            .key
            .iter()
            .map(|index| spec.columns[*index].name.clone())
            .collect(),
        paging: paging(spec),
        read_for: read_for(spec),
        changes: changes(spec, mode),
        removed: removed(spec, confirm),
        history: match options
            .and_then(|options| options.history)
            .unwrap_or(spec.history)
        {
            History::Off => "not kept".to_owned(),
            History::Keep(length) => format!("kept {}", Period(length)),
        },
    }
}

fn paging(spec: &StreamSpec) -> String {
    let size = spec.page.size;
    match spec.page.by {
        PageBy::None => "one page".to_owned(),
        PageBy::Offset => format!("pages of {size} by offset"),
        PageBy::Number => format!("pages of {size} by number"),
        PageBy::Link => "pages by link".to_owned(),
        PageBy::Cursor => "pages by cursor".to_owned(),
        PageBy::NextUrl => "pages by URL".to_owned(),
        PageBy::Watermark => {
            let column = spec.watermark.map_or("", |index| &spec.columns[index].name);
            format!("pages of {size} along {column}")
        }
    }
}

fn read_for(spec: &StreamSpec) -> Option<String> {
    let each = spec.for_each.as_ref()?;
    if !each.list.is_empty() {
        return Some(format!("each of {} items", each.list.len()));
    }
    match (&each.setting, &each.stream) {
        (Some(setting), Some(stream)) => Some(format!(
            "each of the setting {setting}, else each row of {stream}"
        )),
        (Some(setting), None) => Some(format!("each of the setting {setting}")),
        (None, Some(stream)) => Some(format!("each row of {stream}")),
        (None, None) => None,
    }
}

fn changes(spec: &StreamSpec, mode: Option<ReadMode>) -> String {
    if let Some(window) = &spec.window {
        let column = &spec.columns[window.column].name;
        let mut text = format!("new {column}, {} at a time", Period(window.step));
        if let Some((every, span)) = window.reread {
            text.push_str(&format!(
                ", the last {} again every {}",
                Period(span),
                Period(every)
            ));
        }
        return text;
    }
    let Some(since) = &spec.since else {
        let each = spec.for_each.as_ref();
        return match each.is_some_and(|each| !each.skip_while_same.is_empty()) {
            true => format!("what moved, all every {}", Period(spec.items_every)),
            false => "all each time".to_owned(),
        };
    };
    let incremental = mode.map_or(since.default, |mode| mode == ReadMode::Incremental);
    let column = &spec.columns[since.column].name;
    if incremental {
        format!(
            "changes by {column}, all every {}",
            Period(since.full_every)
        )
    } else {
        format!("all each time, could be changes by {column}")
    }
}

fn removed(spec: &StreamSpec, confirm: Option<u32>) -> String {
    let mut signals = Vec::new();
    if let Some((column, values)) = &spec.removed_status {
        signals.push(format!(
            "{} = {}",
            spec.columns[*column].name,
            values.join("/")
        ));
    }
    if let Some(feed) = &spec.removed.feed {
        signals.push(format!("listed in {}", feed.stream));
    }
    if spec.removed.absence {
        signals.push(match (confirm, spec.page.by) {
            (Some(1), _) | (None, PageBy::None) => "absent".to_owned(),
            (Some(times), _) => format!("absent {times} times in a row"),
            (None, _) => "absent (2 times in a row if read in several pages)".to_owned(),
        });
    }
    if signals.is_empty() {
        "never".to_owned()
    } else {
        format!("when {}", signals.join(", "))
    }
}

#[cfg(test)]
mod tests;
