//! Suggests the most similar known word for an unknown one.
//!
//! Case, `-` and `_` do not count, since that is how one slips most.

/// A longer word is no typing error, and comparing it would take long.
const MAX_WORD_LENGTH: usize = 60;

/// Words less similar than this are not suggested.
const MIN_SIMILARITY: f64 = 0.55;

/// How many words a list shows.
const SHOWN: usize = 16;

/// The most similar known word, if any is similar enough.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    suggest_some(word, known, 1).pop()
}

/// The most similar known words, best first, at most `wanted`.
pub fn suggest_some<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    wanted: usize,
) -> Vec<&'a str> {
    nearest(word, known.into_iter().collect(), wanted)
}

/// One function for all kinds of iterators: the sort in it is large.
fn nearest<'a>(word: &str, known: Vec<&'a str>, wanted: usize) -> Vec<&'a str> {
    if word.len() > MAX_WORD_LENGTH {
        return Vec::new();
    }
    let word = normalized(word);
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (similarity(&word, &normalized(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    near.into_iter()
        .take(wanted)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Advice for an unknown word: the most similar known one, or all of them.
pub fn advice<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match suggest(word, known.clone()) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => format!("known: {}", listed(known)),
    }
}

/// A list for a message: `` `a`, `b` and 3 more ``; "nothing" when there is nothing.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.len() {
        0 => "nothing".to_owned(),
        many if many > SHOWN => format!("{} and {} more", words[..SHOWN].join(", "), many - SHOWN),
        _ => words.join(", "),
    }
}

/// Names in a message: `a, b and c`; many of them are counted.
pub fn joined<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let rest = format!("{more} more");
    if more > 0 {
        names.push(&rest);
    }
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A text from a file as it is shown in a message: in backticks, on one line, shortened.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_WORD_LENGTH)
        .flat_map(visible)
        .collect();
    if text.chars().nth(MAX_WORD_LENGTH).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn visible(letter: char) -> Vec<char> {
    let harmless = !letter.is_control() && (letter.is_ascii() || letter.is_alphanumeric());
    if harmless {
        vec![letter]
    } else {
        letter.escape_unicode().collect()
    }
}

fn similarity(one: &str, other: &str) -> f64 {
    let typed = strsim::normalized_damerau_levenshtein(one, other);
    // `zone` for `time_zone`, `schedules` for `schedule`.
    let within = one.len() >= 3 && other.len() >= 3 && (one.contains(other) || other.contains(one));
    if within { typed.max(0.6) } else { typed }
}

fn normalized(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_nearest_or_all() {
        let known = ["schedule", "source", "streams", "time_zone", "catch_up"];
        let rows = [
            ("shedule", "did you mean `schedule`?"),
            ("Schedule", "did you mean `schedule`?"),
            ("timeZone", "did you mean `time_zone`?"),
            ("zone", "did you mean `time_zone`?"),
            ("catchup", "did you mean `catch_up`?"),
            ("sorce", "did you mean `source`?"),
            ("stream", "did you mean `streams`?"),
            (
                "color",
                "known: `schedule`, `source`, `streams`, `time_zone`, `catch_up`",
            ),
            (
                "",
                "known: `schedule`, `source`, `streams`, `time_zone`, `catch_up`",
            ),
        ];
        for (word, expected) in rows {
            assert_eq!(advice(word, known), expected, "{word}");
        }
        assert_eq!(advice("x", []), "known: nothing");
    }

    #[test]
    fn a_text_from_a_file_cannot_break_the_line() {
        assert_eq!(
            quoted("a\nb\u{1b}[31m\u{202e}ü"),
            "`a\\u{a}b\\u{1b}[31m\\u{202e}ü`"
        );
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
    }

    #[test]
    fn many_names_are_counted() {
        for (number, expected) in [(0, ""), (1, "a"), (2, "a and a"), (3, "a, a and a")] {
            assert_eq!(joined(vec!["a"; number]), expected);
        }
        let many = joined(vec!["a"; 300]);
        assert!(many.ends_with("a, a and 284 more"), "{many}");
    }
}
