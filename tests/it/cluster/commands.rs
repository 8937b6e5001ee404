//! Commands on a machine that has no source, and no worker, reach the worker that has it.

use rollbook_postgres::postgres::cluster;
use serde_json::Value;

use super::district::{District, Plan};
use super::vendor::source;
use super::workers::Worker;
use crate::cluster_tokens::connect;

/// The machine without a worker.
const ELSEWHERE: usize = 2;

#[test]
fn commands_reach_the_worker_that_has_the_source() {
    let plan = Plan {
        schools: 4,
        every: 0,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    district.add_many(2);
    let url = district.database.url.clone();
    district
        .workers
        .push(Worker::new(&district.installation, ELSEWHERE, &url));
    district.until("each has two", |district| {
        let mut workers = district.workers[..2].iter();
        workers.all(|worker| worker.folders().len() == 2)
    });
    district.until_placed();
    let run = |arguments: &[&str]| district.run_at(ELSEWHERE, arguments);
    let succeed = |arguments: &[&str]| {
        let ran = run(arguments);
        assert_eq!(
            ran.code,
            Some(0),
            "{arguments:?}: {ran:?}\n{}",
            district.told()
        );
        ran.out
    };
    for school in 0..4 {
        succeed(&["sync", &source(school)]);
    }
    district.until_published("by commands");

    // Refused, so parked until somebody says `resume`.
    let name = source(1);
    district.vendor.refuse(1, Some(401));
    let ran = run(&["sync", &name]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let status = run(&["status", "--in", &name, "--json"]).out;
    assert!(status.contains("parked"), "{status}");
    district.vendor.refuse(1, None);
    succeed(&["resume", &name]);
    succeed(&["sync", &name]);

    // Held, until somebody approves it.
    let name = source(2);
    district.vendor.empty(2);
    let ran = run(&["sync", &name, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(report["run"]["outcome"], "held", "{report}");
    let held = report["run"]["run"].to_string();
    let runs = succeed(&["runs", "--in", &name, "--json"]);
    assert!(runs.contains("held"), "{runs}");
    let status = run(&["status", "--in", &name]).out;
    let suggested = format!("rollbook approve {held} --in {name}");
    assert!(status.contains(&suggested), "{status}");
    succeed(&["approve", &held, "--in", &name, "--yes"]);
    succeed(&["sync", &name]);

    let status = succeed(&["cluster", "status"]);
    assert!(
        (0..4).all(|school| status.contains(&source(school))),
        "{status}"
    );
    district.assert_right("after commands");
    assert!(district.workers[ELSEWHERE].folders().is_empty());
}

/// Between the claim and the daemon that listens the source's first state is stored, which takes as long as the database does.
#[test]
fn a_command_waits_for_a_source_that_was_claimed_just_now() {
    let plan = Plan {
        schools: 1,
        every: 0,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cluster = connect(&district.installation.path(""), &district.database.url);
    let lock = runtime.block_on(async {
        let session = cluster.session().await.expect("connected");
        let prepared = cluster::prepare(&session, &cluster.schema).await;
        prepared.expect("made");
        let locked = session.batch("BEGIN; LOCK TABLE rollbook_cluster.pages IN EXCLUSIVE MODE");
        locked.await.expect("locked");
        session
    });
    district.add_many(1);
    let command = district.workers[0].command(&district.installation, &["sync", &source(0)]);
    let running = district.installation.start(command);
    district.until("the worker has had time to begin with it", |district| {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '5 s'";
        district.database.query(sql) == [["1"]]
    });
    runtime.block_on(lock.batch("COMMIT")).expect("unlocked");
    let ran = running.end();
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", district.told());
}
