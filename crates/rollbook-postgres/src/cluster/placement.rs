//! Which free sources a worker claims now, and which of its own it gives back. Pure.
//!
//! There is no leader: every worker decides by what it has read, claims compare the row, and another may be faster. The same for all
//! is the level, the load at which the load of all fits: below it a worker claims, and above it one gives back, but only while a
//! worker is a tenth off the level, so that sources do not move for little, and only to a worker that has less even then; so
//! without a change of workers movements end.
//!
//! A dead worker counts until its heartbeat ends, and what is meant for it stays free. So the longer a source is free, the more
//! workers may claim it: at first the emptiest, at the next [`LOOK`] all below the level, then those that are a little above it, and
//! then the first that has room: every worker looks five times in the 10 seconds in which a source may be free.
//!
//! What was claimed within a [`LEASE`] stays, and no other is given in its place: the worker that did not claim it may be dead, and
//! then its heartbeat ends within that time (cluster-protocol.md 6 rule 30). One whose load is above its room gives all the same.

use std::cmp::Reverse;
use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::lease::LEASE;

/// How often a worker looks, for the first time two looks after its first heartbeat, so that workers that start together see each
/// other.
pub const LOOK: Duration = Duration::from_secs(2);

/// The part of the level by which a load may be off it, and which a worker gives back in one look at most, is one in this many.
const PARTS: u64 = 10;

/// A worker whose heartbeat is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveWorker<'a> {
    /// Its start.
    pub start: &'a str,
    /// The weights of the sources that it keeps; in the row of its heartbeat like the next, and changed with every claim.
    pub load: u64,
    /// The weights of those that it is giving back.
    pub leaving: u64,
    /// The most that it takes; 0 while it is drained.
    pub room: u64,
}

/// A source that may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSource<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it adds to a load, at least 1.
    pub weight: u64,
    /// How long it has been free by the database's clock.
    pub free_for: Duration,
}

/// A source that this worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSource<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it adds to a load, at least 1.
    pub weight: u64,
    /// How long ago this worker claimed it, by its own clock.
    pub held_for: Duration,
}

/// What a worker has read.
#[derive(Clone, Copy, Debug)]
pub struct ClusterView<'a> {
    /// The start of this worker.
    pub start: &'a str,
    /// All that live, this one too.
    pub workers: &'a [LiveWorker<'a>],
    /// All that are free.
    pub free: &'a [FreeSource<'a>],
    /// All that this worker has and is not giving back already.
    pub held: &'a [OwnSource<'a>],
}

/// What a worker does now.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Moves<'a> {
    /// Claim these, in this order.
    pub claim: Vec<&'a str>,
    /// Give these back when their runs have ended.
    pub give_back: Vec<&'a str>,
}

