//! The system that is searched for who writes what.
//!
//! Contents are numbers: each run makes one that no other makes, and the same number is its revision. That a worker stops needs no
//! step of its own: it just takes none.

mod steps;

use super::Rule;
use crate::cluster::lease::{HeldLease, LeaseRow, Position, Renewal, RunFence, may_claim};

/// Whether a local file holds what the database holds, so that a claim need not fill it again. Rollbook fills it always; the search
/// allows more.
///
/// `file` is the position that the file was filled or published at; nothing from the first write of a run until that run is known
/// to be published, because an unpublished run dies with its claim (cluster-protocol.md 1 rule 4).
fn is_current(file: Option<Position>, found: Position) -> bool {
    file == Some(found)
}

/// How far the search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    claims: u8,
    runs: u8,
    flights: usize,
    restarts: u8,
    restores: u8,
}

impl Bounds {
    /// Processes start again.
    pub(super) const RESTARTED: Self = Self {
        claims: 2,
        runs: 2,
        flights: 1,
        restarts: 1,
        restores: 0,
    };
    /// The database is restored.
    pub(super) const RESTORED: Self = Self {
        claims: 2,
        runs: 2,
        flights: 0,
        restarts: 0,
        restores: 1,
    };
    /// Some minutes.
    pub(super) const LARGE: Self = Self {
        claims: 3,
        runs: 2,
        flights: 1,
        restarts: 1,
        restores: 1,
    };
}

/// Epoch, run, revision.
type Place = (u8, u8, u8);

/// Epoch and claim. Claims are numbered, so that the search knows which one was made when.
type Claim = (u8, u8);

/// Content that no run has made.
const MIXED: u8 = u8::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    off: Option<Rule>,
    bounds: Bounds,
    workers: [Worker; 2],
    database: Database,
    flights: Vec<Flight>,
    dump: Option<Database>,
    claims: u8,
    runs: u8,
    restarts: u8,
    restores: u8,
    /// A transaction that was not of the newest claim took effect.
    is_overtaken: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Worker {
    start: u8,
    held: Option<Held>,
    file: File,
    run: Option<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    claim: Claim,
    place: Place,
    next: Option<Place>,
    /// What `claim` would be if every lease that is gone on with were claimed.
    taken: u8,
}

