//! Values that are written as a text with rules of their own: names, durations, percentages, schedules.
//!
//! Each is a [`FromStr`] that says in plain words what is wrong. The macro makes it readable by serde
//! and describes it to editors, and a [`Check`] lets the reader of a file try every text before
//! anything is built, so that all complaints of a file come at once.

use std::str::FromStr;

/// Why a text cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Complaint {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

impl Complaint {
    /// A complaint without advice.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    /// The same with advice.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// A value that is written as a text.
pub trait Spelled: FromStr<Err = Complaint> {
    /// A regular expression for editors. It also ties a schema to its check, so no two kinds share
    /// one that complain in different words.
    const PATTERN: &'static str;
    /// Something right.
    const EXAMPLE: &'static str;
}

/// Tries a text whose schema has this pattern.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// [`Spelled::PATTERN`].
    pub pattern: &'static str,
    /// Parses and forgets the value.
    pub check: fn(&str) -> Result<(), Complaint>,
}

impl Check {
    /// The check of one kind of value.
    pub const fn of<T: Spelled>() -> Self {
        Self {
            pattern: T::PATTERN,
            check: |text| text.parse::<T>().map(drop),
        }
    }
}

/// Makes a [`Spelled`] type readable by serde, and describes it in a JSON Schema.
macro_rules! spelled {
    ($name:ident, pattern = $pattern:expr, example = $example:expr) => {
        impl $crate::model::spelled::Spelled for $name {
            const PATTERN: &'static str = $pattern;
            const EXAMPLE: &'static str = $example;
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}
pub(crate) use spelled;
