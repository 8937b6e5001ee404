//! Suggests entries of a code list for a value of another system.
//!
//! Pure, and advice only: it never maps a value. A suggestion states its reason, so that an admin can distinguish a certain
//! one from a guess.

use serde::Serialize;

use super::normalize::words;

/// Below this two texts have little in common: `teacher` and `teachers` pass, `male` and `female` do not.
const MIN_SIMILARITY: f64 = 0.75;

/// So many are worth reading.
const MAX_SUGGESTIONS: usize = 3;

/// An entry that a suggestion may name.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its code.
    pub code: Option<&'a str>,
    /// What it means.
    pub label: Option<&'a str>,
}

/// Why an entry is suggested; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The value is its code, but for case.
    SameCode,
    /// The value equals its meaning, except for case, accents and punctuation.
    SameWords,
    /// It is spelt nearly so.
    CloseSpelling,
}

impl Why {
    /// The text in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameCode => "same code",
            Self::SameWords => "same words",
            Self::CloseSpelling => "close spelling",
        }
    }
}

/// The indexes of the entries that a value may mean, the most certain first, at most three; only those with the best
/// reason.
pub fn suggestions(value: &str, candidates: &[Candidate<'_>]) -> Vec<(usize, Why)> {
    let value = ComparedValue {
        text: value.trim(),
        words: words(value),
    };
    let mut found: Vec<(Why, f64, usize)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| {
            let (why, similarity) = value.compared(candidate)?;
            Some((why, similarity, index))
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.total_cmp(&one.1)));
    let surest = found.first().map(|(why, ..)| *why);
    found
        .into_iter()
        .filter(|(why, ..)| Some(*why) == surest)
        .take(MAX_SUGGESTIONS)
        .map(|(why, _, index)| (index, why))
        .collect()
}

struct ComparedValue<'a> {
    text: &'a str,
    words: String,
}

impl ComparedValue<'_> {
    fn compared(&self, candidate: &Candidate<'_>) -> Option<(Why, f64)> {
        let code = candidate.code.unwrap_or_default();
        if !code.is_empty() && code.to_lowercase() == self.text.to_lowercase() {
            return Some((Why::SameCode, 1.0));
        }
        if self.words.is_empty() {
            return None;
        }
        let label = words(candidate.label.unwrap_or_default());
        if label == self.words {
            return Some((Why::SameWords, 1.0));
        }
        let similarity = self.similarity(&label).max(self.number_similarity(code));
        (similarity >= MIN_SIMILARITY).then_some((Why::CloseSpelling, similarity))
    }

    /// `teacher` in `teacher of music`, or a typing error.
    fn similarity(&self, label: &str) -> f64 {
        let theirs: Vec<&str> = label.split(' ').collect();
        if self.words.split(' ').all(|word| theirs.contains(&word)) {
            return 0.9;
        }
        strsim::normalized_damerau_levenshtein(&self.words, label)
    }

    /// `1` for `01`: spreadsheets drop leading zeros.
    fn number_similarity(&self, code: &str) -> f64 {
        let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
        let bare = |text: &str| text.trim_start_matches('0').to_owned();
        if is_number && bare(code) == bare(self.text) && !self.text.is_empty() {
            0.8
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_suggestions_are_first_and_exclude_guesses() {
        let list = [
            ("F", "Female"),
            ("M", "Male"),
            ("@@", "Not stated"),
            ("01", "Full-time employee"),
            ("10", "Éducation physique"),
            ("X", "Other"),
            ("T", "Teacher"),
            ("TM", "Teacher of music"),
        ];
        let candidates = list.map(|(code, label)| Candidate {
            code: Some(code),
            label: Some(label),
        });
        let (code, same, close) = (Why::SameCode, Why::SameWords, Why::CloseSpelling);
        let rows: &[(&str, &[(&str, Why)])] = &[
            ("f", &[("F", code)]),
            ("female", &[("F", same)]),
            ("MALE ", &[("M", same)]),
            ("not-stated", &[("@@", same)]),
            ("@@", &[("@@", code)]),
            ("1", &[("01", close)]),
            ("0010", &[("10", close)]),
            ("education PHYSIQUE", &[("10", same)]),
            ("full time employe", &[("01", close)]),
            ("music", &[("TM", close)]),
            ("teachers", &[("T", close)]),
            ("teacher", &[("T", same)]),
            ("plumber", &[]),
            ("", &[]),
            ("--", &[]),
            ("0", &[]),
        ];
        for (value, expected) in rows {
            let found = suggestions(value, &candidates);
            let found: Vec<(&str, Why)> = found
                .iter()
                .map(|(index, why)| (list[*index].0, *why))
                .collect();
            assert_eq!(found, *expected, "{value}");
        }
    }

    #[test]
    fn a_list_without_codes_or_descriptions_is_compared_by_what_it_has() {
        let candidates = [
            Candidate {
                code: None,
                label: Some("Current"),
            },
            Candidate {
                code: Some("W"),
                label: None,
            },
        ];
        assert_eq!(suggestions("current", &candidates), [(0, Why::SameWords)]);
        assert_eq!(suggestions("w", &candidates), [(1, Why::SameCode)]);
        assert_eq!(suggestions("", &candidates), []);
    }
}
