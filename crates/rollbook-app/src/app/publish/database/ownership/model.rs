//! An exhaustive search of what can happen between a mirror and a database: every order of runs, attempts that stop between
//! any two steps, commits whose answer is lost or that arrive late, and restores of either side.
//!
//! From every state that can be reached, undisturbed attempts must lead to tables that hold what the mirror holds. Contents are
//! numbers: each run makes one that no other run ever makes, also under the same run number after a restore.

use std::collections::{HashSet, VecDeque};

use super::{Ownership, ownership};
use rollbook_core::store::published::{PublishedSource, UNKNOWN_REVISION};
use rollbook_postgres::postgres::fence::{FIRST_REVISION, Fence};

/// Which rules hold; the search finds a fault where one of them does not.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A restored mirror or database is noticed by the revision.
    compares_revision: bool,
    /// Claims that were given up, or followed by another, are known to be our own.
    remembers_claims: bool,
}

const ALL: Rules = Rules {
    compares_revision: true,
    remembers_claims: true,
};

/// What a mirror holds after each of its runs, and what it knows of the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Mirror {
    runs: Vec<u8>,
    known: Option<Known>,
}

/// The part of `PublishedSource` that decides, and whether tables are still to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Known {
    claim: u8,
    next_claim: Option<u8>,
    /// A bit for each.
    former: u8,
    revision: i64,
    run: i64,
    /// Revision and run.
    next: Option<(i64, i64)>,
    is_comparing: bool,
}

/// What the database has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Database {
    /// Claim, revision, run.
    fence: Option<(u8, i64, i64)>,
    content: u8,
}

/// A transaction on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flight {
    /// The claim and the revision that it expects.
    expects: Option<(u8, i64)>,
    sets: (u8, i64, i64),
    /// What it makes of the tables that it was made for; nothing where it leaves them.
    content: Option<Content>,
}

/// What a transaction does to tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    /// Whatever is there becomes this.
    Compared(u8),
    /// What there is becomes this if it is that; else it is mixed.
    Changed { from: u8, to: u8 },
}

/// Content that no transaction was to make.
const MIXED: u8 = u8::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct State {
    mirror: Mirror,
    database: Database,
    flights: Vec<Flight>,
    made: u8,
    claims: u8,
    /// The last revision that was made up, also by a mirror that was restored since.
    revisions: i64,
    backup: Option<Mirror>,
    dump: Option<Database>,
    /// Restores that are still allowed.
    restores: u8,
}

/// How far the search goes.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Runs of a mirror.
    runs: usize,
    /// Runs in all, with those of before a restore.
    made: u8,
    claims: u8,
    revisions: i64,
    flights: usize,
}

/// Some seconds.
const SMALL: Bounds = Bounds {
    runs: 2,
    made: 2,
    claims: 2,
    revisions: 2,
    flights: 2,
};

/// Some minutes, unless there is a fault.
const LARGE: Bounds = Bounds {
    runs: 3,
    made: 4,
    claims: 3,
    revisions: 3,
    flights: 2,
};

impl State {
    fn content(&self, run: i64) -> u8 {
        let place = usize::try_from(run).unwrap_or_default();
        place
            .checked_sub(1)
            .and_then(|place| self.mirror.runs.get(place))
            .copied()
            .unwrap_or_default()
    }

    fn newest(&self) -> i64 {
        i64::try_from(self.mirror.runs.len()).unwrap_or_default()
    }

    fn ownership(&self, rules: Rules) -> Ownership {
        let claim = |claim: u8| claim.to_string();
        let known = self.mirror.known.as_ref().map(|known| PublishedSource {
            claim: claim(known.claim),
            next_claim: known.next_claim.map(claim),
            former: (0..8)
                .filter(|one| known.former & (1 << one) != 0)
                .map(claim)
                .collect(),
            revision: known.revision,
            run: known.run,
            next_revision: known.next.map(|(revision, _)| revision),
            next_run: known.next.map(|(_, run)| run),
            ..PublishedSource::default()
        });
        let found = self.database.fence.map(|(name, revision, run)| Fence {
            claim: claim(name),
            revision,
            run,
            host: String::new(),
            published: String::new(),
            connector: String::new(),
        });
        match ownership(known.as_ref(), found.as_ref()) {
            Ownership::Restored if !rules.compares_revision => Ownership::Same,
            found => found,
        }
    }

