//! The filter grammar of OneRoster 1.1 (webuntis-oneroster.md 3.6), strictly.
//!
//! At most two clauses, joined by `AND` or `OR` outside quotes. Everything else is refused: a
//! simulator that accepts more than the standard would hide a client's mistake.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The text does not follow the grammar.
    Syntax,
    /// No record has this field.
    UnknownField(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Predicate {
    Differs,
    AtLeast,
    AtMost,
    Equals,
    Above,
    Below,
    Contains,
}

/// Longest first, so that `>=` is not read as `>`.
const PREDICATES: &[(&str, Predicate)] = &[
    ("!=", Predicate::Differs),
    (">=", Predicate::AtLeast),
    ("<=", Predicate::AtMost),
    ("=", Predicate::Equals),
    (">", Predicate::Above),
    ("<", Predicate::Below),
    ("~", Predicate::Contains),
];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    field: String,
    predicate: Predicate,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

/// A parsed filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    first: Clause,
    second: Option<(Join, Clause)>,
}

impl Filter {
    /// Parses a filter for records with these fields; a dotted field is checked by its first part.
    pub(super) fn parse(text: &str, fields: &[&str]) -> Result<Self, Refused> {
        let (first, rest) = clause(text)?;
        let second = if rest.is_empty() {
            None
        } else {
            let (join, rest) = if let Some(rest) = rest.strip_prefix(" AND ") {
                (Join::And, rest)
            } else {
                (Join::Or, rest.strip_prefix(" OR ").ok_or(Refused::Syntax)?)
            };
            let (second, rest) = clause(rest)?;
            if !rest.is_empty() {
                return Err(Refused::Syntax);
            }
            Some((join, second))
        };
        let filter = Self { first, second };
        for one in
            std::iter::once(&filter.first).chain(filter.second.as_ref().map(|(_, clause)| clause))
        {
            let word = one.field.split('.').next().unwrap_or_default();
            if !fields.contains(&word) {
                return Err(Refused::UnknownField(one.field.clone()));
            }
        }
        Ok(filter)
    }

    /// Whether a record matches.
    pub(super) fn matches_filter(&self, row: &Value) -> bool {
        let first = self.first.matches_filter(row);
        match &self.second {
            None => first,
            Some((Join::And, second)) => first && second.matches_filter(row),
            Some((Join::Or, second)) => first || second.matches_filter(row),
        }
    }
}

fn clause(text: &str) -> Result<(Clause, &str), Refused> {
    let length = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.')
        .ok_or(Refused::Syntax)?;
    let (field, rest) = text.split_at(length);
    let (predicate, rest) = PREDICATES
        .iter()
        .find_map(|(sign, predicate)| Some((*predicate, rest.strip_prefix(sign)?)))
        .ok_or(Refused::Syntax)?;
    let rest = rest.strip_prefix('\'').ok_or(Refused::Syntax)?;
    let (value, rest) = rest.split_once('\'').ok_or(Refused::Syntax)?;
    if field.is_empty() || field.starts_with('.') || field.ends_with('.') {
        return Err(Refused::Syntax);
    }
    Ok((
        Clause {
            field: field.to_owned(),
            predicate,
            value: value.to_owned(),
        },
        rest,
    ))
}

impl Clause {
    fn matches_filter(&self, row: &Value) -> bool {
        let found = at(row, &self.field);
        if let [Value::Array(items)] = found.as_slice() {
            return self.matches_list(items);
        }
        if found.is_empty() {
            return self.predicate == Predicate::Differs;
        }
        found
            .into_iter()
            .any(|value| self.matches_one(&plain(value)))
    }

    fn matches_list(&self, items: &[Value]) -> bool {
        let have: Vec<String> = items.iter().map(plain).collect();
        let mut query = self.value.split(',');
        match self.predicate {
            Predicate::Contains => query.any(|one| have.iter().any(|item| item == one)),
            Predicate::Equals => query.all(|one| have.iter().any(|item| item == one)),
            Predicate::Differs => !query.all(|one| have.iter().any(|item| item == one)),
            Predicate::AtLeast | Predicate::AtMost | Predicate::Above | Predicate::Below => false,
        }
    }

