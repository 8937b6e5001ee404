//! Which runs a history has added: records of runs are added once, although runs end in another order than they begin.

use std::collections::BTreeSet;

/// The runs whose records were added.
#[derive(Clone, Debug, Default)]
pub struct AddedRuns {
    /// All runs up to this one.
    through: i64,
    /// Runs behind it.
    ahead: BTreeSet<i64>,
    /// Runs of the records that are being added.
    adding: BTreeSet<i64>,
}

impl AddedRuns {
    /// All runs up to this one count as added.
    pub fn behind(run: i64) -> Self {
        Self {
            through: run,
            ..Self::default()
        }
    }

    /// Only records of runs behind this one are missing.
    pub fn through(&self) -> i64 {
        self.through
    }

    /// Whether a record of this run is to be added: its run was not when the last [`AddedRuns::end`] was.
    pub fn begin(&mut self, run: i64) -> bool {
        let is_new = run > self.through && !self.ahead.contains(&run);
        if is_new {
            self.adding.insert(run);
        }
        is_new
    }

    /// All records that there are were added; those of unfinished runs are missing, the first of which is this one.
    pub fn end(&mut self, first_open: Option<i64>) {
        self.ahead.append(&mut self.adding);
        let last = self.ahead.last().copied().unwrap_or(self.through);
        self.through = first_open
            .map_or(last, |open| (open - 1).min(last))
            .max(self.through);
        self.ahead = self.ahead.split_off(&(self.through + 1));
    }
}
