//! Where in a file a mistake of a question is.

use super::*;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::document::{FileText, RenderStyle};

fn shown(text: &str, at: BundleSql, offset: Option<usize>) -> String {
    let file = FileText::new("own.toml", text);
    let (tree, value) = read_with_tree::<BundleConfig>(&file, &[]);
    let document = Document {
        value: value.expect("a bundle"),
        tree,
    };
    let error = BundleError::Sql {
        at,
        message: "no such column: nam".to_owned(),
        offset,
    };
    problem(&document, &error).render(RenderStyle::Plain)
}

#[test]
fn the_caret_is_inside_the_sql() {
    let file = |sql: &str| {
        format!(
            "to = \"x\"\n[[file]]\nname = \"a.csv\"\nsql = {sql}\n[file.rules]\n\"no name\" = \"nam <> ''\"\n"
        )
    };
    let question = BundleSql::Question(0);
    for (sql, at, offset, line, caret) in [
        (
            "'SELECT nam FROM x'",
            question,
            Some(7),
            "own.toml:4:15",
            "^^^",
        ),
        (
            "'''\nSELECT id,\n  nam\nFROM x\n'''",
            question,
            Some(13),
            "own.toml:6:3",
            "^^^",
        ),
        // With escapes the text is not as it is written.
        (
            "\"SELECT\\u0020nam FROM x\"",
            question,
            Some(7),
            "own.toml:4:7",
            "^^^^^^",
        ),
        (
            "'SELECT id FROM x'",
            BundleSql::Rule(0, 0),
            Some(0),
            "own.toml:6:14",
            "^^^",
        ),
        (
            "'SELECT id FROM x'",
            BundleSql::Rule(0, 0),
            None,
            "own.toml:6:13",
            "^^^^^^^^^^^",
        ),
    ] {
        let shown = shown(&file(sql), at, offset);
        assert!(shown.contains(line), "{sql}: {shown}");
        assert!(shown.contains(caret), "{sql}: {shown}");
    }
}
