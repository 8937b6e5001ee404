//! What an alert is about: one entry of the schedule, a source with all its jobs, the copy of the mirror, a
//! bundle, a hook, or a published database.

use std::fmt;
use std::str::FromStr;

use super::entry_name::EntryName;
use super::name::{BundleName, HookName, PublishName, SourceName};
use crate::document::text_value::ValueError;

/// Before the name of a source, so that it differs from a job of the same name; names have no blanks.
const SOURCE: &str = "source ";

/// Before the name of a bundle.
const BUNDLE: &str = "bundle ";

/// Before the name of a hook.
const HOOK: &str = "hook ";

/// Before the name of a published database.
const PUBLISH: &str = "publish ";

/// The copy; a job's name has no dot.
const COPY: &str = "store.copy";

/// What an alert is about. Its text is stored in the mirror and shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertSubject {
    /// A job, or the scheduled backup.
    Entry(EntryName),
    /// A source with all its jobs.
    Source(SourceName),
    /// The copy of `[store.copy]`.
    Copy,
    /// A bundle of files.
    Bundle(BundleName),
    /// A hook.
    Hook(HookName),
    /// A database that streams are published to.
    Publish(PublishName),
}

impl fmt::Display for AlertSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(name) => write!(f, "{name}"),
            Self::Source(name) => write!(f, "{SOURCE}{name}"),
            Self::Copy => f.write_str(COPY),
            Self::Bundle(name) => write!(f, "{BUNDLE}{name}"),
            Self::Hook(name) => write!(f, "{HOOK}{name}"),
            Self::Publish(name) => write!(f, "{PUBLISH}{name}"),
        }
    }
}

impl FromStr for AlertSubject {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(bundle) = text.strip_prefix(BUNDLE) {
            return bundle.parse().map(Self::Bundle);
        }
        if let Some(hook) = text.strip_prefix(HOOK) {
            return hook.parse().map(Self::Hook);
        }
        if let Some(publish) = text.strip_prefix(PUBLISH) {
            return publish.parse().map(Self::Publish);
        }
        match text.strip_prefix(SOURCE) {
            Some(source) => source.parse().map(Self::Source),
            None if text == COPY => Ok(Self::Copy),
            None => text.parse().map(Self::Entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_from_its_text() {
        for text in [
            "own",
            "source own",
            "store.backup",
            "store.copy",
            "bundle own",
            "hook own",
            "publish own",
        ] {
            let subject: AlertSubject = text.parse().expect("a subject");
            assert_eq!(subject.to_string(), text);
        }
        for text in ["", "source ", "source a b", "No Name"] {
            assert!(text.parse::<AlertSubject>().is_err(), "{text}");
        }
    }
}
