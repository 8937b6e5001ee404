//! Standard output and standard error: text, laid out for the terminal if it is one, and JSON for scripts.
//!
//! A closed pipe (`rollbook runs | head`) is no failure.

use std::io::{IsTerminal, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::sync::OnceLock;

use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use super::table::wrap;

/// Of a terminal that does not report its width.
const DEFAULT_WIDTH: usize = 80;

/// The terminal of the person on another host for whom this process works: standard output, standard error.
static ELSEWHERE: OnceLock<(Option<usize>, Option<usize>)> = OnceLock::new();

/// Lays out for a terminal elsewhere; before anything is printed.
#[cfg(feature = "postgres")]
pub fn lay_out_for(width: Option<usize>, error_width: Option<usize>) {
    let _ = ELSEWHERE.set((width, error_width)); // only once
}

/// Columns of the terminal on standard output, or `COLUMNS` if that is set; `None` if it is no terminal.
pub fn width() -> Option<usize> {
    match ELSEWHERE.get() {
        Some((width, _)) => *width,
        None => width_of(std::io::stdout()),
    }
}

/// The same of standard error.
pub fn error_width() -> Option<usize> {
    match ELSEWHERE.get() {
        Some((_, width)) => *width,
        None => width_of(std::io::stderr()),
    }
}

fn width_of(out: impl IsTerminal + AsFd) -> Option<usize> {
    if !out.is_terminal() {
        return None;
    }
    let columns = std::env::var("COLUMNS").ok();
    let columns = columns.and_then(|columns| columns.parse::<NonZeroUsize>().ok());
    let reported = || terminal_size_of(&out).map(|(Width(width), _)| usize::from(width));
    columns
        .map(usize::from)
        .or_else(reported)
        .or(Some(DEFAULT_WIDTH))
}

/// Writes a text and a line end; long lines wrap on a terminal.
pub fn text(text: impl AsRef<str>) {
    let text = wrap(text.as_ref().trim_end(), width());
    exact(&format!("{text}\n"));
}

/// Writes a text and a line end to standard error; long lines wrap on a terminal.
pub fn error(text: &str) {
    anstream::eprintln!("{}", wrap(text.trim_end(), error_width()));
}

/// Writes a text unchanged, for file formats.
pub fn exact(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()); // a closed pipe
}

/// Writes indented JSON.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(written) => exact(&format!("{written}\n")),
        Err(error) => anstream::eprintln!("could not write JSON: {error}"),
    }
}
