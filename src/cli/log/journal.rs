//! The journal's own protocol: one datagram a line, each field with its length.
//!
//! It only writes down; `queue.rs` sends. `https://systemd.io/JOURNAL_NATIVE_PROTOCOL/` has the form. Fields of ours are
//! `ROLLBOOK_JOB`, `ROLLBOOK_RUN` and so on; a field that is called `message` is the line itself.

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

/// So much of a field is kept, in bytes: a datagram has room for a few of these.
const LONGEST: usize = 48 * 1024;

/// The sink of a journal that listens, else nothing.
pub fn sink() -> Option<Sink> {
    let path = Path::new(SOCKET);
    let socket = UnixDatagram::unbound().ok()?;
    path.exists().then(|| to(socket, path))
}

fn to(socket: UnixDatagram, path: &Path) -> Sink {
    let path = path.to_owned();
    Box::new(move |line| {
        let _ = socket.send_to(line, &path); // there is nobody else to tell
    })
}

/// A line that says that so many others were lost.
pub fn loss(lost: u64) -> Vec<u8> {
    let mut line = Line::of(Level::WARN);
    line.put("MESSAGE", &super::loss_of(lost));
    line.0
}

/// Turns events into lines of the journal.
pub struct Journal(pub Queue);

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::of(*event.metadata().level());
        line.put("TARGET", event.metadata().target());
        event.record(&mut line);
        self.0.push(line.0);
    }
}

/// One datagram in the making.
struct Line(Vec<u8>);

impl Line {
    fn of(level: Level) -> Self {
        let mut line = Self(Vec::with_capacity(256));
        // As syslog counts: error, warning, information, debugging.
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

    /// With its length, so that a value of several lines is one field.
    fn put(&mut self, name: &str, value: &str) {
        let value = &value[..value.floor_char_boundary(LONGEST)];
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        self.0
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }

    fn put_field(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.put("MESSAGE", value),
            name => {
                let name: String = name.chars().map(letter).collect();
                self.put(&format!("ROLLBOOK_{name}"), value);
            }
        }
    }
}

/// The journal takes capitals, digits and underscores only.
fn letter(letter: char) -> char {
    match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        'A'..='Z' | '0'..='9' => letter,
        _ => '_',
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_field(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
