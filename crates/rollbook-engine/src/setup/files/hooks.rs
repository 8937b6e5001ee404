//! `[hooks.NAME]`: a program or an address that is told when runs changed something or a bundle was written.
//!
//! The doc comments are the reference text.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::secrets::SecretRef;
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::{BundleName, JobName, Period};

/// A program or an address that is told of what changed. Either `program` or `url`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// After runs of these jobs that changed something. Default: of all jobs, or of none where `after_bundles` is given.
    pub after: Option<Vec<JobName>>,
    /// After these bundles were written.
    #[serde(default)]
    pub after_bundles: Vec<BundleName>,
    /// The program's absolute path. It is run without a shell and with an empty environment. The shipped unit lets the service
    /// execute nothing: give it `ExecPaths=` for this.
    pub program: Option<PathBuf>,
    /// The program's arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Whether the program gets the rows that were added, changed and removed on its standard input. Default false.
    #[serde(default)]
    pub changes: bool,
    /// How long the program may run, `"1h"` at most. Default `"1m"`.
    #[serde(default = "a_minute")]
    pub timeout: Period,
    /// Where the address is that is posted to. It is a secret, because it is often all that is needed to write there.
    pub url: Option<SecretRef>,
    /// Where the secret is that requests are signed with, as Standard Webhooks have it.
    pub secret: Option<SecretRef>,
}

impl HookConfig {
    /// Whether the hook is told of runs of a job.
    pub fn follows(&self, job: &JobName) -> bool {
        match &self.after {
            Some(jobs) => jobs.contains(job),
            None => self.after_bundles.is_empty(),
        }
    }
}

/// The longest that a program may take: the rows of before its start stay in the mirror's log so long.
const LONGEST: Duration = Duration::from_secs(60 * 60);

fn a_minute() -> Period {
    Period(Duration::from_secs(60))
}

/// What must hold between the keys of a hook.
pub(super) fn check(hook: &Node) -> Vec<Problem> {
    let checks = [receiver, relative_program, long_timeout, no_rows];
    let problems = checks.iter().filter_map(|check| check(hook));
    problems.chain(foreign_keys(hook)).collect()
}

fn receiver(hook: &Node) -> Option<Problem> {
    let (program, url) = (hook.at(&["program"]), hook.at(&["url"]));
    match (program, url) {
        (None, None) => {
            let problem = Problem::error(hook.location(), "this hook has no receiver");
            Some(problem.help("set `program`, or `url` and `secret`"))
        }
        (Some(_), Some(url)) => {
            let message = "a hook has a program or an address, and not both";
            let problem = Problem::error(url.location(), message);
            Some(problem.help("write a second hook"))
        }
        (None, Some(url)) if hook.at(&["secret"]).is_none() => {
            let message = "this needs `secret` beside it: requests are signed";
            Some(Problem::error(url.location(), message))
        }
        _ => None,
    }
}

/// Keys that are of no use, because they belong to the other kind of hook.
fn foreign_keys(hook: &Node) -> Vec<Problem> {
    let (of, keys): (&str, &[&str]) = match (hook.at(&["program"]), hook.at(&["url"])) {
        (Some(_), None) => ("an address", &["secret"]),
        (None, Some(_)) => ("a program", &["arguments", "changes", "timeout"]),
        _ => return Vec::new(),
    };
    let found = keys.iter().filter_map(|key| Some((key, hook.at(&[key])?)));
    let problem = |(key, node): (&&str, &Node)| {
        let message = format!("`{key}` is for hooks with {of}");
        Problem::error(node.location(), message).help("remove it")
    };
    found.map(problem).collect()
}

fn relative_program(hook: &Node) -> Option<Problem> {
    let program = hook.at(&["program"])?;
    if program.text()?.starts_with('/') {
        return None;
    }
    let problem = Problem::error(program.location(), "the program's path must be absolute");
    Some(problem.help("such as `\"/usr/local/bin/import-roster\"`"))
}

fn long_timeout(hook: &Node) -> Option<Problem> {
    let node = hook.at(&["timeout"])?;
    let period = Period::deserialize(node).ok()?;
    (period.0 > LONGEST).then(|| {
        let problem = Problem::error(node.location(), "this limit is too long");
        problem.help("write `\"1h\"` or less")
    })
}

fn no_rows(hook: &Node) -> Option<Problem> {
    let changes = hook.at(&["changes"])?;
    let is_wanted = bool::deserialize(changes).ok()?;
    let has_jobs = hook.at(&["after"]).is_some() || hook.at(&["after_bundles"]).is_none();
    (is_wanted && !has_jobs).then(|| {
        let message = "this hook follows no job, so there are no rows that it could get";
        Problem::error(changes.location(), message).help("name jobs in `after`, or remove it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::document::FileText;

    #[test]
    fn what_a_hook_must_have() {
        for (text, expected) in [
            ("program = \"/bin/true\"", &[] as &[&str]),
            (
                "program = \"/bin/true\"\nafter_bundles = [\"a\"]\ntimeout = \"1h\"",
                &[],
            ),
            ("url = { file = \"u\" }\nsecret = { file = \"s\" }", &[]),
            ("after = [\"a\"]", &["this hook has no receiver"]),
            (
                "url = { file = \"u\" }",
                &["this needs `secret` beside it: requests are signed"],
            ),
            (
                "program = \"/bin/true\"\nurl = { file = \"u\" }",
                &["a hook has a program or an address, and not both"],
            ),
            (
                "program = \"import.sh\"\nsecret = { file = \"s\" }",
                &[
                    "the program's path must be absolute",
                    "`secret` is for hooks with an address",
                ],
            ),
            (
                "url = { file = \"u\" }\nsecret = { file = \"s\" }\nchanges = true",
                &["`changes` is for hooks with a program"],
            ),
            (
                "program = \"/bin/true\"\nafter_bundles = [\"a\"]\nchanges = true",
                &["this hook follows no job, so there are no rows that it could get"],
            ),
            (
                "program = \"/bin/true\"\ntimeout = \"2h\"",
                &["this limit is too long"],
            ),
        ] {
            let file = FileText::new("rollbook.toml", format!("[hooks.a]\n{text}\n"));
            let tree = Node::parse(&file).0;
            let hook = tree.at(&["hooks", "a"]).expect("a table");
            let found = check(hook);
            let messages: Vec<&str> = found.iter().map(|problem| &*problem.message).collect();
            assert_eq!(messages, expected, "{text}");
        }
    }

    #[test]
    fn which_jobs_a_hook_follows() {
        let hook = |after: Option<&[&str]>, bundles: &[&str]| HookConfig {
            after: after.map(|jobs| {
                jobs.iter()
                    .map(|job| rollbook_core::model::named(job))
                    .collect()
            }),
            after_bundles: bundles
                .iter()
                .map(|name| rollbook_core::model::named(name))
                .collect(),
            program: None,
            arguments: Vec::new(),
            changes: false,
            timeout: a_minute(),
            url: None,
            secret: None,
        };
        let follows = |hook: HookConfig| hook.follows(&rollbook_core::model::named("roster"));
        assert!(follows(hook(None, &[])));
        assert!(follows(hook(Some(&["roster"]), &["a"])));
        assert!(!follows(hook(Some(&["other"]), &[])));
        assert!(!follows(hook(None, &["a"])));
    }
}
