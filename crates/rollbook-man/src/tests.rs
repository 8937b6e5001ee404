//! The pages of commands and files.

use std::process::Command as Program;

use super::*;

fn all_pages() -> Vec<ManPage> {
    pages(command_line()).expect("pages")
}

#[test]
fn every_command_has_a_page() {
    let pages = all_pages();
    let files: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
    for file in [
        "rollbook.1",
        "rollbook-sync.1",
        "rollbook-vault-rekey.1",
        "rollbook.toml.5",
        "rollbook-job.5",
    ] {
        assert!(files.contains(&file), "{file} is missing from {files:?}");
    }
}

#[test]
fn pages_have_exit_codes_and_files() {
    for page in all_pages() {
        let wanted: &[&str] = match page.file.ends_with(".1") {
            true => &[
                ".SH NAME",
                ".SH EXAMPLES",
                ".SH \"EXIT STATUS\"",
                ".SH FILES",
            ],
            false => &[".SH NAME", ".SH KEYS", ".SH FILES"],
        };
        for section in wanted {
            let found = page.text.lines().any(|line| line == *section);
            assert!(found, "{} lacks {section}:\n{}", page.file, page.text);
        }
    }
}

#[test]
fn the_files_page_has_the_reference_of_each_key() {
    let pages = all_pages();
    let page = pages.iter().find(|page| page.file == "rollbook.toml.5");
    let text = &page.expect("the page").text;
    for words in [
        ".SS [store]",
        ".SS [sources.NAME]",
        ".SS [sources.NAME.auth]",
        "\\fBclient_secret\\fR (reference to a secret)",
        "The client\\*(Aqs secret.",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
}

/// groff reports what it does not understand; skipped if it is not installed.
#[test]
fn groff_reports_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pages = all_pages();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    pages.extend(reference::pages(&docs).expect("the reference"));
    write(folder.path(), &pages).expect("written");
    for page in pages {
        // What man(1) finds the page by.
        let name = page.file.rsplit_once('.').map_or("", |(name, _)| name);
        let is_named = page
            .text
            .contains(&format!("\n{} \\- ", name.replace('-', "\\-")));
        assert!(is_named, "{}", page.file);
        let mut groff = Program::new("groff");
        groff.args(["-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=100n"]);
        let output = match groff.arg(folder.path().join(&page.file)).output() {
            Ok(output) => output,
            Err(error) => {
                println!("skipped: groff cannot be run here: {error}");
                return;
            }
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors, "", "{}", page.file);
    }
}