    fn matches_one(&self, have: &str) -> bool {
        let order = compare(have, &self.value);
        match self.predicate {
            Predicate::Differs => order.is_ne(),
            Predicate::AtLeast => order.is_ge(),
            Predicate::AtMost => order.is_le(),
            Predicate::Equals => order.is_eq(),
            Predicate::Above => order.is_gt(),
            Predicate::Below => order.is_lt(),
            Predicate::Contains => have.to_lowercase().contains(&self.value.to_lowercase()),
        }
    }
}

/// All values of a dotted field; lists on the path are flattened.
fn at<'a>(row: &'a Value, field: &str) -> Vec<&'a Value> {
    let (word, rest) = field
        .split_once('.')
        .map_or((field, None), |(word, rest)| (word, Some(rest)));
    let Some(value) = row.get(word) else {
        return Vec::new();
    };
    match (rest, value) {
        (None, value) => vec![value],
        (Some(rest), Value::Array(items)) => items.iter().flat_map(|item| at(item, rest)).collect(),
        (Some(rest), value) => at(value, rest),
    }
}

/// A scalar as text.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Compares dates and times by time, numbers by value, everything else as text.
pub(super) fn compare(left: &str, right: &str) -> std::cmp::Ordering {
    if let (Some(left), Some(right)) = (instant(left), instant(right)) {
        return left.cmp(&right);
    }
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    // Only a text like `2026-02-03…` can be a time; ids never are.
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    text.parse()
        .ok()
        .or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[&str] = &[
        "role",
        "status",
        "dateLastModified",
        "familyName",
        "orgs",
        "class",
        "grades",
        "year",
    ];

    #[test]
    fn filters_follow_the_standard() {
        let row = json!({
            "role": "student", "status": "active", "dateLastModified": "2026-02-03T07:15:42.000Z", "year": "9",
            "familyName": "Müller", "orgs": [{ "sourcedId": "o1" }], "class": { "sourcedId": "20871" }, "grades": ["09", "10"],
        });
        for (filter, matches_filter) in [
            ("role='student'", true),
            ("role!='student'", false),
            ("status='active' AND role='teacher'", false),
            ("status='active' OR role='teacher'", true),
            ("dateLastModified>='2026-02-03T07:15:42Z'", true),
            ("dateLastModified>'2026-02-03T07:15:42.000Z'", false),
            ("dateLastModified<'2026-02-04'", true),
            ("dateLastModified>='2026-02-03T08:15:42+01:00'", true),
            ("year<'10'", true),
            ("familyName~'mül'", true),
            ("familyName='a AND b'", false),
            ("class.sourcedId='20871'", true),
            ("orgs.sourcedId='o2'", false),
            ("grades~'10,11'", true),
            ("grades='10,11'", false),
        ] {
            assert_eq!(
                Filter::parse(filter, FIELDS).map(|filter| filter.matches_filter(&row)),
                Ok(matches_filter),
                "{filter}"
            );
        }
    }

    #[test]
    fn what_is_outside_the_grammar_is_refused() {
        for filter in [
            "",
            "role",
            "role=student",
            "role='student",
            "role ='student'",
            "role='a' and role='b'",
            "role='a'  AND role='b'",
            "role='a' AND role='b' AND role='c'",
            "='a'",
            ".role='a'",
            "role=='a'",
        ] {
            assert_eq!(
                Filter::parse(filter, FIELDS),
                Err(Refused::Syntax),
                "{filter}"
            );
        }
        assert_eq!(
            Filter::parse("favouriteColour='red'", FIELDS),
            Err(Refused::UnknownField("favouriteColour".to_owned()))
        );
    }
}
