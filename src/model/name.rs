//! The names that people choose: of vendors, sources, streams, columns and jobs.
//!
//! They become parts of table, column and file names, hence the narrow alphabet.

use std::fmt;
use std::str::FromStr;

use super::nearest::quoted;
use super::spelled::{Complaint, spelled};

/// A table name is `<source>_<stream>` plus a suffix; this keeps it readable.
const LONGEST: usize = 40;

const PATTERN: &str = "^[a-z][a-z0-9_]{0,39}$";

/// What every SQL database takes.
const LONGEST_COLUMN: usize = 63;

const COLUMN_PATTERN: &str = "^[a-z][a-z0-9_]{0,62}$";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:ident, $pattern:ident, $example:literal) => {
        $(#[$doc])*
        ///
        /// A small letter, then small letters, digits and underscores.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Complaint;

            fn from_str(text: &str) -> Result<Self, Complaint> {
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

        spelled!($name, pattern = $pattern, example = $example);
    };
}

name! {
    /// The short name of a vendor description; the name of its file.
    VendorName, LONGEST, PATTERN, "rosters"
}
name! {
    /// The name of one account at a vendor, chosen in `rollbook.toml`.
    SourceName, LONGEST, PATTERN, "rosters"
}
name! {
    /// The name of one kind of row of a vendor.
    StreamName, LONGEST, PATTERN, "users"
}
name! {
    /// The name of a column of a stream.
    ColumnName, LONGEST_COLUMN, COLUMN_PATTERN, "given_name"
}
name! {
    /// The name of a job; the name of its file.
    JobName, LONGEST, PATTERN, "rosters"
}
name! {
    /// The name under which people of two streams are matched.
    MatchName, LONGEST, PATTERN, "pupils"
}
name! {
    /// The name of a crosswalk; the name of its file.
    CrosswalkName, LONGEST, PATTERN, "roles"
}

fn check(text: &str, longest: usize) -> Result<(), Complaint> {
    if text.is_empty() {
        return Err(Complaint::new("a name is empty"));
    }
    if text.len() > longest {
        return Err(Complaint::new(format!(
            "the name {} is longer than {longest} letters",
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
    let complaint = Complaint::new(format!(
        "the name {} cannot be used: small letters, digits and underscores, a letter first",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_narrow_and_say_a_better_one() {
        type Row<'a> = (&'a str, Result<(), (&'a str, Option<&'a str>)>);
        let rows: &[Row<'_>] = &[
            ("users", Ok(())),
            ("a", Ok(())),
            ("north_school_2", Ok(())),
            ("", Err(("a name is empty", None))),
            (
                "Users",
                Err((
                    "the name `Users` cannot be used: small letters, digits and underscores, a letter first",
                    Some("for example `users`"),
                )),
            ),
            (
                "north-school",
                Err((
                    "the name `north-school` cannot be used: small letters, digits and underscores, a letter first",
                    Some("for example `north_school`"),
                )),
            ),
            (
                "2nd",
                Err((
                    "the name `2nd` cannot be used: small letters, digits and underscores, a letter first",
                    Some("for example `nd`"),
                )),
            ),
            (
                "../x",
                Err((
                    "the name `../x` cannot be used: small letters, digits and underscores, a letter first",
                    Some("for example `x`"),
                )),
            ),
            (
                "!",
                Err((
                    "the name `!` cannot be used: small letters, digits and underscores, a letter first",
                    None,
                )),
            ),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Err((
                    "the name `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is longer than 40 letters",
                    None,
                )),
            ),
        ];
        for (text, expected) in rows {
            let found = text.parse::<StreamName>().map(drop);
            let expected = expected.map_err(|(message, help)| Complaint {
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