    /// The states after the next step of an attempt, and what it sent. The first is the one in which the step ends at once.
    fn step(&self, rules: Rules) -> (Self, Option<Flight>) {
        let mut next = self.clone();
        let ownership = self.ownership(rules);
        let known = self.mirror.known.clone().unwrap_or_default();
        match (ownership, self.database.fence) {
            (Ownership::Foreign, _) => (next, None),
            (Ownership::Committed, Some((_, revision, run))) => {
                next.mirror.known = Some(Known {
                    revision,
                    run,
                    next: None,
                    ..known
                });
                (next, None)
            }
            (Ownership::Taken, Some((claim, revision, _))) => {
                // A restored mirror may have taken it with a run that it does not have any more.
                let taken = Known {
                    claim,
                    revision,
                    run: self.newest(),
                    former: known.former | 1 << known.claim,
                    is_comparing: true,
                    ..Known::default()
                };
                next.mirror.known = Some(taken);
                (next, None)
            }
            (Ownership::Same, Some((claim, revision, _))) => {
                // A mirror that trusts the row takes its revision for its own.
                let revision = if rules.compares_revision {
                    known.revision
                } else {
                    revision
                };
                self.publish(Known {
                    claim,
                    revision,
                    ..known
                })
            }
            (_, found) => {
                next.claims += 1;
                let (claim, mut known) = (next.claims, known);
                if let Some(unknown) = known.next_claim.replace(claim)
                    && rules.remembers_claims
                {
                    known.former |= 1 << unknown;
                }
                next.mirror.known = Some(known);
                let flight = Flight {
                    expects: found.map(|(claim, revision, _)| (claim, revision)),
                    sets: (claim, FIRST_REVISION, self.newest()),
                    content: None,
                };
                (next, Some(flight))
            }
        }
    }

    fn publish(&self, known: Known) -> (Self, Option<Flight>) {
        let mut next = self.clone();
        // What was announced is made again as it was.
        let is_again = |run: i64| known.is_comparing == (run == known.run);
        let again = known.next.filter(|(_, run)| is_again(*run));
        let run = match known.is_comparing {
            true => known.run,
            false => again.map_or_else(|| self.newest(), |(_, run)| run),
        };
        let content = match known.is_comparing {
            true => Content::Compared(self.content(run)),
            false if run <= known.run => {
                next.mirror.known = Some(known);
                return (next, None);
            }
            false => Content::Changed {
                from: self.content(known.run),
                to: self.content(run),
            },
        };
        let revision = match again {
            Some((revision, _)) => revision,
            None => {
                next.revisions += 1;
                FIRST_REVISION + next.revisions
            }
        };
        let flight = Flight {
            expects: Some((known.claim, known.revision)),
            sets: (known.claim, revision, run),
            content: Some(content),
        };
        next.mirror.known = Some(Known {
            next: Some((revision, run)),
            ..known
        });
        (next, Some(flight))
    }

    /// A transaction arrives. Returns whether it was committed.
    fn arrive(&mut self, flight: &Flight) -> bool {
        let found = self
            .database
            .fence
            .map(|(claim, revision, _)| (claim, revision));
        if found != flight.expects {
            return false;
        }
        self.database.fence = Some(flight.sets);
        self.database.content = match flight.content {
            None => self.database.content,
            Some(Content::Compared(content)) => content,
            Some(Content::Changed { from, to }) if self.database.content == from => to,
            Some(Content::Changed { .. }) => MIXED,
        };
        true
    }

    /// Its answer arrives.
    fn answered(&mut self, flight: &Flight) {
        let (claim, revision, run) = flight.sets;
        let is_taking = flight.content.is_none();
        let known = self.mirror.known.take().unwrap_or_default();
        self.mirror.known = Some(Known {
            claim,
            revision,
            run,
            former: known.former | 1 << known.claim,
            is_comparing: is_taking,
            ..Known::default()
        });
    }

    /// An attempt that nothing disturbs.
    fn attempt(&mut self, rules: Rules) {
        for _ in 0..6 {
            let (mut next, flight) = self.step(rules);
            if let Some(flight) = flight
                && next.arrive(&flight)
            {
                next.answered(&flight);
            }
            *self = next;
        }
    }

