//! Every command is in a group and has examples, and all of it is true.

use clap::CommandFactory as _;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::cli::args::Args;

/// A command and those below it, with their whole names.
fn all(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            let name = format!("{name} {}", below.get_name());
            found.push((name.clone(), below.clone()));
            all(below, &name, found);
        }
    }
}

fn every_command() -> Vec<(String, Command)> {
    let root = command_line(Args::command());
    let mut found = vec![("rollbook".to_owned(), root.clone())];
    all(&root, "rollbook", &mut found);
    found
}

/// The words of a line before what the shell itself does with it.
fn words(line: &str) -> Vec<&str> {
    let own = line.split(['>', '|']).take(1);
    own.flat_map(str::split_whitespace).collect()
}

#[test]
fn every_command_is_in_one_group() {
    let root = Args::command();
    for command in root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = command.get_name();
        let groups = GROUPS.iter().filter(|(_, names)| names.contains(&name));
        assert_eq!(
            groups.count(),
            1,
            "add `{name}` to one group of GROUPS in src/cli/help.rs"
        );
    }
    let names = GROUPS.iter().flat_map(|(_, names)| *names);
    for name in names.filter(|name| cfg!(feature = "demo") || !["demo", "sandbox"].contains(name)) {
        assert!(
            root.find_subcommand(name).is_some(),
            "there is no command `{name}`"
        );
    }
}

#[test]
fn every_command_has_examples_that_it_accepts() {
    for (name, _) in every_command() {
        let lines = examples(&name);
        assert!(
            (1..=3).contains(&lines.len()),
            "`{name}` has {} examples in src/cli/help/examples.txt",
            lines.len()
        );
        for (line, _) in lines {
            let parsed = Args::command().try_get_matches_from(words(line));
            let matches = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
            let mut below = Some(&matches);
            let mut used = "rollbook".to_owned();
            while let Some((name, matches)) = below.and_then(|matches| matches.subcommand()) {
                used = format!("{used} {name}");
                below = Some(matches);
            }
            assert!(
                used.starts_with(&name),
                "{line} is an example of `{used}`, not of `{name}`"
            );
        }
    }
    let commands = every_command();
    for (words, _) in all_examples() {
        let is_there = commands
            .iter()
            .any(|(name, _)| name == format!("rollbook {words}").trim());
        assert!(
            is_there || !cfg!(feature = "demo"),
            "there is no command `{words}`"
        );
    }
}

#[test]
fn help_fits_eighty_columns() {
    for (name, command) in every_command() {
        for line in example_lines(&name).lines() {
            assert!(line.width() <= 80, "{name}: {line}");
        }
        let command = command.term_width(80);
        for help in [
            command.clone().render_help(),
            command.clone().render_long_help(),
        ] {
            for line in help.to_string().lines() {
                assert!(line.width() <= 80, "{name}: {line}");
            }
        }
    }
}

#[test]
fn short_help_names_the_global_options_in_one_line() {
    let root = command_line(Args::command()).term_width(80);
    for (name, _) in every_command() {
        let of = |flag: &str| {
            let line = name.split(' ').chain([flag]);
            let error = root.clone().try_get_matches_from(line).expect_err("help");
            error.render().to_string()
        };
        let (short, long) = (of("-h"), of("--help"));
        assert!(!short.contains("--state <DIR>"), "{short}");
        assert!(
            short.contains("--config, --jobs, --state, --in, --log, -v"),
            "{short}"
        );
        assert!(long.contains("--state <DIR>"), "{long}");
        assert!(long.contains("\nExamples:\n"), "{long}");
    }
}

#[test]
fn the_first_help_has_every_group() {
    let mut root = command_line(Args::command()).term_width(80);
    let help = root.render_help().to_string();
    for (title, _) in GROUPS {
        assert!(help.contains(&format!("\n{title}:\n")), "{help}");
    }
    assert!(!help.contains("\nCommands:\n"), "{help}");
}
