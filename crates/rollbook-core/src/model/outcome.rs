//! How a run, or one stream of it, ended.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::class::Class;

/// How a run or a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The mirror holds what the vendor has.
    #[default]
    Ok,
    /// The vendor does not serve this stream here, its connector allows that, and it never had rows.
    NotServed,
    /// Every row is there; some cells, or rows without a readable key, are not.
    OkWithRejects,
    /// It was stopped.
    Interrupted,
    /// The vendor may have more rows than were received. What was received is applied, nothing is removed.
    Incomplete,
    /// The guard refused; an admin may approve.
    Held,
    /// It could not be read.
    Failed(Class),
    /// A person must act before the job can continue: sign in, replace a credential, provide a secret.
    Parked,
}

impl Outcome {
    /// The value in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotServed => "not_served",
            Self::OkWithRejects => "ok_with_rejects",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
            Self::Held => "held",
            Self::Failed(_) => "failed",
            Self::Parked => "parked",
        }
    }

    /// The class that is stored beside the outcome; `None` for an outcome that is not a failure.
    pub fn class(self) -> Option<Class> {
        match self {
            Self::Failed(class) => Some(class),
            Self::Parked => Some(Class::Auth),
            Self::Held => Some(Class::Refused),
            Self::Ok
            | Self::NotServed
            | Self::OkWithRejects
            | Self::Interrupted
            | Self::Incomplete => None,
        }
    }

    /// Reads what was stored: the outcome and the class of a failure. An unknown class counts as permanent.
    pub fn parse(word: &str, class: Option<&str>) -> Option<Self> {
        let failed = || Self::Failed(class.and_then(Class::parse).unwrap_or(Class::Permanent));
        Some(match word {
            "ok" => Self::Ok,
            "not_served" => Self::NotServed,
            "ok_with_rejects" => Self::OkWithRejects,
            "interrupted" => Self::Interrupted,
            "incomplete" => Self::Incomplete,
            "held" => Self::Held,
            "failed" => failed(),
            "parked" => Self::Parked,
            _ => return None,
        })
    }

    /// Whether the mirror now holds what the vendor has.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Ok | Self::OkWithRejects | Self::NotServed)
    }

    /// How bad it is: a run is as bad as its worst stream.
    pub fn severity(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::NotServed => 1,
            Self::OkWithRejects => 2,
            Self::Interrupted => 3,
            Self::Incomplete => 4,
            Self::Held => 5,
            Self::Failed(_) => 6,
            Self::Parked => 7,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Of our own files, which do not have the class of a failure: it counts as unknown.
impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::parse(&word, None)
            .ok_or_else(|| de::Error::custom(format!("unknown outcome `{word}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_in_the_order_of_severity() {
        let rows = [
            (Outcome::Ok, "ok", true),
            (Outcome::NotServed, "not_served", true),
            (Outcome::OkWithRejects, "ok_with_rejects", true),
            (Outcome::Interrupted, "interrupted", false),
            (Outcome::Incomplete, "incomplete", false),
            (Outcome::Held, "held", false),
            (Outcome::Failed(Class::Contract), "failed", false),
            (Outcome::Parked, "parked", false),
        ];
        for (rank, (outcome, word, is_good)) in rows.into_iter().enumerate() {
            assert_eq!(outcome.as_str(), word);
            assert_eq!(outcome.is_good(), is_good, "{word}");
            assert_eq!(usize::from(outcome.severity()), rank, "{word}");
            let class = outcome.class().map(Class::as_str);
            assert_eq!(Outcome::parse(word, class), Some(outcome));
        }
        for word in ["", "left_out", "OK"] {
            assert_eq!(Outcome::parse(word, None), None, "{word}");
        }
        let unknown = Outcome::parse("failed", Some("odd"));
        assert_eq!(unknown, Some(Outcome::Failed(Class::Permanent)));
    }
}
