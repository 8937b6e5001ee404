//! The system that is searched for who writes what.
//!
//! Contents are numbers: each run makes one that no other makes, and the same number is its revision. That a worker stops needs no
//! step of its own: it just takes none.

use super::Rule;
use crate::cluster::lease::{
    Activity, HeldLease, LeaseRow, LeaseStep, Leaving, Position, Renewal, RunFence, STALLED,
    Situation, is_current, may_claim,
};
use crate::cluster::search::System;

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
        claims: 4,
        runs: 3,
        flights: 2,
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

/// Who goes on when nothing disturbs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Works,
    /// Its machine works, but not what it does with this source.
    Hangs,
    Stopped,
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

    /// All that can become of something that is sent: the answer arrives, or is lost; or it is late.
    fn send(&self, number: usize, flight: Flight, all: &mut Vec<Self>) {
        let mut sent = self.clone();
        match flight {
            Flight::Claim { .. } => sent.claims += 1,
            Flight::Publish(run) => {
                let held = sent.workers[number].held.as_mut();
                if let Some(held) = held.filter(|held| held.claim == run.claim) {
                    held.next = Some(run.to);
                }
            }
        }
        if self.flights.len() < self.bounds.flights {
            let mut late = sent.clone();
            late.flights.push(flight);
            all.push(late);
        }
        let is_done = sent.arrive(flight);
        all.push(sent.clone());
        sent.answered(number, flight, is_done);
        all.push(sent);
    }

    /// Everything that a worker can do next.
    fn steps(&self, number: usize, all: &mut Vec<Self>) {
        let worker = &self.workers[number];
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            all.push(next);
        };
        if let Some(held) = worker.held {
            add(&|next| next.renew(number));
            // What it did for the source goes on although the lease is lost.
            add(&|next| {
                let run = next.workers[number].run;
                next.renew(number);
                let worker = &mut next.workers[number];
                worker.run = worker.run.or(run.filter(|_| worker.held.is_none()));
            });
            let is_former = worker.run.is_none_or(|run| run.claim != held.claim);
            if !self.is_current(worker.file, held.place) && is_former {
                add(&|next| next.fill(number));
            } else if worker.run.is_none() && self.runs < self.bounds.runs {
                add(&|next| next.begin(number));
            }
            if worker.run.is_none() {
                add(&|next| next.release(number));
                // It does not arrive.
                add(&|next| next.workers[number].held = None);
            }
        }
        if self.restarts < self.bounds.restarts {
            add(&|next| {
                next.restarts += 1;
                next.restart(number);
            });
        }
        if let Some(run) = self.publication(number) {
            self.send(number, Flight::Publish(run), all);
        }
        if worker.held.is_none()
            && self.claims < self.bounds.claims
            && let Some(flight) = self.claim(number)
        {
            self.send(number, flight, all);
        }
    }

    /// One of the workers, or both, go on undisturbed, for some rounds.
    fn calm(mut self, modes: [Mode; 2]) -> Result<(), String> {
        for _ in 0..4 {
            for number in [0, 1] {
                self.attempt(number, modes[number]);
                let beats = |start| {
                    let of = |number: usize| self.workers[number].start == start;
                    (0..2).any(|number| modes[number] != Mode::Stopped && of(number))
                };
                if let Some(row) = &mut self.database.row {
                    row.is_valid &= row.start.is_some_and(beats);
                }
            }
        }
        let row = self.database.row;
        let has_it = |number: &usize| {
            let worker = &self.workers[*number];
            let is_held = worker.held.map(|held| held.claim) == row.map(|row| row.claim);
            is_held && worker.run.is_none() && worker.file.content == self.database.content
        };
        let holder = (0..2)
            .find(has_it)
            .filter(|number| modes[*number] == Mode::Works);
        let Some(holder) = holder else {
            return Err(format!("{modes:?}: no worker has the source: {self:?}"));
        };
        self.begin(holder);
        let content = self.runs;
        self.attempt(holder, Mode::Works);
        let is_there = self.database.content == content && !self.is_overtaken;
        is_there
            .then_some(())
            .ok_or_else(|| format!("{modes:?}: the next run is not published: {self:?}"))
    }

    fn attempt(&mut self, number: usize, mode: Mode) {
        let is_holding = self.workers[number].held.is_some();
        match mode {
            Mode::Stopped => {}
            Mode::Hangs if is_holding => {
                let situation = Situation {
                    left: crate::cluster::lease::LEASE,
                    activity: Activity::Reading,
                    quiet: STALLED * 2,
                    leaving: Leaving::No,
                };
                let step = situation.next_step();
                if step == LeaseStep::Release && self.has(Rule::Progress) {
                    self.release(number);
                }
            }
            _ => {
                self.renew(number);
                self.end_former_run(number);
                if self.workers[number].held.is_none() {
                    self.workers[number].run = None;
                    if let Some(flight) = self.claim(number) {
                        self.claims += 1;
                        let is_done = self.arrive(flight);
                        self.answered(number, flight, is_done);
                    }
                }
                let worker = &self.workers[number];
                let there = worker.held.map(|held| held.place);
                let fills = there.is_some_and(|there| !self.is_current(worker.file, there));
                if fills && worker.run.is_none() {
                    self.fill(number);
                }
                if let Some(run) = self.publication(number) {
                    let is_done = self.arrive(Flight::Publish(run));
                    self.answered(number, Flight::Publish(run), is_done);
                }
            }
        }
    }
}

impl System for State {
    fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for number in [0, 1] {
            self.steps(number, &mut all);
        }
        for number in 0..self.flights.len() {
            let mut next = self.clone();
            let flight = next.flights.remove(number);
            all.push(next.clone());
            next.arrive(flight);
            all.push(next);
        }
        if let Some(row) = self.database.row.filter(|row| row.is_valid) {
            let mut ended = self.clone();
            ended.database.row = Some(Row {
                is_valid: false,
                ..row
            });
            all.push(ended);
        }
        if self.restores < self.bounds.restores {
            if self.dump.as_ref() != Some(&self.database) {
                let mut next = self.clone();
                next.dump = Some(self.database.clone());
                all.push(next);
            }
            if let Some(dump) = &self.dump {
                let mut next = self.clone();
                next.database = dump.clone();
                (next.dump, next.restores) = (None, next.restores + 1);
                next.flights.clear(); // its connections are gone
                all.push(next);
            }
        }
        all
    }

    fn fault(&self) -> Option<String> {
        if self.is_overtaken {
            return Some("a transaction of an earlier claim took effect".to_owned());
        }
        if self.database.content == MIXED {
            return Some("the database holds what no run has made".to_owned());
        }
        if !self.flights.is_empty() {
            return None; // they arrive or get lost, which are states of their own
        }
        use Mode::{Hangs, Stopped, Works};
        let modes = [
            [Works, Works],
            [Works, Stopped],
            [Stopped, Works],
            [Works, Hangs],
            [Hangs, Works],
        ];
        modes
            .into_iter()
            .find_map(|modes| self.clone().calm(modes).err())
    }
}
