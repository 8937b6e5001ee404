//! The register for a terminal.

use super::register::{Register, numbers};
use crate::cli::table::{TextTable, bullets, group, left};

/// The whole register as text.
pub(super) fn page(register: &Register, width: Option<usize>) -> String {
    let mut categories = TextTable::new([group("table"), left("category"), left("columns")]);
    let mut notes = Vec::new();
    for source in &register.sources {
        for stream in &source.streams {
            let head = format!("{} ({}): {}", stream.table, stream.title, stream.summary());
            for entry in &stream.mirrored {
                categories.row([head.clone(), entry.name(), entry.list()]);
            }
            if !stream.left_out.is_empty() {
                let left_out = numbers(&stream.left_out);
                categories.row([head, "not mirrored".to_owned(), left_out]);
            }
        }
        if !source.without.is_empty() {
            notes.push(format!(
                "{}: no personal data is declared for {}",
                source.title,
                source.without.join(", ")
            ));
        }
    }
    notes.extend(register.removals.iter().cloned());
    notes.extend([register.records.clone(), register.backups.clone()]);
    notes.extend(register.programs.iter().chain(&register.databases).cloned());
    notes.push("Copies that other programs made are not listed.".to_owned());
    let mut files = TextTable::new([
        left("file"),
        left("what"),
        left("owner").optional(),
        left("mode").optional(),
        left("who may read it"),
    ]);
    for file in &register.files {
        files.row([
            file.file.display().to_string(),
            file.what.to_owned(),
            file.owner.clone(),
            file.mode.clone(),
            file.readers.clone(),
        ]);
    }
    let parts = [
        categories.render(width),
        files.render(width),
        bullets(notes),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

#[cfg(test)]
mod tests;
