//! What commands print, kept in `src/cli/snapshots/NAME.txt`: at 80 and 120 columns, and in a pipe.
//!
//! `UPDATE_SNAPSHOTS=1` writes the files.

use std::fs;
use std::path::Path;

use unicode_width::UnicodeWidthStr as _;

use super::wrap;

/// Compares what is printed with the file.
pub fn check(name: &str, print: impl Fn(Option<usize>) -> String) {
    compare(name, |width| {
        let text = wrap(print(width).trim_end(), width);
        for line in text.lines() {
            let is_fit = width.is_none_or(|width| line.width() <= width);
            assert!(is_fit, "{name}: wider than {width:?}: {line}");
        }
        text
    });
}

/// The same of what is laid out already, in which a command or path may be wider than the terminal.
pub fn compare(name: &str, print: impl Fn(Option<usize>) -> String) {
    let mut found = String::new();
    for width in [Some(80), Some(120), None] {
        let text = print(width);
        let head = width.map_or("in a pipe".to_owned(), |width| format!("{width} columns"));
        found.push_str(&format!("=== {head}\n{}\n", text.trim_end()));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/cli/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&file, &found).expect("a file");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, expected, "{}", file.display());
}
