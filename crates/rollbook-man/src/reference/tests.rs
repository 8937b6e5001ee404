//! Markdown as a man page, and the pages of the repository.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The lines below DESCRIPTION.
fn converted(markdown: &str) -> String {
    let page = page("rollbook-mirror", "reference/mirror.md", markdown).expect("a page");
    let (_, after) = page
        .text
        .split_once(".SH DESCRIPTION\n")
        .expect("the section");
    let (text, _) = after.split_once(".SH FILES\n").expect("the section");
    text.to_owned()
}

#[test]
fn every_kind_of_block_is_converted() {
    let rows = [
        ("# The mirror\n\nOne\ntwo.", ".PP\nOne two.\n"),
        ("## Rules of `a`", ".SH \"RULES OF A\"\n"),
        ("### `[guard]`", ".SS [guard]\n"),
        (
            "```toml\n.a = 1\n\nb\n```",
            ".PP\n.RS 4\n.EX\n\\&.a = 1\n\nb\n.EE\n.RE\n",
        ),
        (
            "* one\n  two\n* three",
            ".IP \u{2022} 2\none two\n.IP \u{2022} 2\nthree\n",
        ),
        ("1. one\n2. two", ".IP 1. 4\none\n.IP 2. 4\ntwo\n"),
        (
            "| Key | Type | Meaning |\n|---|---|---|\n| `a` | text | **one** `x\\|y` |",
            ".TP\n\\fBa\\fR (text)\n\\fBone\\fR \\fBx|y\\fR\n",
        ),
        (
            "| A | B |\n|---|---|\n| off | *none* |",
            ".TP\n\\fBoff\\fR\n\\fInone\\fR\n",
        ),
        (
            "See [how](outcomes.md#held) and [why](../decisions/0001-x.md).",
            ".PP\nSee how (\\fBrollbook\\-outcomes\\fR(7)) and why.\n",
        ),
        (
            "see [people](people.md)",
            ".PP\nsee \\fBrollbook\\-people\\fR(7)\n",
        ),
        ("2 * 3 * 4", ".PP\n2 * 3 * 4\n"),
    ];
    for (markdown, expected) in rows {
        assert_eq!(converted(markdown), expected, "{markdown}");
    }
}

#[test]
fn every_page_of_the_reference_has_a_man_page() {
    let files = std::fs::read_dir(docs().join("reference")).expect("the folder");
    let files: BTreeSet<String> = files
        .map(|file| {
            format!(
                "reference/{}",
                file.expect("a file").file_name().to_string_lossy()
            )
        })
        .collect();
    let pages = PAGES.iter().map(|(_, file)| (*file).to_owned());
    let pages: BTreeSet<String> = pages
        .filter(|file| file.starts_with("reference/"))
        .collect();
    assert_eq!(pages, files);
}

/// The package has these pages only, so that an admin without a network finds what they refer to.
#[test]
fn the_reference_refers_to_installed_pages_only() {
    for (_, file) in PAGES {
        let path = docs().join(file);
        let text = std::fs::read_to_string(&path).expect("a page");
        for (_, rest) in text
            .match_indices("](")
            .map(|(at, found)| (at, &text[at + found.len()..]))
        {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let wanted = path.with_file_name(target);
            // The example connectors lie beside the page (Cargo.toml, `assets`).
            let is_example = wanted.starts_with(docs().join("connectors"));
            let is_installed = PAGES.iter().any(|(_, file)| {
                let installed = docs().join(file).canonicalize().ok();
                installed.is_some() && installed == wanted.canonicalize().ok()
            });
            assert!(
                is_installed || is_example,
                "{file} refers to {target}, which no package has"
            );
        }
    }
}
