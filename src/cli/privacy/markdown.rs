//! The register as a Markdown page.

use std::fmt::Write as _;

use super::register::{CategoryEntry, Register};

/// The whole register.
pub(super) fn page(register: &Register) -> String {
    let mut page = "# Register of personal data\n\nWhat Rollbook mirrors of persons from other services, and where it is.\n".to_owned();
    for source in &register.sources {
        let _ = writeln!(page, "\n## {} (`{}`)", source.title, source.source); // a `String` takes every text
        for stream in &source.streams {
            let _ = writeln!(
                page,
                "\n### `{}`\n\nA row is {}. {}.\n\n| Category | Columns |\n|---|---|",
                stream.table,
                stream.title,
                capital(&stream.summary())
            );
            rows(&mut page, &stream.mirrored, "");
            rows(&mut page, &stream.left_out, "Not mirrored: ");
        }
        if !source.without.is_empty() {
            let tables = source.without.join("`, `");
            let _ = writeln!(page, "\nNo personal data is declared for `{tables}`.");
        }
    }
    for sentence in &register.removals {
        let _ = writeln!(page, "\n{}.", capital(sentence));
    }
    page.push_str(
        "\n## Files\n\n| File | What | Owner | Mode | Who may read it |\n|---|---|---|---|---|\n",
    );
    for file in &register.files {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            file.file.display(),
            file.what,
            file.owner,
            file.mode,
            file.readers
        );
    }
    for sentence in register.programs.iter().chain(&register.databases) {
        let _ = writeln!(page, "\n{sentence}");
    }
    let _ = writeln!(
        page,
        "\n{}\n{}\nCopies that other programs made are not listed.",
        register.backups, register.records
    );
    page
}

fn rows(page: &mut String, entries: &[CategoryEntry], before: &str) {
    for entry in entries {
        let _ = writeln!(page, "| {before}{} | {} |", entry.name(), entry.list());
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