/// A local file; the empty one at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
struct File {
    /// Nothing while it has a run that is not published.
    place: Option<Place>,
    run: u8,
    content: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Run {
    claim: Claim,
    taken: u8,
    from: Place,
    to: Place,
    /// What it changes: contents.
    change: (u8, u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Database {
    row: Option<Row>,
    content: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Row {
    claim: Claim,
    taken: u8,
    start: Option<u8>,
    is_valid: bool,
    place: Place,
}

/// A transaction on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flight {
    Claim {
        found: Option<Claim>,
        claim: Claim,
        start: u8,
    },
    Publish(Run),
}

fn position((epoch, run, revision): Place) -> Position {
    Position {
        epoch: epoch.into(),
        run: run.into(),
        revision: revision.into(),
    }
}

impl State {
    pub(super) fn first(off: Option<Rule>, bounds: Bounds) -> Self {
        let worker = |start| Worker {
            start,
            ..Worker::default()
        };
        Self {
            off,
            bounds,
            workers: [worker(0), worker(1)],
            database: Database::default(),
            flights: Vec::new(),
            dump: None,
            claims: 0,
            runs: 0,
            restarts: 0,
            restores: 0,
            is_overtaken: false,
        }
    }

    fn has(&self, rule: Rule) -> bool {
        self.off != Some(rule)
    }

    fn claim_text(&self, (epoch, claim): Claim) -> String {
        let is_random = self.has(Rule::RandomClaim);
        if is_random { claim } else { epoch }.to_string()
    }

    /// The row as the real code sees it.
    fn row(&self) -> Option<LeaseRow> {
        let row = self.database.row?;
        Some(LeaseRow {
            epoch: row.claim.0.into(),
            claim: self.claim_text(row.claim),
            start: row.start.map(|start| start.to_string()),
            is_valid: row.is_valid,
            position: position(row.place),
        })
    }

    fn lease(&self, held: Held) -> HeldLease {
        HeldLease {
            epoch: held.claim.0.into(),
            claim: self.claim_text(held.claim),
            position: position(held.place),
            next: held.next.map(position),
        }
    }

    fn renewed(&self, held: Held) -> Renewal {
        match self.lease(held).renewed(self.row().as_ref()) {
            Renewal::Moved if !self.has(Rule::ReadBack) => Renewal::Same,
            renewal => renewal,
        }
    }

    /// Whether the file need not be filled.
    fn is_current(&self, file: File, there: Place) -> bool {
        if !self.has(Rule::FileByPosition) {
            return file.run == there.1;
        }
        let known = |place: Place| match self.has(Rule::Revision) {
            true => position(place),
            false => position((place.0, place.1, 0)),
        };
        is_current(file.place.map(known), known(there))
    }

    /// What a worker sends to have the source.
    fn claim(&self, number: usize) -> Option<Flight> {
        let start = self.workers[number].start;
        let found = self.row();
        let epoch = may_claim(found.as_ref(), &start.to_string())?;
        let is_own = found.is_some_and(|row| row.is_valid && row.start.is_some());
        if is_own && !self.has(Rule::UnknownLease) {
            return None;
        }
        Some(Flight::Claim {
            found: self.database.row.map(|row| row.claim),
            claim: (u8::try_from(epoch).ok()?, self.claims + 1),
            start,
        })
    }

    fn fill(&mut self, number: usize) {
        let (Some(held), Some(row)) = (self.workers[number].held, self.database.row) else {
            return;
        };
        if self.renewed(held) == Renewal::Same {
            self.workers[number].file = File {
                place: Some(row.place),
                run: row.place.1,
                content: self.database.content,
            };
        }
    }

    /// A run begins, and its changes are in the file.
    fn begin(&mut self, number: usize) {
        self.runs += 1;
        let (content, worker) = (self.runs, &mut self.workers[number]);
        let Some(held) = worker.held else { return };
        let to = (held.claim.0, held.place.1 + 1, content);
        worker.run = Some(Run {
            claim: held.claim,
            taken: held.taken,
            from: held.place,
            to,
            change: (worker.file.content, content),
        });
        worker.file = File {
            place: None,
            run: to.1,
            content,
        };
    }

    /// What a worker sends to publish its run; nothing where it sees before that it may not.
    fn publication(&self, number: usize) -> Option<Run> {
        let worker = &self.workers[number];
        let mut run = worker.run?;
        if let Some(held) = worker.held.filter(|_| !self.has(Rule::OwnClaim)) {
            (run.claim, run.from) = (held.claim, held.place);
        }
        let is_sent = self.has(Rule::Fence) || self.matches(&run);
        is_sent.then_some(run)
    }

    /// Whether the row is as the run's fence demands.
    fn matches(&self, run: &Run) -> bool {
        let held = Held {
            claim: run.claim,
            place: run.from,
            next: None,
            taken: run.taken,
        };
        let fence: RunFence = self.lease(held).fence(run.to.1.into(), run.to.2.into());
        let is_compared = self.has(Rule::ComparedPosition);
        self.row().is_some_and(|row| {
            row.claim == fence.claim && (!is_compared || row.position == fence.from)
        })
    }

    /// A transaction arrives. Returns whether it took effect.
    fn arrive(&mut self, flight: Flight) -> bool {
        match flight {
            Flight::Claim {
                found,
                claim,
                start,
            } => {
                let text = |claim: Option<Claim>| claim.map(|claim| self.claim_text(claim));
                if text(found) != text(self.database.row.map(|row| row.claim)) {
                    return false;
                }
                self.database.row = Some(Row {
                    claim,
                    taken: claim.1,
                    start: Some(start),
                    is_valid: true,
                    place: self.database.row.map(|row| row.place).unwrap_or_default(),
                });
            }
            Flight::Publish(run) => {
                if self.has(Rule::Fence) && !self.matches(&run) {
                    return false;
                }
                let (from, to) = run.change;
                let Some(row) = &mut self.database.row else {
                    return false;
                };
                self.is_overtaken |= row.taken != run.taken;
                row.place = run.to;
                // The same pages again are harmless.
                let is_fitting = [from, to].contains(&self.database.content);
                self.database.content = if is_fitting { to } else { MIXED };
            }
        }
        true
    }

    /// The answer of a transaction arrives.
    fn answered(&mut self, number: usize, flight: Flight, is_done: bool) {
        match flight {
            Flight::Claim { claim, .. } if is_done => {
                let place = self.database.row.map(|row| row.place).unwrap_or_default();
                self.workers[number].held = Some(Held {
                    claim,
                    place,
                    next: None,
                    taken: claim.1,
                });
            }
            Flight::Claim { .. } => {}
            Flight::Publish(run) if is_done => self.published(number, run.to),
            Flight::Publish(_) => {
                self.renew(number);
                self.end_former_run(number);
            }
        }
    }

    /// A run of a lease that is held no more is ended.
    fn end_former_run(&mut self, number: usize) {
        if self.has(Rule::OwnClaim) {
            let worker = &mut self.workers[number];
            let claim = worker.held.map(|held| held.claim);
            worker.run = worker.run.filter(|run| Some(run.claim) == claim);
        }
    }

    fn published(&mut self, number: usize, place: Place) {
        let worker = &mut self.workers[number];
        if let Some(held) = &mut worker.held {
            (held.place, held.next) = (place, None);
        }
        if let Some(run) = worker.run.take_if(|run| run.to == place) {
            // A file that was filled since is another.
            if worker.file.content == run.change.1 {
                worker.file.place = Some(place);
            }
        }
    }

    /// The row is read back.
    fn renew(&mut self, number: usize) {
        let Some(held) = self.workers[number].held else {
            return;
        };
        match (self.renewed(held), held.next) {
            (Renewal::Same, _) => {}
            (Renewal::Published, Some(next)) => self.published(number, next),
            _ => {
                let worker = &mut self.workers[number];
                (worker.held, worker.run) = (None, None);
            }
        }
    }

    /// The source is given back.
    fn release(&mut self, number: usize) {
        let Some(held) = self.workers[number].held.take() else {
            return;
        };
        self.workers[number].run = None;
        let text = self.claim_text(held.claim);
        if self.row().is_some_and(|row| row.claim == text) {
            let stays = self.has(Rule::RowStays);
            let row = self.database.row.filter(|_| stays);
            self.database.row = row.map(|row| Row { start: None, ..row });
        }
    }

    /// A process ends, and another one starts in its place.
    fn restart(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        (worker.held, worker.run) = (None, None);
        if self.off != Some(Rule::NewClaim) {
            worker.start += 2;
            return;
        }
        let own = Some(worker.start);
        if let Some(row) = self.database.row.as_mut().filter(|row| row.start == own) {
            self.claims += 1;
            row.taken = self.claims;
            worker.held = Some(Held {
                claim: row.claim,
                place: row.place,
                next: None,
                taken: row.taken,
            });
        }
    }
}
