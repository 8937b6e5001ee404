//! The system that is searched for what moves with a source: unconfirmed removals and ticks.
//!
//! Who may write is searched in `history.rs`, so here there is only the worker that may. One row of the source is watched: it is
//! removed when two readings in a row miss it. Another row may change with it, so that a run has something to publish.

use super::Rule;
use crate::cluster::search::System;

/// Readings in all.
const READINGS: u8 = 7;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Readings {
    off: Option<Rule>,
    database: Shared,
    /// The local file of the worker that has the source.
    file: Watched,
    /// A run has ended in the file and is not published.
    unpublished: Option<bool>,
    readings: u8,
}

/// The watched row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Watched {
    is_removed: bool,
    /// The last reading has missed it.
    is_unconfirmed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shared {
    watched: Watched,
    ticks_done: u8,
    /// Whether each run that has ended received the row: what the database should know.
    received: Vec<bool>,
}

impl Readings {
    pub(super) fn first(off: Option<Rule>) -> Self {
        let watched = Watched {
            is_removed: false,
            is_unconfirmed: false,
        };
        Self {
            off,
            database: Shared {
                watched,
                ticks_done: 0,
                received: Vec::new(),
            },
            file: watched,
            unpublished: None,
            readings: 0,
        }
    }

    fn run(&self, is_received: bool, other_changes: bool) -> Self {
        let mut next = self.clone();
        next.readings += 1;
        next.file = Watched {
            is_removed: !is_received && (self.file.is_removed || self.file.is_unconfirmed),
            is_unconfirmed: !is_received,
        };
        let changes = other_changes || next.file.is_removed != self.file.is_removed;
        if self.off == Some(Rule::TickWithRun) {
            next.database.ticks_done += 1;
        }
        if changes || self.off != Some(Rule::EveryRun) {
            next.unpublished = Some(is_received);
        } else {
            next.end(is_received);
        }
        next
    }

    /// The run has ended for everybody.
    fn end(&mut self, is_received: bool) {
        self.database.received.push(is_received);
        if self.off != Some(Rule::TickWithRun) {
            self.database.ticks_done += 1;
        }
    }
}

impl System for Readings {
    fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut taken_over = self.clone();
        taken_over.file = self.database.watched;
        taken_over.unpublished = None;
        all.push(taken_over);
        if let Some(is_received) = self.unpublished {
            let mut published = self.clone();
            published.database.watched = self.file;
            published.unpublished = None;
            published.end(is_received);
            all.push(published);
        } else if self.readings < READINGS {
            let cases = [(true, true), (true, false), (false, true), (false, false)];
            all.extend(cases.map(|(received, other)| self.run(received, other)));
        }
        all
    }

    fn fault(&self) -> Option<String> {
        let received = &self.database.received;
        let is_missed_twice = received.ends_with(&[false, false]);
        if self.database.watched.is_removed && !is_missed_twice {
            return Some("a row was removed that one reading in a row has missed".to_owned());
        }
        let is_lost =
            self.unpublished.is_none() && usize::from(self.database.ticks_done) > received.len();
        is_lost.then(|| "a tick is done whose run is nowhere".to_owned())
    }
}
