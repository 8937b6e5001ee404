//! What `init` has written, and the next steps, as commands that work for the one who reads them.

use std::path::PathBuf;

use super::proposal::Proposal;
use super::questions::questions;
use crate::cli::starter::grant_of;
use crate::cli::starter::handover::in_shell;
use crate::cli::table::indented;
use rollbook_core::connector::Connectors;
use rollbook_core::model::GrantKind;

/// What is left to do.
#[derive(Debug, Default)]
pub struct NextSteps {
    /// Files that were written.
    pub written: Vec<PathBuf>,
    /// Keys with an example or a placeholder, each with its source.
    pub open: Vec<String>,
    /// Credentials without a secret.
    pub missing: Vec<String>,
    /// Sources that a person signs in to.
    pub logins: Vec<String>,
    /// Files whose lines are all comments.
    pub drafts: Vec<PathBuf>,
    /// The path of `rollbook.toml`.
    pub rollbook: PathBuf,
    /// Whether root may encrypt secrets for systemd.
    pub is_root: bool,
    /// Whether the service uses this configuration.
    pub is_service: bool,
    /// Whether the commands name the mirror's folder.
    pub has_state: bool,
    /// The program with the options that name these folders.
    pub command: String,
}

impl NextSteps {
    /// Of a proposal whose files were written.
    pub fn of(proposal: &Proposal, connectors: &Connectors) -> Self {
        let mut steps = Self {
            missing: proposal.missing_secrets(),
            rollbook: proposal.rollbook(),
            is_root: proposal.host.is_root,
            ..Self::default()
        };
        for source in &proposal.sources {
            let Some(connector) = connectors.get(&source.connector) else {
                continue;
            };
            let is_open = |key: &str| {
                let key = (source.name.clone(), key.to_owned());
                !proposal.answered.contains(&key)
            };
            let asked = questions(source, connector);
            let values = asked.iter().filter(|question| !question.is_secret());
            let open = values.filter(|question| is_open(&question.key));
            steps
                .open
                .extend(open.map(|question| format!("{}.{}", source.name, question.key)));
            if grant_of(source) == Some(GrantKind::AuthorizationCode) {
                steps.logins.push(source.name.clone());
            }
        }
        steps
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let files = self.written.iter().map(|path| [path.display().to_string()]);
        let mut text = format!("Written:\n{}\n", indented(2, files));
        for (number, step) in (1..).zip(self.steps()) {
            text.push_str(&format!("{number}. {step}\n"));
        }
        text
    }

    fn steps(&self) -> Vec<String> {
        let (file, command) = (self.rollbook.display(), &self.command);
        let mut steps = Vec::new();
        if !self.open.is_empty() {
            steps.push(format!(
                "Put your own values into {file}; these are examples: {}.",
                self.open.join(", ")
            ));
        }
        if !self.missing.is_empty() {
            let others = match self.is_root {
                true => "the comments in rollbook.toml show how to encrypt them by systemd",
                false => "the comments in rollbook.toml show another way",
            };
            steps.push(format!(
                "`{command} init --secrets` asks for each secret that is missing ({others}): {}.",
                self.missing.join(", ")
            ));
        }
        if !self.drafts.is_empty() {
            let names = self.drafts.iter().map(|path| path.display().to_string());
            steps.push(format!(
                "All lines of these drafts are comments; remove the `#` in front of those that you want: {}.",
                names.collect::<Vec<_>>().join(", ")
            ));
        }
        let mut lines: Vec<[String; 2]> = Vec::new();
        let mut line = |words: &str, effect: &str| {
            lines.push([format!("{command} {words}"), effect.to_owned()]);
        };
        for source in &self.logins {
            line(&format!("login {source}"), "signs in, once");
        }
        line("check", "finds problems");
        line("check --online", "also signs in");
        line("sync --dry-run", "shows what would be mirrored");
        if self.is_service {
            lines.push([
                "systemctl restart rollbook".to_owned(),
                "starts the daemon with it".to_owned(),
            ]);
        } else {
            line("run", "runs every job on its schedule");
        }
        let mirror = match self.has_state {
            true => "",
            false => " (the mirror is in the current folder, or in that of `--state DIR`)",
        };
        let lines = indented(3, lines);
        steps.push(format!("Then{mirror}:\n{}", lines.trim_end()));
        steps
    }
}

/// The program with the options without which it would use other folders.
pub fn command(options: [(&str, Option<&PathBuf>); 3]) -> String {
    let mut command = "rollbook".to_owned();
    for (option, folder) in options {
        if let Some(folder) = folder {
            command.push_str(&format!(" {option} {}", in_shell(folder)));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_true_for_the_one_who_reads_them() {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let package = NextSteps {
            written: vec!["/etc/rollbook/rollbook.toml".into()],
            open: texts(&["webuntis.tenant"]),
            missing: texts(&["webuntis_password"]),
            rollbook: "/etc/rollbook/rollbook.toml".into(),
            is_root: true,
            is_service: true,
            has_state: true,
            command: "rollbook".to_owned(),
            ..NextSteps::default()
        };
        assert_eq!(
            package.text(),
            "Written:\n  /etc/rollbook/rollbook.toml\n\n\
             1. Put your own values into /etc/rollbook/rollbook.toml; these are examples: webuntis.tenant.\n\
             2. `rollbook init --secrets` asks for each secret that is missing (the comments in rollbook.toml show how to \
             encrypt them by systemd): webuntis_password.\n\
             3. Then:\n   \
                rollbook check              finds problems\n   \
                rollbook check --online     also signs in\n   \
                rollbook sync --dry-run     shows what would be mirrored\n   \
                systemctl restart rollbook  starts the daemon with it\n"
        );
        let user = NextSteps {
            written: vec!["/home/anna/our school/rollbook.toml".into()],
            missing: texts(&["a_key"]),
            logins: texts(&["wisenet"]),
            drafts: vec!["/home/anna/our school/crosswalks/people.toml".into()],
            command: command([
                ("--config", Some(&PathBuf::from("/home/anna/our school"))),
                ("--jobs", None),
                ("--state", None),
            ]),
            ..NextSteps::default()
        };
        let program = "rollbook --config '/home/anna/our school'";
        assert_eq!(
            user.text(),
            format!(
                "Written:\n  /home/anna/our school/rollbook.toml\n\n\
                 1. `{program} init --secrets` asks for each secret that is missing (the comments in rollbook.toml show \
                 another way): a_key.\n\
                 2. All lines of these drafts are comments; remove the `#` in front of those that you want: /home/anna/our \
                 school/crosswalks/people.toml.\n\
                 3. Then (the mirror is in the current folder, or in that of `--state DIR`):\n   \
                    {program} login wisenet   signs in, once\n   \
                    {program} check           finds problems\n   \
                    {program} check --online  also signs in\n   \
                    {program} sync --dry-run  shows what would be mirrored\n   \
                    {program} run             runs every job on its schedule\n"
            )
        );
    }
}
