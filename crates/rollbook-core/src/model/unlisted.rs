//! Members of a vendor's answer that no column lists: their names, for the admin.
//!
//! Some vendors write objects whose member names are data: `{"anna@school.example": {…}}`. Such names are counted and
//! never kept.

use std::collections::{BTreeSet, HashSet};

use xxhash_rust::xxh3::xxh3_64;

/// At most so many names are kept of a reading.
const MAX_NAMES: usize = 50;

/// At most so many different values are counted.
const MAX_VALUES: usize = 10_000;

/// A longer name is data.
const MAX_LENGTH: usize = 64;

/// A name with more digits is an id, a number or a date.
const MAX_DIGITS: usize = 4;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    names: BTreeSet<String>,
    /// Hashes of the names that look like values.
    values: HashSet<u64>,
}

impl Unlisted {
    /// Takes note of a member of the object at `path`, which is empty for the row itself.
    pub fn note(&mut self, path: &str, name: &str) {
        if looks_like_value(name) {
            if self.values.len() < MAX_VALUES {
                self.values.insert(xxh3_64(name.as_bytes()));
            }
        } else if self.names.len() < MAX_NAMES {
            self.names.insert(match path {
                "" => name.to_owned(),
                path => format!("{path}.{name}"),
            });
        }
    }

    /// The names of an earlier reading.
    pub fn of_names(names: BTreeSet<String>) -> Self {
        Self {
            names,
            values: HashSet::new(),
        }
    }

    /// All that was found, if no name looks like a value.
    pub fn names(&self) -> Option<&BTreeSet<String>> {
        self.values.is_empty().then_some(&self.names)
    }

    /// Adds what another part of the reading found.
    pub fn add(&mut self, other: Self) {
        for name in other.names {
            if self.names.len() < MAX_NAMES {
                self.names.insert(name);
            }
        }
        for value in other.values {
            if self.values.len() < MAX_VALUES {
                self.values.insert(value);
            }
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.values.is_empty()
    }

    /// The names in order, and last how many were only counted.
    pub fn list(&self) -> Vec<String> {
        let mut list: Vec<String> = self.names.iter().cloned().collect();
        match self.values.len() {
            0 => {}
            1 => list.push("1 name that looks like a value".to_owned()),
            many => list.push(format!("{many} names that look like values")),
        }
        list
    }
}

fn looks_like_value(name: &str) -> bool {
    // `@id` and `$ref` are names, `anna@school.example` is not.
    let plain = name.strip_prefix(['@', '$']).unwrap_or(name);
    let has_sign = plain.len() < name.len();
    let is_part = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (has_sign && byte == b'.')
    };
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    name.len() > MAX_LENGTH
        || !plain.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        || !plain.bytes().all(is_part)
        || digits > MAX_DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_and_values_are_counted() {
        let names = [
            "nickname",
            "address2",
            "_links",
            "@odata.type",
            "$ref",
            "custom-field-12",
            "udf_2026",
        ];
        let values = [
            "anna@school.example",
            "20100503",
            "S-12345",
            "Anna Müller",
            "doe.jane",
            "4711",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "",
            &"x".repeat(65),
        ];
        for name in names {
            assert!(!looks_like_value(name), "{name}");
        }
        for value in values {
            assert!(looks_like_value(value), "{value}");
        }
        let mut found = Unlisted::default();
        for name in names.iter().chain(&values).chain(&values) {
            found.note("user", name);
        }
        let list = found.list();
        assert_eq!(list.len(), names.len() + 1);
        assert_eq!(list.last().expect("one"), "9 names that look like values");
        assert!(list.contains(&"user.nickname".to_owned()));
    }

    #[test]
    fn a_reading_keeps_few() {
        let mut whole = Unlisted::default();
        for page in 0..20 {
            let mut found = Unlisted::default();
            for number in 0..60 {
                found.note("", &format!("page{page}x{number}"));
                found.note("", &format!("pupil {page} {number}"));
            }
            whole.add(found);
        }
        let list = whole.list();
        assert_eq!(list.len(), MAX_NAMES + 1);
        assert_eq!(list[MAX_NAMES], "1200 names that look like values");
    }
}
