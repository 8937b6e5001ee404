//! The check that holds an implausible difference back: pure rules, and the messages they give.
//!
//! No failed, short, empty or unusual response may remove rows. Numbers and their reasons: reliability.md 4.1 and 4.2.
//! Unconfirmed removals count as lost here, so an incomplete reading is held the first time and not the second.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::hold_rule::HoldRule;
use super::name::ColumnName;
use super::percent::Percent;
use super::plan::{CellLoss, GroupLoss, Plan};

/// When a run is held. A held run changes nothing until `rollbook approve`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct GuardRules {
    /// More of a stream's rows than this would be removed. Default `"10%"`.
    pub removals: Percent,
    /// More rows than this would be removed, whatever their share. Default 500.
    pub removals_max: u32,
    /// More of the rows than this would be removed and added again with only their key changed. Default `"30%"`.
    pub changed_keys: Percent,
    /// More of the rows read than this do not fit their types. Default `"1%"`.
    pub rejects: Percent,
    /// A column by which removals are checked group by group, such as `"school_id"`. Default none.
    pub per: Option<ColumnName>,
    /// How many complete readings in a row must miss a row before it is removed. Default: the connector's.
    pub confirm: Option<NonZeroU32>,
    /// Groups with fewer rows than this are not checked by themselves. Default 5.
    pub group_min: NonZeroU32,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self {
            removals: Percent::whole(10),
            removals_max: 500,
            changed_keys: Percent::whole(30),
            rejects: Percent::whole(1),
            per: None,
            confirm: None,
            group_min: const { NonZeroU32::new(5).expect("5 is not 0") },
        }
    }
}

/// Shares are checked only from this many rows on; below it only an empty result is held.
const ENOUGH_ROWS: u64 = 20;

/// If more than this share of a column's values is unreadable, in at least [`ENOUGH_ROWS`] rows, its format has
/// changed.
const UNREADABLE: Percent = Percent::whole(5);

/// Why a difference is held until an admin approves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// No row has a readable key.
    NothingIdentified {
        /// Rows received.
        received: u64,
    },
    /// Too many rows were rejected.
    Rejects {
        /// Rows rejected.
        rejected: u64,
        /// Rows received.
        received: u64,
    },
    /// Too many values of a column cannot be read.
    Format {
        /// The column.
        column: String,
        /// What was found.
        loss: CellLoss,
    },
    /// Columns that had values in most rows have none.
    Emptied {
        /// The columns.
        columns: Vec<String>,
    },
    /// Nothing was received.
    Nothing {
        /// Rows of the mirror.
        live: u64,
    },
    /// Most keys are replaced by others.
    Replaced {
        /// How many.
        replaced: u64,
        /// Rows of the mirror.
        live: u64,
    },
    /// Too large a share would be removed.
    Share {
        /// Rows that would be removed.
        lost: u64,
        /// Rows of the mirror.
        live: u64,
    },
    /// More would be removed than is allowed at all.
    Most {
        /// Rows that would be removed.
        lost: u64,
        /// Rows of the mirror.
        live: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// Too much of one group would be removed.
    Group {
        /// The value of the group's column.
        group: Option<String>,
        /// What it would lose.
        loss: GroupLoss,
    },
    /// The source reads another account than the mirror holds rows of.
    Account {
        /// That of this run.
        now: String,
        /// That of the mirror.
        before: String,
    },
}

