//! What must fit between the streams of jobs: a stream that is read for the rows of another, and one that two jobs read.

use std::sync::Arc;

use super::{JobDraft, Jobs, read_stream};
use crate::setup::checks::Checks;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::Masking;

impl Checks<'_> {
    /// A stream that is read for each row of another one cannot be applied in the same transaction.
    pub(super) fn parents(&mut self, job: &JobDraft<'_>) {
        let apply = job.file.tree.at(&["apply"]).and_then(Node::text);
        if apply != Some("together") {
            return;
        }
        for spec in &job.streams {
            let parent = spec
                .for_each
                .as_ref()
                .and_then(|each| each.stream.as_deref());
            let message = match parent.filter(|parent| job.stream(parent).is_some()) {
                Some(parent) => format!(
                    "`{}` is read for each row of `{parent}`, so they cannot be applied together",
                    spec.name
                ),
                None if spec.window.is_some() => format!(
                    "`{}` is a time series: its steps are applied one by one",
                    spec.name
                ),
                None => continue,
            };
            let help = "write `apply = \"each\"`".to_owned();
            self.job_problem(job.file, &["apply"], message, Some(help));
        }
    }

    /// Two jobs that read one stream must mirror the same columns of it.
    pub(super) fn same_columns(&mut self, job: &JobDraft<'_>, other: &JobDraft<'_>) {
        let columns = |spec: &Arc<StreamSpec>| -> Vec<(String, Option<Masking>)> {
            let columns = spec.columns.iter();
            columns
                .map(|column| (column.name.clone(), column.masking))
                .collect()
        };
        for spec in &job.streams {
            let of_other = other.stream(spec.name.as_str());
            if of_other.is_some_and(|of_other| columns(of_other) != columns(spec)) {
                let message = format!(
                    "the job `{}` mirrors other columns of `{}`",
                    other.file.name, spec.name
                );
                let help = "write the same [stream] options and `preset` in both".to_owned();
                let table = ["stream", spec.name.as_str()];
                let path: &[&str] = match job.file.tree.at(&table) {
                    Some(_) => &table,
                    None => &["streams"],
                };
                self.job_problem(job.file, path, message, Some(help));
            }
        }
    }

    /// A stream that is read for the rows of another one, or that learns of deletions from it, needs that one read.
    pub(super) fn read_parents(&mut self, jobs: &Jobs<'_>) {
        if !self.knows_all_streams(jobs) {
            return;
        }
        for job in jobs {
            let Some(source) = job.source else { continue };
            for spec in &job.streams {
                let each = spec.for_each.as_ref();
                let is_given = |setting: &String| {
                    let tree = self.files.rollbook.as_ref();
                    tree.is_some_and(|tree| {
                        tree.at(&["sources", source, "settings", setting]).is_some()
                    })
                };
                let parent = each
                    .filter(|each| !each.setting.as_ref().is_some_and(is_given))
                    .and_then(|each| each.stream.as_deref());
                let feed = spec.removed.feed.as_ref().map(|feed| feed.stream.as_str());
                for (needed, why) in [
                    (parent, "is read for each row of"),
                    (feed, "learns of deletions from"),
                ] {
                    let Some(needed) = needed else { continue };
                    if read_stream(jobs, source, needed).is_none() {
                        let message = format!(
                            "`{}` {why} `{needed}`, which no job of this source reads",
                            spec.name
                        );
                        let location = job.file.tree.nearest_location(&["streams"]);
                        self.problems.push(Problem::note(location, message));
                    }
                }
            }
        }
    }
}
