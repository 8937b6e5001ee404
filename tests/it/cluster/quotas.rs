//! A limit of requests a day, while the source moves from worker to worker: the vendor counts, and never receives more.

use std::fs;

use jiff::Timestamp;

use super::district::{District, Plan};
use super::vendor::source;

/// Requests a day.
const LIMIT: usize = 200;

const USED_UP: &str = "the limit of 200 requests a day is reached";

/// Requests that are counted at once, a fiftieth of the limit: so many at most are lost with a worker that is killed.
const BLOCK: usize = 4;

/// Requests between two moves; a reading has one for each user.
const BETWEEN: usize = 30;

/// The worker that has the source, as soon as one has.
fn holder(district: &District) -> usize {
    let has_it = |district: &District| {
        let mut workers = district.workers.iter();
        workers.position(|worker| worker.is_running() && !worker.folders().is_empty())
    };
    district.until("a worker has it", |district| {
        !district.leased().is_empty() && has_it(district).is_some()
    });
    has_it(district).expect("found just now")
}

fn is_used_up(district: &District, worker: usize) -> bool {
    district.workers[worker].log().contains(USED_UP)
}

#[test]
fn a_daily_limit_holds_while_a_source_moves() {
    let plan = Plan {
        schools: 1,
        every: 1,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let connector = district.installation.path("config/connectors/own.toml");
    let text = fs::read_to_string(connector).expect("read");
    // One request at a time, so that of those that were counted a worker that is killed has at most one that it did not send yet.
    let limits = format!("in_flight = 1\nper_day = {LIMIT}");
    let text = text.replace("in_flight = 4", &limits);
    let text = text.replace("size = 200", "size = 1");
    district
        .installation
        .write("config/connectors/own.toml", &text);
    let day = || Timestamp::now().strftime("%F").to_string();
    let begun = day();
    district.add_many(2);

    // One is killed in a reading, with a part of a block; others give back what they did not send.
    for is_killed in [true, false, false] {
        let from = district.vendor.requests();
        district.until("requests", |district| {
            district.vendor.requests() >= from + BETWEEN
        });
        let worker = holder(&district);
        if is_killed {
            district.vendor.hold(0);
            district.until("a reading", |district| district.vendor.is_waited_for(0));
            district.workers[worker].kill();
            district.vendor.release();
        } else {
            let ended = district.workers[worker].stop();
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
        district.start(worker);
        assert!(district.vendor.requests() <= LIMIT, "{}", district.told());
    }
    district.until("it is used up", |district| {
        is_used_up(district, holder(district))
    });
    let used = district.vendor.requests();

    // Another worker finds it used up too, also when a person wants a run.
    let worker = holder(&district);
    district.workers[worker].stop();
    let other = holder(&district);
    let ran = district.run_at(other, &["sync", &source(0), "--json"]);
    assert!(ran.out.contains(USED_UP), "{ran:?}\n{}", district.told());
    if day() == begun {
        let requests = district.vendor.requests();
        assert_eq!(requests, used);
        assert!(requests <= LIMIT, "{requests}");
        assert!(requests >= LIMIT - BLOCK, "{requests}");
    }
    district.assert_good();
}
