//! The log: to the journal with its fields, else to standard error, as text or as JSON.
//!
//! Standard output is for results. The surprise: `JOURNAL_STREAM` is inherited by everything that a unit starts,
//! so it counts only if it names the very file that our standard error is. Nobody who logs waits for a reader.

mod journal;
mod queue;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

use self::journal::Journal;
use self::queue::Queue;
use super::args::{Args, Command};

/// So long the last lines may take at the end: a stop must be quick.
const LAST_LINES: Duration = Duration::from_millis(500);

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// One line for people
    Text,
    /// One JSON object a line
    Json,
    /// To systemd's journal, with fields
    Journal,
}

/// The log of this process.
#[derive(Debug)]
pub struct Log(Option<Queue>);

impl Log {
    /// Waits a moment until the last lines are out, so that what is said after them stands after them.
    pub fn flush(&self) {
        if let Some(queue) = &self.0 {
            queue.flush(LAST_LINES);
        }
    }
}

/// Begins the log.
pub fn begin(args: &Args) -> Log {
    // What becomes of a run is told by the command itself; the log is for those who want more.
    let level = match (&args.command, args.verbose) {
        (Command::Run, 0) | (_, 1) => LevelFilter::INFO,
        (_, 0) => LevelFilter::OFF,
        _ => LevelFilter::DEBUG,
    };
    let filter = wanted(std::env::var("ROLLBOOK_LOG").ok(), level);
    let form = args.log.unwrap_or_else(form_of_the_place);
    let (form, queue) = match queue(form) {
        Ok(begun) => begun,
        // Without a thread of its own there is no log; that is no reason to stop.
        Err(_) => return Log(None),
    };
    let lines = tracing_subscriber::registry()
        .with(filter)
        .with(layer(form, queue.clone()));
    let _ = lines.try_init(); // a second log is no reason to stop
    Log(Some(queue))
}

/// What is logged: as the environment says where that makes sense, else our own lines from this level on.
fn wanted(said: Option<String>, level: LevelFilter) -> Targets {
    let said = said.and_then(|text| text.parse().ok());
    said.unwrap_or_else(|| Targets::new().with_target("rollbook", level))
}

/// The way out, and the form that goes there: a journal that cannot be reached reads standard error all the same.
fn queue(form: Form) -> io::Result<(Form, Queue)> {
    let sink = match form {
        Form::Journal => journal::sink(),
        Form::Text | Form::Json => None,
    };
    if let Some(sink) = sink {
        return Ok((Form::Journal, Queue::start(sink, journal::loss)?));
    }
    let stderr: queue::Sink = Box::new(|line| {
        let _ = io::stderr().write_all(line); // there is nobody else to tell
    });
    match form {
        Form::Json => Ok((form, Queue::start(stderr, loss_in_json)?)),
        Form::Text | Form::Journal => Ok((Form::Text, Queue::start(stderr, loss_in_text)?)),
    }
}

fn loss_of(lost: u64) -> String {
    format!("{lost} lines of the log were lost because nobody took them")
}

fn loss_in_text(lost: u64) -> Vec<u8> {
    format!("{}\n", loss_of(lost)).into_bytes()
}

fn loss_in_json(lost: u64) -> Vec<u8> {
    let line = serde_json::json!({ "level": "WARN", "message": loss_of(lost) });
    format!("{line}\n").into_bytes()
}

fn layer<S>(form: Form, queue: Queue) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    let lines = || {
        let queue = queue.clone();
        fmt::layer()
            .with_writer(move || queue.clone())
            .with_target(false)
    };
    match form {
        Form::Text => lines().with_ansi(io::stderr().is_terminal()).boxed(),
        Form::Json => lines().json().flatten_event(true).boxed(),
        Form::Journal => Journal(queue).boxed(),
    }
}

fn form_of_the_place() -> Form {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    // A copy of the handle, because a file that is dropped is closed.
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    let place = stderr.and_then(|stderr| File::from(stderr).metadata()).ok();
    match (stream, place) {
        (Some(stream), Some(place)) if is_journal(&stream, place.dev(), place.ino()) => {
            Form::Journal
        }
        _ => Form::Text,
    }
}

/// Whether `JOURNAL_STREAM`, which is `DEVICE:INODE`, names this file.
fn is_journal(stream: &str, device: u64, inode: u64) -> bool {
    let numbers = stream.split_once(':');
    let numbers = numbers.map(|(device, inode)| (device.parse(), inode.parse()));
    numbers == Some((Ok(device), Ok(inode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_is_logged() {
        use tracing::Level;
        for (said, ours, others) in [
            (None, true, false),
            (Some("rollbook=warn"), false, false),
            (Some("debug"), true, true),
            (Some("off,rollbook=debug"), true, false),
            (Some("rollbook=loud"), true, false),
        ] {
            let wanted = wanted(said.map(str::to_owned), LevelFilter::INFO);
            let found =
                ["rollbook::http", "hyper"].map(|target| wanted.would_enable(target, &Level::INFO));
            assert_eq!(found, [ours, others], "{said:?}");
        }
    }

    #[test]
    fn only_our_own_stream_is_the_journal() {
        for (stream, expected) in [
            ("9:1234", true),
            ("9:1235", false),
            ("8:1234", false),
            ("9", false),
            ("9:", false),
            ("nine:1234", false),
            ("", false),
        ] {
            assert_eq!(is_journal(stream, 9, 1234), expected, "{stream:?}");
        }
    }
}
