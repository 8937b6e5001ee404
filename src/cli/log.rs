//! The log: to the journal with fields, or to standard error as text or JSON.
//!
//! Standard output is for results. The surprise: child processes of a unit inherit `JOURNAL_STREAM`, so it counts only
//! if it names the file that our standard error is. Logging never blocks on a slow reader.

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

/// How long the last lines may take at exit.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
    /// systemd's journal, with fields
    Journal,
}

/// The log of this process.
#[derive(Debug)]
pub struct Log(Option<Queue>);

impl Log {
    /// Waits shortly until the last lines are written, so that later output follows them.
    pub fn flush(&self) {
        if let Some(queue) = &self.0 {
            queue.flush(FLUSH_TIMEOUT);
        }
    }
}

/// Starts the log, in the detected format by default. `ROLLBOOK_LOG` replaces the level.
pub fn begin(format: Option<LogFormat>, level: LevelFilter) -> Log {
    let filter = wanted(std::env::var("ROLLBOOK_LOG").ok(), level);
    let format = format.unwrap_or_else(detect_format);
    let (format, queue) = match queue(format) {
        Ok(begun) => begun,
        // Without its thread there is no log; the command still runs.
        Err(_) => return Log(None),
    };
    let lines = tracing_subscriber::registry()
        .with(filter)
        .with(layer(format, queue.clone()));
    let _ = lines.try_init(); // fails only if a log is set already
    Log(Some(queue))
}

/// The filter: `ROLLBOOK_LOG` if it is valid, else our own lines from this level on.
fn wanted(variable: Option<String>, level: LevelFilter) -> Targets {
    let variable = variable.and_then(|text| text.parse().ok());
    variable.unwrap_or_else(|| Targets::new().with_target("rollbook", level))
}

/// The queue and its format. Without the journal's socket, text on standard error reaches the journal too.
fn queue(format: LogFormat) -> io::Result<(LogFormat, Queue)> {
    let sink = match format {
        LogFormat::Journal => journal::sink(),
        LogFormat::Text | LogFormat::Json => None,
    };
    if let Some(sink) = sink {
        return Ok((LogFormat::Journal, Queue::start(sink, journal::loss)?));
    }
    let stderr: queue::Sink = Box::new(|line| {
        let _ = io::stderr().write_all(line); // there is no other output
    });
    match format {
        LogFormat::Json => Ok((format, Queue::start(stderr, loss_in_json)?)),
        LogFormat::Text | LogFormat::Journal => {
            Ok((LogFormat::Text, Queue::start(stderr, loss_in_text)?))
        }
    }
}

fn loss_of(lost: u64) -> String {
    format!("{lost} log lines were lost because the reader was too slow")
}

fn loss_in_text(lost: u64) -> Vec<u8> {
    format!("{}\n", loss_of(lost)).into_bytes()
}

fn loss_in_json(lost: u64) -> Vec<u8> {
    let line = serde_json::json!({ "level": "WARN", "message": loss_of(lost) });
    format!("{line}\n").into_bytes()
}

fn layer<S>(format: LogFormat, queue: Queue) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
{
    let lines = || {
        let queue = queue.clone();
        fmt::layer()
            .with_writer(move || queue.clone())
            .with_target(false)
    };
    match format {
        LogFormat::Text => lines().with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines().json().flatten_event(true).boxed(),
        LogFormat::Journal => Journal(queue).boxed(),
    }
}

fn detect_format() -> LogFormat {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    // A copy of the handle, because a file that is dropped is closed.
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    let file = stderr.and_then(|stderr| File::from(stderr).metadata()).ok();
    match (stream, file) {
        (Some(stream), Some(file)) if is_journal(&stream, file.dev(), file.ino()) => {
            LogFormat::Journal
        }
        _ => LogFormat::Text,
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
    fn the_environment_sets_what_is_logged() {
        use tracing::Level;
        for (variable, ours, others) in [
            (None, true, false),
            (Some("rollbook=warn"), false, false),
            (Some("debug"), true, true),
            (Some("off,rollbook=debug"), true, false),
            (Some("rollbook=loud"), true, false),
        ] {
            let wanted = wanted(variable.map(str::to_owned), LevelFilter::INFO);
            let found =
                ["rollbook::http", "hyper"].map(|target| wanted.would_enable(target, &Level::INFO));
            assert_eq!(found, [ours, others], "{variable:?}");
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
