//! Writing to standard output: text without colours where nobody watches, JSON for scripts.
//!
//! A reader that has seen enough (`rollbook runs | head`) closes the pipe; that is no failure.

use std::io::Write as _;

use serde::Serialize;

/// Writes a text and ends its line.
pub fn text(text: impl AsRef<str>) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref().trim_end()); // a closed pipe
}

/// Writes a text to the letter, for files that have a form of their own.
pub fn exact(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()); // a closed pipe
}

/// Writes JSON, indented so that people can read it too.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(written) => text(written),
        Err(error) => anstream::eprintln!("could not write JSON: {error}"),
    }
}