impl Hold {
    /// The rule, without what it found.
    pub fn rule(&self) -> HoldRule {
        match self {
            Self::NothingIdentified { .. } => HoldRule::NoReadableKey,
            Self::Rejects { .. } => HoldRule::Rejects,
            Self::Format { .. } => HoldRule::ColumnFormat,
            Self::Emptied { .. } => HoldRule::EmptiedColumns,
            Self::Nothing { .. } => HoldRule::NothingReceived,
            Self::Replaced { .. } => HoldRule::ChangedKeys,
            Self::Share { .. } => HoldRule::Removals,
            Self::Most { .. } => HoldRule::RemovalsMax,
            Self::Group { .. } => HoldRule::Per,
            Self::Account { .. } => HoldRule::Account,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingIdentified { received } => {
                write!(f, "none of {received} rows has a key that can be read")
            }
            Self::Rejects { rejected, received } => {
                write!(f, "{rejected} of {received} rows were rejected")
            }
            Self::Format { column, loss } => write!(
                f,
                "the format of `{column}` changed: {} of {} values cannot be read",
                loss.unreadable,
                loss.unreadable + loss.readable
            ),
            Self::Emptied { columns } => {
                let names: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
                let names = names.join(", ");
                write!(
                    f,
                    "{names} had values in most rows, and now in none: did the vendor rename the field?"
                )
            }
            Self::Nothing { live } => write!(f, "received 0 of {live} rows"),
            Self::Replaced { replaced, live } => write!(
                f,
                "the keys of {replaced} of {live} rows were replaced by others: did the vendor reassign ids?"
            ),
            Self::Share { lost, live } => write!(f, "{lost} of {live} rows would be removed"),
            Self::Most {
                lost,
                live,
                allowed,
            } => write!(
                f,
                "{lost} of {live} rows would be removed, more than {allowed}"
            ),
            Self::Group { group, loss } => {
                let name = group.as_deref().unwrap_or("(none)");
                let GroupLoss { live, lost } = loss;
                if lost >= live {
                    write!(f, "all {live} rows of {name} would be removed")
                } else {
                    write!(f, "{lost} of {live} rows of {name} would be removed")
                }
            }
            Self::Account { now, before } => write!(
                f,
                "the source now reads the account of {now}; the mirror holds rows of {before}"
            ),
        }
    }
}

/// Why a plan is held; `None` if it may be applied. `full`: the reading was a full one.
pub fn check(plan: &Plan, rules: &GuardRules, full: bool) -> Option<Hold> {
    let (live, lost) = (plan.live, plan.lost());
    let received = plan.read + plan.unidentified;
    if received > 0 && plan.unidentified == received {
        return Some(Hold::NothingIdentified { received });
    }
    let rejected = plan.rejected;
    if rejected >= ENOUGH_ROWS && rules.rejects.is_exceeded_by(rejected, received) {
        return Some(Hold::Rejects { rejected, received });
    }
    if let Some(hold) = changed_format(plan) {
        return Some(hold);
    }
    if full && live > 0 && received == 0 {
        return Some(Hold::Nothing { live });
    }
    if live >= ENOUGH_ROWS {
        let replaced = lost.min(plan.new);
        if rules.changed_keys.is_exceeded_by(replaced, live) {
            return Some(Hold::Replaced { replaced, live });
        }
        if rules.removals.is_exceeded_by(lost, live) {
            return Some(Hold::Share { lost, live });
        }
    }
    if lost > u64::from(rules.removals_max) {
        let allowed = u64::from(rules.removals_max);
        return Some(Hold::Most {
            lost,
            live,
            allowed,
        });
    }
    shrunk_group(plan, rules)
}

/// A field that was renamed, omitted or is written in another format.
fn changed_format(plan: &Plan) -> Option<Hold> {
    let unreadable = plan.unreadable.iter().find(|(_, loss)| {
        let values = loss.unreadable + loss.readable;
        loss.unreadable >= ENOUGH_ROWS && UNREADABLE.is_exceeded_by(loss.unreadable, values)
    });
    if let Some((column, loss)) = unreadable {
        let column = column.clone();
        return Some(Hold::Format {
            column,
            loss: *loss,
        });
    }
    let columns = plan.emptied.clone();
    (!columns.is_empty()).then_some(Hold::Emptied { columns })
}

