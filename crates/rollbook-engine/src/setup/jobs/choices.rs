//! What can be wrong with `preset`, `keep` and `drop`: names that mean nothing, and keys that contradict each other.

use super::Listed;
use crate::setup::checks::Checks;
use crate::setup::files::{JobFile, Preset};
use crate::setup::sources::SourceDraft;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Node, Problem};

impl Checks<'_> {
    /// A preset of the job that no stream of it has.
    pub(super) fn job_preset(
        &mut self,
        file: &JobFile,
        source: Option<&SourceDraft>,
        listed: &[Listed<'_>],
    ) {
        let preset = file.tree.at(&["preset"]).and_then(Node::text);
        let Some(source) = source.filter(|_| preset.and_then(Preset::of) == Some(Preset::Core))
        else {
            return;
        };
        let mut specs = listed.iter().map(|(_, name)| source.stream(name));
        let is_useless = specs.all(|spec| spec.is_some_and(|spec| spec.core.is_empty()));
        if is_useless && !listed.is_empty() {
            let message = "no stream of this job has a preset `core`".to_owned();
            let help = "leave `preset` out, or list columns in `keep` of a stream".to_owned();
            self.job_problem(file, &["preset"], message, Some(help));
        }
    }

    /// The keys of `[stream.NAME]` that name columns.
    pub(super) fn columns(&mut self, file: &JobFile, spec: &StreamSpec) {
        let at = |key: &str| file.tree.at(&["stream", spec.name.as_str(), key]);
        for (key, must_stay) in [("keep", false), ("drop", true)] {
            for name in at(key).map(Node::items).unwrap_or_default() {
                self.column(spec, name, must_stay);
            }
        }
        let preset = at("preset").and_then(Node::text).and_then(Preset::of);
        let mut problem = |key: &str, message: String, help: &str| {
            let path = ["stream", spec.name.as_str(), key];
            self.job_problem(file, &path, message, Some(help.to_owned()));
        };
        if preset == Some(Preset::Core) && spec.core.is_empty() {
            let message = format!("{} has no preset `core`", spec.name);
            problem("preset", message, "list columns in `keep`");
        }
        if at("keep").is_some() && at("drop").is_some() {
            let message = "`keep` and `drop` exclude each other".to_owned();
            problem(
                "drop",
                message,
                "list either what is mirrored or what is not",
            );
        } else if at("keep").is_some() && preset == Some(Preset::Full) {
            let message = "`preset = \"full\"` mirrors every column".to_owned();
            let help = "leave `preset` out to mirror only what `keep` lists";
            problem("keep", message, help);
        }
    }

    /// A column that must exist, and must not be one that the engine needs if it is to be left out.
    fn column(&mut self, spec: &StreamSpec, node: &Node, must_stay: bool) {
        let Some(name) = node.text() else { return };
        let (message, help) = match spec.column(name) {
            None => {
                let known = spec.columns.iter().map(|column| column.name.as_str());
                let message = format!("{} has no column `{name}`", spec.name);
                (message, Some(advice(name, known)))
            }
            Some(column) if must_stay && spec.needed().contains(&column) => (
                format!("`{name}` cannot be dropped: {} is read by it", spec.name),
                None,
            ),
            Some(_) => return,
        };
        self.problems
            .push(Problem::error(node.location(), message).maybe_help(help));
    }
}
