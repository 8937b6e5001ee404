//! Workers that are stopped (SIGSTOP) for longer than their lease and then go on: nothing that they do then counts.

use std::collections::BTreeMap;

use super::district::{District, Plan, seeds};
use super::vendor::source;
use crate::database::{Fault, Proxy};

/// Bytes to the database after which a worker is stopped: in a transaction, mostly.
const BYTES: usize = 8_000;

/// The epoch of each source's claim and position.
fn epochs(district: &District) -> BTreeMap<String, (i64, i64)> {
    let sql = "SELECT source, epoch, position_epoch FROM rollbook_cluster.leases";
    let number = |text: &str| text.parse().expect("a number");
    let rows = district.database.query(sql).into_iter();
    rows.map(|row| (row[0].clone(), (number(&row[1]), number(&row[2]))))
        .collect()
}

#[test]
fn a_stopped_worker_goes_on_without_effect() {
    for seed in seeds() {
        play(seed);
    }
}

fn play(seed: u64) {
    let plan = Plan {
        schools: 9,
        every: 3,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let proxies = [(); 2].map(|()| Proxy::start(district.server.port()));
    for proxy in &proxies {
        let url = proxy.url(&district.database);
        district.add(&url);
    }
    district.add_many(1);
    district.until_published("before the stop");
    district.until_shared();

    // One in a reading, whose response it receives when it goes on; one while it sends to the database.
    let of_first = district.workers[0].folders();
    let school = (0..9).find(|school| of_first.contains(&source(*school)));
    let school = school.expect("a source of the first worker");
    district.vendor.hold(school);
    district.until("a reading", |district| {
        district.vendor.is_waited_for(school)
    });
    district.workers[0].running().signal("STOP");
    district.vendor.change_all(&mut random);
    proxies[1].set(Fault::None);
    let bytes = random.usize(..BYTES);
    district.until("the second sends", |_| proxies[1].forwarded().0 > bytes);
    district.workers[1].running().signal("STOP");
    let before = epochs(&district);
    district.vendor.change_all(&mut random);
    district.vendor.release();

    let of_third = district.workers[2].folders();
    district.until("the third has all", |district| {
        district.workers[2].folders().len() == 9
    });
    district.until_published("by the third");
    let taken = epochs(&district);
    for (name, (epoch, position_epoch)) in &taken {
        // What it had may have been on the way to another, and come back.
        let is_claimed = *epoch > before[name].0;
        let is_kept = of_third.contains(name);
        assert!(is_claimed || is_kept, "{name}: {before:?}, {taken:?}");
        let is_stored = position_epoch == epoch;
        assert!(is_stored || is_kept, "{name}: {taken:?}");
    }

    // From now on the vendor does not change, so what is published never does either.
    for worker in &district.workers[..2] {
        worker.running().signal("CONT");
    }
    let published = district.published();
    district.until("the others have sources again", |district| {
        assert_eq!(district.published(), published, "{}", district.told());
        let starts = district.leased().into_iter().map(|(_, start)| start);
        starts.collect::<std::collections::BTreeSet<_>>().len() == 3
    });
    district.until_placed();
    assert_eq!(district.published(), published);
    district.assert_right(&format!("seed {seed}, {bytes} bytes"));
}
