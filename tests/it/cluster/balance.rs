//! Many sources: every worker gets its share, a worker that is told to stop leaves nothing behind, and a new one gets a share too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::district::{District, Plan, seeds};

/// How long a worker may take to give all of its sources back.
const DRAINED_WITHIN: Duration = Duration::from_secs(20);

/// How many sources each start has.
fn shares(district: &District) -> Vec<usize> {
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for (_, start) in district.leased() {
        *shares.entry(start).or_default() += 1;
    }
    shares.into_values().collect()
}

/// Why the sources are not shared by so many workers, each within a fifth.
fn unfair(district: &District, workers: usize) -> Option<String> {
    let (shares, all) = (shares(district), district.plan.schools);
    let fair = all.div_ceil(workers);
    let is_fair = |share: &usize| share.abs_diff(fair) * 5 <= fair;
    let is_whole = shares.iter().sum::<usize>() == all && shares.len() == workers;
    (!is_whole || !shares.iter().all(is_fair)).then(|| format!("{shares:?}"))
}

#[test]
fn two_hundred_sources_are_shared_and_move_from_a_worker_that_stops() {
    let plan = Plan {
        schools: 200,
        every: 60,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let seed = seeds().next().expect("one");
    let mut random = fastrand::Rng::with_seed(seed);
    district.add_many(3);
    district.until_nothing_is_wrong("a fair share", |district| unfair(district, 3));
    district.until_published("the first time");
    district.until_placed();

    let ended = district.workers[0].stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took < DRAINED_WITHIN, "{:?}", ended.took);
    let left = district.workers[0].folders();
    assert!(left.is_empty(), "{left:?}");
    let is_mirror = |path: &std::path::PathBuf| path.to_string_lossy().contains(".db");
    let left = district.workers[0].files();
    assert!(!left.iter().any(is_mirror), "{left:?}");
    district.vendor.change_all(&mut random);
    district.until_nothing_is_wrong("two have all", |district| unfair(district, 2));
    district.until_placed();

    district.start(0);
    district.until_nothing_is_wrong("a new one", |district| unfair(district, 3));
    district.until_placed();
    district.assert_right("200 sources");
}
