//! `rollbook status --watch`: redraws the status in place until Ctrl-C. No alternate screen: the last picture stays.
//!
//! The surprise: escape sequences go to standard output directly, because without colours they would be removed.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use terminal_size::{Height, terminal_size_of};

use super::super::exit::Exit;
use super::super::out;
use super::super::stop::stop_on_signal;
use super::super::table::wrap;
use rollbook_core::clock::Clock;

/// How often mirror, configuration and status file are read.
const EVERY: Duration = Duration::from_secs(2);

/// Of a terminal that does not report its height.
const DEFAULT_HEIGHT: usize = 24;

/// Draws what `text` gives for a width, again and again; ends well with Ctrl-C.
///
/// # Errors
/// If standard output is no terminal, or the status cannot be read.
pub async fn watch(text: impl Fn(Option<usize>) -> Result<String, Exit>) -> Result<(), Exit> {
    if !std::io::stdout().is_terminal() {
        return Err(Exit::usage(
            "--watch redraws a terminal; a script reads `rollbook status --json`, or the status file of the daemon",
        ));
    }
    let (clock, stop) = (Clock::system(), stop_on_signal());
    let mut before: Option<((Option<usize>, usize), usize)> = None;
    loop {
        let size = (out::width(), height());
        let shown = frame(&wrap(text(size.0)?.trim_end(), size.0), size.1);
        let drawn = match before {
            // A terminal of another size has wrapped the old lines by itself.
            Some((old, _)) if old != size => format!("\x1b[2J\x1b[H{}", redraw(0, &shown)),
            Some((_, lines)) => redraw(lines, &shown),
            None => redraw(0, &shown),
        };
        let mut terminal = std::io::stdout().lock();
        // A terminal that is gone ends the program by a signal.
        let _ = terminal
            .write_all(drawn.as_bytes())
            .and_then(|()| terminal.flush());
        drop(terminal);
        before = Some((size, shown.len()));
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = clock.sleep(EVERY) => {}
        }
    }
}

fn height() -> usize {
    let reported = terminal_size_of(std::io::stdout()).map(|(_, Height(height))| height);
    reported.map_or(DEFAULT_HEIGHT, usize::from)
}

/// The lines that fit above the line of the cursor; what does not fit is counted.
fn frame(text: &str, height: usize) -> Vec<String> {
    let room = height.saturating_sub(1).max(1);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.len() > room {
        let more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(format!("… {more} more lines: `rollbook status` shows all"));
    }
    lines
}

/// Replaces the lines that were drawn before, which are those above the cursor.
fn redraw(before: usize, lines: &[String]) -> String {
    let mut drawn = match before {
        0 => String::new(),
        many => format!("\r\x1b[{many}A"),
    };
    for line in lines {
        drawn.push_str(line);
        drawn.push_str("\x1b[K\n");
    }
    // What was longer before, and the echo of keys.
    drawn.push_str("\x1b[J");
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_the_terminal() {
        let text = "1\n2\n3\n4";
        for (height, expected) in [
            (24, &["1", "2", "3", "4"][..]),
            (5, &["1", "2", "3", "4"]),
            (
                4,
                &["1", "2", "… 2 more lines: `rollbook status` shows all"],
            ),
            (2, &["… 4 more lines: `rollbook status` shows all"]),
            (0, &["… 4 more lines: `rollbook status` shows all"]),
        ] {
            assert_eq!(frame(text, height), expected, "{height}");
        }
    }

    #[test]
    fn a_frame_replaces_the_one_before() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(redraw(0, &lines), "a\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(redraw(3, &lines), "\r\x1b[3Aa\x1b[K\nb\x1b[K\n\x1b[J");
    }
}
