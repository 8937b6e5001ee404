//! Problems as a terminal shows them.

use unicode_width::UnicodeWidthStr as _;

use super::*;
use rollbook_core::document::{FileText, Location};

const TEXT: &str = "[sources.north]\nconnector = \"shelv\"\nclient_secret = { credential = \"a-very-long-name-of-a-credential-that-no-line-of-eighty-columns-can-hold\" }\n";

fn problems() -> Problems {
    let file = FileText::new("/etc/rollbook/rollbook.toml", TEXT);
    let at = |words: &str| {
        let start = TEXT.find(words).expect("words of the text");
        Location {
            file: file.clone(),
            span: Some(start..start + words.len()),
        }
    };
    let mut problems = Problems::new();
    problems.push(
        Problem::error(
            at("\"shelv\""),
            "unknown connector `shelv`, which is neither one of the built-in ones nor a file in connectors/",
        )
        .help("did you mean `shelf`? Known connectors are listed by `rollbook init`, and others are files of the folder `/etc/rollbook/connectors`"),
    );
    problems.push(
        Problem::error(
            at("{ credential"),
            "credential `a-very-long-name` belongs to root:root with mode 0600, and this process runs as rollbook",
        )
        .help("run `chown rollbook: /etc/rollbook/credentials/a-very-long-name-of-a-credential-that-no-line-of-eighty-columns-can-hold`"),
    );
    problems
}

#[test]
fn problems_fit_the_terminal_and_commands_stay_whole() {
    crate::cli::table::snapshots::compare("problems", |width| {
        anstream::adapter::strip_str(&render(&problems(), width)).to_string()
    });
}

#[test]
fn only_what_is_copied_is_wider_than_the_terminal() {
    let text = anstream::adapter::strip_str(&render(&problems(), Some(80))).to_string();
    for line in text.lines().filter(|line| line.width() > 80) {
        assert!(line.contains("`chown rollbook: /etc/"), "{line}");
    }
}
