//! Writes texts into TOML files.

use super::lookalike::Lookalike;

/// A TOML string on one line: like JSON, but TOML also escapes DEL, and a file must not have characters that cannot be
/// seen.
pub fn toml_string(text: &str) -> String {
    let escaped = |letter: char| {
        let is_hidden = Lookalike::of(letter).is_some_and(|found| !found.is_visible());
        match u32::from(letter) {
            _ if letter != '\u{7f}' && !is_hidden => letter.to_string(),
            code @ ..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        }
    };
    let json = serde_json::Value::from(text).to_string();
    json.chars().map(escaped).collect()
}
