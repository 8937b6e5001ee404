//! What is done with a difference: applied, and with which removals, or held until an admin approves it.
//!
//! Pure: the last decision before anything is written. `absence.rs` decides which rows count as missing at all.

use jiff::SignedDuration;
use xxhash_rust::xxh3::xxh3_64;

use super::guard::{self, GuardRules, Hold};
use super::plan::Plan;
use crate::model::StreamName;

/// How long an approval is valid: one day (reliability.md 4.2).
pub const APPROVAL_TTL: SignedDuration = SignedDuration::from_hours(24);

/// Which of the missing rows are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removals {
    /// None, and none is noted as unconfirmed: absence means nothing in this reading.
    None,
    /// Those that enough readings missed, or that the vendor reports as removed; the others are recorded as
    /// unconfirmed.
    Confirmed,
    /// All that this reading missed: an admin has approved it.
    All,
}

/// What is done with a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is written.
    Apply(Removals),
    /// Nothing of it is written.
    Hold {
        /// Why.
        why: Hold,
        /// What an approval is bound to: this loss of this stream and no other.
        approval: String,
    },
}

/// Decides on a stream's difference. `account` is the hold of an account that is not the mirror's; `approved` are the
/// approvals of the job that are still good.
pub fn decide(
    stream: &StreamName,
    plan: &Plan,
    rules: &GuardRules,
    account: Option<&Hold>,
    approved: &[String],
) -> Decision {
    let usual = match plan.full || plan.removed > 0 {
        true => Removals::Confirmed,
        false => Removals::None,
    };
    let why = account
        .cloned()
        .or_else(|| guard::check(plan, rules, plan.was_read_in_full));
    let Some(why) = why else {
        return Decision::Apply(usual);
    };
    let approval = approval(stream, plan, account);
    if !approved.contains(&approval) {
        return Decision::Hold { why, approval };
    }
    Decision::Apply(match plan.full {
        true => Removals::All,
        false => usual,
    })
}

/// The stream that an approval is about.
pub fn approved_stream(approval: &str) -> &str {
    approval
        .split_once(':')
        .map_or(approval, |(stream, _)| stream)
}

/// What the approval of another account is bound to: that account, independent of its rows.
pub fn account_approval(stream: &StreamName, hold: &Hold) -> String {
    format!("{stream}:{:016x}", xxh3_64(hold.to_string().as_bytes()))
}

/// What the approval of a held step of a time series is bound to: the reason of the hold, because the number of rows of
/// a step differs from run to run.
pub fn series_approval(stream: &StreamName, hold: &Hold) -> String {
    let subject = match hold {
        Hold::Format { column, .. } => format!("format {column}"),
        Hold::Emptied { columns } => format!("emptied {}", columns.join(" ")),
        Hold::Rejects { .. } | Hold::NothingIdentified { .. } => "rejects".to_owned(),
        other => other.to_string(),
    };
    format!("{stream}:{:016x}", xxh3_64(subject.as_bytes()))
}

fn approval(stream: &StreamName, plan: &Plan, account: Option<&Hold>) -> String {
    match account {
        Some(hold) => account_approval(stream, hold),
        None => format!("{stream}:{:016x}", plan.loss_fingerprint()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    fn full(live: u64, removed: u64, unconfirmed: u64) -> Plan {
        let received = live - removed - unconfirmed;
        Plan {
            live,
            read: received,
            known: received,
            removed,
            unconfirmed,
            full: true,
            was_read_in_full: true,
            ..Plan::default()
        }
    }

    #[test]
    fn what_is_done_with_a_difference() {
        let rules = GuardRules::default();
        let other = Hold::Account {
            now: "north".to_owned(),
            before: "south".to_owned(),
        };
        let huge = full(100, 50, 0);
        let changes = Plan {
            live: 100,
            read: 3,
            known: 3,
            changed: 3,
            ..Plan::default()
        };
        let fed = Plan {
            removed: 2,
            ..changes.clone()
        };
        let inconsistent = Plan {
            was_read_in_full: true,
            read: 90,
            known: 90,
            ..Plan::of_table(100)
        };
        let (share, whose) = (
            approval(&named("users"), &huge, None),
            approval(&named("users"), &huge, Some(&other)),
        );
        let held = |why: Hold, approval: &str| Decision::Hold {
            why,
            approval: approval.to_owned(),
        };
        let too_many = Hold::Share {
            lost: 50,
            live: 100,
        };
        for (name, plan, account, approved, expected) in [
            (
                "a full reading",
                full(100, 2, 1),
                None,
                vec![],
                Decision::Apply(Removals::Confirmed),
            ),
            (
                "changes only",
                changes,
                None,
                vec![],
                Decision::Apply(Removals::None),
            ),
            (
                "changes and a deletion feed",
                fed,
                None,
                vec![],
                Decision::Apply(Removals::Confirmed),
            ),
            (
                "a full reading that is contradicted",
                inconsistent,
                None,
                vec![],
                Decision::Apply(Removals::None),
            ),
            (
                "too many",
                huge.clone(),
                None,
                vec![],
                held(too_many.clone(), &share),
            ),
            (
                "approved",
                huge.clone(),
                None,
                vec![share.clone()],
                Decision::Apply(Removals::All),
            ),
            (
                "another loss was approved",
                huge.clone(),
                None,
                vec!["users:00".to_owned()],
                held(too_many, &share),
            ),
            (
                "another account",
                full(100, 0, 0),
                Some(&other),
                vec![],
                held(other.clone(), &whose),
            ),
            (
                "another account, approved with other rows",
                full(90, 40, 0),
                Some(&other),
                vec![whose.clone()],
                Decision::Apply(Removals::All),
            ),
            (
                "the loss was approved and not the account",
                huge,
                Some(&other),
                vec![share],
                held(other.clone(), &whose),
            ),
        ] {
            assert_eq!(
                decide(&named("users"), &plan, &rules, account, &approved),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn an_approval_names_its_stream() {
        assert_eq!(approved_stream("users:00ff"), "users");
    }
}
