//! What the row of a source means for a worker, and what the worker does next. Pure.
//!
//! Times are of two kinds and never compared: whether a row's lease is valid is decided by the database's clock alone, in the
//! statement that reads the row; how much of it a worker has left is counted by the worker's own clock, which must not stop in
//! suspend. Nothing here makes publishing safe but the comparison of claim and position in the transaction itself
//! (cluster-protocol.md 1 rule 2): a worker may stop after any decision. The rest keeps workers off each other's sources.

use std::time::Duration;

/// How long a renewal is valid.
pub const LEASE: Duration = Duration::from_secs(30);

/// How often a worker renews its leases, all of them at once by its one row (cluster-protocol.md 2 rule 13).
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A run that makes no progress for this long is ended, and its source given up where it does not end.
pub const STALLED: Duration = Duration::from_secs(5 * 60);

/// Names what a source holds, in the database and in a local file: no two contents have the same
/// (cluster-protocol.md 1 rule 4, cluster-protocol.md 5 rule 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Position {
    /// The epoch that published it; 0 before the first run.
    pub epoch: i64,
    /// The newest run in it. A run that was not published is no run: its number comes again.
    pub run: i64,
    /// A random number, new with each run: after a restore of the database an epoch and a run can come again.
    pub revision: i64,
}

/// A source's row, as the database returned it. The row is never deleted (cluster-protocol.md 1 rule 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// The number of claims so far.
    pub epoch: i64,
    /// A random text that no other claim has.
    pub claim: String,
    /// The start of the worker that claimed it; nothing where that worker gave it back.
    pub start: Option<String>,
    /// Whether that start's heartbeat was valid by the database's clock when the row was read.
    pub is_valid: bool,
    /// What the database holds of the source.
    pub position: Position,
}

/// What a worker knows of a source that it has claimed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeldLease {
    /// The number of the claim.
    pub epoch: i64,
    /// The claim.
    pub claim: String,
    /// What the source held in the database when it was read or published last.
    pub position: Position,
    /// What a transaction makes of it whose answer is not known.
    pub next: Option<Position>,
}

/// What a transaction that publishes a run compares and sets. It is made when the run begins and kept by the run, which may end
/// when the worker holds another lease of the source (cluster-protocol.md 1 rule 5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunFence {
    /// The claim that the row must have.
    pub claim: String,
    /// The position that the row must have (cluster-protocol.md 1 rule 3).
    pub from: Position,
    /// The position that it then has.
    pub to: Position,
}

/// What a worker's row, read back, means for a source that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It is as it was left: a transaction whose answer is not known is not there, and is sent again as it was.
    Same,
    /// The transaction whose answer was not known is there.
    Published,
    /// The database was restored: claim the source again, and fill its file again.
    Moved,
    /// Another has the source, or has had it: end its runs, and publish nothing.
    Lost,
}

/// The epoch of a new claim of a source that this worker does not hold; nothing while another's lease is valid.
///
/// A row with the worker's own start is one of a claim whose answer was lost, or of before a restore: it is replaced as well,
/// never continued (cluster-protocol.md 5 rule 20). A former start of the same machine is another worker (cluster-protocol.md 1 rule 1). The statement that
/// claims compares the claim that was found.
pub fn may_claim(found: Option<&LeaseRow>, start: &str) -> Option<i64> {
    let Some(found) = found else {
        return Some(1);
    };
    let holder = found.start.as_deref().filter(|_| found.is_valid);
    let is_free = holder.is_none_or(|holder| holder == start);
    is_free.then_some(found.epoch + 1)
}

impl HeldLease {
    /// What the row means that a renewal, or a transaction that was refused, has read back (cluster-protocol.md 1 rule 8);
    /// nothing where no row has this worker's start.
    pub fn renewed(&self, found: Option<&LeaseRow>) -> Renewal {
        let is_ours = |found: &&LeaseRow| {
            found.claim == self.claim && found.start.is_some() && found.is_valid
        };
        match found.filter(is_ours).map(|found| found.position) {
            None => Renewal::Lost,
            Some(position) if position == self.position => Renewal::Same,
            Some(position) if Some(position) == self.next => Renewal::Published,
            Some(_) => Renewal::Moved,
        }
    }

    /// The fence of a run, or of an admin's change after that run, which begins now. `revision` is random.
    pub fn fence(&self, run: i64, revision: i64) -> RunFence {
        let epoch = self.epoch;
        RunFence {
            claim: self.claim.clone(),
            from: self.position,
            to: Position {
                epoch,
                run,
                revision,
            },
        }
    }
}

/// Until when a worker holds its leases, by its own clock. One value a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldUntil(Duration);

impl HeldUntil {
    /// Before the first renewal.
    pub fn ended() -> Self {
        Self(Duration::ZERO)
    }

    /// After a renewal that the database confirmed. `sent` is the time *before* it was sent (cluster-protocol.md 2 rule 9).
    pub fn renewed_at(sent: Duration) -> Self {
        Self(sent.saturating_add(LEASE))
    }

    /// What is left; zero when it has ended. Then the worker renews nothing, and takes a new start
    /// (cluster-protocol.md 5 rule 21).
    pub fn left(self, now: Duration) -> Duration {
        self.0.saturating_sub(now)
    }
}

/// Whether enough of a lease is left to begin a run or to send a refresh token (cluster-protocol.md 3 rule 16).
pub fn is_ample(left: Duration) -> bool {
    left > LEASE / 2
}

/// What happens to a source in this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    /// No run, and nothing to publish.
    Idle,
    /// A run reads.
    Reading,
    /// A run's transaction is sent or its answer awaited.
    Publishing,
}

/// Whether a source is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It stays here.
    No,
    /// When its run has ended: another worker has more room.
    AfterRun,
    /// Now: the worker was told to stop.
    Now,
}

/// A held source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// What is left of the lease.
    pub left: Duration,
    /// What it does.
    pub activity: Activity,
    /// How long its run makes no progress that it did not announce, such as a wait that the vendor asked for.
    pub quiet: Duration,
    /// Whether it is to be given back.
    pub leaving: Leaving,
}

/// What is done with a held source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStep {
    /// It goes on. A run may begin.
    Continue,
    /// What is under way goes on; no run begins.
    Finish,
    /// Its run is ended as one that was interrupted; its tick stays due (cluster-protocol.md 1 rule 7).
    EndRun,
    /// The row's start is set to nothing, if its claim is still ours, and the local file is removed
    /// (cluster-protocol.md 4 rule 18).
    Release,
    /// Its run is ended, nothing is sent any more, and the lease is forgotten.
    Abandon,
}

impl Situation {
    /// What to do next.
    pub fn next_step(self) -> LeaseStep {
        if self.left.is_zero() {
            return LeaseStep::Abandon;
        }
        let is_idle = self.activity == Activity::Idle;
        // One that does not end is given up, or the source is alone with a valid lease (cluster-protocol.md 2 rule 13).
        // What it publishes later is refused.
        if !is_idle && self.quiet >= 2 * STALLED {
            return LeaseStep::Release;
        }
        if !is_idle && self.quiet >= STALLED {
            return LeaseStep::EndRun;
        }
        match (self.leaving, self.activity) {
            (Leaving::No, Activity::Idle) if !is_ample(self.left) => LeaseStep::Finish,
            (Leaving::No, _) => LeaseStep::Continue,
            (_, Activity::Idle) => LeaseStep::Release,
            (Leaving::Now, Activity::Reading) => LeaseStep::EndRun,
            (Leaving::AfterRun | Leaving::Now, _) => LeaseStep::Finish,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
