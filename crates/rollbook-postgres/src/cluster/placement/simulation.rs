//! Days of a cluster whose workers are stopped, killed, frozen and started, second by second.
//!
//! Every worker has at least room for twice its part. The seed is printed; `ROLLBOOK_SEED` sets it, and `ROLLBOOK_MODEL=large` plays two
//! days of 100 workers with 10,000 sources.

use std::time::Duration;

use fastrand::Rng;

use super::{ClusterView, FreeSource, LOOK, LiveWorker, OwnSource};
use crate::cluster::lease::{HEARTBEAT, HeldUntil, LEASE};
use crate::cluster::search::is_large;

/// How long a cluster is left alone before it must be balanced, in seconds.
const SETTLES: u64 = 15 * 60;

/// How long sources that were claimed long ago take to be shared with a worker that joins, in seconds, where runs are short.
const JOINS: u64 = 50;

struct Cluster {
    random: Rng,
    now: u64,
    sources: Vec<SourceState>,
    machines: Vec<Machine>,
    starts: u64,
    /// Sources that no valid heartbeat has.
    free: Vec<usize>,
    last_event: u64,
    /// In how many seconds the run of a source that is given back has ended.
    longest_run: u64,
    figures: Figures,
}

#[derive(Default, Debug)]
struct Figures {
    events: u64,
    /// Claims of a source that another start had.
    movements: u64,
    /// Sources that were free because their worker stopped.
    freed: u64,
    /// Claims of a source that another was faster to claim.
    refused: u64,
    heartbeats: u64,
    writes: u64,
    longest_alone: u64,
    balances_checked: u64,
}

struct SourceState {
    name: String,
    weight: u64,
    /// Machine and start.
    holder: Option<(usize, u64)>,
    had: bool,
    held_since: u64,
    free_since: u64,
    /// Since when no worker does anything for it.
    alone_since: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Up,
    /// Until then it releases what has no run.
    Drains(u64),
    /// Its process goes on then.
    Frozen(u64),
    /// A new process starts then.
    Down(u64),
}

struct Machine {
    status: Status,
    start: u64,
    name: String,
    room: u64,
    /// By the database's clock; 0 without a start.
    valid_until: u64,
    held_until: HeldUntil,
    next_heartbeat: u64,
    next_look: u64,
    next_event: u64,
    held: Vec<usize>,
    /// Sources that are given back, and when their runs end.
    leaving: Vec<(usize, u64)>,
    load: u64,
    leaving_weight: u64,
    /// What it has decided to claim a second ago.
    claims: Vec<usize>,
}

impl Cluster {
    fn new(seed: u64, machines: usize, sources: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        let sources: Vec<SourceState> = (0..sources)
            .map(|number| SourceState {
                name: format!("school-{number}"),
                weight: random.u64(1..=4),
                holder: None,
                had: false,
                held_since: 0,
                free_since: 0,
                alone_since: Some(0),
            })
            .collect();
        let weight: u64 = sources.iter().map(|source| source.weight).sum();
        let part = weight / u64::try_from(machines).expect("few");
        let machines = (0..machines)
            .map(|_| Machine {
                status: Status::Down(random.u64(0..8)),
                start: 0,
                name: String::new(),
                room: random.u64(2 * part..=4 * part),
                valid_until: 0,
                held_until: HeldUntil::renewed_at(Duration::ZERO),
                next_heartbeat: 0,
                next_look: 0,
                next_event: random.u64(600..4 * 3600),
                held: Vec::new(),
                leaving: Vec::new(),
                load: 0,
                leaving_weight: 0,
                claims: Vec::new(),
            })
            .collect();
        Self {
            random,
            now: 0,
            free: (0..sources.len()).collect(),
            sources,
            machines,
            starts: 0,
            last_event: 0,
            longest_run: 60,
            figures: Figures::default(),
        }
    }

    fn second(&mut self) {
        self.now += 1;
        for number in 0..self.machines.len() {
            self.disturb(number);
            self.expire(number);
            match self.machines[number].status {
                Status::Up => self.work(number),
                Status::Drains(until) => self.drain(number, until),
                Status::Frozen(_) | Status::Down(_) => {}
            }
        }
        if self.now - self.last_event > SETTLES && self.now.is_multiple_of(60) {
            self.check_balance();
        }
    }

