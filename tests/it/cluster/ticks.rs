//! Ticks while sources move: none is lost, and none is read again once its run is published.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rollbook_core::model::schedule::spread;
use rollbook_postgres::cluster::lease::LEASE;

use super::district::{District, Plan};
use super::vendor::source;
use crate::queries;

const SCHOOLS: usize = 9;

/// Until the last tick; the workers share the sources before. One that starts late gets some only when a lease has passed in which
/// others had claimed them.
const LAST: i64 = 45 + LEASE.as_secs() as i64;

/// From the first tick, which is done as usual, to the last one.
const BETWEEN: i64 = 20;

/// How long before it a worker is killed, so that its sources are without a worker then.
const BEFORE: i64 = 4;

/// What is caught up is spread over ten minutes by the job's name. Names are chosen that have less.
const SPREAD: Duration = Duration::from_secs(10 * 60);
const SOON: Duration = Duration::from_secs(3);

/// A job of each school with two ticks of a minute, the last one at this time. What was due while a source moved is caught up by all jobs.
fn write_jobs(district: &District, due: Timestamp) {
    let host = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let names = (0..).map(|number| format!("tick_{number}"));
    let names = names.filter(|name| spread(&format!("{host}/{name}"), SPREAD) < SOON);
    let first = due - SignedDuration::from_secs(BETWEEN);
    let schedule = format!(
        "{},{}",
        first.strftime("%-S"),
        due.strftime("%-S %-M %-H %-d %-m *")
    );
    for (school, name) in names.take(SCHOOLS).enumerate() {
        let source = source(school);
        let former = district
            .installation
            .path(&format!("config/jobs/{source}.toml"));
        std::fs::remove_file(former).expect("removed");
        let catch_up = school % 2 == 0;
        district.installation.write(
            &format!("config/jobs/{name}.toml"),
            &format!("source = \"{source}\"\nstreams = [\"users\"]\nschedule = \"{schedule}\"\ncatch_up = {catch_up}\n"),
        );
    }
}

fn until(district: &District, time: Timestamp) {
    assert!(Timestamp::now() < time, "the machine is too slow");
    district.until("it is time", |_| Timestamp::now() >= time);
}

/// How often each school was read.
fn readings(district: &District) -> BTreeMap<String, usize> {
    let mut readings = BTreeMap::new();
    for reading in district.vendor.readings() {
        *readings.entry(source(reading.school)).or_default() += 1;
    }
    readings
}

#[test]
fn a_tick_is_neither_lost_nor_done_twice_when_its_source_moves() {
    let plan = Plan {
        schools: SCHOOLS,
        every: 0,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let seconds = Timestamp::now().as_second() + LAST;
    let seconds = seconds + (BETWEEN - seconds % 60).max(0); // both are of one minute
    let due = Timestamp::from_second(seconds).expect("a time");
    write_jobs(&district, due);
    district.add_many(3);
    district.until_shared();
    assert!(
        district.vendor.readings().is_empty(),
        "the machine is too slow"
    );
    district.until_published("the first tick");
    let once = (0..SCHOOLS).map(|school| (source(school), 1)).collect();
    assert_eq!(readings(&district), once);
    let mut random = fastrand::Rng::with_seed(1);
    district.vendor.change_all(&mut random);
    let held = Instant::now();
    (0..SCHOOLS).for_each(|school| district.vendor.hold(school));
    let [read, reading, alone] = [0, 1, 2].map(|worker: usize| district.workers[worker].folders());
    let shares = [&read, &reading, &alone];
    assert!(shares.iter().all(|share| !share.is_empty()));

    until(&district, due - SignedDuration::from_secs(BEFORE));
    district.workers[2].kill();
    let begun = (0..SCHOOLS).filter(|school| !alone.contains(&source(*school)));
    for school in begun {
        district.until("a reading", |district| {
            district.vendor.is_waited_for(school)
        });
    }
    district.workers[1].kill();
    // Also of sources that it had just taken over, where the machine is slow.
    let mut expected: BTreeMap<String, usize> =
        (0..SCHOOLS).map(|school| (source(school), 2)).collect();
    for reading in district.vendor.readings() {
        if reading.worker == district.workers[1].key && reading.at >= held {
            *expected.entry(source(reading.school)).or_default() += 1;
        }
    }
    assert!(expected.values().any(|times| *times == 3), "{expected:?}");
    district.vendor.release();
    district.until_published("the tick is done or caught up");
    assert_eq!(readings(&district), expected, "{}", district.told());

    // All sources move once more, to a worker that has seen none of it.
    district.add_many(1);
    let ended = district.workers[0].stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    district.until("the new one has all", |district| {
        district.workers[3].folders().len() == SCHOOLS
    });
    until(&district, Timestamp::now() + 2 * SOON);
    assert_eq!(readings(&district), expected, "{}", district.told());
    for school in 0..SCHOOLS {
        let mirror = district.workers[3].mirror(&source(school));
        let good = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'ok'";
        assert_eq!(queries::one::<u64>(&mirror, good), 2, "{}", source(school));
    }
    district.assert_right("one tick");
}
