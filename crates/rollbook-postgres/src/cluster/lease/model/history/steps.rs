//! Everything that can happen next, and what must be right.

use super::{Flight, MIXED, Row, State};
use crate::cluster::lease::model::Rule;
use crate::cluster::lease::{Activity, LEASE, LeaseStep, Leaving, STALLED, Situation};
use crate::cluster::search::System;

/// Who goes on when nothing disturbs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Works,
    /// Its machine works, but not what it does with this source.
    Hangs,
    Stopped,
}

impl State {
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
                    left: LEASE,
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