    /// What happens to machines.
    fn disturb(&mut self, number: usize) {
        let now = self.now;
        let is_down = |machine: &Machine| machine.status != Status::Up;
        let down = self.machines.iter().filter(|machine| is_down(machine));
        let is_crowded = down.count() * 4 > self.machines.len();
        let machine = &mut self.machines[number];
        match machine.status {
            Status::Up if now >= machine.next_event => {
                // Nights are quiet.
                if is_crowded || (now / 3600) % 6 >= 4 {
                    machine.next_event = now + self.random.u64(60..3600);
                    return;
                }
                machine.next_event = now + self.random.u64(600..8 * 3600);
                machine.status = match self.random.u8(..4) {
                    0 => Status::Drains(now + self.random.u64(1..20)),
                    1 | 2 => Status::Frozen(now + self.random.u64(1..180)),
                    _ => Status::Down(now + self.random.u64(1..900)),
                };
                let is_draining = matches!(machine.status, Status::Drains(_));
                let is_killed = matches!(machine.status, Status::Down(_));
                if !is_draining {
                    let left = machine.leaving.iter().map(|(source, _)| source);
                    for source in machine.held.iter().chain(left) {
                        self.sources[*source].alone_since = Some(now);
                    }
                }
                if is_killed {
                    // Its process is gone; its start is valid for a while.
                    (machine.claims, machine.leaving) = (Vec::new(), Vec::new());
                    machine.held.clear();
                }
                (self.figures.events, self.last_event) = (self.figures.events + 1, now);
            }
            Status::Frozen(until) if now >= until => {
                self.last_event = now;
                machine.status = Status::Up;
                let left = machine.leaving.iter().map(|(source, _)| source);
                let own = Some((number, machine.start));
                for source in machine.held.iter().chain(left) {
                    let source = &mut self.sources[*source];
                    if source.holder == own && machine.valid_until >= now {
                        source.alone_since = None;
                    }
                }
            }
            Status::Down(until) if now >= until && machine.valid_until < now => {
                self.begin(number);
            }
            _ => {}
        }
    }

    /// A new start.
    fn begin(&mut self, number: usize) {
        self.starts += 1;
        self.last_event = self.now;
        let machine = &mut self.machines[number];
        machine.status = Status::Up;
        (machine.start, machine.name) = (self.starts, format!("start-{}", self.starts));
        (machine.held, machine.leaving, machine.claims) = (Vec::new(), Vec::new(), Vec::new());
        machine.next_heartbeat = self.now;
        machine.next_look = self.now + 2 * LOOK.as_secs();
        self.weigh(number);
        self.heartbeat(number);
    }

    /// A heartbeat that is not renewed ends.
    fn expire(&mut self, number: usize) {
        let valid_until = self.machines[number].valid_until;
        if valid_until > 0 && valid_until < self.now {
            self.end_heartbeat(number);
        }
    }

    fn end_heartbeat(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        machine.valid_until = 0;
        let own = Some((number, machine.start));
        for (name, source) in self.sources.iter_mut().enumerate() {
            if source.holder == own {
                (source.holder, source.free_since) = (None, self.now);
                self.free.push(name);
                self.figures.freed += 1;
            }
        }
    }

    fn work(&mut self, number: usize) {
        let (now, clock) = (self.now, Duration::from_secs(self.now));
        let machine = &self.machines[number];
        if machine.valid_until > 0 && machine.held_until.left(clock).is_zero() {
            self.end_heartbeat(number);
        }
        if self.machines[number].valid_until == 0 {
            // It was frozen for too long: its sources are another's, and it takes a new start.
            self.begin(number);
        }
        self.heartbeat(number);
        self.claim(number);
        let machine = &mut self.machines[number];
        let ended = machine.leaving.extract_if(.., |(_, until)| *until <= now);
        let released: Vec<usize> = ended.map(|(source, _)| source).collect();
        for source in &released {
            self.release(*source);
        }
        if !released.is_empty() {
            self.weigh(number);
        }
        if now >= self.machines[number].next_look {
            self.machines[number].next_look = now + LOOK.as_secs();
            self.look(number);
        }
    }

    fn heartbeat(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        if self.now >= machine.next_heartbeat {
            machine.next_heartbeat = self.now + HEARTBEAT.as_secs();
            machine.valid_until = self.now + LEASE.as_secs();
            machine.held_until = HeldUntil::renewed_at(Duration::from_secs(self.now));
            self.figures.heartbeats += 1;
            self.figures.writes += 1;
        }
    }

    /// What was decided a second ago.
    fn claim(&mut self, number: usize) {
        let claims = std::mem::take(&mut self.machines[number].claims);
        if claims.is_empty() {
            return;
        }
        let before = self.figures.writes;
        let own = (number, self.machines[number].start);
        for name in claims {
            let source = &mut self.sources[name];
            if source.holder.is_some() {
                self.figures.refused += 1;
                continue;
            }
            self.figures.writes += 1;
            self.figures.movements += u64::from(source.had);
            (source.holder, source.had) = (Some(own), true);
            source.held_since = self.now;
            let alone = source
                .alone_since
                .take()
                .map_or(0, |since| self.now - since);
            self.figures.longest_alone = self.figures.longest_alone.max(alone);
            assert!(
                alone <= LEASE.as_secs() + 10,
                "at {} s {} was alone for {alone} s, free for {} s",
                self.now,
                source.name,
                self.now - source.free_since
            );
            self.free.retain(|free| *free != name);
            self.machines[number].held.push(name);
            self.assert_one_works(name);
        }
        if self.figures.writes > before {
            self.figures.writes += 1; // of its load
        }
        self.weigh(number);
    }

