//! Writes the man pages of the package: one per command, kind of file and page of the reference.
//!
//! They are generated from the help texts, the schemas and the reference. Apart from the product, which needs none of it.

mod files;
mod reference;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, Parser as _};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use rollbook::cli::{command_line, help};

/// The exit codes of `exit.rs`, for every page.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Success."),
    ("1", "A run or the command failed."),
    ("2", "The command line is invalid."),
    (
        "75",
        "Another process owns the mirror; its number is printed.",
    ),
    (
        "77",
        "This user may not open a file; its owner and mode are printed.",
    ),
    (
        "78",
        "The configuration is invalid; all problems are printed.",
    ),
];

/// The files of the package and the unit.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/rollbook/rollbook.toml",
        "The main configuration: see `rollbook.toml`(5).",
    ),
    (
        "/etc/rollbook/jobs/*.toml",
        "The jobs, one file each: see `rollbook-job`(5).",
    ),
    (
        "/etc/rollbook/connectors/*.toml",
        "Connectors that replace or extend the built-in ones.",
    ),
    (
        "/etc/rollbook/crosswalks/*.toml",
        "Crosswalks: what codes of one system mean in another, and how people are matched.",
    ),
    (
        "/etc/rollbook/credentials/",
        "Secrets that are not systemd credentials: one file each, mode 0600, owned by the user `rollbook`.",
    ),
    (
        "/var/lib/rollbook/mirror.db",
        "The mirror, an SQLite database.",
    ),
    (
        "/var/lib/rollbook/vault.db",
        "The vault with the tokens. Only the user `rollbook` may read it.",
    ),
    (
        "/run/rollbook/",
        "The status file and the control socket of the running daemon.",
    ),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("ROLLBOOK_CONFIG", "Same as `--config`."),
    ("ROLLBOOK_JOBS", "Same as `--jobs`."),
    ("ROLLBOOK_STATE", "Same as `--state`."),
    ("ROLLBOOK_LOG_FORMAT", "Same as `--log`."),
    ("ROLLBOOK_LOG", "Log filter, such as `rollbook=debug`."),
];

/// Writes the man pages of Rollbook.
#[derive(Debug, clap::Parser)]
struct Options {
    /// The folder for the pages, which is created
    out: PathBuf,
    /// The folder with the reference, which is docs/ of the sources
    #[arg(default_value = "docs")]
    docs: PathBuf,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let mut pages = pages(command_line())?;
    pages.extend(reference::pages(&options.docs)?);
    write(&options.out, &pages)
}

/// Whose pages they are: name and version.
fn source() -> String {
    let command = command_line();
    let version = command.get_version().unwrap_or_default();
    format!("rollbook {version}")
}

fn write(folder: &Path, pages: &[ManPage]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    pages
        .iter()
        .try_for_each(|page| std::fs::write(folder.join(&page.file), &page.text))
}

/// One man page.
struct ManPage {
    /// Such as `rollbook-sync.1`.
    file: String,
    /// In the man(7) format.
    text: String,
}

/// Every page.
fn pages(command: Command) -> io::Result<Vec<ManPage>> {
    let mut pages = Vec::new();
    let mut all = command.disable_help_subcommand(true);
    all.build();
    page_of(&all, &mut pages)?;
    for (file, text) in files::pages()? {
        pages.push(ManPage { file, text });
    }
    Ok(pages)
}

/// The page of a command, then those of its subcommands.
fn page_of(command: &Command, pages: &mut Vec<ManPage>) -> io::Result<()> {
    let is_first = pages.is_empty();
    let man = Man::new(command.clone())
        .source(source())
        .manual("Rollbook");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    let mut head = Roff::default();
    whole_names(&mut head);
    head.to_writer(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if is_first {
        groups(command).to_writer(&mut text)?;
    } else if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    examples(command).to_writer(&mut text)?;
    closing(is_first).to_writer(&mut text)?;
    pages.push(ManPage {
        file: man.get_filename(),
        text: String::from_utf8_lossy(&text).into_owned(),
    });
    let below = command.get_subcommands();
    below
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| page_of(command, pages))
}

/// Turns hyphenation off: people copy names and paths.
fn whole_names(roff: &mut Roff) {
    roff.control("nh", []);
    roff.control("ad", ["l"]);
}

/// The last sections of every page.
fn closing(is_first: bool) -> Roff {
    let mut roff = Roff::default();
    list(&mut roff, "EXIT STATUS", EXIT_STATUS);
    list(&mut roff, "FILES", FILES);
    if is_first {
        list(&mut roff, "ENVIRONMENT", ENVIRONMENT);
    }
    let files = ["rollbook.toml(5)", "rollbook-job(5)"].map(str::to_owned);
    let others: Vec<String> = match is_first {
        true => reference::PAGES
            .iter()
            .map(|(page, _)| format!("{page}(7)"))
            .collect(),
        false => vec!["rollbook(1)".to_owned()],
    };
    let all = others.into_iter().chain(files).collect::<Vec<_>>();
    see_also(
        &mut roff,
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    roff
}

/// The commands by task.
fn groups(command: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["COMMANDS"]);
    for (title, names) in help::GROUPS {
        roff.control("SS", [*title]);
        for below in names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            roff.control("TP", []);
            roff.text([bold(format!("rollbook-{}(1)", below.get_name()))]);
            roff.text(marked(&help::about(below)));
        }
    }
    roff
}

/// The examples of `--help`.
fn examples(command: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["EXAMPLES"]);
    for (line, remark) in help::examples(command.get_bin_name().unwrap_or("rollbook")) {
        roff.control("TP", []);
        roff.text([bold(line)]);
        if !remark.is_empty() {
            roff.text([roman(remark)]);
        }
    }
    roff
}

/// A section with a list of terms.
fn list(roff: &mut Roff, title: &str, lines: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, text) in lines {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text(marked(text));
    }
}

/// The section with references.
fn see_also(roff: &mut Roff, pages: &[&str]) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

/// A text on one line, with text in backticks in bold.
fn marked(text: &str) -> Vec<Inline> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = text.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(index, part)| {
            if index % 2 == 1 {
                bold(part)
            } else {
                roman(part)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
