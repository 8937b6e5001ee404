//! Man pages of section 7: the pages of `docs/reference`, which are read when a package is built.
//!
//! They are not part of the program; a package has them beside it. Only the Markdown that these pages use is known: headings,
//! paragraphs, lists, tables, code, links.

use std::path::Path;

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::{ManPage, see_also, source, whole_names};

/// Each page's name and its file below `docs/`.
pub const PAGES: &[(&str, &str)] = &[
    ("rollbook-alerts", "reference/alerts.md"),
    ("rollbook-changes", "reference/changes.md"),
    ("rollbook-export", "reference/exports.md"),
    ("rollbook-bundles", "reference/bundles.md"),
    ("rollbook-hooks", "reference/hooks.md"),
    ("rollbook-publish", "reference/publish.md"),
    ("rollbook-cluster", "reference/cluster.md"),
    ("rollbook-combos", "reference/combos.md"),
    ("rollbook-configuration", "reference/configuration.md"),
    ("rollbook-connectors", "adding-a-connector.md"),
    ("rollbook-connector-drafts", "reference/connectors.md"),
    ("rollbook-crosswalks", "reference/crosswalks.md"),
    ("rollbook-google-workspace", "reference/google-workspace.md"),
    ("rollbook-history-file", "reference/history-file.md"),
    ("rollbook-ldap", "reference/ldap.md"),
    ("rollbook-maintenance", "reference/maintenance.md"),
    ("rollbook-metrics", "reference/metrics.md"),
    ("rollbook-mirror", "reference/mirror.md"),
    ("rollbook-moodle", "reference/moodle.md"),
    ("rollbook-oneroster-csv", "reference/oneroster-csv.md"),
    (
        "rollbook-oneroster-service",
        "reference/oneroster-service.md",
    ),
    ("rollbook-outcomes", "reference/outcomes.md"),
    ("rollbook-packages", "reference/packages.md"),
    ("rollbook-pages", "reference/pages.md"),
    ("rollbook-people", "reference/people.md"),
    ("rollbook-privacy", "reference/privacy.md"),
    ("rollbook-questions", "reference/questions.md"),
    ("rollbook-readers", "reference/readers.md"),
    ("rollbook-school-data-sync", "reference/school-data-sync.md"),
    ("rollbook-service", "reference/service.md"),
    ("rollbook-status-file", "reference/status-file.md"),
    ("rollbook-web", "reference/web.md"),
    ("rollbook-webhooks", "reference/webhooks.md"),
];

/// Where the packages have the files.
const INSTALLED: &str = "/usr/share/doc/rollbook";

/// The pages of a folder `docs/`.
pub fn pages(docs: &Path) -> std::io::Result<Vec<ManPage>> {
    let page = |(name, file): &(&str, &str)| {
        let path = docs.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        page(name, file, &text)
    };
    PAGES.iter().map(page).collect()
}

fn page(name: &str, file: &str, markdown: &str) -> std::io::Result<ManPage> {
    let mut roff = Roff::default();
    roff.control("TH", [name, "7", "", source().as_str(), "Rollbook"]);
    whole_names(&mut roff);
    let lines: Vec<&str> = markdown.lines().collect();
    let title = lines.iter().find_map(|line| line.strip_prefix("# "));
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", title.unwrap_or(name)))]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut blocks = Blocks {
        lines: &lines,
        roff,
    };
    blocks.write();
    let mut roff = blocks.roff;
    roff.control("SH", ["FILES"]);
    roff.text([
        roman("This page as Markdown: "),
        bold(format!("{INSTALLED}/{file}")),
    ]);
    see_also(&mut roff, &["rollbook(1)", "rollbook.toml(5)"]);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(ManPage {
        file: format!("{name}.7"),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// The lines that are not yet written.
struct Blocks<'a> {
    lines: &'a [&'a str],
    roff: Roff,
}

impl<'a> Blocks<'a> {
    fn write(&mut self) {
        while let Some(line) = self.next() {
            if line.trim().is_empty() || line.starts_with("# ") {
            } else if let Some(title) = line.strip_prefix("## ") {
                self.roff
                    .control("SH", [plain(title).to_uppercase().as_str()]);
            } else if let Some(title) = line.strip_prefix("### ") {
                self.roff.control("SS", [plain(title).as_str()]);
            } else if line.starts_with("```") {
                self.code();
            } else if line.starts_with('|') {
                self.table();
            } else if let Some((mark, text)) = item(line) {
                self.list_item(mark, text);
            } else {
                let text = self.paragraph(line);
                self.roff.control("PP", []);
                self.roff.text(inline(&text));
            }
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.lines.split_first()?;
        self.lines = rest;
        Some(first)
    }

    fn next_if(&mut self, is_wanted: impl FnOnce(&str) -> bool) -> Option<&'a str> {
        is_wanted(self.lines.first()?).then(|| self.next())?
    }

