//! Some of a job's streams: those that a run reads which does not read all. Never empty.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::StreamName;
use crate::document::text_value::ValueError;

/// Streams of one job. As a text and in the mirror `learners, staff`, in JSON an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<StreamName>")]
pub struct StreamSet(BTreeSet<StreamName>);

impl StreamSet {
    /// These streams; `None` if there are none.
    pub fn of(streams: impl IntoIterator<Item = StreamName>) -> Option<Self> {
        let streams: BTreeSet<StreamName> = streams.into_iter().collect();
        (!streams.is_empty()).then_some(Self(streams))
    }

    /// Whether the stream is one of them.
    pub fn contains(&self, stream: &StreamName) -> bool {
        self.0.contains(stream)
    }

    /// The streams, by name.
    pub fn iter(&self) -> impl Iterator<Item = &StreamName> {
        self.0.iter()
    }

    /// Adds those of another set; returns whether there was a new one.
    pub fn add(&mut self, other: &Self) -> bool {
        let before = self.0.len();
        self.0.extend(other.0.iter().cloned());
        self.0.len() > before
    }
}

impl From<StreamName> for StreamSet {
    fn from(stream: StreamName) -> Self {
        Self(BTreeSet::from([stream]))
    }
}

impl TryFrom<BTreeSet<StreamName>> for StreamSet {
    type Error = &'static str;

    fn try_from(streams: BTreeSet<StreamName>) -> Result<Self, Self::Error> {
        Self::of(streams).ok_or("no stream")
    }
}

impl FromStr for StreamSet {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let streams = text.split(',').map(|name| name.trim().parse());
        streams.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for StreamSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(StreamName::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    #[test]
    fn texts_are_read_back_and_no_set_is_empty() {
        let mut set: StreamSet = named("staff, learners");
        assert_eq!(set.to_string(), "learners, staff");
        assert_eq!(set.to_string().parse(), Ok(set.clone()));
        let json = serde_json::to_string(&set).expect("JSON");
        assert_eq!(json, r#"["learners","staff"]"#);
        assert_eq!(
            serde_json::from_str::<StreamSet>(&json).ok(),
            Some(set.clone())
        );
        assert!(serde_json::from_str::<StreamSet>("[]").is_err());
        assert!("".parse::<StreamSet>().is_err());
        assert_eq!(StreamSet::of([]), None);
        assert!(!set.add(&named("staff")), "nothing new");
        assert!(set.add(&named("courses, staff")));
        assert_eq!(set.to_string(), "courses, learners, staff");
        assert!(set.contains(&named("courses")) && !set.contains(&named("units")));
    }
}
