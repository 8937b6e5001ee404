//! A database that dies, that is away for longer than a lease, and that is put back to an earlier state.

use super::district::{District, Plan, seeds};
use super::workers::Worker;

fn district(schools: usize, workers: usize) -> Option<(District, fastrand::Rng)> {
    let mut district = District::new(Plan {
        schools,
        every: 3,
        ..Plan::default()
    })?;
    let seed = seeds().next().expect("one");
    district.add_many(workers);
    district.until_published("the first time");
    Some((district, fastrand::Rng::with_seed(seed)))
}

#[test]
fn a_database_that_dies_stops_nothing_for_good() {
    let Some((mut district, mut random)) = district(8, 2) else {
        return;
    };
    district.vendor.change_all(&mut random);
    district.server.kill();
    district.server.start();
    district.assert_right("after a crash");
    district.until_placed();
}

#[test]
fn a_database_that_is_away_for_longer_than_a_lease_ends_all_runs_until_it_is_back() {
    let Some((mut district, mut random)) = district(8, 2) else {
        return;
    };
    district.server.stop();
    district.vendor.change_all(&mut random);
    district.until("no worker has a source any more", |district| {
        let mut workers = district.workers.iter();
        workers.all(|worker| worker.is_running() && worker.folders().is_empty())
    });
    district.server.start();
    district.assert_right("after a long time without");
    district.until_placed();
}

#[test]
fn a_restored_database_is_made_up_for_by_all_workers() {
    let Some((mut district, mut random)) = district(8, 3) else {
        return;
    };
    district.until_placed();
    district.server.backup();
    district.until_published("after the backup");
    for restore in 0..2 {
        for _ in 0..2 {
            district.vendor.change_all(&mut random);
            district.until_published("a change");
        }
        if restore == 1 {
            // Its sources have been claimed by others meanwhile.
            let ended = district.workers[0].stop();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            district.until_placed();
        }
        district.watch.pause();
        district.server.restore();
        district.watch.restart();
        district.until_published("restored");
    }
    district.vendor.change_all(&mut random);
    district.assert_right("restored twice");
    district.until_placed();
}

/// Put back to before there was a cluster: all of it is made again.
#[test]
fn an_empty_database_is_filled_again() {
    let Some(mut district) = District::new(Plan {
        schools: 6,
        every: 3,
        ..Plan::default()
    }) else {
        return;
    };
    district.server.backup();
    district.add_many(2);
    district.until_published("the first time");
    district.watch.pause();
    district.server.restore();
    district.watch.restart();
    district.assert_right("from nothing");
    district.until_placed();
}

/// An operator deleted rows: the sources name workers that are not there.
#[test]
fn rows_of_killed_workers_that_were_deleted_leave_no_source_alone() {
    let Some((mut district, mut random)) = district(6, 2) else {
        return;
    };
    district.until_placed();
    district.workers.iter_mut().for_each(Worker::kill);
    let deleted = "DELETE FROM rollbook_cluster.workers";
    district.database.execute(deleted);
    district.vendor.change_all(&mut random);
    for worker in [0, 1] {
        district.start(worker);
    }
    district.assert_right("rows deleted");
    district.until_placed();
}
