//! What a reading reports besides its counts: what is missing, refused, rejected, repaired. Pure.

use std::collections::BTreeMap;

use crate::sync::job::StreamJob;
use crate::sync::read::Reading;
use crate::sync::walk::WalkFacts;
use rollbook_core::connector::file::PageBy;
use rollbook_core::model::plan::{CellLoss, Plan};
use rollbook_core::model::row::Repair;
use rollbook_core::model::{Completeness, Inconsistency, Outcome};

/// The most names in a message.
const NAMED_ITEMS: usize = 5;

/// What a reading reports besides its counts.
#[derive(Default)]
pub(super) struct Findings<'a> {
    contradiction: Option<&'a Inconsistency>,
    ignored_total: Option<(u64, u64)>,
    failed: &'a [(String, String)],
    refused: &'a [(String, String)],
    rejects: Vec<(&'a str, &'a str, u64)>,
    unidentified: u64,
    unreadable: Option<&'a BTreeMap<String, CellLoss>>,
    repaired: Option<&'a BTreeMap<(String, Repair), u64>>,
    older: u64,
    duplicates: u64,
    notes: &'a [String],
}

impl<'a> Findings<'a> {
    pub(super) fn of(stream: &StreamJob, reading: &'a Reading) -> Self {
        let plan = &reading.staged.plan;
        Self {
            contradiction: match &reading.completeness {
                Completeness::Contradicted(why) => Some(why),
                Completeness::Proven | Completeness::Unproven => None,
            },
            ignored_total: reading.ignored_total,
            failed: &reading.failed,
            refused: &reading.refused,
            rejects: rejects_of(&reading.facts),
            unidentified: plan.unidentified,
            unreadable: Some(&plan.unreadable),
            repaired: Some(&plan.repaired),
            older: plan.older,
            duplicates: unexpected_duplicates(stream, plan),
            notes: &reading.facts.notes,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        let unreadable = self.unreadable.is_some_and(|cells| !cells.is_empty());
        let lossy = |(_, repair): &(String, Repair)| repair.loses_something();
        let unreadable = unreadable || self.repaired.is_some_and(|all| all.keys().any(lossy));
        if self.contradiction.is_some() || !self.failed.is_empty() {
            Outcome::Incomplete
        } else if !self.rejects.is_empty() || unreadable {
            Outcome::OkWithRejects
        } else {
            Outcome::Ok
        }
    }

    pub(super) fn message(&self) -> Option<String> {
        let parts = [
            self.contradiction.map(contradicted),
            named("could not read", self.failed)
                .map(|parts| format!("{parts}; its rows are unchanged")),
            named("not served:", self.refused),
            rejected(&self.rejects, self.unidentified, true),
            self.unreadable.and_then(cells),
            self.repaired.and_then(repaired),
            self.ignored_total.map(|(received, declared)| {
                format!(
                    "received {received} of {declared} declared rows; the difference has been the same for days \
                     and is ignored (to ignore it always, set `page.total = \"ignore\"` in the connector)"
                )
            }),
            (self.older > 0).then(|| {
                format!(
                    "{} received in an older version than the stored one; applied if the next reading confirms it",
                    rows(self.older)
                )
            }),
            match self.contradiction {
                Some(Inconsistency::Duplicates { .. }) => None,
                _ => duplicates(self.duplicates),
            },
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .chain(self.notes.iter().cloned())
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Rejected rows by path and reason.
pub(super) fn rejects_of(facts: &WalkFacts) -> Vec<(&str, &str, u64)> {
    let rejects = facts.rejects.iter();
    rejects
        .map(|(reject, rows)| (reject.path.as_str(), reject.reason.as_str(), *rows))
        .collect()
}

pub(super) fn rejected(
    rejects: &[(&str, &str, u64)],
    unidentified: u64,
    removes: bool,
) -> Option<String> {
    let all: u64 = rejects.iter().map(|(.., count)| count).sum();
    if all == 0 {
        return None;
    }
    let shown: Vec<String> = rejects
        .iter()
        .take(NAMED_ITEMS)
        .map(|(path, reason, count)| format!("`{path}`: {reason} ({count})"))
        .collect();
    let absence = match unidentified > 0 && removes {
        true => "; nothing is removed, because a row without a readable key can be any missing row",
        false => "",
    };
    Some(format!(
        "{} rejected: {}{absence}",
        rows(all),
        shown.join(", ")
    ))
}

/// Duplicates to explain. A watermark walk receives the rows of one time again, by design: in each run, so they are
/// explained only where rows were added.
fn unexpected_duplicates(stream: &StreamJob, plan: &Plan) -> u64 {
    match stream.spec.page.by {
        PageBy::Watermark if plan.new == 0 => 0,
        _ => plan.duplicates.rows,
    }
}

/// Why more rows were received than there are.
pub(super) fn duplicates(count: u64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("received 1 duplicate, which is stored once".to_owned()),
        count => Some(format!(
            "received {count} duplicates, which are stored once"
        )),
    }
}

/// Why fewer points are stored than were received.
pub(super) fn expired(count: u64) -> Option<String> {
    match count {
        0 => None,
        1 => Some("received 1 point older than `retain` keeps, which is not stored".to_owned()),
        count => Some(format!(
            "received {count} points older than `retain` keeps, which are not stored"
        )),
    }
}

/// `1 row`, `2 rows`.
pub(super) fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

/// How many rows may be missing, and what to do.
fn contradicted(why: &Inconsistency) -> String {
    let missing = match why {
        Inconsistency::Total {
            received, declared, ..
        } if declared > received => format!("; {} may be missing", rows(declared - received)),
        _ => String::new(),
    };
    format!("{why}{missing}; received rows are applied, missing rows are not removed")
}

pub(super) fn cells(unreadable: &BTreeMap<String, CellLoss>) -> Option<String> {
    let all: u64 = unreadable.values().map(|loss| loss.unreadable).sum();
    if all == 0 {
        return None;
    }
    let shown: Vec<String> = unreadable
        .iter()
        .take(NAMED_ITEMS)
        .map(|(column, loss)| format!("`{column}` ({})", loss.unreadable))
        .collect();
    let (values, keep) = match all {
        1 => ("1 value", "keeps its last value"),
        _ => ("values", "keep their last value"),
    };
    let number = if all == 1 {
        String::new()
    } else {
        format!("{all} ")
    };
    Some(format!(
        "{number}{values} cannot be read and {keep}: {}",
        shown.join(", ")
    ))
}

pub(super) fn repaired(all: &BTreeMap<(String, Repair), u64>) -> Option<String> {
    let shown: Vec<String> = all
        .iter()
        .take(NAMED_ITEMS)
        .map(|((column, repair), values)| format!("`{column}`: {} ({values})", repair.as_str()))
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// A few names of items, and why the first one is named.
pub(super) fn named(what: &str, items: &[(String, String)]) -> Option<String> {
    let (_, reason) = items.first()?;
    let mut names: Vec<&str> = items.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED_ITEMS);
    let shown = names[..names.len() - more].join(", ");
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let named = format!("{what} {shown}{more}");
    Some(format!(
        "{}: {reason}",
        named.trim_end().trim_end_matches(':')
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<(String, String)> {
        (0..count)
            .map(|number| (format!("i{number}"), "403".to_owned()))
            .collect()
    }

    #[test]
    fn how_a_reading_ended() {
        let cut = Inconsistency::Total {
            received: 1000,
            declared: 1060,
            short_end: false,
        };
        let moved = Inconsistency::Duplicates { rows: 2 };
        let (one, seven) = (items(1), items(7));
        let email: BTreeMap<String, CellLoss> = [(
            "email".to_owned(),
            CellLoss {
                unreadable: 2,
                readable: 98,
            },
        )]
        .into();
        let no_key = vec![("sourcedId : text", "the key is missing", 1)];
        for (name, seen, outcome, message) in [
            ("all well", Findings::default(), Outcome::Ok, None),
            (
                "cut",
                Findings {
                    contradiction: Some(&cut),
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "received 1000 of 1060 declared rows; if the total is always wrong, set `page.total = \"ignore\"` in the connector; 60 rows may be missing; received rows are applied, missing rows are not removed",
                ),
            ),
            (
                "moved",
                Findings {
                    contradiction: Some(&moved),
                    duplicates: 2,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "received 2 rows twice, so as many others may be missing: the list changed while it was read; \
                     received rows are applied, missing rows are not removed",
                ),
            ),
            (
                "an item failed",
                Findings {
                    failed: &one,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some("could not read i0: 403; its rows are unchanged"),
            ),
            (
                "items are refused",
                Findings {
                    refused: &seven,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some("not served: i0, i1, i2, i3, i4 and 2 more: 403"),
            ),
            (
                "a row without a key",
                Findings {
                    rejects: no_key,
                    unidentified: 1,
                    ..Findings::default()
                },
                Outcome::OkWithRejects,
                Some(
                    "1 row rejected: `sourcedId : text`: the key is missing (1); nothing is removed, because a row without a readable key can be any missing row",
                ),
            ),
            (
                "unreadable cells",
                Findings {
                    unreadable: Some(&email),
                    ..Findings::default()
                },
                Outcome::OkWithRejects,
                Some("2 values cannot be read and keep their last value: `email` (2)"),
            ),
            (
                "duplicates",
                Findings {
                    duplicates: 3,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some("received 3 duplicates, which are stored once"),
            ),
            (
                "a duplicate in a list that is cut",
                Findings {
                    contradiction: Some(&Inconsistency::Shrunk),
                    duplicates: 1,
                    ..Findings::default()
                },
                Outcome::Incomplete,
                Some(
                    "the list became shorter while it was read; received rows are applied, missing rows are not removed; \
                     received 1 duplicate, which is stored once",
                ),
            ),
            (
                "an older version",
                Findings {
                    older: 1,
                    ..Findings::default()
                },
                Outcome::Ok,
                Some(
                    "1 row received in an older version than the stored one; applied if the next reading confirms it",
                ),
            ),
        ] {
            assert_eq!(seen.outcome(), outcome, "{name}");
            assert_eq!(seen.message().as_deref(), message, "{name}");
        }
    }
}
