//! Text that a spreadsheet would take for a formula.

use std::borrow::Cow;

/// Adds an apostrophe to text that a spreadsheet may interpret as a formula.
pub fn escape_formula(text: &str) -> Cow<'_, str> {
    if looks_like_a_formula(text.trim_start_matches('\'')) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Removes that apostrophe.
pub fn unescape_formula(text: &str) -> Cow<'_, str> {
    match text.strip_prefix('\'') {
        Some(rest) if looks_like_a_formula(rest.trim_start_matches('\'')) => Cow::Borrowed(rest),
        _ => Cow::Borrowed(text),
    }
}

/// Whether a spreadsheet may interpret a text as a formula.
pub fn looks_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}
