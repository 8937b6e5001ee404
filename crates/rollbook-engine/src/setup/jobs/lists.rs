//! Which combo lists a job reads: `lists` of `[stream.NAME]`. Each is a request, and few accounts need all of them.
//!
//! Which ones are used is known from all jobs of the source and from the crosswalks to it, so this comes last.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::JobDraft;
use crate::setup::checks::Checks;
use crate::setup::files::crosswalk::CrosswalkFile;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Node, Problem};

type Lists = BTreeSet<String>;

impl Checks<'_> {
    /// Leaves out of the jobs the lists that they do not read, and the references to those.
    pub(super) fn lists(&mut self, jobs: &mut [JobDraft<'_>], crosswalks: &[CrosswalkFile]) {
        let mut chosen: Vec<(String, Arc<Lists>)> = Vec::new();
        for job in jobs.iter() {
            for spec in &job.streams {
                if let Some(lists) = self.chosen_lists(job, spec, jobs, crosswalks) {
                    chosen.push((job.source.unwrap_or_default().to_owned(), Arc::new(lists)));
                }
            }
        }
        for (source, lists) in chosen {
            for job in jobs.iter_mut().filter(|job| job.source == Some(&source)) {
                for spec in &mut job.streams {
                    *spec = Arc::new(spec.with_lists(&lists));
                }
            }
        }
    }

    /// The lists that a job chooses; `None` where it reads all.
    fn chosen_lists(
        &mut self,
        job: &JobDraft<'_>,
        spec: &StreamSpec,
        jobs: &[JobDraft<'_>],
        crosswalks: &[CrosswalkFile],
    ) -> Option<Lists> {
        let path = ["stream", spec.name.as_str(), "lists"];
        let written = job.file.tree.at(&path);
        let others = jobs.iter().filter(|other| other.source == job.source);
        let differs = |other: &JobDraft<'_>| {
            let is_read = other.stream(spec.name.as_str()).is_some();
            is_read && other.file.tree.at(&path).map(words) != written.map(words)
        };
        let other = others.clone().find(|other| differs(other));
        let node = written?;
        let mut problem = |message: String, help: &str| {
            self.job_problem(job.file, &path, message, Some(help.to_owned()));
        };
        let Some(known) = spec.named_lists().filter(|_| spec.combos.is_some()) else {
            let message = format!("`lists` is not used by `{}`", spec.name);
            problem(message, "it belongs to the stream of combo lists");
            return None;
        };
        if let Some(other) = other {
            let message = format!(
                "the job `{}` reads other lists of `{}`",
                other.file.name, spec.name
            );
            problem(message, "write the same `lists` in both");
        }
        let streams = others.flat_map(|job| &job.streams);
        let mut used: Lists = streams.flat_map(|spec| spec.referenced_lists()).collect();
        let targets = crosswalks.iter().filter_map(CrosswalkFile::target);
        let targets = targets.filter(|to| Some(to.source.as_str()) == job.source);
        used.extend(targets.map(|to| to.list));
        used.retain(|list| known.contains(list));
        match node.text() {
            Some("used") if used.is_empty() => {
                let message = "no mirrored column and no crosswalk refers to a list".to_owned();
                problem(message, "name lists, or do not read the stream");
                None
            }
            Some("used") => Some(used),
            Some(_) => None,
            None => self.named(node, &known, &used),
        }
    }

    /// The lists that a job names.
    fn named(&mut self, node: &Node, known: &Lists, used: &Lists) -> Option<Lists> {
        let names = || {
            node.items()
                .iter()
                .filter_map(|item| Some((item, item.text()?)))
        };
        for (item, name) in names().filter(|(_, name)| !known.contains(*name)) {
            let help = advice(name, known.iter().map(String::as_str));
            let problem = Problem::error(item.location(), format!("there is no list `{name}`"));
            self.problems.push(problem.help(help));
        }
        if names().any(|(_, name)| !known.contains(name)) {
            return None;
        }
        let named: Lists = names().map(|(_, name)| name.to_owned()).collect();
        if named.is_empty() {
            let problem = Problem::error(node.location(), "`lists` names none");
            self.problems
                .push(problem.help("name lists, or write \"used\" or \"all\""));
            return None;
        }
        let missing: Vec<&str> = used.difference(&named).map(String::as_str).collect();
        if !missing.is_empty() {
            let message = format!(
                "{} lists that columns or crosswalks refer to are not read, so their values have no label: {}",
                missing.len(),
                missing.join(", ")
            );
            let note = Problem::note(node.location(), message);
            self.problems.push(note.help("\"used\" reads them too"));
        }
        Some(named)
    }
}

/// A choice for comparison: its word, or its names.
fn words(node: &Node) -> Lists {
    let items = node.items().iter().filter_map(Node::text);
    items.chain(node.text()).map(str::to_owned).collect()
}
