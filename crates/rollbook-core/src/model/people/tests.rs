//! Matching people: rows of small schools, and laws that hold for any.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// `key: value of rule 1 | value of rule 2`; a dash is empty.
fn people(lines: &[&str]) -> Vec<Person> {
    lines.iter().map(|line| person(line)).collect()
}

fn person(line: &str) -> Person {
    let (key, values) = line.split_once(": ").expect("a key");
    Person {
        key: key.to_owned(),
        by: values
            .split(" | ")
            .map(|value| (value != "-").then(|| value.to_owned()))
            .collect(),
    }
}

/// One line for each pair, conflict and person left over.
fn shown(found: &Matching) -> Vec<String> {
    let pairs = found
        .pairs
        .iter()
        .map(|pair| format!("{}={} by {}", pair.left, pair.right, pair.rule));
    let conflicts = found.conflicts.iter().map(|conflict| {
        format!(
            "{}?{} by {}",
            conflict.left.join("+"),
            conflict.right.join("+"),
            conflict.rule
        )
    });
    let left = found.left_only.iter().map(|key| format!("{key} alone"));
    let right = found.right_only.iter().map(|key| format!("{key} alone"));
    pairs.chain(conflicts).chain(left).chain(right).collect()
}

#[test]
fn rules_decide_in_order_and_never_guess() {
    use Ambiguous::{Conflict, Next};
    type Row<'a> = (
        &'a str,
        &'a [Ambiguous],
        &'a [&'a str],
        &'a [&'a str],
        &'a [&'a str],
    );
    let rows: &[Row<'_>] = &[
        (
            "the first rule that finds one decides",
            &[Conflict, Conflict],
            &["1: a | x", "2: - | y", "3: c | z"],
            &["A: a | y", "B: - | y", "C: - | -"],
            &["1=A by 0", "2=B by 1", "3 alone", "C alone"],
        ),
        (
            "a matched person is no candidate later",
            &[Conflict, Conflict],
            &["1: a | x", "2: - | x"],
            &["A: a | x", "B: - | x"],
            &["1=A by 0", "2=B by 1"],
        ),
        (
            "two on the left",
            &[Conflict, Conflict],
            &["1: a | x", "2: a | y"],
            &["A: a | x", "B: - | y"],
            &["1+2?A by 0", "B alone"],
        ),
        (
            "two on the right",
            &[Conflict, Conflict],
            &["1: a | x"],
            &["A: a | x", "B: a | y"],
            &["1?A+B by 0"],
        ),
        (
            "two on both sides",
            &[Conflict],
            &["1: a", "2: a"],
            &["A: a", "B: a"],
            &["1+2?A+B by 0"],
        ),
        (
            "a rule can leave several candidates to the next rule",
            &[Next, Conflict],
            &["1: a | x", "2: a | y"],
            &["A: a | x", "B: a | -"],
            &["1=A by 1", "2 alone", "B alone"],
        ),
        (
            "the last rule has no next",
            &[Next],
            &["1: a", "2: a"],
            &["A: a"],
            &["1 alone", "2 alone", "A alone"],
        ),
        (
            "two on one side and none on the other are no conflict",
            &[Conflict, Conflict],
            &["1: a | x", "2: a | y"],
            &["A: b | x", "B: c | y"],
            &["1=A by 1", "2=B by 1"],
        ),
        (
            "what is empty never matches",
            &[Conflict],
            &["1: -", "2: -"],
            &["A: -"],
            &["1 alone", "2 alone", "A alone"],
        ),
        ("no candidate", &[Conflict], &[], &["A: a"], &["A alone"]),
    ];
    for (why, rules, left, right, expected) in rows {
        let found = matching(rules, &people(left), &people(right));
        assert_eq!(shown(&found), *expected, "{why}");
    }
}

