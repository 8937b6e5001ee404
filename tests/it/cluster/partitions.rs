//! Workers that cannot reach the database: a connection that is closed, and one that accepts and never answers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rollbook_postgres::cluster::lease::LEASE;

use super::district::{District, Plan, seeds};
use super::workers::Worker;
use crate::database::{Fault, Proxy};

/// What a worker may still send after its lease has ended: requests that were on their way.
const LATE: Duration = Duration::from_secs(3);

#[test]
fn a_worker_without_its_database_ends_its_runs_with_its_lease() {
    let plan = Plan {
        schools: 9,
        every: 2,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let seed = seeds().next().expect("one");
    let mut random = fastrand::Rng::with_seed(seed);
    let proxies = [(); 2].map(|()| Proxy::start(district.server.port()));
    for proxy in &proxies {
        let url = proxy.url(&district.database);
        district.add(&url);
    }
    district.add_many(1);
    district.until_published("before the partition");
    district.until_shared();
    district.until("the others read", |district| {
        let readings = district.vendor.readings();
        let reads = |worker: &Worker| readings.iter().any(|reading| reading.worker == worker.key);
        district.workers[..2].iter().all(reads)
    });

    proxies[0].set(Fault::HalfOpen);
    proxies[1].set(Fault::Refuse);
    proxies[1].cut();
    let cut = Instant::now();
    district.vendor.change_all(&mut random);
    district.until("the third has all", |district| {
        district.workers[2].folders().len() == 9
    });
    district.until_published("by the third");
    district.until("the others have nothing", |district| {
        let mut others = district.workers[..2].iter();
        others.all(|worker| worker.folders().is_empty())
    });
    let keys: BTreeSet<&String> = district.workers[..2]
        .iter()
        .map(|worker| &worker.key)
        .collect();
    let readings = district.vendor.readings();
    let of_others = readings
        .iter()
        .filter(|reading| keys.contains(&reading.worker));
    let last = of_others
        .map(|reading| reading.at)
        .max()
        .expect("they read");
    let after = last.saturating_duration_since(cut);
    println!("the last request {after:?} after the cut");
    assert!(after < LEASE + LATE, "{after:?}\n{}", district.told());
    let mut others = district.workers[..2].iter();
    assert!(others.all(|worker| worker.is_running() && !worker.log().contains("panicked")));

    district.vendor.change_all(&mut random);
    proxies.iter().for_each(|proxy| proxy.set(Fault::None));
    district.until("they are back", |district| {
        let starts = district.leased().into_iter().map(|(_, start)| start);
        starts.collect::<BTreeSet<_>>().len() == 3
    });
    district.until_placed();
    district.assert_right("after the partition");
}

/// Commits whose answers are lost, of both workers, again and again.
#[test]
fn lost_answers_to_commits_write_nothing_twice() {
    let plan = Plan {
        schools: 8,
        every: 2,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let seed = seeds().next().expect("one");
    let mut random = fastrand::Rng::with_seed(seed);
    let proxies = [(); 2].map(|()| Proxy::start(district.server.port()));
    for proxy in &proxies {
        let url = proxy.url(&district.database);
        district.add(&url);
    }
    district.until_published("before");
    for _ in 0..12 {
        district.vendor.change_all(&mut random);
        let proxy = &proxies[random.usize(..2)];
        let strikes = proxy.strikes();
        proxy.set_once(Fault::LoseCommit);
        // The fault is of new connections.
        proxy.cut();
        district.until("an answer is lost", |_| proxy.strikes() > strikes);
    }
    district.assert_right("lost answers");
    district.until_placed();
}
