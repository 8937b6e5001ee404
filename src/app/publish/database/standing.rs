//! What a source's row in a database means, compared with what is known here. Pure.

use crate::postgres::fence::{FIRST_REVISION, Fence};
use crate::store::published::{PublishedSource, UNKNOWN_REVISION};

/// What to do first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
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

/// What the row in the database means.
pub(super) fn standing(known: Option<&PublishedSource>, found: Option<&Fence>) -> Standing {
    let Some(found) = found else {
        return Standing::Free;
    };
    let Some(known) = known else {
        return Standing::Foreign;
    };
    if known.rebuild {
        return Standing::Wanted;
    }
    if known.next_claim.as_ref() == Some(&found.claim) {
        return match (found.revision, known.revision) {
            // Runs of before the restore mean nothing.
            (_, UNKNOWN_REVISION) => Standing::Restored,
            (FIRST_REVISION, _) => Standing::Taken,
            // It was known to be taken: the mirror was restored since.
            _ => Standing::Restored,
        };
    }
    if known.former.contains(&found.claim) {
        return Standing::Restored;
    }
    if known.claim != found.claim {
        return Standing::Foreign;
    }
    match known.next_revision {
        _ if known.revision == found.revision => Standing::Same,
        Some(next) if next == found.revision => Standing::Committed,
        _ => Standing::Restored,
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests {
    use super::*;

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
        };
        for (name, here, there, expected) in [
            ("new", "", None, Standing::Free),
            ("removed there", "a", None, Standing::Free),
            (
                "reinstalled here",
                "",
                Some(("a", 5, 50)),
                Standing::Foreign,
            ),
            ("another mirror", "a", Some(("b", 5, 50)), Standing::Foreign),
            ("as it was left", "a", Some(("a", 5, 50)), Standing::Same),
            (
                "not committed",
                "a next=6",
                Some(("a", 5, 50)),
                Standing::Same,
            ),
            (
                "lost answer",
                "a next=6",
                Some(("a", 6, 60)),
                Standing::Committed,
            ),
            (
                "restored there",
                "a",
                Some(("a", 4, 40)),
                Standing::Restored,
            ),
            ("restored here", "a", Some(("a", 9, 90)), Standing::Restored),
            (
                "restored here to an attempt",
                "a next=6",
                Some(("a", 7, 61)),
                Standing::Restored,
            ),
            (
                "taken, answer lost",
                "a next_claim=c",
                Some(("c", 1, 70)),
                Standing::Taken,
            ),
            (
                "taken, and restored here",
                "a next_claim=c",
                Some(("c", 9, 70)),
                Standing::Restored,
            ),
            (
                "not taken",
                "a next_claim=c",
                Some(("a", 5, 50)),
                Standing::Same,
            ),
            (
                "taken by another meanwhile",
                "a next_claim=c",
                Some(("b", 1, 1)),
                Standing::Foreign,
            ),
            (
                "restored to before a claim",
                "a former=b former=c",
                Some(("b", 5, 50)),
                Standing::Restored,
            ),
            (
                "a claim that was given up, late",
                "a next_claim=c former=b",
                Some(("b", 1, 70)),
                Standing::Restored,
            ),
            ("wanted", "a rebuild", Some(("b", 5, 50)), Standing::Wanted),
            (
                "wanted though ours",
                "a rebuild",
                Some(("a", 5, 50)),
                Standing::Wanted,
            ),
        ] {
            let there = there.map(fence);
            assert_eq!(
                standing(known(here).as_ref(), there.as_ref()),
                expected,
                "{name}"
            );
        }
    }
}
