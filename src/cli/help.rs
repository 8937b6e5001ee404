//! What `-h`, `--help` and the man pages add to the options: commands by task, and examples.
//!
//! A command without a group or an example fails a test, and so does an example that the program does not accept.

use std::fmt::Write as _;

use clap::Command;

use super::table::indented;

/// Heading of the options that all commands have.
pub const GLOBAL_OPTIONS: &str = "Global options";

/// Width of the columns before a command's description.
const NAME_WIDTH: usize = 13;

/// The commands by task, in the order in which an admin needs them.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Try it without a vendor", &["demo", "sandbox"]),
    (
        "Set up",
        &[
            "init",
            "check",
            "connector",
            "login",
            "logout",
            "tokens",
            "alerts",
            "hooks",
        ],
    ),
    (
        "Mirror",
        &["run", "sync", "status", "web", "report", "jobs", "runs"],
    ),
    (
        "Intervene",
        &["approve", "pause", "resume", "reset", "rename"],
    ),
    (
        "Read the mirror",
        &[
            "streams",
            "changes",
            "export",
            "serve",
            "publish",
            "why",
            "combos",
            "crosswalk",
            "matches",
        ],
    ),
    (
        "Account for personal data",
        &["privacy", "person", "erase", "audit"],
    ),
    (
        "Maintain",
        &["backup", "verify", "restore", "vault", "cluster"],
    ),
    ("For shells and editors", &["schema", "completions"]),
];

/// A command line, and what it does; empty if the command says it.
type Example = (&'static str, &'static str);

/// Examples below the name of each command in brackets, with a remark after two blanks and a number sign.
const EXAMPLES: &str = include_str!("help/examples.txt");

/// Every command with its examples.
fn all_examples() -> impl Iterator<Item = (&'static str, Vec<Example>)> {
    EXAMPLES.split("\n\n").filter_map(|part| {
        let mut lines = part.lines();
        let command = lines.next()?.strip_prefix('[')?.strip_suffix(']')?;
        let examples = lines.map(|line| line.split_once("  # ").unwrap_or((line, "")));
        Some((command, examples.collect()))
    })
}

/// The examples of a command, such as `rollbook runs show`.
pub fn examples(command: &str) -> Vec<Example> {
    let words = command.strip_prefix("rollbook").unwrap_or(command).trim();
    let found = all_examples().find(|(of, _)| *of == words);
    found.map_or(Vec::new(), |(_, lines)| lines)
}

/// The command line with its groups and examples; global options are in `--help` only.
pub fn command_line(command: Command) -> Command {
    let command = command.mut_args(|option| {
        let is_global = option.get_help_heading() == Some(GLOBAL_OPTIONS);
        option.hide_short_help(is_global)
    });
    let template = template(&command);
    with_examples(command, "rollbook").help_template(template)
}

fn with_examples(command: Command, name: &str) -> Command {
    let below: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    let command = below.iter().fold(command, |command, below| {
        let name = format!("{name} {below}");
        command.mut_subcommand(below, |command| with_examples(command, &name))
    });
    let examples = heading("Examples") + &example_lines(name);
    let global = "Options of every command, in --help: --config, --jobs, --state, --in, --log, -v";
    command
        .after_help(format!("{examples}\n{global}"))
        .after_long_help(examples.trim_end().to_owned())
}

fn example_lines(command: &str) -> String {
    let lines = examples(command).into_iter();
    indented(
        2,
        lines.map(|(line, remark)| [line.to_owned(), remark.to_owned()]),
    )
}

/// The help of `rollbook` itself.
fn template(command: &Command) -> String {
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (title, names) in GROUPS {
        let commands = names
            .iter()
            .filter_map(|name| command.find_subcommand(name));
        let lines: Vec<&Command> = commands.collect();
        if !lines.is_empty() {
            let _ = write!(text, "\n{}", heading(title)); // a text takes anything
        }
        for command in lines {
            let (name, about) = (command.get_name(), about(command));
            let _ = writeln!(text, "  {name:NAME_WIDTH$}{about}");
        }
    }
    text + "\n" + &heading("Options") + "{options}{after-help}"
}

/// What a command does, in one line.
pub fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// As clap shows its own headings.
fn heading(text: &str) -> String {
    let style = *clap::builder::Styles::styled().get_header();
    format!("{style}{text}:{style:#}\n")
}

#[cfg(test)]
mod tests;
