//! Every command has a meaning in a cluster, and every option that is named exists.

use clap::{Command, CommandFactory as _};

use super::*;
use crate::cli::args::Args;
use crate::cli::help;
use rollbook_app::app::FORWARDED_COMMANDS;
use rollbook_core::model::named;
use rollbook_engine::setup::Overlay;

const SHELF: &str = r#"connector = "shelf"
title = "Shelf"
base_url = "{server}/api"
[settings]
server = { required = true, help = "the address of the server" }
[auth.client_credentials]
token_url = "{server}/token"
[streams.learners]
path = "/learners"
rows = "[]"
key = ["id"]
columns = { id = "id : text" }
"#;

fn source(name: &str) -> String {
    format!(
        "[sources.{name}]\nconnector = \"shelf\"\nsettings = {{ server = \"https://{name}.example\" }}\n\
         auth = {{ grant = \"client_credentials\", client_id = \"c\", client_secret = {{ credential = \"c\" }} }}\n"
    )
}

fn setup() -> (tempfile::TempDir, Setup) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("jobs")).expect("made");
    std::fs::create_dir(folder.path().join("connectors")).expect("made");
    std::fs::write(folder.path().join("connectors/shelf.toml"), SHELF).expect("written");
    let sources = source("north") + &source("south");
    std::fs::write(folder.path().join("rollbook.toml"), sources).expect("written");
    for (job, source) in [
        ("learners", "north"),
        ("courses", "south"),
        ("north", "south"),
    ] {
        let text =
            format!("source = \"{source}\"\nstreams = [\"learners\"]\nschedule = \"0 4 * * *\"\n");
        std::fs::write(folder.path().join(format!("jobs/{job}.toml")), text).expect("written");
    }
    let folders = rollbook_engine::setup::Folders {
        config: folder.path().to_owned(),
        jobs: folder.path().join("jobs"),
        state: folder.path().to_owned(),
        source: None,
    };
    let setup =
        Setup::load(&folders, &Overlay::default()).unwrap_or_else(|problems| panic!("{problems}"));
    (folder, setup)
}

/// A line, the source of `--in`, and the sources that it means.
type RouteRow<'a> = (&'a str, Option<&'a str>, Result<&'a [&'a str], &'a str>);

#[test]
fn which_source_a_command_means() {
    let (_folder, setup) = setup();
    let rows: &[RouteRow<'_>] = &[
        ("check", None, Ok(&[])),
        ("verify backup.db", None, Ok(&[])),
        ("vault key", None, Ok(&[])),
        ("hooks test siren", None, Ok(&[])),
        ("status", None, Ok(&["north", "south"])),
        ("status", Some("north"), Ok(&["north"])),
        (
            "status",
            Some("nort"),
            Err("there is no source `nort`; did you mean `north`?"),
        ),
        ("sync", None, Ok(&["north", "south"])),
        ("sync learners", None, Ok(&["north"])),
        ("sync courses north", None, Ok(&["south"])),
        (
            "sync learners courses",
            None,
            Err(
                "in a cluster each source has a mirror of its own, and these belong to north, south: run the command once for each",
            ),
        ),
        (
            "sync learnes",
            None,
            Err("there is no job `learnes`; did you mean `learners`?"),
        ),
        ("pause north", None, Ok(&["south"])),
        ("pause north --source", None, Ok(&["north"])),
        ("resume south", None, Ok(&["south"])),
        ("why north_learners 17", None, Ok(&["north"])),
        ("export north.learners", None, Ok(&["north"])),
        ("streams south learners", None, Ok(&["south"])),
        ("publish verify district south", None, Ok(&["south"])),
        ("publish verify district", None, Ok(&["north", "south"])),
        ("approve 12 --yes", Some("south"), Ok(&["south"])),
        (
            "approve 12",
            None,
            Err(
                "in a cluster each source has a mirror of its own: `rollbook approve` needs `--in SOURCE`",
            ),
        ),
        ("erase --list", None, Ok(&["north", "south"])),
        (
            "erase --undo 3",
            None,
            Err(
                "in a cluster each source has a mirror of its own: `rollbook erase` needs `--in SOURCE`",
            ),
        ),
        ("crosswalk check", None, Ok(&["north", "south"])),
        (
            "crosswalk check sexes",
            None,
            Err(
                "in a cluster each source has a mirror of its own: `rollbook crosswalk check` needs `--in SOURCE`",
            ),
        ),
        (
            "runs show 3",
            None,
            Err(
                "in a cluster each source has a mirror of its own: `rollbook runs show` needs `--in SOURCE`",
            ),
        ),
        (
            "run",
            Some("north"),
            Err("`rollbook run` works with no source's mirror: leave --in out"),
        ),
        ("person show north_learners 7", None, Ok(&["north"])),
        (
            "person export north_learners 7",
            None,
            Err("a worker writes no files of this host: add `--out -`, and `> FILE`"),
        ),
        (
            "person export north_learners 7 --out -",
            None,
            Ok(&["north"]),
        ),
        (
            "export north_learners --to out.csv",
            None,
            Err("a worker writes no files of this host: export to standard output, `--to -`"),
        ),
        ("export north_learners --to -", None, Ok(&["north"])),
        (
            "sync --dry-run",
            None,
            Err(
                "a dry run would use the source's sign-in beside its worker: leave `--dry-run` out",
            ),
        ),
        (
            "matches",
            None,
            Err(
                "people are matched inside one mirror, and in a cluster each source has its own: match them in a database of `[publish.NAME]`",
            ),
        ),
    ];
    for (line, given, expected) in rows {
        let words = ["rollbook"].into_iter().chain(line.split(' '));
        let matches = Args::command().try_get_matches_from(words).expect(line);
        let given = given.map(named::<SourceName>);
        let found = route(&setup, &matches, given.as_ref()).map_err(Exit::into_text);
        let expected = expected
            .map_err(str::to_owned)
            .map(|sources| match sources {
                [] => CommandRoute::Here,
                some => CommandRoute::Sources(some.iter().map(|source| named(source)).collect()),
            });
        assert_eq!(found, expected, "{line}");
    }
}