impl<'a> ClusterView<'a> {
    /// What this worker claims and gives back; nothing when its own heartbeat is not valid.
    pub fn moves(&self) -> Moves<'a> {
        let mut workers = self.workers.iter();
        let Some(own) = workers.find(|worker| worker.start == self.start) else {
            return Moves::default();
        };
        let level = self.level();
        let claim = self.claims(own, level);
        let give_back = match claim.is_empty() {
            true => self.gifts(own, level),
            false => Vec::new(),
        };
        Moves { claim, give_back }
    }

    /// The weights of what has no place yet.
    fn unplaced(&self) -> u64 {
        let free = self.free.iter().map(|source| source.weight);
        let leaving = self.workers.iter().map(|worker| worker.leaving);
        free.chain(leaving).sum()
    }

    /// The smallest load such that everything fits when no worker has more, or more than its room.
    fn level(&self) -> u64 {
        let held: u64 = self.workers.iter().map(|worker| worker.load).sum();
        let mut left = held + self.unplaced();
        let mut rooms: Vec<u64> = self.workers.iter().map(|worker| worker.room).collect();
        rooms.sort_unstable();
        for (number, room) in rooms.iter().enumerate() {
            let others = u64::try_from(rooms.len() - number).unwrap_or(u64::MAX);
            let level = left.div_ceil(others);
            if level <= *room {
                return level;
            }
            left -= room;
        }
        u64::MAX
    }

    /// How far the emptiest worker that has room is below the level.
    fn emptiest(&self, level: u64) -> u64 {
        let below = self.workers.iter().map(|worker| worker.below(level));
        below.max().unwrap_or_default()
    }

    fn claims(&self, own: &LiveWorker<'a>, level: u64) -> Vec<&'a str> {
        // Each worker begins with others, so that two rarely want the same.
        let mut free: Vec<&FreeSource<'a>> = self.free.iter().collect();
        free.sort_unstable_by_key(|source| (Reverse(source.free_for), self.rank(source.name)));
        let is_emptiest = own.below(level) >= self.emptiest(level).div_ceil(2);
        let most = |source: &FreeSource<'_>| match source.free_for.as_secs() / LOOK.as_secs() {
            0 if is_emptiest => level,
            0 => 0,
            1 => level,
            2 => level.saturating_add(level.div_ceil(PARTS)),
            _ => u64::MAX,
        };
        let mut load = own.load;
        let mut claims = Vec::new();
        for source in free {
            let is_wanted = source.weight < most(source).saturating_sub(load).saturating_mul(2);
            let has_room = own.room.saturating_sub(load + own.leaving) >= source.weight;
            if is_wanted && has_room {
                load += source.weight;
                claims.push(source.name);
            }
        }
        claims
    }

    fn gifts(&self, own: &LiveWorker<'a>, level: u64) -> Vec<&'a str> {
        let count = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        let weight_of_one = own.load.div_ceil(count.max(1));
        let is_too_full = own.load > own.room;
        let stays = |source: &OwnSource<'_>| source.held_for < LEASE && !is_too_full;
        let staying = self.held.iter().filter(|source| stays(source));
        let staying: u64 = staying.map(|source| source.weight).sum();
        let mut left = self.amount(own, level, weight_of_one);
        if staying > 0 {
            left = left.min(own.excess(level).saturating_sub(staying));
        }
        if left == 0 {
            return Vec::new();
        }
        // Who is half as far below the level as the emptiest may claim it, and has to have less than this worker even then.
        let target = level.min(own.room);
        let too_heavy = (own.load + self.emptiest(level).div_ceil(2)).saturating_sub(target);
        let mut held = self.held.to_vec();
        held.retain(|source| !stays(source));
        held.sort_unstable_by_key(|source| self.rank(source.name));
        let mut gifts = Vec::new();
        for source in held {
            if source.weight < 2 * left && source.weight < too_heavy {
                left = left.saturating_sub(source.weight);
                gifts.push(source.name);
            }
        }
        gifts
    }

    /// The weight that a worker gives back. Those with most give first, and one source at least, until there is enough for the
    /// emptiest.
    fn amount(&self, own: &LiveWorker<'a>, level: u64, weight_of_one: u64) -> u64 {
        let part = level.div_ceil(PARTS);
        let is_off = |worker: &LiveWorker<'_>| worker.excess(level).max(worker.lack(level)) >= part;
        if own.lack(level) > 0 || !self.workers.iter().any(is_off) {
            return 0;
        }
        let half = self.emptiest(level).div_ceil(2);
        let workers = self.workers.iter();
        let emptiest = workers.filter(|worker| worker.below(level) >= half);
        let lacks: u64 = emptiest.map(|worker| worker.lack(level)).sum();
        let wanted = lacks.saturating_sub(self.unplaced());
        let gives = |worker: &LiveWorker<'_>| worker.excess(level).min(part).max(weight_of_one);
        let order = |worker: &LiveWorker<'a>| (Reverse(worker.excess(level)), worker.start);
        let workers = self.workers.iter();
        let before = workers.filter(|worker| order(worker) < order(own));
        let given: u64 = before.map(gives).sum();
        gives(own).min(wanted.saturating_sub(given))
    }

    /// An order of sources that each start has for itself.
    fn rank(&self, name: &str) -> u64 {
        xxh3_64_with_seed(name.as_bytes(), xxh3_64(self.start.as_bytes()))
    }
}

