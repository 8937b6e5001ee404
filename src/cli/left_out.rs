//! Which columns jobs leave out, in a line: for `check` and `sync --dry-run`.

use rollbook_core::model::JobName;
use rollbook_engine::setup::{ColumnReason, Setup};

/// `Not mirrored: 242 of 250 columns of north_learners`; empty where these jobs leave out nothing.
pub fn line<'j>(setup: &Setup, jobs: impl Iterator<Item = &'j JobName>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for job in jobs.filter_map(|name| setup.job(name.as_str())) {
        let streams = setup
            .source(job.source.as_str())
            .map(|source| &source.streams);
        for (stream, choice) in &job.choices {
            let Some(spec) = streams.and_then(|streams| streams.get(stream)) else {
                continue;
            };
            let reasons = choice.reasons(spec);
            let left_out = reasons
                .iter()
                .filter(|why| !ColumnReason::is_mirrored(**why));
            let table = format!("{}_{stream}", job.source);
            let part = match left_out.count() {
                0 => continue,
                some => format!("{some} of {} columns of {table}", reasons.len()),
            };
            // Two jobs that read one stream mirror the same columns of it.
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(
            "Not mirrored: {}; `rollbook streams SOURCE STREAM` lists them.\n",
            parts.join(", ")
        ),
    }
}
