//! A message about a file without any value of the file, for readers who may not read the file, such as a status page.
//!
//! Names that a schema defines stay, and the words of the program; it removes too much rather than too little.

use std::collections::BTreeSet;

use serde_json::Value;

/// In place of a value.
const REMOVED: &str = "…";

/// A shorter literal of a file may be part of any word, and says little.
const SHORTEST: usize = 3;

/// The names that schemas define: keys of tables, and words of enumerations.
pub fn names_of(schemas: &[Value]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    schemas
        .iter()
        .for_each(|schema| collect(schema, &mut names));
    names
}

fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("properties", Value::Object(keys)) => names.extend(keys.keys().cloned()),
                    ("const", Value::String(word)) => drop(names.insert(word.clone())),
                    ("enum", Value::Array(words)) => {
                        names.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                collect(member, names);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| collect(member, names)),
        _ => {}
    }
}

/// `message` without what it quotes, apart from names, and without every literal of `file` that is long enough to mean
/// something.
pub fn without_values(message: &str, file: &str, names: &BTreeSet<String>) -> String {
    let mut text = without_quoted(message, names);
    let mut literals = literals(file);
    literals.retain(|literal| literal.len() >= SHORTEST && !names.contains(*literal));
    // A literal may contain another one.
    literals.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
    for literal in literals {
        text = without_word(&text, literal);
    }
    text
}

/// Without a literal, unless it is a part of a longer word.
fn without_word(text: &str, literal: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = 0;
    for (start, found) in text.match_indices(literal) {
        let end = start + found.len();
        let is_part = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        if is_part(text[..start].chars().next_back()) || is_part(text[end..].chars().next()) {
            continue;
        }
        shown.push_str(&text[rest..start]);
        shown.push_str(REMOVED);
        rest = end;
    }
    shown.push_str(&text[rest..]);
    shown
}

fn without_quoted(message: &str, names: &BTreeSet<String>) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(['`', '"']) {
        let quote = &rest[start..=start];
        let (before, quoted) = (&rest[..start], &rest[start + 1..]);
        text.push_str(before);
        let Some(end) = quoted.find(quote) else {
            text.push_str(REMOVED);
            return text;
        };
        let inner = &quoted[..end];
        let is_name = inner
            .split(['.', '[', ']'])
            .all(|part| part.is_empty() || names.contains(part));
        text.push_str(quote);
        text.push_str(if is_name { inner } else { REMOVED });
        text.push_str(quote);
        rest = &quoted[end + 1..];
    }
    text.push_str(rest);
    text
}

/// What is in quotes in the file, and what is behind an equals sign; of a file that is not TOML also.
fn literals(file: &str) -> Vec<&str> {
    let mut literals = Vec::new();
    for line in file.lines() {
        for quote in ['"', '\''] {
            literals.extend(line.split(quote).skip(1).step_by(2));
        }
        if let Some((_, value)) = line.split_once(['=', ':']) {
            let parts = value.split(['=', ',', '[', ']', '{', '}', '#']);
            literals.extend(parts.map(|part| part.trim().trim_matches(['"', '\''])));
            literals.push(value.trim());
        }
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_stay_and_values_do_not() {
        let schema = json!({
            "properties": { "base_url": {}, "grant": { "enum": ["password"] } },
            "$defs": { "Guard": { "properties": { "removals": {} } } }
        });
        let names = names_of(&[schema]);
        let file = "base_url = \"https://school.example/v1\"\npassword = \"hunter2\" # old: geheim1\nport = 48123\nremovals = lots";
        for (message, expected) in [
            (
                "unknown key `base_ulr`, did you mean `base_url`?",
                "unknown key `…`, did you mean `base_url`?",
            ),
            ("`guard.removals` is lots", "`…` is …"),
            (
                "invalid value for `removals`: lots",
                "invalid value for `removals`: …",
            ),
            ("the password hunter2 is short", "the password … is short"),
            ("port 48123 is in use", "port … is in use"),
            ("write `grant = \"password\"`", "write `…`"),
            ("expected \"geheim1", "expected …"),
            ("cannot reach https://school.example/v1", "cannot reach …"),
            ("must be at least 1", "must be at least 1"),
            ("slots are lots of lots", "slots are … of …"),
        ] {
            assert_eq!(without_values(message, file, &names), expected, "{message}");
        }
    }
}
