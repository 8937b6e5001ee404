//! Standard output: text, without colours unless it is a terminal, and JSON for scripts.
//!
//! A closed pipe (`rollbook runs | head`) is no failure.

use std::io::Write as _;

use serde::Serialize;

/// Writes a text and a line end.
pub fn text(text: impl AsRef<str>) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref().trim_end()); // a closed pipe
}

/// Writes a text unchanged, for file formats.
pub fn exact(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()); // a closed pipe
}

/// Writes indented JSON.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(written) => text(written),
        Err(error) => anstream::eprintln!("could not write JSON: {error}"),
    }
}
