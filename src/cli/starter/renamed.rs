//! A shipped example for a source of another name, such as the second account at a vendor.

use super::StarterSource;

/// The same source under another name: its tables, its credentials and the comments that name them.
pub fn source(example: StarterSource, name: &str) -> StarterSource {
    let old = example.name;
    if old == name {
        return StarterSource {
            name: old,
            ..example
        };
    }
    let mut jobs = example.jobs;
    for job in &mut jobs {
        job.stem = words(&job.stem, &old, name);
        job.text = lines(&job.text, |line| is_of(line, "source"), &old, name);
    }
    StarterSource {
        name: name.to_owned(),
        text: lines(&example.text, |line| !is_of(line, "connector"), &old, name),
        connector: example.connector,
        jobs,
    }
}

/// Whether a line sets this key.
fn is_of(line: &str, key: &str) -> bool {
    let rest = line.strip_prefix(key).map(str::trim_start);
    rest.is_some_and(|rest| rest.starts_with('='))
}

fn lines(text: &str, is_wanted: impl Fn(&str) -> bool, old: &str, new: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match is_wanted(line) {
            true => words(line, old, new),
            false => line.to_owned(),
        });
    lines.collect()
}

/// Replaces the word, and the beginning of words such as `<old>_users`.
fn words(text: &str, old: &str, new: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut written = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let word = &word[..word.find(|letter| !is_part(letter)).unwrap_or(word.len())];
        written.push_str(&rest[..start]);
        match word.strip_prefix(old) {
            Some(end) if end.is_empty() || end.starts_with('_') => {
                written.push_str(new);
                written.push_str(end);
            }
            _ => written.push_str(word),
        }
        rest = &rest[start + word.len()..];
    }
    written + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_and_what_begins_with_it_is_renamed() {
        let rows = [
            ("[sources.north.auth]", "[sources.south.auth]"),
            (
                "{ credential = \"north_key\" }",
                "{ credential = \"south_key\" }",
            ),
            (
                "northern North my_north north2",
                "northern North my_north north2",
            ),
            (
                "`rollbook login north`, north_users",
                "`rollbook login south`, south_users",
            ),
            ("ü north ü", "ü south ü"),
            ("", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(words(text, "north", "south"), expected);
        }
    }
}
