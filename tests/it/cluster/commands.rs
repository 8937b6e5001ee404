//! Commands on a machine that has no source, and no worker, reach the worker that has it.

use serde_json::Value;

use super::district::{District, Plan};
use super::vendor::source;
use super::workers::Worker;
use crate::database::psql;

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
    district.add_many(1);
    let url = district.database.url.clone();
    for number in [1, ELSEWHERE] {
        let worker = Worker::new(&district.installation, number, &url);
        district.workers.push(worker);
    }
    district.until("a worker has joined", |district| {
        let sql = "SELECT 1 FROM rollbook_cluster.workers";
        psql(&district.database.url, sql).is_ok_and(|rows| rows == [["1"]])
    });
    // At once: the daemon of a source that was claimed just now does not listen yet, and the command waits for it.
    for school in 0..4 {
        let ran = district.run_at(ELSEWHERE, &["sync", &source(school)]);
        assert_eq!(ran.code, Some(0), "{ran:?}\n{}", district.told());
    }
    district.start(1);
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
