//! The worker's side of commands from other hosts: it runs this program again, for one source that it has.
//!
//! The surprise: nothing here knows a command's meaning. The program that is started reads its arguments as it would on a terminal, and
//! refuses by itself what would write to this machine. What it prints may hold pupils: it goes into the answer and nowhere else.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::ClusterDatabase;
use rollbook_core::clock::Clock;
use rollbook_core::model::SourceName;
use rollbook_core::permissions::Actor;
use rollbook_engine::setup::Folders;
use rollbook_postgres::postgres::DatabaseError;
use rollbook_postgres::postgres::cluster::requests::{self, RequestAnswer};

/// The environment variable by which the started program knows that it is asked: a [`RequestOrigin`] as JSON.
pub const ASKED: &str = "ROLLBOOK_ASKED";

/// The commands that are carried out for another host.
pub const FORWARDED_COMMANDS: &[&str] = &[
    "approve",
    "audit",
    "changes",
    "combos",
    "crosswalk",
    "erase",
    "export",
    "hooks",
    "jobs",
    "pause",
    "person",
    "privacy",
    "publish",
    "report",
    "reset",
    "resume",
    "runs",
    "status",
    "streams",
    "sync",
    "tokens",
    "verify",
    "why",
];

/// The options that say where the files of a host are; each host has its own.
pub const HOST_OPTIONS: &[&str] = &["--config", "--jobs", "--state", "--in", "--log"];

/// This program, also after its file was replaced by a newer one.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// How often the database is asked for requests.
const POLL: Duration = Duration::from_secs(2);

/// How often old requests are forgotten.
const TIDY: Duration = Duration::from_secs(60);

/// Commands at once: each is a process with a connection to the mirror.
const AT_ONCE: usize = 4;

/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The most that a command may print, on each of its two outputs: it has to fit into memory and into a row.
const MOST_BYTES: u64 = 8 << 20;

/// Who asks for a command, and for what terminal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestOrigin {
    /// The person.
    pub by: Actor,
    /// The columns of the terminal on standard output; `None` if it is none.
    pub width: Option<usize>,
    /// The same of standard error.
    pub error_width: Option<usize>,
    /// Whether both show colours.
    pub has_colours: bool,
}

/// A command for a worker.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForwardedCommand {
    /// Its arguments, without [`HOST_OPTIONS`].
    pub arguments: Vec<String>,
    /// Who asks.
    pub origin: RequestOrigin,
}

/// This program, and the folders of this worker.
#[derive(Clone, Debug)]
pub struct RequestProgram {
    /// The program, as the one that runs and not what an upgrade has put in its place.
    pub executable: PathBuf,
    /// `--config`.
    pub config: PathBuf,
    /// `--jobs`.
    pub jobs: PathBuf,
    /// `--state`.
    pub state: PathBuf,
}

impl RequestProgram {
    /// With the folders of this worker.
    pub fn of_worker(folders: &Folders) -> Self {
        Self {
            executable: THIS_PROGRAM.into(),
            config: folders.config.clone(),
            jobs: folders.jobs.clone(),
            state: folders.state.clone(),
        }
    }
}

/// Carries out what other hosts ask of the sources that this worker has, until it is dropped; then what runs is killed.
pub async fn answer_requests(
    database: &ClusterDatabase,
    sources_held: impl Fn(&SourceName) -> bool,
    program: &RequestProgram,
) {
    let clock = Clock::system();
    let mut running = FuturesUnordered::new();
    // Before the first heartbeat the tables may not be there.
    let (mut is_failing, mut tidied) = (true, None);
    loop {
        let found = waiting(database, &sources_held, AT_ONCE - running.len()).await;
        match &found {
            Err(error) if !is_failing => {
                tracing::warn!("could not look for commands from other hosts: {error}");
            }
            Err(error) => tracing::debug!("could not look for commands from other hosts: {error}"),
            Ok(_) => {}
        }
        is_failing = found.is_err();
        for (source, id) in found.unwrap_or_default() {
            running.push(carry_out(database, program, source, id));
        }
        if tidied.is_none_or(|at| clock.running() >= at + TIDY) {
            tidied = Some(clock.running());
            let forgotten = with_session(database, async |session| {
                requests::forget_old(session, &database.schema).await
            });
            if let Err(error) = forgotten.await {
                tracing::debug!("could not forget old commands from other hosts: {error}");
            }
        }
        tokio::select! {
            Some(ended) = running.next() => {
                if let Err(error) = ended {
                    tracing::warn!("could not answer a command from another host: {error}");
                }
            }
            () = clock.sleep(POLL) => {}
        }
    }
}