/// The commands without others below them, with their whole names.
fn leaves(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands() {
        let name = format!("{name} {}", below.get_name()).trim().to_owned();
        if below.get_name() == "help" {
            continue;
        }
        if below.has_subcommands() && below.is_subcommand_required_set() {
            leaves(below, &name, found);
        } else {
            found.push((name.clone(), below.clone()));
            leaves(below, &name, found);
        }
    }
}

#[test]
fn every_command_has_a_meaning() {
    let mut commands = Vec::new();
    leaves(&help::command_line(Args::command()), "", &mut commands);
    for (name, _) in &commands {
        assert!(
            MEANINGS.iter().any(|(with, _)| begins(name, with)),
            "add `{name}` to MEANINGS in src/cli/cluster/route.rs"
        );
    }
    let is_argument = |command: &Command, argument: &str| {
        command.get_arguments().any(|one| one.get_id() == argument)
    };
    for (with, meaning) in MEANINGS {
        let mut own = commands.iter().filter(|(name, _)| begins(name, with));
        let is_built = cfg!(feature = "demo") || !["demo", "sandbox"].contains(with);
        assert!(
            own.clone().next().is_some() || !is_built,
            "there is no command `{with}`"
        );
        if let Of(argument, ..)
        | HereWith(argument, _)
        | EachWith(argument, _)
        | OneWith(argument, _) = meaning
        {
            assert!(
                own.any(|(_, command)| is_argument(command, argument)),
                "{with}: {argument}"
            );
        }
    }
    for (of, limit, _) in LIMITS {
        let (Limit::Not(option) | Limit::Output(option) | Limit::OnlyOutput(option)) = limit;
        let own = commands.iter().find(|(name, _)| name == of);
        assert!(
            own.is_some_and(|(_, command)| is_argument(command, option)),
            "{of}: {option}"
        );
    }
}

#[test]
fn workers_carry_out_what_is_forwarded() {
    let is_forwarded =
        |(_, meaning): &&(&str, CommandMeaning)| !matches!(meaning, Here | Refused(_));
    let mut words: Vec<&str> = MEANINGS
        .iter()
        .filter(is_forwarded)
        .filter_map(|(name, _)| name.split(' ').next())
        .collect();
    words.dedup();
    assert_eq!(words, FORWARDED_COMMANDS);
}