fn shrunk_group(plan: &Plan, rules: &GuardRules) -> Option<Hold> {
    let shrunk = plan.groups.iter().find(|(_, loss)| {
        let all = loss.lost >= loss.live && loss.live >= u64::from(rules.group_min.get());
        let many = loss.live >= ENOUGH_ROWS && rules.removals.is_exceeded_by(loss.lost, loss.live);
        all || many
    });
    shrunk.map(|(group, loss)| Hold::Group {
        group: group.clone(),
        loss: *loss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(live: u64, lost: u64, new: u64) -> Plan {
        Plan {
            live,
            removed: lost,
            new,
            known: live - lost,
            read: live - lost + new,
            ..Plan::default()
        }
    }

    #[test]
    fn implausible_plans_are_refused() {
        let group = |live, lost| Plan {
            groups: [(Some("9b".to_owned()), GroupLoss { live, lost })].into(),
            ..plan(1000, lost, 0)
        };
        let unconfirmed = Plan {
            removed: 0,
            unconfirmed: 400,
            ..plan(1000, 400, 0)
        };
        let rejected = |rejected| Plan {
            rejected,
            ..plan(1000, 0, 0)
        };
        let unidentified = |unidentified, read| Plan {
            rejected: unidentified,
            unidentified,
            read,
            known: read,
            ..plan(read, 0, 0)
        };
        let unreadable = |unreadable, readable| Plan {
            unreadable: [(
                "exit_date".to_owned(),
                CellLoss {
                    unreadable,
                    readable,
                },
            )]
            .into(),
            ..plan(1000, 0, 0)
        };
        let emptied = Plan {
            emptied: vec!["family_name".to_owned()],
            ..plan(1000, 0, 0)
        };
        for (what, plan, expected) in [
            ("nothing removed", plan(812, 0, 3), None),
            ("first load", plan(0, 0, 5000), None),
            ("exactly a tenth", plan(1000, 100, 0), None),
            (
                "a tenth and one",
                plan(1000, 101, 0),
                Some("101 of 1000 rows would be removed"),
            ),
            ("empty", plan(812, 812, 0), Some("received 0 of 812 rows")),
            (
                "empty and small",
                plan(3, 3, 0),
                Some("received 0 of 3 rows"),
            ),
            ("small: few of few may go", plan(12, 3, 0), None),
            (
                "many of very many",
                plan(100_000, 501, 0),
                Some("501 of 100000 rows would be removed, more than 500"),
            ),
            (
                "unconfirmed rows count",
                unconfirmed,
                Some("400 of 1000 rows would be removed"),
            ),
            (
                "re-keyed",
                plan(200, 200, 200),
                Some(
                    "the keys of 200 of 200 rows were replaced by others: did the vendor reassign ids?",
                ),
            ),
            (
                "a class vanished",
                group(40, 40),
                Some("all 40 rows of 9b would be removed"),
            ),
            (
                "a class shrank",
                group(40, 5),
                Some("5 of 40 rows of 9b would be removed"),
            ),
            ("a class lost its tenth", group(40, 4), None),
            ("a tiny group may vanish", group(4, 4), None),
            ("one in a hundred rejected", rejected(10), None),
            (
                "few of few rejected",
                Plan {
                    rejected: 19,
                    ..plan(30, 0, 0)
                },
                None,
            ),
            (
                "more rejected",
                rejected(20),
                Some("20 of 1000 rows were rejected"),
            ),
            ("one of forty without a key", unidentified(1, 39), None),
            (
                "no row with a key",
                Plan {
                    live: 0,
                    ..unidentified(3, 0)
                },
                Some("none of 3 rows has a key that can be read"),
            ),
            ("nineteen unreadable values", unreadable(19, 100), None),
            ("a twentieth unreadable", unreadable(50, 950), None),
            (
                "more unreadable",
                unreadable(51, 949),
                Some("the format of `exit_date` changed: 51 of 1000 values cannot be read"),
            ),
            (
                "all of a rare column",
                unreadable(20, 0),
                Some("the format of `exit_date` changed: 20 of 20 values cannot be read"),
            ),
            (
                "an emptied column",
                emptied,
                Some(
                    "`family_name` had values in most rows, and now in none: did the vendor rename the field?",
                ),
            ),
        ] {
            assert_eq!(
                check(&plan, &GuardRules::default(), true).map(|hold| hold.to_string()),
                expected.map(str::to_owned),
                "{what}"
            );
        }
    }

    #[test]
    fn an_incremental_reading_may_be_empty() {
        let nothing_new = Plan {
            live: 812,
            ..Plan::default()
        };
        assert_eq!(check(&nothing_new, &GuardRules::default(), false), None);
    }
}