/// Uses a connection, and keeps it unless it failed.
async fn with_session<T>(
    database: &ClusterDatabase,
    work: impl AsyncFnOnce(&rollbook_postgres::postgres::DatabaseSession) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let session = database.session().await?;
    let done = work(&session).await?;
    database.keep(session);
    Ok(done)
}

/// The oldest requests of the sources that this worker has.
async fn waiting(
    database: &ClusterDatabase,
    sources_held: &impl Fn(&SourceName) -> bool,
    most: usize,
) -> Result<Vec<(SourceName, String)>, DatabaseError> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let found = with_session(database, async |session| {
        requests::waiting(session, &database.schema).await
    })
    .await?;
    let held = found.into_iter().filter_map(|(source, id)| {
        let source: SourceName = source.parse().ok()?;
        sources_held(&source).then_some((source, id))
    });
    Ok(held.take(most).collect())
}

async fn carry_out(
    database: &ClusterDatabase,
    program: &RequestProgram,
    source: SourceName,
    id: String,
) -> Result<(), DatabaseError> {
    let (schema, row) = (database.schema.as_str(), (source.as_str(), id.as_str()));
    let taken = with_session(database, async |session| {
        requests::take(session, schema, row).await
    })
    .await?;
    let Some(request) = taken else { return Ok(()) };
    let answer = match serde_json::from_str::<ForwardedCommand>(&request) {
        Ok(request) => match refusal(&request.arguments) {
            None => {
                tracing::info!(%source, command = request.arguments[0], by = request.origin.by.name, "a command from another host");
                run(program, &source, &request).await
            }
            Some(why) => failed(2, why),
        },
        Err(_) => failed(
            2,
            "the worker cannot read this request: it has another version of rollbook".to_owned(),
        ),
    };
    with_session(database, async |session| {
        requests::answer(session, schema, row, &answer).await
    })
    .await
}

fn failed(status: i32, why: String) -> RequestAnswer {
    RequestAnswer {
        status,
        output: Vec::new(),
        errors: format!("{why}\n").into_bytes(),
    }
}

/// Why a command is not for another host.
fn refusal(arguments: &[String]) -> Option<String> {
    let command = arguments.first().map(String::as_str).unwrap_or_default();
    if !FORWARDED_COMMANDS.contains(&command) {
        return Some(format!(
            "a worker does not carry out `{command}` for another host"
        ));
    }
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let mut names = options.map(|option| option.split('=').next().unwrap_or_default());
    let found = names.find(|name| HOST_OPTIONS.contains(name))?;
    Some(format!("a worker has a {found} of its own"))
}

async fn run(
    program: &RequestProgram,
    source: &SourceName,
    request: &ForwardedCommand,
) -> RequestAnswer {
    let ended = tokio::time::timeout(LONGEST, child(program, source, request)).await;
    match ended {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => failed(
            1,
            format!("the worker could not start the command: {error}"),
        ),
        Err(_) => failed(
            1,
            "the worker ended the command: it took longer than an hour".to_owned(),
        ),
    }
}

