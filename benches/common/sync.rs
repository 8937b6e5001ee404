//! One measured run of `rollbook sync`, whose report must be right.

use crate::folder::Folder;
use crate::measure::{self, Cost};

/// The rows that a run must report: new, changed, unchanged.
pub type Counts = (usize, usize, usize);

/// Runs the folder's only job; `name` is for messages.
pub fn run(folder: &Folder, name: &str, expected: Counts) -> Cost {
    let cost = measure::run(folder.rollbook().args(["sync", "--json"]));
    let report: serde_json::Value =
        serde_json::from_str(&cost.output).expect("sync --json prints JSON");
    let stream = &report[0]["streams"][0];
    let count = |name: &str| stream[name].as_u64().unwrap_or(u64::MAX) as usize;
    let counts = (count("new"), count("changed"), count("unchanged"));
    assert_eq!(counts, expected, "{name}: {report:#}");
    assert_eq!(count("rejected"), 0, "{name}: {report:#}");
    assert_eq!(stream["unlisted"], serde_json::json!([]), "{name}");
    cost
}

/// Removes the mirror, so that the next run is a first one.
pub fn forget(folder: &Folder) {
    let state = folder.state();
    std::fs::remove_dir_all(&state).expect("the mirror can be removed");
    std::fs::create_dir(&state).expect("and its folder created again");
}
