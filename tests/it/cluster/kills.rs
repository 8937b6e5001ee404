//! Workers are killed again and again, by the bytes that they have sent to the database, and start again.

use std::time::{Duration, Instant};

use super::district::{District, Plan, seeds};
use crate::database::{Bouncer, Fault, Proxy};

const WORKERS: usize = 3;
const KILLS: usize = 8;

/// Bytes to the database within which a worker is killed: some ships and publications of a few sources.
const BYTES: usize = 60_000;

/// One that sends nothing any more is killed as well.
const MAX_WAIT: Duration = Duration::from_secs(8);

#[test]
fn killed_workers_lose_nothing() {
    for seed in seeds() {
        let plan = Plan {
            schools: 18,
            every: 4,
            ..Plan::default()
        };
        play((seed, KILLS), plan, |district| district.server.port());
    }
}

/// A connection lives as long as a transaction there, and PgBouncer makes one at a time, so there are fewer schools.
#[test]
fn killed_workers_behind_pgbouncer_lose_nothing() {
    let seed = seeds().next().expect("one");
    let plan = Plan {
        schools: 6,
        every: 12,
        ..Plan::default()
    };
    let mut bouncer = None;
    play((seed, KILLS / 2), plan, |district| {
        bouncer = district.server.pgbouncer(&district.database);
        bouncer.as_ref().map_or(0, Bouncer::port)
    });
}

/// Kills at random steps; the workers' proxies are in front of this port, or 0.
fn play((seed, kills): (u64, usize), plan: Plan, port: impl FnOnce(&District) -> u16) {
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let port = port(&district);
    if port == 0 {
        return;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let proxies: Vec<Proxy> = (0..WORKERS).map(|_| Proxy::start(port)).collect();
    for proxy in &proxies {
        let url = proxy.url(&district.database);
        district.add(&url);
    }
    district.until_published("before the first kill");
    for kill in 0..kills {
        let worker = random.usize(..WORKERS);
        let bytes = random.usize(..BYTES);
        district.vendor.change_all(&mut random);
        proxies[worker].set(Fault::None);
        let started = Instant::now();
        district.until("a kill", |_| {
            proxies[worker].forwarded().0 > bytes || started.elapsed() > MAX_WAIT
        });
        district.workers[worker].kill();
        println!("kill {kill}: worker {worker} after {bytes} bytes");
        district.start(worker);
    }
    district.assert_right(&format!("seed {seed}"));
    district.until_placed();
}
