//! Crosswalks against sources and jobs: is the column there, is the list, do the view's names differ?
//!
//! Whether a target stands in the list is asked where the mirror is: `app/targets.rs`.

use super::*;
use crate::config::crosswalk::{ColumnPath, CrosswalkConfig};
use crate::model::row::Kind;
use crate::model::{CrosswalkName, Document};
use crate::vendor::combos::named_lists;

type Sources = BTreeMap<SourceName, SourceSetup>;
type Jobs = BTreeMap<JobName, JobSetup>;

impl Checks<'_> {
    pub(super) fn crosswalks(&mut self, crosswalks: &Crosswalks, sources: &Sources, jobs: &Jobs) {
        let mut names: BTreeMap<String, &CrosswalkName> = BTreeMap::new();
        for (name, document) in crosswalks {
            let paths = document.value.from.paths();
            for (number, path) in paths.iter().enumerate() {
                let number = number.to_string();
                let at: &[&str] = if paths.len() == 1 {
                    &["from"]
                } else {
                    &["from", &number]
                };
                self.mapped_column(document, at, path, (sources, jobs));
                let taken = names.insert(format!("{path}_{name}"), name);
                if let Some(other) = taken.filter(|other| *other != name) {
                    let message = format!(
                        "with the crosswalk `{other}`, two columns of the view would have one name"
                    );
                    self.crosswalk_problem(
                        document,
                        at,
                        message,
                        Some("rename one of both files".into()),
                    );
                }
            }
            self.list(document, sources, jobs);
        }
    }

    fn mapped_column(
        &mut self,
        document: &Document<CrosswalkConfig>,
        at: &[&str],
        path: &ColumnPath,
        (sources, jobs): (&Sources, &Jobs),
    ) {
        let Some(source) = self.source_of(document, at, &path.source, sources) else {
            return;
        };
        let Some(spec) = source.streams.get(path.stream.as_str()) else {
            let help = advice(
                path.stream.as_str(),
                source.streams.keys().map(String::as_str),
            );
            let message = format!(
                "{} has no stream `{}`",
                source.description.title, path.stream
            );
            return self.crosswalk_problem(document, at, message, Some(help));
        };
        let Some(place) = spec.column(path.column.as_str()) else {
            let help = advice(
                path.column.as_str(),
                spec.columns.iter().map(|column| column.name.as_str()),
            );
            let message = format!("{} has no column `{}`", spec.name, path.column);
            return self.crosswalk_problem(document, at, message, Some(help));
        };
        if spec.columns[place].kind == Kind::Json {
            let message = format!(
                "`{}` holds JSON, and a crosswalk maps single values",
                path.column
            );
            self.crosswalk_problem(document, at, message, None);
        }
        let mut readers = jobs.values().filter(|job| job.source == path.source);
        let kept = readers.find_map(|job| job.streams.iter().find(|one| one.name == spec.name));
        let message = match kept {
            None => format!(
                "no job reads `{}.{}`, so there is nothing to map yet",
                path.source, spec.name
            ),
            Some(kept) if kept.column(path.column.as_str()).is_none() => {
                format!("a job drops `{}`, so there is nothing to map", path.column)
            }
            Some(_) => return,
        };
        self.problems
            .push(Problem::note(document.place(at), message));
    }

    fn list(&mut self, document: &Document<CrosswalkConfig>, sources: &Sources, jobs: &Jobs) {
        let to = &document.value.to;
        let Some(source) = self.source_of(document, &["to", "source"], &to.source, sources) else {
            return;
        };
        let Some(spec) = source.streams.values().find(|spec| spec.combos.is_some()) else {
            let message = format!("{} has no combo lists", source.description.title);
            let help = "its description says where they are: `[combos]`".to_owned();
            return self.crosswalk_problem(document, &["to", "source"], message, Some(help));
        };
        if let Some(lists) = named_lists(spec).filter(|lists| !lists.contains(&to.list)) {
            let help = advice(&to.list, lists.iter().map(String::as_str));
            let message = format!(
                "{} has no combo list `{}`",
                source.description.title, to.list
            );
            self.crosswalk_problem(document, &["to", "list"], message, Some(help));
        }
        let mut readers = jobs.values().filter(|job| job.source == to.source);
        if !readers.any(|job| job.streams.iter().any(|one| one.name == spec.name)) {
            let message = format!(
                "no job reads `{}.{}`, so the targets stay unknown",
                to.source, spec.name
            );
            let place = document.place(&["to", "source"]);
            self.problems.push(Problem::note(place, message));
        }
    }

    /// The source that a crosswalk names. Says nothing of one that is there and has mistakes of its own.
    fn source_of<'s>(
        &mut self,
        document: &Document<CrosswalkConfig>,
        at: &[&str],
        name: &SourceName,
        sources: &'s Sources,
    ) -> Option<&'s SourceSetup> {
        if !self.config.sources.contains_key(name) {
            let known = self.config.sources.keys().map(SourceName::as_str);
            let help = advice(name.as_str(), known);
            self.crosswalk_problem(
                document,
                at,
                format!("there is no source `{name}`"),
                Some(help),
            );
        }
        sources.get(name)
    }

    fn crosswalk_problem(
        &mut self,
        document: &Document<CrosswalkConfig>,
        at: &[&str],
        message: String,
        help: Option<String>,
    ) {
        let problem = Problem::error(document.place(at), message).maybe_help(help);
        self.problems.push(problem);
    }
}
