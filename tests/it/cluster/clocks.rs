//! Workers whose clocks are wrong: leases are of the database's clock alone.

use std::fs;
use std::io::{Write as _, stderr};
use std::path::PathBuf;

use super::district::{District, Plan, seeds};
use super::workers::Worker;
use crate::sources::{is_comment, sources};

/// The workers' clocks, as `faketime` takes them: one is right.
const CLOCKS: [&str; 3] = ["-3h", "+0", "+2d"];

/// The library of `faketime`, wherever a distribution has it.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut folders = folders
        .map(|entry| entry.path())
        .chain(["/usr/lib".into(), "/usr/lib64".into()]);
    let library = |folder: PathBuf| folder.join("faketime/libfaketime.so.1");
    let found = folders.find_map(|folder| Some(library(folder)).filter(|path| path.is_file()));
    if found.is_none() {
        let _ = writeln!(
            stderr(),
            "skipped: faketime is not installed (apt-get install faketime)"
        );
    }
    found
}

/// Sources move from a clock that is days ahead to one that is behind.
#[test]
fn workers_with_wrong_clocks_share_sources() {
    let Some(faketime) = faketime() else { return };
    let plan = Plan {
        schools: 9,
        every: 3,
        are_clocks_wrong: true,
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let seed = seeds().next().expect("one");
    let mut random = fastrand::Rng::with_seed(seed);
    let url = district.database.url.clone();
    for (number, clock) in CLOCKS.iter().enumerate() {
        let mut worker = Worker::new(&district.installation, number, &url);
        let mut command = worker.command(&district.installation, &["run"]);
        // Waits are as long as they are.
        command
            .env("LD_PRELOAD", &faketime)
            .env("DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME", clock);
        worker.start_as(&district.installation, command);
        district.workers.push(worker);
    }
    district.until_published("by wrong clocks");
    district.until_placed();
    for worker in [2, 0] {
        district.vendor.change_all(&mut random);
        district.workers[worker].kill();
        district.until_published("the others have all");
    }
    district.assert_right("wrong clocks");
}

/// No statement of the cluster's has a time of the worker's, or the start of a transaction that has waited for a lock.
#[test]
fn the_cluster_s_statements_have_the_database_s_clock() {
    let files = sources();
    let files = files
        .iter()
        .filter(|source| source.name.starts_with("postgres/cluster/"));
    let mut clocks = 0;
    for source in files {
        for (number, line) in source.lines.iter().filter(|(_, line)| !is_comment(line)) {
            let lower = line.to_ascii_lowercase();
            for wrong in [
                "now()",
                "current_timestamp",
                "localtimestamp",
                "timestamp::now",
                "transaction_timestamp",
            ] {
                assert!(
                    !lower.contains(wrong),
                    "{}:{number}: {wrong}: {line}",
                    source.path()
                );
            }
            clocks += usize::from(lower.contains("clock_timestamp()"));
        }
    }
    assert!(clocks > 0, "no statement has a time");
}
