//! Lines and comments of a draft.

use crate::document::toml_text::toml_string;

/// A comment that marks a guess.
pub(super) fn assumption(why: &str) -> String {
    format!("# ASSUMPTION: {}", comment(why))
}

pub(super) fn line(text: &str) -> String {
    format!("{text}\n")
}

/// Text that can stand in a comment: nothing in it ends the line or cannot be seen.
pub(super) fn comment(text: &str) -> String {
    let quoted = toml_string(text);
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner
        .unwrap_or_default()
        .replace("\\\"", "\"")
        .replace("\\n", " ")
}

/// The lines of a key in a header; `value` is a template, and `{api_key}` where it is empty.
pub(super) fn key_in_header(header: &str, value: &str) -> String {
    let header = toml_string(header);
    match value {
        "" => format!("[auth.api_key]\nheader = {header}\n"),
        value => format!(
            "[auth.api_key]\nheader = {header}\nvalue  = {}\n",
            toml_string(value)
        ),
    }
}

/// The lines of a key in a parameter.
pub(super) fn key_in_query(name: &str) -> String {
    format!(
        "[auth.api_key]\nquery = {{ {} = \"{{api_key}}\" }}\n",
        toml_string(name)
    )
}
