//! `[hooks.NAME]` against jobs and bundles: is what it follows there?

use super::checks::Checks;
use super::files::bundle::BundleFile;
use super::jobs::Jobs;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Node, Problem};

impl Checks<'_> {
    pub(super) fn hooks(&mut self, bundles: &[BundleFile], jobs: &Jobs<'_>) {
        let files = self.files;
        let tree = files.rollbook.as_ref();
        let hooks = tree.and_then(|tree| tree.at(&["hooks"]));
        let jobs: Vec<&str> = jobs.iter().map(|job| job.file.name.as_str()).collect();
        let bundles: Vec<&str> = bundles.iter().map(|file| file.name.as_str()).collect();
        for hook in hooks.map(Node::entries).unwrap_or_default() {
            if !files.hides_jobs {
                self.unknown(hook.value.at(&["after"]), "job", &jobs);
            }
            self.unknown(hook.value.at(&["after_bundles"]), "bundle", &bundles);
        }
    }

    /// Names in a list that are not among those that are there.
    fn unknown(&mut self, list: Option<&Node>, what: &str, known: &[&str]) {
        for node in list.map(Node::items).unwrap_or_default() {
            let Some(name) = node.text().filter(|name| !known.contains(name)) else {
                continue;
            };
            let problem = Problem::error(node.location(), format!("there is no {what} `{name}`"));
            let help = advice(name, known.iter().copied());
            self.problems.push(problem.help(help));
        }
    }
}
