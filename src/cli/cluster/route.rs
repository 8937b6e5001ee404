//! Which source a command means in a cluster, and what it cannot do there.
//!
//! A command that is not in the table fails a test.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::cli::exit::Exit;
use crate::cli::mirror_access::find;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::SourceName;
use rollbook_engine::setup::Setup;

/// Where a command is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRoute {
    /// By this process: it does not work with a mirror.
    Here,
    /// By the workers that have these sources.
    Sources(Vec<SourceName>),
}

/// What a command means.
#[derive(Clone, Copy, Debug)]
enum CommandMeaning {
    /// No mirror.
    Here,
    /// Nothing that is possible in a cluster: why, and what to do.
    Refused(&'static str),
    /// The source of `--in`.
    OneSource,
    /// All sources, one after the other.
    EachSource,
    /// The source that the values of an argument belong to; without one the second.
    Of(&'static str, ArgumentKind, &'static Self),
    /// This process if an argument is given; else the second.
    HereWith(&'static str, &'static Self),
    /// All sources if an argument is given; else the second.
    EachWith(&'static str, &'static Self),
    /// The source of `--in` if an argument is given; else the second.
    OneWith(&'static str, &'static Self),
}

/// What the values of an argument are.
#[derive(Clone, Copy, Debug)]
enum ArgumentKind {
    Job,
    JobOrSource,
    Source,
    Stream,
}

use ArgumentKind::{Job, JobOrSource, Source, Stream};
use CommandMeaning::{EachSource, EachWith, Here, HereWith, Of, OneSource, OneWith, Refused};

/// What each command means; the longest beginning of its name counts.
const MEANINGS: &[(&str, CommandMeaning)] = &[
    ("alerts", Here),
    ("approve", OneSource),
    ("audit", EachSource),
    (
        "backup",
        Refused(
            "in a cluster the database has all mirrors: back it up with PostgreSQL's tools; `rollbook cluster fetch` writes the files of one source",
        ),
    ),
    ("changes", Of("streams", Stream, &OneSource)),
    ("check", Here),
    ("cluster", Here),
    ("combos", Of("source", Source, &OneSource)),
    (
        "combos import",
        Refused(
            "a worker cannot read a spreadsheet of this host: `rollbook cluster fetch SOURCE --to DIR`, then `--state DIR` with a configuration without [cluster]",
        ),
    ),
    ("completions", Here),
    ("connector", Here),
    ("crosswalk", OneSource),
    ("crosswalk check", OneWith("names", &EachSource)),
    ("demo", Here),
    ("erase", Of("stream", Stream, &EachWith("list", &OneSource))),
    ("export", Of("streams", Stream, &OneSource)),
    ("hooks", EachSource),
    ("hooks test", Here),
    ("init", Here),
    ("jobs", Of("job", Job, &EachSource)),
    ("login", Here),
    ("logout", Here),
    (
        "matches",
        Refused(
            "people are matched inside one mirror, and in a cluster each source has its own: match them in a database of `[publish.NAME]`",
        ),
    ),
    ("pause", Of("name", JobOrSource, &OneSource)),
    ("person", Of("stream", Stream, &OneSource)),
    ("privacy", EachSource),
    ("publish", Of("source", Source, &EachSource)),
    ("publish status", EachSource),
    (
        "rename",
        Refused(
            "in a cluster a source gets its new name with its files: `rollbook cluster fetch OLD --to DIR --move`, `rename` there with a configuration without [cluster], then `rollbook cluster put NEW --from DIR`",
        ),
    ),
    ("report", OneSource),
    ("reset", Of("job", Job, &OneSource)),
    (
        "restore",
        Refused(
            "in a cluster the database has all mirrors: restore it with PostgreSQL's tools, and each source is read from there",
        ),
    ),
    ("resume", Of("name", JobOrSource, &OneSource)),
    ("run", Here),
    ("runs", Of("job", Job, &EachSource)),
    ("runs show", OneSource),
    ("sandbox", Here),
    ("schema", Here),
    (
        "serve",
        Refused(
            "a mirror moves between the workers of a cluster, so no service can stay beside it: serve from a machine outside of the cluster",
        ),
    ),
    ("status", EachSource),
    ("streams", Of("source", Source, &EachSource)),
    ("sync", Of("jobs", Job, &EachSource)),
    ("tokens", Of("source", Source, &EachSource)),
    ("vault", Here),
    ("verify", HereWith("file", &EachSource)),
    ("web", Here),
    ("why", Of("stream", Stream, &OneSource)),
];

/// What a worker does not do for another host.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// The option is not possible.
    Not(&'static str),
    /// The option is only possible as `-`: standard output.
    Output(&'static str),
    /// The option has to be `-`.
    OnlyOutput(&'static str),
}

/// The options that need this host: its files, or its terminal.
const LIMITS: &[(&str, Limit, &str)] = &[
    (
        "changes",
        Limit::Not("follow"),
        "a worker answers once: repeat the command with `--since RUN`",
    ),
    (
        "crosswalk suggest",
        Limit::Not("write"),
        "a worker writes no files of this host: print the draft, and write it here",
    ),
    (
        "erase",
        Limit::Not("file"),
        "a worker reads no files of this host: erase one person at a time",
    ),
    (
        "export",
        Limit::Not("all"),
        "a worker writes no files of this host: export the streams one by one to standard output",
    ),
    (
        "export",
        Limit::Output("to"),
        "a worker writes no files of this host: export to standard output, `--to -`",
    ),
    (
        "person export",
        Limit::OnlyOutput("out"),
        "a worker writes no files of this host: add `--out -`, and `> FILE`",
    ),
    (
        "report",
        Limit::OnlyOutput("html"),
        "a worker writes no files of this host: `--html - > FILE`",
    ),
    (
        "status",
        Limit::Not("watch"),
        "a worker answers once: `watch rollbook status`",
    ),
    (
        "sync",
        Limit::Not("dry_run"),
        "a dry run would use the source's sign-in beside its worker: leave `--dry-run` out",
    ),
    (
        "verify",
        Limit::Not("file"),
        "a worker reads no files of this host",
    ),
];

/// The whole name of the command, and its own arguments.
fn command(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut name, mut own) = (String::new(), matches);
    while let Some((word, below)) = own.subcommand() {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
        own = below;
    }
    (name, own)
}

fn begins(name: &str, with: &str) -> bool {
    name.strip_prefix(with)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn meaning(name: &str) -> CommandMeaning {
    let found = MEANINGS.iter().filter(|(with, _)| begins(name, with));
    let found = found.max_by_key(|(with, _)| with.len());
    found.map_or(
        Refused("this is not possible in a cluster"),
        |(_, meaning)| *meaning,
    )
}

/// Whether the command means no mirror, whatever is configured.
pub fn is_here(matches: &ArgMatches) -> bool {
    let (name, own) = command(matches);
    match meaning(&name) {
        Here => true,
        HereWith(argument, _) => is_given(own, argument),
        _ => false,
    }
}

/// Where the command is carried out in a cluster; `given` is the source of `--in`.
///
/// # Errors
/// When it is not possible, or it does not say which source it means.
pub fn route(
    setup: &Setup,
    matches: &ArgMatches,
    given: Option<&SourceName>,
) -> Result<CommandRoute, Exit> {
    let (name, own) = command(matches);
    let mut meaning = meaning(&name);
    if is_here(matches) {
        return match given {
            Some(_) => Err(Exit::usage(format!(
                "`rollbook {name}` works with no source's mirror: leave --in out"
            ))),
            None => Ok(CommandRoute::Here),
        };
    }
    if let Refused(why) = meaning {
        return Err(Exit::usage(why));
    }
    check_limits(&name, own)?;
    if let Some(source) = given {
        known(setup, source.as_str())?;
        return Ok(CommandRoute::Sources(vec![source.clone()]));
    }
    loop {
        meaning = match meaning {
            Of(argument, kind, otherwise) => {
                let values: Vec<String> = values(own, argument);
                if !values.is_empty() {
                    return of_values(setup, own, kind, &values)
                        .map(|source| CommandRoute::Sources(vec![source]));
                }
                *otherwise
            }
            EachWith(argument, _) if is_given(own, argument) => EachSource,
            OneWith(argument, _) if is_given(own, argument) => OneSource,
            HereWith(_, otherwise) | EachWith(_, otherwise) | OneWith(_, otherwise) => *otherwise,
            EachSource => {
                return Ok(CommandRoute::Sources(
                    setup.sources.keys().cloned().collect(),
                ));
            }
            OneSource | Here | Refused(_) => {
                return Err(Exit::usage(format!(
                    "in a cluster each source has a mirror of its own: `rollbook {name}` needs `--in SOURCE`"
                )));
            }
        }
    }
}

/// Refuses what a worker does not do for another host.
///
/// # Errors
/// When an option is such.
pub fn check(matches: &ArgMatches) -> Result<(), Exit> {
    let (name, own) = command(matches);
    match meaning(&name) {
        Here | Refused(_) => Err(Exit::usage(format!(
            "a worker does not carry out `rollbook {name}` for another host"
        ))),
        _ => check_limits(&name, own),
    }
}

fn check_limits(name: &str, own: &ArgMatches) -> Result<(), Exit> {
    let is_beyond = |limit: &Limit| match limit {
        Limit::Not(option) => is_given(own, option),
        Limit::Output(option) => is_given(own, option) && values(own, option) != ["-"],
        Limit::OnlyOutput(option) => values(own, option) != ["-"],
    };
    let limits = LIMITS.iter().filter(|(of, ..)| *of == name);
    match limits.into_iter().find(|(_, limit, _)| is_beyond(limit)) {
        Some((.., why)) => Err(Exit::usage(*why)),
        None => Ok(()),
    }
}

fn is_given(own: &ArgMatches, argument: &str) -> bool {
    matches!(own.try_contains_id(argument), Ok(true))
        && own.value_source(argument) == Some(ValueSource::CommandLine)
}

fn values(own: &ArgMatches, argument: &str) -> Vec<String> {
    let values = own.try_get_raw(argument).ok().flatten().unwrap_or_default();
    values
        .map(|value| value.to_string_lossy().into_owned())
        .collect()
}

/// The one source that all values belong to.
fn of_values(
    setup: &Setup,
    own: &ArgMatches,
    kind: ArgumentKind,
    values: &[String],
) -> Result<SourceName, Exit> {
    let mut sources = Vec::new();
    for value in values {
        let source = match kind {
            Job => of_job(setup, value)?,
            Source => known(setup, value)?,
            JobOrSource if own.get_flag("source") || !setup.jobs.contains_key(value.as_str()) => {
                // A name that is neither is a source's in the message, because a job's would not help with `--source`.
                known(setup, value)?
            }
            JobOrSource => of_job(setup, value)?,
            Stream => of_stream(setup, value)?,
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    match <[SourceName; 1]>::try_from(sources) {
        Ok([source]) => Ok(source),
        Err(several) => Err(Exit::usage(format!(
            "in a cluster each source has a mirror of its own, and these belong to {}: run the command once for each",
            several
                .iter()
                .map(SourceName::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn known(setup: &Setup, name: &str) -> Result<SourceName, Exit> {
    match setup.sources.get_key_value(name) {
        Some((source, _)) => Ok(source.clone()),
        None => {
            let help = advice(name, setup.sources.keys().map(SourceName::as_str));
            Err(Exit::usage(format!("there is no source `{name}`; {help}")))
        }
    }
}

fn of_job(setup: &Setup, name: &str) -> Result<SourceName, Exit> {
    match setup.jobs.get(name) {
        Some(job) => Ok(job.source.clone()),
        None => {
            let help = advice(name, setup.jobs.keys().map(|job| job.as_str()));
            Err(Exit::usage(format!("there is no job `{name}`; {help}")))
        }
    }
}

fn of_stream(setup: &Setup, name: &str) -> Result<SourceName, Exit> {
    let streams = setup.sources.iter();
    let streams = streams
        .flat_map(|(source, found)| found.streams.keys().map(move |stream| (source, stream)));
    find(name, streams).map(|(source, _)| source.clone())
}

#[cfg(test)]
mod tests;
