//! What a source's row in a database means, compared with what is known here. Pure.

use rollbook_core::store::published::{PublishedSource, UNKNOWN_REVISION};
use rollbook_postgres::postgres::fence::{FIRST_REVISION, Fence};

/// What to do first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The source is not published: take it, and fill its tables.
    Free,
    /// It is as it was left.
    Same,
    /// The last transaction, whose answer was lost, is there.
    Committed,
    /// The claim that was sent last is there.
    Taken,
    /// It is ours, but not as it was left: the database or the mirror was restored. Take it with a new claim, and compare everything.
    Restored,
    /// A person wants it taken.
    Wanted,
    /// Another mirror publishes it.
    Foreign,
}

/// Whether this mirror publishes the source, whatever else it has there.
pub(super) fn is_own(known: &PublishedSource, found: &Fence) -> bool {
    let mut ours = [Some(&known.claim), known.next_claim.as_ref()]
        .into_iter()
        .flatten()
        .chain(&known.former);
    ours.any(|claim| *claim == found.claim)
}

/// Whether the source was published to another place, and nothing is at this one. A database that moved has its row.
pub(super) fn is_elsewhere(known: &PublishedSource, found: Option<&Fence>, place: &str) -> bool {
    let was_published = !known.claim.is_empty() && known.removed.is_none();
    found.is_none() && was_published && !known.place.is_empty() && known.place != place
}

/// What the row in the database means.
pub(super) fn ownership(known: Option<&PublishedSource>, found: Option<&Fence>) -> Ownership {
    let Some(found) = found else {
        return Ownership::Free;
    };
    let Some(known) = known else {
        return Ownership::Foreign;
    };
    if known.rebuild {
        return Ownership::Wanted;
    }
    if known.next_claim.as_ref() == Some(&found.claim) {
        return match (found.revision, known.revision) {
            // Runs of before the restore mean nothing.
            (_, UNKNOWN_REVISION) => Ownership::Restored,
            (FIRST_REVISION, _) => Ownership::Taken,
            // It was known to be taken: the mirror was restored since.
            _ => Ownership::Restored,
        };
    }
    if known.former.contains(&found.claim) {
        return Ownership::Restored;
    }
    if known.claim != found.claim {
        return Ownership::Foreign;
    }
    match known.next_revision {
        _ if known.revision == found.revision => Ownership::Same,
        Some(next) if next == found.revision => Ownership::Committed,
        _ => Ownership::Restored,
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_source_is_elsewhere() {
        let fence = Fence {
            claim: "a".to_owned(),
            revision: 5,
            run: 50,
            host: String::new(),
            published: String::new(),
            connector: String::new(),
        };
        let known = PublishedSource {
            claim: "a".to_owned(),
            place: "here".to_owned(),
            ..PublishedSource::default()
        };
        let removed = PublishedSource {
            removed: Some(jiff::Timestamp::UNIX_EPOCH),
            ..known.clone()
        };
        // Of before the place was noted.
        let old = PublishedSource {
            place: String::new(),
            ..known.clone()
        };
        for (name, known, found, place, expected) in [
            ("the schema was dropped", &known, None, "here", false),
            ("another schema", &known, None, "there", true),
            (
                "a database that moved",
                &known,
                Some(&fence),
                "there",
                false,
            ),
            (
                "never published",
                &PublishedSource::default(),
                None,
                "there",
                false,
            ),
            ("removed there", &removed, None, "there", false),
            ("an old mirror", &old, None, "there", false),
        ] {
            assert_eq!(is_elsewhere(known, found, place), expected, "{name}");
        }
    }

    #[test]
    fn what_a_row_means() {
        let known = |text: &str| -> Option<PublishedSource> {
            let mut words = text.split(' ');
            let claim = words.next().filter(|claim| !claim.is_empty())?.to_owned();
            let mut known = PublishedSource {
                claim,
                revision: 5,
                run: 50,
                ..PublishedSource::default()
            };
            for word in words {
                match word.split_once('=') {
                    Some(("next_claim", claim)) => known.next_claim = Some(claim.to_owned()),
                    Some(("next", next)) => known.next_revision = next.parse().ok(),
                    Some(("former", claim)) => known.former.push(claim.to_owned()),
                    _ => known.rebuild = true,
                }
            }
            Some(known)
        };
        let fence = |(claim, revision, run): (&str, i64, i64)| Fence {
            claim: claim.to_owned(),
            revision,
            run,
            host: "host".to_owned(),
            published: String::new(),
            connector: String::new(),
        };
        for (name, here, there, expected) in [
            ("new", "", None, Ownership::Free),
            ("removed there", "a", None, Ownership::Free),
            (
                "reinstalled here",
                "",
                Some(("a", 5, 50)),
                Ownership::Foreign,
            ),
            (
                "another mirror",
                "a",
                Some(("b", 5, 50)),
                Ownership::Foreign,
            ),
            ("as it was left", "a", Some(("a", 5, 50)), Ownership::Same),
            (
                "not committed",
                "a next=6",
                Some(("a", 5, 50)),
                Ownership::Same,
            ),
            (
                "lost answer",
                "a next=6",
                Some(("a", 6, 60)),
                Ownership::Committed,
            ),
            (
                "restored there",
                "a",
                Some(("a", 4, 40)),
                Ownership::Restored,
            ),
            (
                "restored here",
                "a",
                Some(("a", 9, 90)),
                Ownership::Restored,
            ),
            (
                "restored here to an attempt",
                "a next=6",
                Some(("a", 7, 61)),
                Ownership::Restored,
            ),
            (
                "taken, answer lost",
                "a next_claim=c",
                Some(("c", 1, 70)),
                Ownership::Taken,
            ),
            (
                "taken, and restored here",
                "a next_claim=c",
                Some(("c", 9, 70)),
                Ownership::Restored,
            ),
            (
                "not taken",
                "a next_claim=c",
                Some(("a", 5, 50)),
                Ownership::Same,
            ),
            (
                "taken by another meanwhile",
                "a next_claim=c",
                Some(("b", 1, 1)),
                Ownership::Foreign,
            ),
            (
                "restored to before a claim",
                "a former=b former=c",
                Some(("b", 5, 50)),
                Ownership::Restored,
            ),
            (
                "a claim that was given up, late",
                "a next_claim=c former=b",
                Some(("b", 1, 70)),
                Ownership::Restored,
            ),
            ("wanted", "a rebuild", Some(("b", 5, 50)), Ownership::Wanted),
            (
                "wanted though ours",
                "a rebuild",
                Some(("a", 5, 50)),
                Ownership::Wanted,
            ),
        ] {
            let there = there.map(fence);
            assert_eq!(
                ownership(known(here).as_ref(), there.as_ref()),
                expected,
                "{name}"
            );
        }
    }
}