    /// Everything that can happen next.
    fn successors(&self, rules: Rules, bounds: Bounds) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        if self.mirror.runs.len() < bounds.runs && self.made < bounds.made {
            add(&|next| {
                next.made += 1;
                next.mirror.runs.push(next.made);
            });
        }
        if self.claims < bounds.claims && self.revisions < bounds.revisions {
            let (stopped, flight) = self.step(rules);
            if let Some(flight) = &flight {
                // The answer arrives; or is lost; or the transaction is late.
                add(&|next| {
                    *next = stopped.clone();
                    if next.arrive(flight) {
                        next.answered(flight);
                    }
                });
                add(&|next| {
                    *next = stopped.clone();
                    next.arrive(flight);
                });
                if self.flights.len() < bounds.flights {
                    add(&|next| {
                        *next = stopped.clone();
                        next.flights.push(flight.clone());
                    });
                }
            }
            // It stops before anything is sent.
            add(&|next| *next = stopped.clone());
        }
        for number in 0..self.flights.len() {
            add(&|next| {
                let flight = next.flights.remove(number);
                next.arrive(&flight);
            });
            add(&|next| {
                next.flights.remove(number);
            });
        }
        if self.restores > 0 {
            add(&|next| next.backup = Some(next.mirror.clone()));
            add(&|next| next.dump = Some(next.database.clone()));
            if let Some(backup) = &self.backup {
                // `rollbook restore` keeps the claims.
                add(&|next| {
                    let known = next.mirror.known.take();
                    next.mirror.runs.clone_from(&backup.runs);
                    next.mirror.known = known.map(|known| Known {
                        claim: known.claim,
                        next_claim: known.next_claim,
                        former: known.former,
                        revision: UNKNOWN_REVISION,
                        ..Known::default()
                    });
                    next.restores -= 1;
                });
                // On another disk there is the backup alone; a person must say so if claims were made since.
                let claims = |mirror: &Mirror| {
                    let known = mirror.known.as_ref();
                    known.map(|known| (known.claim, known.next_claim, known.former))
                };
                if claims(&self.mirror) == claims(backup) {
                    add(&|next| {
                        next.mirror = backup.clone();
                        next.restores -= 1;
                    });
                }
            }
            if let Some(dump) = &self.dump {
                add(&|next| {
                    next.database = dump.clone();
                    next.flights.clear(); // its connections are gone
                    next.restores -= 1;
                });
            }
        }
        all
    }

    /// What is wrong now, or when all transactions on their way have arrived or been lost and nothing disturbs any more.
    fn fault(&self, rules: Rules) -> Option<String> {
        if self.database.content == MIXED {
            return Some(format!("{self:?} holds mixed content"));
        }
        for arrives in [true, false] {
            let mut calm = self.clone();
            for flight in std::mem::take(&mut calm.flights) {
                if arrives {
                    calm.arrive(&flight);
                }
            }
            calm.attempt(rules);
            let run = calm.database.fence.map(|(_, _, run)| run);
            let is_same =
                run == Some(calm.newest()) && calm.database.content == calm.content(calm.newest());
            if !is_same {
                return Some(format!("{self:?} becomes {calm:?}"));
            }
        }
        None
    }
}

/// All states; the first fault, and how many states there are.
fn search(rules: Rules, bounds: Bounds) -> (Option<String>, usize) {
    let first = State {
        restores: 1,
        ..State::default()
    };
    let mut seen = HashSet::from([first.clone()]);
    let mut open = VecDeque::from([first]);
    while let Some(state) = open.pop_front() {
        if let Some(fault) = state.fault(rules) {
            return (Some(fault), seen.len());
        }
        for next in state.successors(rules, bounds) {
            if seen.insert(next.clone()) {
                open.push_back(next);
            }
        }
    }
    (None, seen.len())
}

#[test]
fn every_history_ends_with_the_same_rows() {
    // ROLLBOOK_MODEL=large searches 4 million states.
    let is_large = std::env::var("ROLLBOOK_MODEL").is_ok_and(|size| size == "large");
    let (fault, states) = search(ALL, if is_large { LARGE } else { SMALL });
    assert_eq!(fault, None);
    println!("{states} states");
    assert!(states > 10_000, "only {states} states were reached");
}

/// Without any of its rules the protocol is wrong, and the search says how.
#[test]
fn each_rule_is_needed() {
    let claims_only = Bounds {
        runs: 1,
        made: 1,
        claims: 3,
        revisions: 1,
        flights: 2,
    };
    for (rules, bounds) in [
        (
            Rules {
                compares_revision: false,
                ..ALL
            },
            SMALL,
        ),
        (
            Rules {
                remembers_claims: false,
                ..ALL
            },
            claims_only,
        ),
    ] {
        let (fault, _) = search(rules, bounds);
        assert!(fault.is_some(), "{rules:?}");
    }
}
