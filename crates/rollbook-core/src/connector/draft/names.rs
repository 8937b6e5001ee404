//! Names of a draft: of the connector, its streams and columns.

use std::collections::BTreeSet;

use super::DraftSample;

/// A stream's or a connector's name is shorter; a number that makes it unique still fits.
const LONGEST: usize = 36;

/// In small letters, with underscores between words: `givenName` and `Given-Name` are `given_name`. Begins with a letter.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let letters: Vec<char> = text.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            if !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    let name = name.trim_matches('_');
    match name.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => name.to_owned(),
        false => format!("x{name}"),
    }
}

/// A name for the connector of an address or a file.
pub fn draft_name(sample: &DraftSample) -> String {
    let Some(address) = &sample.address else {
        return short(&snake(&sample.stem));
    };
    let rest = address
        .split_once("://")
        .map_or(address.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let parts: Vec<&str> = host
        .split('.')
        .filter(|part| !["www", "api"].contains(part))
        .collect();
    let name = match parts[..] {
        _ if host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            "vendor"
        }
        [.., name, _] => name,
        [name] => name,
        [] => "vendor",
    };
    short(&snake(name))
}

pub(super) fn short(name: &str) -> String {
    name.chars()
        .take(LONGEST)
        .collect::<String>()
        .trim_end_matches('_')
        .to_owned()
}

/// The name, or the name with a number.
pub(super) fn unique(name: &str, names: &mut BTreeSet<String>) -> String {
    let mut number = 1;
    let mut found = name.to_owned();
    while !names.insert(found.clone()) {
        number += 1;
        found = format!("{name}_{number}");
    }
    found
}
