//! Crosswalks against sources and jobs: is the column there, is the list, do the view's names differ?
//!
//! Whether a target is in the list is checked against the mirror: `app/targets.rs`.

use std::collections::BTreeMap;

use super::checks::Checks;
use super::files::crosswalk::{ColumnPath, CrosswalkFile};
use super::jobs::{Jobs, read_stream};
use super::sources::{SourceDraft, Sources};
use rollbook_core::document::Problem;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::row::Kind;

impl Checks<'_> {
    pub(super) fn crosswalks(
        &mut self,
        crosswalks: &[CrosswalkFile],
        sources: &Sources,
        jobs: &Jobs<'_>,
    ) {
        let mut names: BTreeMap<String, &str> = BTreeMap::new();
        for file in crosswalks {
            let columns = file.columns();
            let paths = columns.as_ref().map(|columns| columns.paths());
            let paths = paths.unwrap_or_default();
            for (number, path) in paths.iter().enumerate() {
                let number = number.to_string();
                let at: &[&str] = if paths.len() == 1 {
                    &["from"]
                } else {
                    &["from", &number]
                };
                self.mapped_column(file, at, path, (sources, jobs));
                let taken = names.insert(format!("{path}_{}", file.name), &file.name);
                if let Some(other) = taken.filter(|other| *other != file.name) {
                    let message = format!(
                        "with the crosswalk `{other}`, two columns of the view would have one name"
                    );
                    let help = "rename one of both files".to_owned();
                    self.crosswalk_problem(file, at, message, Some(help));
                }
            }
            self.list(file, sources, jobs);
        }
    }

    fn mapped_column(
        &mut self,
        file: &CrosswalkFile,
        at: &[&str],
        path: &ColumnPath,
        (sources, jobs): (&Sources, &Jobs<'_>),
    ) {
        let stream = path.stream.as_str();
        let Some(source) = self.source_of(file, at, path.source.as_str(), sources) else {
            return;
        };
        if let Some((message, help)) = source.unknown_stream(stream) {
            return self.crosswalk_problem(file, at, message, Some(help));
        }
        let Some(spec) = source.stream(stream) else {
            return;
        };
        let Some(column) = spec.column(path.column.as_str()) else {
            let columns = spec.columns.iter();
            let help = advice(
                path.column.as_str(),
                columns
                    .map(|column| column.name.as_str())
                    .collect::<Vec<_>>(),
            );
            let message = format!("{} has no column `{}`", spec.name, path.column);
            return self.crosswalk_problem(file, at, message, Some(help));
        };
        if spec.columns[column].kind == Kind::Json {
            let message = format!(
                "`{}` holds JSON, and a crosswalk maps single values",
                path.column
            );
            self.crosswalk_problem(file, at, message, None);
        }
        let message = match read_stream(jobs, path.source.as_str(), stream) {
            None if !self.knows_all_streams(jobs) => return,
            None => format!(
                "no job reads `{}.{}`, so there is nothing to map yet",
                path.source, spec.name
            ),
            Some(kept) if kept.column(path.column.as_str()).is_none() => {
                format!(
                    "a job leaves out `{}`, so there is nothing to map",
                    path.column
                )
            }
            Some(kept) => {
                let masked = kept.column(path.column.as_str());
                let masked = masked.and_then(|index| kept.columns[index].masking);
                if let Some(masking) = masked {
                    let how = masking.describe();
                    let message =
                        format!("`{}` is {how}, so its values cannot be mapped", path.column);
                    self.crosswalk_problem(file, at, message, None);
                }
                return;
            }
        };
        self.problems
            .push(Problem::note(file.location(at), message));
    }

    /// The combo list that a crosswalk maps to.
    fn list(&mut self, file: &CrosswalkFile, sources: &Sources, jobs: &Jobs<'_>) {
        let Some(to) = file.target() else { return };
        let (at, name) = (&["to", "source"], to.source.as_str());
        let Some(source) = self.source_of(file, at, name, sources) else {
            return;
        };
        let Some(ready) = &source.ready else { return };
        let Some(spec) = ready.streams.values().find(|spec| spec.combos.is_some()) else {
            let message = format!("{} has no combo lists", source.title);
            let help = "its connector defines where they are: `[combos]`".to_owned();
            return self.crosswalk_problem(file, at, message, Some(help));
        };
        if let Some(lists) = spec.named_lists().filter(|lists| !lists.contains(&to.list)) {
            let help = advice(&to.list, lists.iter().map(String::as_str));
            let message = format!("{} has no combo list `{}`", source.title, to.list);
            self.crosswalk_problem(file, &["to", "list"], message, Some(help));
        }
        if read_stream(jobs, name, spec.name.as_str()).is_none() && self.knows_all_streams(jobs) {
            let message = format!(
                "no job reads `{}.{}`, so the targets stay unknown",
                to.source, spec.name
            );
            self.problems
                .push(Problem::note(file.location(at), message));
        }
    }

    /// The source that a crosswalk names.
    fn source_of<'s>(
        &mut self,
        file: &CrosswalkFile,
        at: &[&str],
        name: &str,
        sources: &'s Sources,
    ) -> Option<&'s SourceDraft> {
        let found = sources.get(name);
        if found.is_none() && !self.files.hides_sources {
            let help = advice(name, sources.keys().map(String::as_str));
            let message = format!("there is no source `{name}`");
            self.crosswalk_problem(file, at, message, Some(help));
        }
        found
    }

    fn crosswalk_problem(
        &mut self,
        file: &CrosswalkFile,
        at: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let problem = Problem::error(file.location(at), message).maybe_help(help);
        self.problems.push(problem);
    }
}
