//! Values that are written as a text with rules of their own: names, durations, percentages, schedules.
//!
//! Each is a [`FromStr`] whose error explains what is wrong. The macro derives serde and JSON Schema for it, and a
//! [`Check`] validates every text before anything is deserialized, so that all problems of a file are reported at once.

use std::str::FromStr;

/// Why a text cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead, if known.
    pub help: Option<String>,
}

impl ValueError {
    /// An error without help.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    /// The same with help.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// A value that is written as a text.
pub trait TextValue: FromStr<Err = ValueError> {
    /// A regular expression for editors. It also links a schema to its check, so two types with different messages must
    /// not share one.
    const PATTERN: &'static str;
    /// A valid value.
    const EXAMPLE: &'static str;
}

/// Validates a text whose schema has this pattern.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// [`TextValue::PATTERN`].
    pub pattern: &'static str,
    /// Parses and forgets the value.
    pub check: fn(&str) -> Result<(), ValueError>,
}

impl Check {
    /// The check of one kind of value.
    pub const fn of<T: TextValue>() -> Self {
        Self {
            pattern: T::PATTERN,
            check: |text| text.parse::<T>().map(drop),
        }
    }
}

/// Makes a [`TextValue`] type readable by serde, and describes it in a JSON Schema.
#[macro_export]
macro_rules! text_value {
    ($name:ident, pattern = $pattern:expr, example = $example:expr) => {
        impl $crate::document::text_value::TextValue for $name {
            const PATTERN: &'static str = $pattern;
            const EXAMPLE: &'static str = $example;
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(any(test, feature = "testing"))]
        impl $crate::document::text_value::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut $crate::document::text_value::schemars::SchemaGenerator) -> $crate::document::text_value::schemars::Schema {
                $crate::document::text_value::schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}
pub use text_value;

#[cfg(any(test, feature = "testing"))]
pub use schemars;
