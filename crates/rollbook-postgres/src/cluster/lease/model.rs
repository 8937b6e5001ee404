//! An exhaustive search of what can happen between two workers and a database: every order of claims, fills, runs, renewals and
//! releases, workers that stop between any two steps for a while or for ever, processes that end and start again, transactions
//! that are late or whose answer is lost, and a database that is restored.
//!
//! In every state each transaction that took effect was one of the newest claim, and the database holds what one run made. From
//! every state, whichever worker goes on undisturbed, one of them has the source soon, with a file that equals the database, and
//! publishes the next run. Without any of the rules a history breaks this.

mod history;
mod readings;

use self::history::{Bounds, State};
use self::readings::Readings;
use crate::cluster::search::{Searched, is_large, search};

/// A rule that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    /// Rule 1: the claim is random; else the epoch alone is compared.
    RandomClaim,
    /// Rule 1: the row of a source that is given back stays; else it is deleted, and a claim makes a new one.
    RowStays,
    /// Rule 1: a process that starts makes a new claim; else it goes on with the lease in its machine's name.
    NewClaim,
    /// Rule 2: claim and position are compared by the transaction itself; else read before it.
    Fence,
    /// Rule 3: the position is compared; else set, where the claim is right.
    ComparedPosition,
    /// Rule 4: a file is known by its whole position; else by its run.
    FileByPosition,
    /// Rule 4, more than the protocol says: the position has a random number; else epoch and run.
    Revision,
    /// Rule 5: a run is published by the claim that it began with; else by the one that the worker holds then.
    OwnClaim,
    /// Rule 8: the position is read back; else the claim alone.
    ReadBack,
    /// Rule 8: a lease in a worker's name that it does not know is claimed again; else it is waited for.
    UnknownLease,
    /// Rule 13: a source whose run hangs is given up.
    Progress,
    /// Rule 6: every run is published, also one that changed no row.
    EveryRun,
    /// Rule 7: a tick is done in the transaction that publishes its run; else when the run has ended locally.
    TickWithRun,
}

#[test]
fn every_history_is_sound() {
    let histories: &[(&str, Bounds)] = match is_large() {
        true => &[("all", Bounds::LARGE)],
        false => &[
            ("restarted", Bounds::RESTARTED),
            ("restored", Bounds::RESTORED),
        ],
    };
    for (name, bounds) in histories {
        let found = search(State::first(None, *bounds));
        assert_eq!(found.steps, None, "{name}: {}", found.history);
        println!("{name}: {} states", found.states);
        assert!(found.states > 10_000, "{name}: only {}", found.states);
    }
    let found = search(Readings::first(None));
    assert_eq!(found.steps, None, "{}", found.history);
    println!("readings: {} states", found.states);
    assert!(found.states > 500, "only {}", found.states);
}

/// Without any of its rules the protocol is wrong, and the search says how.
#[test]
fn each_rule_is_needed() {
    let restarted = |rule| search(State::first(Some(rule), Bounds::RESTARTED));
    let restored = |rule| search(State::first(Some(rule), Bounds::RESTORED));
    let readings = |rule| search(Readings::first(Some(rule)));
    // The protocol counts in another way: 11, 5, 2, 9, 8 (the same), 7, none, none, 13, none, none, 10, 4.
    for (rule, found, steps) in [
        (Rule::RandomClaim, &restored as &dyn Fn(Rule) -> Searched, 5),
        (Rule::RowStays, &restarted, 7),
        (Rule::NewClaim, &restarted, 6),
        (Rule::Fence, &restarted, 7),
        (Rule::ComparedPosition, &restarted, 8),
        (Rule::FileByPosition, &restarted, 6),
        (Rule::Revision, &restored, 10),
        (Rule::OwnClaim, &restarted, 6),
        (Rule::ReadBack, &restored, 6),
        (Rule::UnknownLease, &restored, 1),
        // It hangs when nothing else disturbs any more.
        (Rule::Progress, &restarted, 0),
        (Rule::EveryRun, &readings, 6),
        (Rule::TickWithRun, &readings, 2),
    ] {
        let found = found(rule);
        println!("without {rule:?}: {:?} steps", found.steps);
        assert_eq!(found.steps, Some(steps), "{rule:?}: {}", found.history);
    }
}
