//! `[webhooks.NAME]` against sources and jobs: is the source there, does its connector have webhooks, is there something to read?

use super::checks::Checks;
use super::jobs::Jobs;
use super::sources::Sources;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Node, Problem};

impl Checks<'_> {
    pub(super) fn webhooks(&mut self, sources: &Sources, jobs: &Jobs<'_>) {
        let files = self.files;
        let tree = files.rollbook.as_ref();
        let webhooks = tree.and_then(|tree| tree.at(&["webhooks"]));
        for webhook in webhooks.map(Node::entries).unwrap_or_default() {
            let Some(node) = webhook.value.at(&["source"]) else {
                continue;
            };
            let Some(name) = node.text() else { continue };
            let Some(source) = sources.get(name) else {
                if !files.hides_sources {
                    let message = format!("there is no source `{name}`");
                    let help = advice(name, sources.keys().map(String::as_str));
                    self.problems
                        .push(Problem::error(node.location(), message).help(help));
                }
                continue;
            };
            let Some(ready) = &source.ready else { continue };
            if ready.connector.webhook.is_none() {
                let message = format!(
                    "the connector {} has no webhooks",
                    ready.connector.connector
                );
                let problem = Problem::error(node.location(), message);
                let help = "add `[webhook]` to the connector, or remove this table";
                self.problems.push(problem.help(help));
            } else if !files.hides_jobs && !jobs.iter().any(|job| job.source == Some(name)) {
                let message = format!("no job reads {name}, so this webhook causes no run");
                self.problems.push(Problem::note(node.location(), message));
            }
        }
    }
}