#[test]
fn a_value_is_empty_as_soon_as_a_part_is() {
    type Row<'a> = (Form, &'a [Option<&'a str>], Option<&'a str>);
    let rows: &[Row<'_>] = &[
        (Form::Exact, &[Some(" 0042 ")], Some("0042")),
        (Form::Exact, &[Some("  ")], None),
        (Form::Exact, &[None], None),
        (Form::Exact, &[Some("a"), Some("B")], Some("a B")),
        (
            Form::Email,
            &[Some("Ada@X.example ")],
            Some("ada@x.example"),
        ),
        (Form::Email, &[Some("none")], None),
        (
            Form::Name,
            &[Some("Zoë"), Some("van der Berg")],
            Some("zoe van der berg"),
        ),
        (Form::Name, &[Some("Zoë"), None], None),
        (Form::Name, &[Some("Zoë"), Some("-")], None),
        (Form::Name, &[], None),
    ];
    for (form, parts, expected) in rows {
        assert_eq!(form.of(parts).as_deref(), *expected, "{parts:?}");
    }
}

#[test]
fn keys_of_one_rule_stay_apart() {
    let of = |values: &[&str]| all_of(values.iter().map(|value| Some((*value).to_owned())));
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["a", "1:b"]), of(&["a1:b"]));
    assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    assert_eq!(all_of([Some("a".to_owned()), None]), None);
    assert_eq!(all_of([]), None);
}

fn crowd(prefix: &'static str) -> impl Strategy<Value = Vec<Person>> {
    let value = prop_oneof![
        Just(None),
        (0..6u8).prop_map(|value| Some(value.to_string()))
    ];
    let values = proptest::collection::vec(value, 2);
    proptest::collection::vec(values, 0..12).prop_map(move |rows| {
        let person = |(number, by)| Person {
            key: format!("{prefix}{number}"),
            by,
        };
        rows.into_iter().enumerate().map(person).collect()
    })
}

fn rule() -> impl Strategy<Value = Ambiguous> {
    prop_oneof![Just(Ambiguous::Conflict), Just(Ambiguous::Next)]
}

proptest! {
    /// Each person is in one list, a pair agrees, and no other person agreed when it was made.
    #[test]
    fn each_person_is_in_exactly_one_list(left in crowd("l"), right in crowd("r"), rules in [rule(), rule()]) {
        let found = matching(&rules, &left, &right);
        let mut seen: Vec<&str> = found.pairs.iter().flat_map(|pair| [pair.left.as_str(), &pair.right]).collect();
        seen.extend(found.conflicts.iter().flat_map(|one| one.left.iter().chain(&one.right)).map(String::as_str));
        seen.extend(found.left_only.iter().chain(&found.right_only).map(String::as_str));
        let everybody: BTreeSet<&str> = left.iter().chain(&right).map(|person| person.key.as_str()).collect();
        prop_assert_eq!(seen.len(), everybody.len());
        prop_assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), everybody);
        for pair in &found.pairs {
            let value = |people: &[Person], key: &str| {
                people.iter().find(|person| person.key == key).and_then(|person| person.by[pair.rule].clone())
            };
            prop_assert!(value(&left, &pair.left).is_some());
            prop_assert_eq!(value(&left, &pair.left), value(&right, &pair.right));
        }
    }

    /// Left and right are not different: exchanged, the same people are one.
    #[test]
    fn the_sides_may_be_exchanged(left in crowd("l"), right in crowd("r"), rules in [rule(), rule()]) {
        let pairs = |found: &Matching, swapped: bool| -> BTreeSet<(String, String, usize)> {
            let key = |pair: &Pair| if swapped {
                (pair.right.clone(), pair.left.clone(), pair.rule)
            } else {
                (pair.left.clone(), pair.right.clone(), pair.rule)
            };
            found.pairs.iter().map(key).collect()
        };
        let (one, other) = (matching(&rules, &left, &right), matching(&rules, &right, &left));
        prop_assert_eq!(pairs(&one, false), pairs(&other, true));
        prop_assert_eq!(one.left_only, other.right_only);
        prop_assert_eq!(one.conflicts.len(), other.conflicts.len());
    }
}