    /// No two workers do something for a source at once, by their own clocks.
    fn assert_one_works(&self, name: usize) {
        let clock = Duration::from_secs(self.now);
        let works = |machine: &&Machine| {
            let has = machine.held.contains(&name)
                || machine.leaving.iter().any(|(source, _)| *source == name);
            has && machine.status == Status::Up && !machine.held_until.left(clock).is_zero()
        };
        let working = self.machines.iter().filter(works).count();
        assert_eq!(working, 1, "at {} s {}", self.now, self.sources[name].name);
    }

    fn release(&mut self, name: usize) {
        let source = &mut self.sources[name];
        (source.holder, source.free_since) = (None, self.now);
        source.alone_since = Some(self.now);
        self.free.push(name);
        self.figures.writes += 1;
    }

    fn drain(&mut self, number: usize, until: u64) {
        self.heartbeat(number);
        if self.now < until {
            return;
        }
        let machine = &mut self.machines[number];
        let leaving = std::mem::take(&mut machine.leaving);
        let mut held = std::mem::take(&mut machine.held);
        held.extend(leaving.iter().map(|(source, _)| source));
        machine.claims.clear();
        // It removes its heartbeat.
        machine.valid_until = 0;
        machine.status = Status::Down(self.now + self.random.u64(1..120));
        self.figures.freed += u64::try_from(held.len()).expect("few");
        for source in held {
            self.release(source);
        }
    }

    /// What its row says.
    fn weigh(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        let weight = |name: &usize| self.sources[*name].weight;
        machine.load = machine.held.iter().map(weight).sum();
        machine.leaving_weight = machine.leaving.iter().map(|(name, _)| weight(name)).sum();
    }

    fn live(&self) -> Vec<LiveWorker<'_>> {
        let live = self
            .machines
            .iter()
            .filter(|machine| machine.valid_until >= self.now);
        live.map(|machine| LiveWorker {
            start: &machine.name,
            load: machine.load,
            leaving: machine.leaving_weight,
            room: match machine.status {
                Status::Drains(_) => 0,
                _ => machine.room,
            },
        })
        .collect()
    }

    fn look(&mut self, number: usize) {
        let live = self.live();
        let free: Vec<FreeSource<'_>> = self
            .free
            .iter()
            .map(|name| &self.sources[*name])
            .map(|source| FreeSource {
                name: &source.name,
                weight: source.weight,
                free_for: Duration::from_secs(self.now - source.free_since),
            })
            .collect();
        let machine = &self.machines[number];
        let held: Vec<OwnSource<'_>> = machine
            .held
            .iter()
            .map(|name| &self.sources[*name])
            .map(|source| OwnSource {
                name: &source.name,
                weight: source.weight,
                held_for: Duration::from_secs(self.now - source.held_since),
            })
            .collect();
        let view = ClusterView {
            start: &machine.name,
            workers: &live,
            free: &free,
            held: &held,
        };
        let moves = view.moves();
        let number_of =
            |name: &&str| -> usize { name["school-".len()..].parse().expect("a number") };
        let claims = moves.claim.iter().map(number_of).collect();
        let gifts: Vec<usize> = moves.give_back.iter().map(number_of).collect();
        let machine = &mut self.machines[number];
        machine.claims = claims;
        if gifts.is_empty() {
            return;
        }
        self.figures.writes += 1; // of its load
        machine.held.retain(|name| !gifts.contains(name));
        for name in gifts {
            let run_ends = self.now + self.random.u64(0..self.longest_run);
            machine.leaving.push((name, run_ends));
        }
        self.weigh(number);
    }

    fn check_balance(&mut self) {
        assert!(
            self.free.is_empty(),
            "at {} s: {} are free",
            self.now,
            self.free.len()
        );
        let unbalanced = self.unbalanced();
        assert!(unbalanced.is_none(), "at {} s {unbalanced:?}", self.now);
        self.figures.balances_checked += 1;
    }

    /// A worker that does not have its part.
    fn unbalanced(&self) -> Option<String> {
        let live = self.live();
        let total: u64 = live.iter().map(|worker| worker.load).sum();
        let level = total.div_ceil(u64::try_from(live.len()).expect("few"));
        // A tenth, and the heaviest source.
        let most = level.div_ceil(10) + 4;
        let mut live = live.iter();
        let worker = live.find(|worker| worker.load.abs_diff(level) > most)?;
        Some(format!(
            "{} has {} instead of {level}",
            worker.start, worker.load
        ))
    }
}