    fn code(&mut self) {
        self.roff.control("PP", []);
        self.roff.control("RS", ["4"]);
        self.roff.control("EX", []);
        while let Some(line) = self.next().filter(|line| !line.starts_with("```")) {
            self.roff.text([roman(line)]);
        }
        self.roff.control("EE", []);
        self.roff.control("RE", []);
    }

    /// A row is a term with its text; the middle cells are in parentheses after the term.
    fn table(&mut self) {
        self.next_if(|line| line.starts_with("|-") || line.starts_with("|:"));
        while let Some(row) = self.next_if(|line| line.starts_with('|')) {
            let cells = cells(row);
            let (Some(term), Some(text)) = (cells.first(), cells.last()) else {
                continue;
            };
            let mut head = emphasized(inline(term));
            let middle = cells.get(1..cells.len() - 1).unwrap_or_default();
            for cell in middle.iter().filter(|cell| !cell.is_empty()) {
                head.push(roman(" ("));
                head.extend(inline(cell));
                head.push(roman(")"));
            }
            self.roff.control("TP", []);
            self.roff.text(head);
            self.roff.text(inline(text));
        }
    }

    fn list_item(&mut self, mark: &str, text: &str) {
        let text = self.paragraph(text);
        let (mark, indent) = match mark {
            "*" | "-" => ("\u{2022}", "2"),
            number => (number, "4"),
        };
        self.roff.control("IP", [mark, indent]);
        self.roff.text(inline(&text));
    }

    /// A line and those that continue it.
    fn paragraph(&mut self, first: &str) -> String {
        let mut text = first.trim().to_owned();
        let continues = |line: &str| {
            let begins = ["#", "```", "|"].iter().any(|sign| line.starts_with(sign));
            !line.trim().is_empty() && !begins && item(line).is_none()
        };
        while let Some(line) = self.next_if(continues) {
            text.push(' ');
            text.push_str(line.trim());
        }
        text
    }
}

/// The mark and the text of a list's item.
fn item(line: &str) -> Option<(&str, &str)> {
    let (mark, text) = line.trim_start().split_once(' ')?;
    let number = mark.strip_suffix('.').unwrap_or_default();
    let is_number = !number.is_empty() && number.chars().all(|letter| letter.is_ascii_digit());
    (is_number || mark == "*" || mark == "-").then_some((mark, text))
}

/// The cells of a row; `\|` is no border.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_escaped) = (Vec::new(), String::new(), false);
    for letter in row.trim().trim_matches('|').chars() {
        match (letter, is_escaped) {
            ('\\', false) => is_escaped = true,
            ('|', false) => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            (letter, escaped) => {
                if escaped && letter != '|' {
                    cell.push('\\');
                }
                cell.push(letter);
                is_escaped = false;
            }
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// A text without marks, for a heading.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// The term of a list is bold as a whole.
fn emphasized(parts: Vec<Inline>) -> Vec<Inline> {
    let as_bold = |part| match part {
        Inline::Roman(text) => bold(text),
        other => other,
    };
    parts.into_iter().map(as_bold).collect()
}

/// A text with code and strong text in bold, and links as references.
fn inline(text: &str) -> Vec<Inline> {
    let (mut parts, mut rest, mut pending) = (Vec::new(), text, String::new());
    while let Some(letter) = rest.chars().next() {
        let found = marked_with(rest, "`", "`", bold)
            .or_else(|| marked_with(rest, "**", "**", bold))
            .or_else(|| marked_with(rest, "*", "*", italic))
            .or_else(|| link(rest));
        match found {
            Some((part, after)) => {
                if !pending.is_empty() {
                    parts.push(roman(std::mem::take(&mut pending)));
                }
                parts.extend(part);
                rest = after;
            }
            None => {
                pending.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    if !pending.is_empty() {
        parts.push(roman(pending));
    }
    parts
}

fn marked_with<'a>(
    text: &'a str,
    open: &str,
    close: &str,
    style: impl Fn(String) -> Inline,
) -> Option<(Vec<Inline>, &'a str)> {
    let inner = text.strip_prefix(open)?;
    let (inner, after) = inner.split_once(close)?;
    let is_mark = !inner.is_empty() && !inner.starts_with(' ');
    is_mark.then(|| (vec![style(inner.to_owned())], after))
}

/// `[text](file.md#part)`: the text, and the page if that is another one.
fn link(text: &str) -> Option<(Vec<Inline>, &str)> {
    let (shown, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let page = PAGES.iter().find(|(_, path)| name(path) == name(file));
    let parts = match page {
        None => inline(shown),
        Some((page, _)) if page.strip_prefix("rollbook-") == Some(shown) => {
            vec![bold(*page), roman("(7)")]
        }
        Some((page, _)) => {
            let reference = [roman(" ("), bold(*page), roman("(7))")];
            inline(shown).into_iter().chain(reference).collect()
        }
    };
    Some((parts, after))
}

#[cfg(test)]
mod tests;
