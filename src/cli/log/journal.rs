//! The journal's native protocol: one datagram per line, each field with its length.
//!
//! See `https://systemd.io/JOURNAL_NATIVE_PROTOCOL/`. Our fields are `ROLLBOOK_JOB`, `ROLLBOOK_RUN` and so on; the field
//! `message` is the line itself.

use std::fmt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::queue::{Queue, Sink};

/// Where systemd listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Limit per field, in bytes: a datagram has room for a few of these.
const MAX_FIELD: usize = 48 * 1024;

/// A sink to the journal, if its socket exists.
pub fn sink() -> Option<Sink> {
    let path = Path::new(SOCKET);
    let socket = UnixDatagram::unbound().ok()?;
    path.exists().then(|| to(socket, path))
}

fn to(socket: UnixDatagram, path: &Path) -> Sink {
    let path = path.to_owned();
    Box::new(move |line| {
        let _ = socket.send_to(line, &path); // there is no other output
    })
}

/// The message about lost lines.
pub fn loss(lost: u64) -> Vec<u8> {
    let mut line = Datagram::of(Level::WARN);
    line.message = super::loss_of(lost);
    line.end()
}

/// Turns events into lines of the journal.
pub struct Journal(pub Queue);

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Datagram::of(*event.metadata().level());
        line.put("TARGET", event.metadata().target());
        event.record(&mut line);
        self.0.push(line.end());
    }
}

/// A datagram under construction. `journalctl` shows only its message, so that names the job and the error too.
#[derive(Default)]
struct Datagram {
    bytes: Vec<u8>,
    message: String,
    job: Option<String>,
    error: Option<String>,
}

impl Datagram {
    fn of(level: Level) -> Self {
        let mut line = Self {
            bytes: Vec::with_capacity(256),
            ..Self::default()
        };
        // Syslog priorities: error, warning, information, debug.
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            Level::DEBUG | Level::TRACE => "7",
        };
        line.put("PRIORITY", priority);
        line.put("SYSLOG_IDENTIFIER", "rollbook");
        line
    }

    /// Writes the length too, so that a value may have several lines.
    fn put(&mut self, name: &str, value: &str) {
        let value = &value[..value.floor_char_boundary(MAX_FIELD)];
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(b'\n');
        self.bytes
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'\n');
    }

    fn end(mut self) -> Vec<u8> {
        let mut message = std::mem::take(&mut self.message);
        if let Some(job) = self
            .job
            .take()
            .filter(|job| !message.contains(job.as_str()))
        {
            message.insert_str(0, &format!("{job}: "));
        }
        if let Some(error) = self.error.take() {
            message.push_str(&format!(": {error}"));
        }
        self.put("MESSAGE", &message);
        self.bytes
    }

    fn put_field(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => {
                match name {
                    "job" => self.job = Some(value.to_owned()),
                    "error" => self.error = Some(value.to_owned()),
                    _ => {}
                }
                let name: String = name.chars().map(letter).collect();
                self.put(&format!("ROLLBOOK_{name}"), value);
            }
        }
    }
}

/// Field names have only capitals, digits and underscores.
fn letter(letter: char) -> char {
    match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        'A'..='Z' | '0'..='9' => letter,
        _ => '_',
    }
}

impl Visit for Datagram {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_field(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