#[test]
fn days_of_a_cluster() {
    let seed = std::env::var("ROLLBOOK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let (machines, sources, hours) = if is_large() {
        (100, 10_000, 48)
    } else {
        (10, 250, 10)
    };
    println!("ROLLBOOK_SEED={seed}");
    let mut cluster = Cluster::new(seed, machines, sources);
    for _ in 0..hours * 3600 {
        cluster.second();
    }
    let figures = &cluster.figures;
    let seconds = cluster.now;
    println!("{figures:?}");
    println!("{} writes in {seconds} s", figures.writes);
    let few = |number: usize| u64::try_from(number).expect("few");
    let (machines, sources) = (few(machines), few(sources));
    assert!(figures.events > machines * hours / 16, "{figures:?}");
    assert!(figures.balances_checked > 0, "{figures:?}");
    // A heartbeat a worker and not a source, and what moves.
    let beats = machines * (seconds / HEARTBEAT.as_secs()) + cluster.starts;
    assert!(figures.heartbeats <= beats, "{figures:?}, {beats}");
    let rest = figures.writes - figures.heartbeats;
    assert!(rest <= 4 * (figures.movements + sources), "{figures:?}");
    // What is freed moves, and a start is given its part, twice because sources are of different weight.
    let most = figures.freed + 2 * sources / machines * cluster.starts;
    assert!(figures.movements <= most, "{figures:?}, {most}");
}

/// A cluster whose machines do only what a test says, and the first of them not even that.
fn quiet_cluster(seed: u64, machines: usize, sources: usize) -> Cluster {
    let mut cluster = Cluster::new(seed, machines, sources);
    cluster.longest_run = 2;
    for machine in &mut cluster.machines {
        machine.next_event = u64::MAX;
    }
    cluster.machines[0].status = Status::Down(u64::MAX);
    cluster
}

impl Cluster {
    fn pass(&mut self, seconds: u64) {
        (0..seconds).for_each(|_| self.second());
    }

    /// The first machine starts, and after this many seconds its process is stopped for long.
    fn start_and_freeze(&mut self, seconds: u64) {
        self.machines[0].status = Status::Down(self.now);
        self.pass(1 + seconds);
        self.machines[0].status = Status::Frozen(u64::MAX);
        self.last_event = self.now;
        for name in self.machines[0].held.clone() {
            self.sources[name].alone_since = Some(self.now);
        }
    }

    /// How often each source is claimed while the heartbeat of the first machine is valid.
    fn claims_until_it_ends(&mut self) -> Vec<usize> {
        let mut claims = vec![0; self.sources.len()];
        while self.machines[0].valid_until >= self.now {
            self.second();
            for (source, claims) in self.sources.iter().zip(&mut claims) {
                *claims += usize::from(source.holder.is_some() && source.held_since == self.now);
            }
        }
        claims
    }
}

#[test]
fn a_worker_that_only_looks_alive_makes_no_source_move_twice() {
    for (machines, sources) in [(3, 9), (3, 30), (5, 60), (10, 250)] {
        let mut movements = 0;
        for seed in 0..40 {
            let mut cluster = quiet_cluster(seed, machines, sources);
            cluster.pass(600);
            cluster.start_and_freeze(seed);
            let claims = cluster.claims_until_it_ends();
            let most = claims.iter().max().copied().unwrap_or_default();
            assert!(most <= 1, "{machines} machines, seed {seed}: {claims:?}");
            movements += claims.iter().sum::<usize>();
        }
        println!("{sources} sources, {machines} machines: {movements} movements in 40 times");
    }
}

/// Also where all sources were claimed just before.
#[test]
fn a_worker_that_joins_has_its_part_at_most_a_lease_later() {
    for (machines, sources) in [(3, 9), (3, 30), (5, 60), (10, 250)] {
        let mut slowest = 0;
        for seed in 0..40 {
            let mut cluster = quiet_cluster(seed, machines, sources);
            cluster.pass(if seed % 2 == 0 { 20 } else { 600 });
            let joined = cluster.now;
            cluster.machines[0].status = Status::Down(joined);
            cluster.pass(1);
            while !(cluster.free.is_empty() && cluster.unbalanced().is_none()) {
                cluster.second();
                let passed = cluster.now - joined;
                assert!(
                    passed <= JOINS + LEASE.as_secs(),
                    "{machines} machines, seed {seed}: {:?}",
                    cluster.unbalanced()
                );
            }
            slowest = slowest.max(cluster.now - joined);
        }
        println!("{sources} sources, {machines} machines: balanced after {slowest} s at most");
    }
}
