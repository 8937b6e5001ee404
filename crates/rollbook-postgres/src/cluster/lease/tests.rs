//! Tables of what rows and situations mean.

use super::*;

const ME: &str = "start-a";

fn row(epoch: i64, claim: &str, start: &str, is_valid: bool, run: i64) -> LeaseRow {
    LeaseRow {
        epoch,
        claim: claim.to_owned(),
        start: Some(start.to_owned()).filter(|start| !start.is_empty()),
        is_valid,
        position: position(run),
    }
}

fn position(run: i64) -> Position {
    Position {
        epoch: 3,
        run,
        revision: 100 + run,
    }
}

#[test]
fn which_sources_may_be_claimed() {
    for (name, found, epoch) in [
        ("new", None, Some(1)),
        ("given back", Some(row(3, "x", "", false, 5)), Some(4)),
        ("ended", Some(row(3, "x", "start-b", false, 5)), Some(4)),
        ("another's", Some(row(3, "x", "start-b", true, 5)), None),
        (
            "our own, of a claim whose answer was lost",
            Some(row(3, "x", ME, true, 5)),
            Some(4),
        ),
    ] {
        assert_eq!(may_claim(found.as_ref(), ME), epoch, "{name}");
    }
}

#[test]
fn what_a_renewal_means() {
    for (name, next, found, expected) in [
        ("no row", None, None, Renewal::Lost),
        (
            "as it was left",
            None,
            Some(row(3, "a", ME, true, 5)),
            Renewal::Same,
        ),
        (
            "not committed",
            Some(6),
            Some(row(3, "a", ME, true, 5)),
            Renewal::Same,
        ),
        (
            "lost answer",
            Some(6),
            Some(row(3, "a", ME, true, 6)),
            Renewal::Published,
        ),
        (
            "restored",
            None,
            Some(row(3, "a", ME, true, 4)),
            Renewal::Moved,
        ),
        (
            "restored, with a lost answer",
            Some(6),
            Some(row(3, "a", ME, true, 4)),
            Renewal::Moved,
        ),
        (
            "restored to before it",
            None,
            Some(row(2, "x", ME, true, 4)),
            Renewal::Lost,
        ),
        (
            "claimed by another in the same epoch",
            None,
            Some(row(3, "x", "start-b", true, 5)),
            Renewal::Lost,
        ),
        (
            "ended",
            None,
            Some(row(3, "a", ME, false, 5)),
            Renewal::Lost,
        ),
        (
            "given back",
            None,
            Some(row(3, "a", "", true, 5)),
            Renewal::Lost,
        ),
    ] {
        let held = HeldLease {
            epoch: 3,
            claim: "a".to_owned(),
            position: position(5),
            next: next.map(position),
        };
        assert_eq!(held.renewed(found.as_ref()), expected, "{name}");
    }
}

#[test]
fn a_lease_is_counted_from_before_it_was_sent() {
    let seconds = Duration::from_secs;
    let until = HeldUntil::renewed_at(seconds(100));
    for (now, left, ample) in [
        (100, 30, true),
        (114, 16, true),
        (115, 15, false),
        (130, 0, false),
        (500, 0, false),
    ] {
        assert_eq!(until.left(seconds(now)), seconds(left), "at {now}");
        assert_eq!(is_ample(until.left(seconds(now))), ample, "at {now}");
    }
}

#[test]
fn what_is_done_with_a_held_source() {
    use Activity::{Idle, Publishing, Reading};
    use LeaseStep::{Abandon, Continue, EndRun, Finish, Release};
    use Leaving::{AfterRun, No, Now};
    let calm = Duration::ZERO;
    for (name, left, activity, quiet, leaving, expected) in [
        ("at rest", 25, Idle, calm, No, Continue),
        ("little is left", 15, Idle, calm, No, Finish),
        ("a run goes on", 5, Reading, calm, No, Continue),
        ("ended", 0, Reading, calm, No, Abandon),
        ("ended while publishing", 0, Publishing, calm, Now, Abandon),
        ("ended at rest", 0, Idle, calm, Now, Abandon),
        ("too many here", 25, Idle, calm, AfterRun, Release),
        ("too many, a run", 25, Reading, calm, AfterRun, Finish),
        ("stop at rest", 25, Idle, calm, Now, Release),
        ("stop in a run", 25, Reading, calm, Now, EndRun),
        ("stop while publishing", 25, Publishing, calm, Now, Finish),
        ("slow", 25, Reading, STALLED / 2, No, Continue),
        ("stalled", 25, Reading, STALLED, No, EndRun),
        ("stalled, publishing", 25, Publishing, STALLED, Now, EndRun),
        ("does not end", 25, Reading, 2 * STALLED, No, Release),
        ("quiet at rest", 25, Idle, 9 * STALLED, No, Continue),
    ] {
        let situation = Situation {
            left: Duration::from_secs(left),
            activity,
            quiet,
            leaving,
        };
        assert_eq!(situation.next_step(), expected, "{name}");
    }
}
