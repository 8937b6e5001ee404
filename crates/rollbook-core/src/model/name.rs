//! The names that people choose: of vendors, sources, streams, columns and jobs.
//!
//! They become parts of table, column and file names, hence the narrow alphabet.

use std::fmt;
use std::str::FromStr;

use crate::document::suggest::quoted;
use crate::document::text_value::{ValueError, text_value};

/// A table name is `<source>_<stream>` plus a suffix; this keeps it readable.
const MAX_LENGTH: usize = 40;

const PATTERN: &str = "^[a-z][a-z0-9_]{0,39}$";

/// What every SQL database takes.
const MAX_COLUMN_LENGTH: usize = 63;

const COLUMN_PATTERN: &str = "^[a-z][a-z0-9_]{0,62}$";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:ident, $pattern:ident, $example:literal) => {
        $(#[$doc])*
        ///
        /// A small letter, then small letters, digits and underscores.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as a text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                check(text, $longest).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        text_value!($name, pattern = $pattern, example = $example);
    };
}

name! {
    /// The short name of a connector; the name of its file.
    ConnectorName, MAX_LENGTH, PATTERN, "rosters"
}
name! {
    /// The name of one account at a vendor, chosen in `rollbook.toml`.
    SourceName, MAX_LENGTH, PATTERN, "rosters"
}
name! {
    /// The name of one kind of row of a vendor.
    StreamName, MAX_LENGTH, PATTERN, "users"
}
name! {
    /// The name of a column of a stream.
    ColumnName, MAX_COLUMN_LENGTH, COLUMN_PATTERN, "given_name"
}
name! {
    /// The name of a job; the name of its file.
    JobName, MAX_LENGTH, PATTERN, "rosters"
}
name! {
    /// The name of a hook.
    HookName, MAX_LENGTH, PATTERN, "import_roster"
}
name! {
    /// The name of a database that tables are published to.
    PublishName, MAX_LENGTH, PATTERN, "district"
}
name! {
    /// The name of a webhook; the last part of its address.
    WebhookName, MAX_LENGTH, PATTERN, "rosters"
}
name! {
    /// The name under which people of two streams are matched.
    MatchName, MAX_LENGTH, PATTERN, "pupils"
}
name! {
    /// The name of a crosswalk; the name of its file.
    CrosswalkName, MAX_LENGTH, PATTERN, "roles"
}
name! {
    /// The name of a bundle of files; the name of its file.
    BundleName, MAX_LENGTH, PATTERN, "school_data_sync"
}
name! {
    /// The client id of a program that reads from `rollbook serve`.
    ClientName, MAX_LENGTH, PATTERN, "moodle"
}

fn check(text: &str, longest: usize) -> Result<(), ValueError> {
    if text.is_empty() {
        return Err(ValueError::new("the name is empty"));
    }
    if text.len() > longest {
        return Err(ValueError::new(format!(
            "the name {} is longer than {longest} characters",
            quoted(text)
        )));
    }
    let first = text.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest {
        return Ok(());
    }
    let complaint = ValueError::new(format!(
        "invalid name {}: use small letters, digits and underscores, starting with a letter",
        quoted(text)
    ));
    Err(match repaired(text) {
        Some(better) => complaint.help(format!("for example `{better}`")),
        None => complaint,
    })
}

/// The same name in the narrow alphabet, if anything is left of it.
fn repaired(text: &str) -> Option<String> {
    let letters: String = text
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .collect();
    let better = letters
        .trim_matches('_')
        .trim_start_matches(|c: char| !c.is_ascii_lowercase());
    (!better.is_empty()).then(|| better.to_owned())
}

/// A name for tests.
#[cfg(any(test, feature = "testing"))]
pub fn named<N: FromStr<Err = ValueError>>(text: &str) -> N {
    text.parse().expect("a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_names_are_refused_with_a_valid_suggestion() {
        type Row<'a> = (&'a str, Result<(), (&'a str, Option<&'a str>)>);
        let rows: &[Row<'_>] = &[
            ("users", Ok(())),
            ("a", Ok(())),
            ("north_school_2", Ok(())),
            ("", Err(("the name is empty", None))),
            (
                "Users",
                Err((
                    "invalid name `Users`: use small letters, digits and underscores, starting with a letter",
                    Some("for example `users`"),
                )),
            ),
            (
                "north-school",
                Err((
                    "invalid name `north-school`: use small letters, digits and underscores, starting with a letter",
                    Some("for example `north_school`"),
                )),
            ),
            (
                "2nd",
                Err((
                    "invalid name `2nd`: use small letters, digits and underscores, starting with a letter",
                    Some("for example `nd`"),
                )),
            ),
            (
                "../x",
                Err((
                    "invalid name `../x`: use small letters, digits and underscores, starting with a letter",
                    Some("for example `x`"),
                )),
            ),
            (
                "!",
                Err((
                    "invalid name `!`: use small letters, digits and underscores, starting with a letter",
                    None,
                )),
            ),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Err((
                    "the name `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is longer than 40 characters",
                    None,
                )),
            ),
        ];
        for (text, expected) in rows {
            let found = text.parse::<StreamName>().map(drop);
            let expected = expected.map_err(|(message, help)| ValueError {
                message: message.to_owned(),
                help: help.map(str::to_owned),
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_column_may_be_longer() {
        assert!("x".repeat(63).parse::<ColumnName>().is_ok());
        assert!("x".repeat(64).parse::<ColumnName>().is_err());
    }
}
