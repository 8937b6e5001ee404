//! Who is the same person in two streams: by rules in order, and never by a guess.
//!
//! A pure function from two lists of people to pairs, conflicts and the remaining people. It reads no table and knows
//! people only by their keys. Two candidates are a conflict, not a match, even if a later rule would decide
//! (docs/decisions/0024).

use std::collections::HashMap;

use super::name::MatchName;
use super::normalize;

/// How two values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Unchanged except for surrounding spaces. For ids and dates.
    #[default]
    Exact,
    /// As e-mail addresses: without case; a text that is none is empty.
    Email,
    /// As names: without case, accents and punctuation.
    Name,
}

impl Form {
    /// The value to compare; nothing when it is empty, and what is empty never matches.
    ///
    /// Several parts make one value; it is empty as soon as one of them is.
    pub fn of(self, parts: &[Option<&str>]) -> Option<String> {
        let mut whole = String::new();
        for part in parts {
            let part = self.of_part((*part)?)?;
            if !whole.is_empty() {
                whole.push(' ');
            }
            whole.push_str(&part);
        }
        (!whole.is_empty()).then_some(whole)
    }

    fn of_part(self, part: &str) -> Option<String> {
        let part = match self {
            Self::Exact => part.trim().to_owned(),
            Self::Email => normalize::email(part)?,
            Self::Name => normalize::words(part),
        };
        (!part.is_empty()).then_some(part)
    }
}

/// Two streams whose people are matched, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchSet {
    /// Its name.
    pub name: MatchName,
    /// One stream.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// The rules, the first one first.
    pub rules: Vec<Rule>,
}

/// One stream of a match set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Its table.
    pub table: String,
    /// The columns of its key.
    pub key: Vec<String>,
    /// Only rows whose column has one of these values count as people.
    pub conditions: Vec<(String, Vec<String>)>,
}

/// What makes two rows one person: all its keys are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which the table of matches shows.
    pub name: String,
    /// What must be the same.
    pub keys: Vec<KeyPair>,
    /// What becomes of people with more than one candidate.
    pub ambiguous: Ambiguous,
}

/// Columns of the left that must equal columns of the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The columns on the left; several are joined with spaces.
    pub left: Vec<String>,
    /// The columns on the right.
    pub right: Vec<String>,
    /// How they are compared.
    pub form: Form,
}

/// What becomes of people with more than one candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambiguous {
    /// They are in conflict, and later rules do not consider them.
    #[default]
    Conflict,
    /// Later rules consider them as if this rule did not exist.
    Next,
}

/// One row of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The row's key as text.
    pub key: String,
    /// What each rule compares, in the order of the rules; nothing where a value is empty.
    pub by: Vec<Option<String>>,
}

/// Two rows that are one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The key on the left.
    pub left: String,
    /// The key on the right.
    pub right: String,
    /// The number of the rule, from 0.
    pub rule: usize,
}

/// People with more than one candidate each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The number of the rule, from 0.
    pub rule: usize,
    /// The keys on the left.
    pub left: Vec<String>,
    /// The keys on the right.
    pub right: Vec<String>,
}

/// The result of the rules for two lists of people. Each person occurs exactly once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Who is one person.
    pub pairs: Vec<Pair>,
    /// Who has more than one candidate.
    pub conflicts: Vec<Conflict>,
    /// Keys on the left without a counterpart on the right.
    pub left_only: Vec<String>,
    /// Keys on the right without a counterpart on the left.
    pub right_only: Vec<String>,
}

/// The people on each side that share one value of a rule.
#[derive(Default)]
struct Candidates {
    left: Vec<usize>,
    right: Vec<usize>,
}

/// What a rule compares, of the values of all its keys; nothing as soon as one is empty.
pub fn all_of(values: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let mut whole = String::new();
    for value in values {
        let value = value?;
        // With its length in front, no value can end where another one begins.
        whole.push_str(&format!("{}:{value}", value.len()));
    }
    (!whole.is_empty()).then_some(whole)
}

/// Applies the rules in order. The result depends on nothing else: pairs and conflicts are ordered by rule, and within
/// a rule by the people on the left.
pub fn matching(rules: &[Ambiguous], left: &[Person], right: &[Person]) -> Matching {
    let mut found = Matching::default();
    let mut left_done = vec![false; left.len()];
    let mut right_done = vec![false; right.len()];
    for (rule, ambiguous) in rules.iter().enumerate() {
        for group in candidates(rule, (left, &left_done), (right, &right_done)) {
            let keys = |indexes: &[usize], people: &[Person]| -> Vec<String> {
                indexes
                    .iter()
                    .map(|index| people[*index].key.clone())
                    .collect()
            };
            match (&group.left[..], &group.right[..], ambiguous) {
                ([], _, _) | (_, [], _) => continue,
                ([one], [other], _) => found.pairs.push(Pair {
                    left: left[*one].key.clone(),
                    right: right[*other].key.clone(),
                    rule,
                }),
                (_, _, Ambiguous::Next) => continue,
                (ones, others, Ambiguous::Conflict) => found.conflicts.push(Conflict {
                    rule,
                    left: keys(ones, left),
                    right: keys(others, right),
                }),
            }
            group.left.iter().for_each(|index| left_done[*index] = true);
            group
                .right
                .iter()
                .for_each(|index| right_done[*index] = true);
        }
    }
    found.left_only = rest(left, &left_done);
    found.right_only = rest(right, &right_done);
    found
}

/// The people that are not matched yet, grouped by the value that a rule compares, in the order of the left.
fn candidates(
    rule: usize,
    (left, left_done): (&[Person], &[bool]),
    (right, right_done): (&[Person], &[bool]),
) -> Vec<Candidates> {
    let mut groups: Vec<Candidates> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (index, person) in open(left, left_done) {
        if let Some(value) = person.by.get(rule).and_then(Option::as_deref) {
            let group = *known.entry(value).or_insert_with(|| {
                groups.push(Candidates::default());
                groups.len() - 1
            });
            groups[group].left.push(index);
        }
    }
    for (index, person) in open(right, right_done) {
        let value = person.by.get(rule).and_then(Option::as_deref);
        if let Some(group) = value.and_then(|value| known.get(value)) {
            groups[*group].right.push(index);
        }
    }
    groups
}

fn open<'a>(people: &'a [Person], done: &'a [bool]) -> impl Iterator<Item = (usize, &'a Person)> {
    people.iter().enumerate().filter(|(index, _)| !done[*index])
}

fn rest(people: &[Person], done: &[bool]) -> Vec<String> {
    open(people, done)
        .map(|(_, person)| person.key.clone())
        .collect()
}

#[cfg(test)]
mod tests;
