//! The shipped demonstration end to end: invented vendors, shipped connectors, shipped jobs, from an empty folder.
//!
//! Each day of the invented school the mirror must have as many rows as the sandbox describes;
//! from the second day on only churn is written.

use std::path::{Path, PathBuf};

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
        if day == 1 {
            every_reference_is_found(&mirror);
        }
        counts_before = counts;
        let ended: Vec<Option<String>> =
            queries::list(&mirror, "SELECT DISTINCT outcome FROM rollbook_runs");
        assert_eq!(ended, [Some("ok".to_owned())], "day {day}");
    }
}

/// Where `rollbook_columns` says that a column's values are found, they are.
fn every_reference_is_found(mirror: &Path) {
    let connection = queries::open(mirror);
    let sql = "SELECT source || '_' || stream, \"column\", refers_to FROM rollbook_columns \
               WHERE refers_to IS NOT NULL AND combo IS NULL AND type <> 'json'";
    let mut statement = connection.prepare(sql).expect("a query");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let references: Vec<(String, String, String)> = rows
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("texts");
    let tables: Vec<String> = queries::list(mirror, "SELECT name FROM sqlite_schema");
    let mut found = 0;
    for (table, column, refers_to) in references {
        let (other, key) = refers_to.split_once('.').expect("table and column");
        if !tables.iter().any(|name| name == other) {
            continue; // no shipped job reads it
        }
        let missing = format!(
            "SELECT count(*) FROM {table} AS one WHERE {column} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM {other} AS two WHERE two.{key} = one.{column})"
        );
        let missing: u64 = queries::one(mirror, &missing);
        assert_eq!(missing, 0, "{table}.{column} in {refers_to}");
        found += 1;
    }
    assert!(found > 40, "{found} references");
}

#[test]
fn other_programs_learn_what_tables_mean() {
    let installation = Installation::empty();
    let ran = rollbook(&installation, &["streams", "webuntis", "--diagram"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for line in [
        "erDiagram\n    webuntis_academic_sessions {\n        text sourced_id PK\n",
        "    webuntis_enrollments }o--o| webuntis_users : user_id\n",
        "    webuntis_users }o--o{ webuntis_orgs : orgs\n",
    ] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    let ran = rollbook(&installation, &["streams", "--datasette"]);
    let metadata: Value = serde_json::from_str(&ran.out).expect("JSON");
    let tables = &metadata["databases"]["mirror"]["tables"];
    assert_eq!(
        tables["webuntis_users"]["description"],
        "WebUntis, OneRoster 1.1: a person with a WebUntis account; people without one do not appear"
    );
    assert_eq!(
        tables["wisenet_units"]["columns"]["course_id"],
        "the course; refers to wisenet_courses.course_id"
    );
    for hidden in ["rollbook_runs", "wisenet_units_history"] {
        assert_eq!(tables[hidden]["hidden"], true, "{hidden}");
    }
}