async fn child(
    program: &RequestProgram,
    source: &SourceName,
    request: &ForwardedCommand,
) -> io::Result<RequestAnswer> {
    let folders = [
        ("--config", &program.config),
        ("--jobs", &program.jobs),
        ("--state", &program.state),
    ];
    let folders = folders
        .into_iter()
        .flat_map(|(option, folder)| [OsString::from(option), folder.into()]);
    let colours = if request.origin.has_colours {
        "CLICOLOR_FORCE"
    } else {
        "NO_COLOR"
    };
    let mut child = Command::new(&program.executable)
        .args(folders)
        .args(["--in", source.as_str()])
        .args(&request.arguments)
        .env(ASKED, serde_json::to_string(&request.origin)?)
        .env(colours, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let ((output, is_cut), (mut errors, _)) = tokio::try_join!(limited(output), limited(errors))?;
    if is_cut {
        drop(child);
        let why = "the worker ended the command: it printed more than 8 MB; ask for less, or read a database of `[publish.NAME]`\n";
        errors.extend_from_slice(why.as_bytes());
        return Ok(RequestAnswer {
            status: 1,
            output: Vec::new(),
            errors,
        });
    }
    let status = child.wait().await?;
    Ok(RequestAnswer {
        status: status.code().unwrap_or(1),
        output,
        errors,
    })
}

/// What a command prints, and whether it printed more than is sent.
async fn limited(from: Option<impl AsyncRead + Unpin>) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(MOST_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    let is_cut = bytes.len() as u64 > MOST_BYTES;
    Ok((bytes, is_cut))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use rollbook_core::model::named;

    fn texts(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn what_a_worker_does_not_do_for_others() {
        let rows: &[(&[&str], Option<&str>)] = &[
            (&["status", "--json"], None),
            (&["why", "north_users", "--", "--config"], None),
            (&[], Some("a worker does not carry out `` for another host")),
            (
                &["run"],
                Some("a worker does not carry out `run` for another host"),
            ),
            (
                &["--config", "/tmp", "status"],
                Some("a worker does not carry out `--config` for another host"),
            ),
            (
                &["status", "--config", "/tmp"],
                Some("a worker has a --config of its own"),
            ),
            (
                &["status", "--state=/tmp"],
                Some("a worker has a --state of its own"),
            ),
        ];
        for (arguments, expected) in rows {
            assert_eq!(
                refusal(&texts(arguments)).as_deref(),
                *expected,
                "{arguments:?}"
            );
        }
    }

    /// Runs a shell script as if it were this program.
    async fn answer_of(script: &str) -> RequestAnswer {
        let folder = tempfile::tempdir().expect("a folder");
        let executable = folder.path().join("program");
        fs::write(&executable, format!("#!/bin/sh\n{script}")).expect("written");
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o700)).expect("executable");
        let program = RequestProgram {
            executable,
            config: "/c".into(),
            jobs: "/j".into(),
            state: "/s".into(),
        };
        let request = ForwardedCommand {
            arguments: texts(&["status", "--json"]),
            origin: RequestOrigin {
                by: Actor {
                    uid: 7,
                    name: "anna on desk".to_owned(),
                },
                width: Some(80),
                error_width: None,
                has_colours: false,
            },
        };
        run(&program, &named("north"), &request).await
    }

    #[tokio::test]
    async fn a_command_gets_the_workers_folders_and_who_asks() {
        let answer =
            answer_of("echo \"$@\"; echo \"$ROLLBOOK_ASKED\"; echo \"no $NO_COLOR\" >&2; exit 75")
                .await;
        let output = "--config /c --jobs /j --state /s --in north status --json\n\
             {\"by\":{\"uid\":7,\"name\":\"anna on desk\"},\"width\":80,\"error_width\":null,\"has_colours\":false}\n";
        assert_eq!(
            answer,
            RequestAnswer {
                status: 75,
                output: output.as_bytes().to_vec(),
                errors: b"no 1\n".to_vec()
            }
        );
    }

    #[tokio::test]
    async fn a_command_that_prints_too_much_is_ended() {
        let answer = answer_of("exec yes").await;
        assert_eq!((answer.status, answer.output.len()), (1, 0));
        let errors = String::from_utf8(answer.errors).expect("text");
        assert!(errors.contains("more than 8 MB"), "{errors}");
    }
}
