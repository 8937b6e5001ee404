//! The check that refuses an implausible difference: pure rules, and the sentences they give.
//!
//! No failed, short, empty or odd answer may remove rows. Numbers and their reasons:
//! reliability.md 4.1 and 4.2. The surprise: rows that only wait for another reading count as lost
//! here, so a torn reading is held the first time and not the second.

use super::percent::Percent;
use super::plan::Plan;

/// What a job's `[guard]` allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRules {
    /// Largest share of a stream that may be lost.
    pub removals: Percent,
    /// Most rows that may be lost.
    pub removals_max: u64,
    /// Largest share of keys that may be replaced by others.
    pub changed_keys: Percent,
    /// Largest share of rows that may be rejected.
    pub rejects: Percent,
    /// A group smaller than this may vanish.
    pub group_min: u64,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self {
            removals: Percent::whole(10),
            removals_max: 500,
            changed_keys: Percent::whole(30),
            rejects: Percent::whole(1),
            group_min: 5,
        }
    }
}

/// Shares are looked at from this many rows on; below it only an empty result is held.
const ENOUGH_ROWS: u64 = 20;

/// Why a plan is refused; nothing when it may be applied. `whole` says that the reading was a full one.
pub fn refusal(plan: &Plan, rules: &GuardRules, whole: bool) -> Option<String> {
    let (live, lost) = (plan.live, plan.lost());
    let received = plan.read + plan.rejected;
    if rules.rejects.is_exceeded_by(plan.rejected, received) {
        return Some(format!(
            "{} of {received} rows could not be taken",
            plan.rejected
        ));
    }
    if whole && live > 0 && received == 0 {
        return Some(format!("0 of {live} rows came"));
    }
    if live >= ENOUGH_ROWS {
        let replaced = lost.min(plan.new);
        if rules.changed_keys.is_exceeded_by(replaced, live) {
            return Some(format!(
                "the keys of {replaced} of {live} rows were replaced by others: were ids given anew?"
            ));
        }
        if rules.removals.is_exceeded_by(lost, live) {
            return Some(format!("{lost} of {live} rows would go"));
        }
    }
    if lost > rules.removals_max {
        return Some(format!(
            "{lost} of {live} rows would go, more than {}",
            rules.removals_max
        ));
    }
    vanished_group(plan, rules)
}

fn vanished_group(plan: &Plan, rules: &GuardRules) -> Option<String> {
    plan.groups.iter().find_map(|(group, loss)| {
        let name = group.as_deref().unwrap_or("(none)");
        if loss.lost >= loss.live && loss.live >= rules.group_min {
            return Some(format!("all {} rows of {name} would go", loss.live));
        }
        let too_many =
            loss.live >= ENOUGH_ROWS && rules.removals.is_exceeded_by(loss.lost, loss.live);
        too_many.then(|| format!("{} of {} rows of {name} would go", loss.lost, loss.live))
    })
}

#[cfg(test)]
mod tests {
    use super::super::plan::GroupLoss;
    use super::*;

    fn plan(live: u64, lost: u64, new: u64) -> Plan {
        Plan {
            live,
            gone: lost,
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
        let waiting = Plan {
            gone: 0,
            waiting: 400,
            ..plan(1000, 400, 0)
        };
        let rejected = Plan {
            rejected: 11,
            ..plan(1000, 0, 0)
        };
        for (what, plan, expected) in [
            ("nothing gone", plan(812, 0, 3), None),
            ("first load", plan(0, 0, 5000), None),
            ("exactly a tenth", plan(1000, 100, 0), None),
            (
                "a tenth and one",
                plan(1000, 101, 0),
                Some("101 of 1000 rows would go"),
            ),
            ("empty", plan(812, 812, 0), Some("0 of 812 rows came")),
            ("empty and small", plan(3, 3, 0), Some("0 of 3 rows came")),
            ("small: few of few may go", plan(12, 3, 0), None),
            (
                "many of very many",
                plan(100_000, 501, 0),
                Some("501 of 100000 rows would go, more than 500"),
            ),
            (
                "waiting rows count",
                waiting,
                Some("400 of 1000 rows would go"),
            ),
            (
                "re-keyed",
                plan(200, 200, 200),
                Some("the keys of 200 of 200 rows were replaced by others: were ids given anew?"),
            ),
            (
                "a class vanished",
                group(40, 40),
                Some("all 40 rows of 9b would go"),
            ),
            (
                "a class shrank",
                group(40, 5),
                Some("5 of 40 rows of 9b would go"),
            ),
            ("a class lost its tenth", group(40, 4), None),
            ("a tiny group may vanish", group(4, 4), None),
            (
                "one in a hundred rejected",
                Plan {
                    rejected: 10,
                    ..plan(990, 0, 0)
                },
                None,
            ),
            (
                "more rejected",
                rejected,
                Some("11 of 1011 rows could not be taken"),
            ),
        ] {
            assert_eq!(
                refusal(&plan, &GuardRules::default(), true).as_deref(),
                expected,
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
        assert_eq!(refusal(&nothing_new, &GuardRules::default(), false), None);
    }
}
