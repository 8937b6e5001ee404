//! `rollbook man`: the manual, one page a command and one a kind of file. For packages, so it stands in no list.
//!
//! The pages are the help texts and the schemas over again, so nothing can be said in one and forgotten in the other.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::args::Args;
use super::exit::Exit;
use super::{man_files, out};

/// What every page says of how a command ends; `exit.rs` is where the numbers come from.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Fine."),
    ("1", "A run did not end well, or the command failed."),
    ("2", "The command line makes no sense."),
    (
        "75",
        "Another process writes the mirror; its number is said.",
    ),
    (
        "78",
        "The configuration cannot be used; all its problems are said.",
    ),
];

/// Where the package and the unit keep things.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/rollbook/rollbook.toml",
        "Where the mirror is, and which accounts are read: see `rollbook.toml`(5).",
    ),
    (
        "/etc/rollbook/jobs/*.toml",
        "What is read and when, one file a job: see `rollbook-job`(5).",
    ),
    (
        "/etc/rollbook/vendors/*.toml",
        "Descriptions of vendors that change those built in or add to them.",
    ),
    (
        "/etc/rollbook/crosswalks/*.toml",
        "What codes of one system mean in another, and who is who.",
    ),
    (
        "/etc/rollbook/credentials/",
        "Secrets where they are no systemd credentials: one file each, mode 0600, of the user `rollbook`.",
    ),
    (
        "/var/lib/rollbook/mirror.db",
        "The mirror, an SQLite database.",
    ),
    (
        "/var/lib/rollbook/vault.db",
        "Tokens. Nobody but the user `rollbook` may read it.",
    ),
    (
        "/run/rollbook/",
        "The status file and the socket of a running daemon.",
    ),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("ROLLBOOK_CONFIG", "As `--config`."),
    ("ROLLBOOK_JOBS", "As `--jobs`."),
    ("ROLLBOOK_STATE", "As `--state`."),
    ("ROLLBOOK_LOG_FORM", "As `--log`."),
    (
        "ROLLBOOK_LOG",
        "A filter of the log, such as `rollbook=debug`.",
    ),
];

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write every page into this folder, which is made; without it, rollbook(1) goes to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the first page, or writes all of them.
pub fn run(options: &Options) -> Result<(), Exit> {
    let pages =
        pages().map_err(|error| Exit::failed(format!("could not write a page: {error}")))?;
    match &options.out {
        None => pages
            .iter()
            .filter(|page| page.file == "rollbook.1")
            .for_each(|page| out::exact(&page.text)),
        Some(folder) => write(folder, &pages).map_err(|error| {
            Exit::failed(format!(
                "could not write into {}: {error}",
                folder.display()
            ))
        })?,
    }
    Ok(())
}

fn write(folder: &Path, pages: &[Page]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    pages
        .iter()
        .try_for_each(|page| std::fs::write(folder.join(&page.file), &page.text))
}

/// One page of the manual.
struct Page {
    /// Such as `rollbook-sync.1`.
    file: String,
    /// In the language of man(7).
    text: String,
}

/// Every page.
fn pages() -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    let mut all = Args::command().disable_help_subcommand(true);
    all.build();
    page_of(&all, &mut pages)?;
    for (file, text) in man_files::pages()? {
        pages.push(Page { file, text });
    }
    Ok(pages)
}

/// The page of a command, then those of the commands below it.
fn page_of(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let is_first = pages.is_empty();
    let man = Man::new(command.clone())
        .source(concat!("rollbook ", env!("CARGO_PKG_VERSION")))
        .manual("Rollbook");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    closing(is_first).to_writer(&mut text)?;
    pages.push(Page {
        file: man.get_filename(),
        text: String::from_utf8_lossy(&text).into_owned(),
    });
    let below = command.get_subcommands();
    below
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| page_of(command, pages))
}

/// What every page ends with.
fn closing(is_first: bool) -> Roff {
    let mut roff = Roff::default();
    list(&mut roff, "EXIT STATUS", EXIT_STATUS);
    list(&mut roff, "FILES", FILES);
    if is_first {
        list(&mut roff, "ENVIRONMENT", ENVIRONMENT);
    }
    let others = if is_first { &[][..] } else { &["rollbook(1)"] };
    see_also(
        &mut roff,
        &[others, &["rollbook.toml(5)", "rollbook-job(5)"]].concat(),
    );
    roff
}

/// A section that says something of each of several things.
pub fn list(roff: &mut Roff, title: &str, lines: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, text) in lines {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text(marked(text));
    }
}

/// The last section: where to read on.
pub fn see_also(roff: &mut Roff, pages: &[&str]) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

/// A text on one line, in which what stands between backticks is bold.
pub fn marked(text: &str) -> Vec<Inline> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(place, part)| {
            if place % 2 == 1 {
                bold(part)
            } else {
                roman(part)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
