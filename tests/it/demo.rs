//! The shipped demonstration end to end: invented vendors, shipped connectors, shipped jobs, from an empty folder.
//!
//! Each day of the invented school the mirror must have as many rows as the sandbox describes;
//! from the second day on only churn is written.

use std::path::PathBuf;

use serde_json::Value;

use crate::installation::{Finished, Installation};
use crate::queries;

/// Students; enough for several pages of the larger lists.
const STUDENTS: &str = "150";

fn rollbook(installation: &Installation, arguments: &[&str]) -> Finished {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = installation.bare();
    command
        .arg("--config")
        .arg(shipped.join("config"))
        .arg("--jobs")
        .arg(shipped.join("jobs"));
    command
        .arg("--state")
        .arg(installation.path("state"))
        .args(arguments);
    installation.start(command).end()
}

/// Every stream of every job, with its source.
fn streams(demo: &Value) -> Vec<(String, Value)> {
    let runs = demo.as_array().expect("runs");
    let of_run = |run: &Value| -> Vec<(String, Value)> {
        let source = run["source"].as_str().expect("a source").to_owned();
        let streams = run["streams"].as_array().expect("streams");
        streams
            .iter()
            .map(|stream| (source.clone(), stream.clone()))
            .collect()
    };
    runs.iter().flat_map(of_run).collect()
}

#[test]
fn the_mirror_equals_the_sandbox_day_after_day() {
    let installation = Installation::empty();
    let mirror = installation.mirror();
    let mut counts_before: Vec<u64> = Vec::new();
    for day in 1..=3 {
        let ran = rollbook(&installation, &["demo", "--json", "--students", STUDENTS]);
        assert_eq!(ran.code, Some(0), "day {day}: {}\n{}", ran.out, ran.err);
        let demo: Value = serde_json::from_str(&ran.out).expect("JSON");
        let file = installation.path("state/sandbox.json");
        let file = file.to_str().expect("a path");
        let messages = rollbook(
            &installation,
            &[
                "sandbox",
                "--describe",
                "--json",
                "--students",
                STUDENTS,
                "--file",
                file,
            ],
        );
        let messages: Value = serde_json::from_str(&messages.out).expect("JSON");
        let mut wrong = Vec::new();
        let mut counts = Vec::new();
        for (source, stream) in streams(&demo) {
            let name = stream["stream"].as_str().expect("a name");
            let there = queries::count(&mirror, &format!("{source}_{name}"));
            let unconfirmed = stream["unconfirmed"].as_u64().expect("a number");
            counts.push(there);
            let served = messages["vendors"][&source][name].as_u64();
            if served != Some(there - unconfirmed) {
                wrong.push(format!("{source}.{name}: {there} rows, {unconfirmed} of them wait, the vendor has {served:?}"));
            }
            let outcome = stream["outcome"].as_str().expect("an outcome");
            assert!(
                ["ok", "not_served"].contains(&outcome),
                "day {day} {source}.{name}: {stream}"
            );
        }
        assert!(wrong.is_empty(), "day {day}: {wrong:#?}");
        assert!(
            counts.len() > 30 && counts.iter().sum::<u64>() > 10_000,
            "day {day}: {counts:?}"
        );
        let number = |name: &str| -> u64 {
            streams(&demo)
                .iter()
                .map(|(_, stream)| stream[name].as_u64().expect("a number"))
                .sum()
        };
        let written = number("new") + number("changed") + number("removed");
        let all: u64 = counts.iter().sum();
        if day == 1 {
            assert_eq!(
                (number("new"), number("changed"), number("removed")),
                (all, 0, 0)
            );
        } else {
            assert!(written > 0, "day {day}: the school does not change");
            assert!(
                written < all / 5,
                "day {day}: {written} of {all} rows written"
            );
            assert_eq!(
                all + number("removed"),
                counts_before.iter().sum::<u64>() + number("new"),
                "day {day}"
            );
        }
        counts_before = counts;
        let ended: Vec<Option<String>> =
            queries::list(&mirror, "SELECT DISTINCT outcome FROM rollbook_runs");
        assert_eq!(ended, [Some("ok".to_owned())], "day {day}");
    }
}