impl LiveWorker<'_> {
    /// What it has too much.
    fn excess(&self, level: u64) -> u64 {
        self.load.saturating_sub(level.min(self.room))
    }

    /// What it should have more.
    fn lack(&self, level: u64) -> u64 {
        level.min(self.room).saturating_sub(self.load)
    }

    /// How far it is below the level, if it has room.
    fn below(&self, level: u64) -> u64 {
        match self.lack(level) {
            0 => 0,
            _ => level - self.load,
        }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests {
    use super::*;

    /// Claims and gifts in numbers, of the first worker, which has had its sources for long.
    fn moves(workers: &[(u64, u64)], free: &[(u64, u64)]) -> (usize, usize) {
        moves_after(workers, free, &[])
    }

    /// The same, where it claimed some of its sources so many seconds ago.
    fn moves_after(workers: &[(u64, u64)], free: &[(u64, u64)], claimed: &[u64]) -> (usize, usize) {
        let starts: Vec<String> = (0..workers.len()).map(|at| at.to_string()).collect();
        let live: Vec<LiveWorker<'_>> = workers
            .iter()
            .zip(&starts)
            .map(|((load, room), start)| LiveWorker {
                start,
                load: *load,
                leaving: 0,
                room: *room,
            })
            .collect();
        let names: Vec<String> = (0..1_000).map(|at| format!("source-{at}")).collect();
        let free: Vec<FreeSource<'_>> = free
            .iter()
            .zip(&names)
            .map(|((weight, seconds), name)| FreeSource {
                name,
                weight: *weight,
                free_for: Duration::from_secs(*seconds),
            })
            .collect();
        let load = usize::try_from(workers[0].0).expect("a small load");
        let claimed = claimed.iter().copied().map(Duration::from_secs);
        let held: Vec<OwnSource<'_>> = names
            .iter()
            .rev()
            .take(load)
            .zip(claimed.chain(std::iter::repeat(Duration::MAX)))
            .map(|(name, held_for)| OwnSource {
                name,
                weight: 1,
                held_for,
            })
            .collect();
        let view = ClusterView {
            start: "0",
            workers: &live,
            free: &free,
            held: &held,
        };
        let moves = view.moves();
        assert_eq!(moves, view.moves(), "the same is decided again");
        (moves.claim.len(), moves.give_back.len())
    }

    #[test]
    fn how_many_sources_move() {
        let much = 1_000;
        let many = vec![(1, 0); 100];
        for (name, workers, free, expected) in [
            ("alone", vec![(0, much)], &many[..], (100, 0)),
            ("two start", vec![(0, much), (0, much)], &many, (50, 0)),
            ("two, one is full", vec![(0, much), (9, 9)], &many, (100, 0)),
            ("little room", vec![(0, 30), (0, much)], &many, (30, 0)),
            ("drained", vec![(9, 0), (0, much)], &many, (0, 9)),
            (
                "one has failed",
                vec![(100, much), (100, much)],
                &many,
                (50, 0),
            ),
            (
                "above the level",
                vec![(100, much), (0, much)],
                &many[..9],
                (0, 6),
            ),
            ("for another", vec![(9, much), (0, much)], &[(1, 0)], (0, 1)),
            (
                "left by another",
                vec![(4, much), (0, much), (8, much)],
                &[(1, 2)],
                (1, 0),
            ),
            ("left by two", vec![(9, much), (9, much)], &[(1, 4)], (1, 0)),
            (
                "left by others",
                vec![(9, much), (0, much)],
                &[(1, 6)],
                (1, 0),
            ),
            ("left, no room", vec![(9, 9), (0, much)], &[(1, 6)], (0, 1)),
            (
                "heavy",
                vec![(0, much), (0, much)],
                &[(50, 0), (50, 0)],
                (1, 0),
            ),
            ("balanced", vec![(50, much), (50, much)], &[], (0, 0)),
            ("a little off", vec![(54, much), (46, much)], &[], (0, 0)),
            ("a tenth off", vec![(55, much), (45, much)], &[], (0, 5)),
            ("a new one", vec![(100, much), (0, much)], &[], (0, 5)),
            (
                "a new one among many",
                vec![(10, much), (10, much), (10, much), (10, much), (0, much)],
                &[],
                (0, 1),
            ),
            ("two sources", vec![(2, much), (0, much)], &[], (0, 1)),
            ("one source", vec![(1, much), (0, much)], &[], (0, 0)),
            ("below the level", vec![(0, much), (100, much)], &[], (0, 0)),
            ("too much for all", vec![(9, 9), (9, 9)], &many, (0, 0)),
        ] {
            assert_eq!(moves(&workers, free), expected, "{name}");
        }
    }

    #[test]
    fn what_was_claimed_within_a_lease_stays() {
        let much = 1_000;
        let lease = LEASE.as_secs();
        let many = [0; 100];
        for (name, workers, claimed, expected) in [
            ("all", vec![(100, much), (0, much)], &many[..], 0),
            (
                "as much as it has too much",
                vec![(100, much), (0, much)],
                &many[..50],
                0,
            ),
            (
                "all but a few that it has too much",
                vec![(100, much), (0, much)],
                &many[..47],
                3,
            ),
            (
                "a part of the others",
                vec![(100, much), (0, much)],
                &many[..40],
                5,
            ),
            ("both of two", vec![(2, much), (0, much)], &[0, 0], 0),
            (
                "one of two, the other is not given for it",
                vec![(2, much), (0, much)],
                &[0],
                0,
            ),
            (
                "within a lease",
                vec![(2, much), (0, much)],
                &[lease - 1, lease - 1],
                0,
            ),
            (
                "a lease ago",
                vec![(2, much), (0, much)],
                &[lease, lease],
                1,
            ),
            (
                "one of them a lease ago",
                vec![(4, much), (0, much)],
                &[lease - 1, lease],
                1,
            ),
            (
                "what others did not claim",
                vec![(4, much), (2, much), (0, much)],
                &[0, 0],
                0,
            ),
            (
                "not all that it has too much",
                vec![(6, much), (3, much), (0, much)],
                &[0, 0],
                1,
            ),
            ("drained", vec![(100, 0), (0, much)], &many[..], 10),
            ("no room for one", vec![(100, 99), (0, much)], &many[..], 5),
            ("full", vec![(100, 100), (0, much)], &many[..], 0),
        ] {
            let moves = moves_after(&workers, &[], claimed);
            assert_eq!(moves, (0, expected), "{name}");
        }
    }
}
