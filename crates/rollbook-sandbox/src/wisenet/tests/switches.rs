//! Every switch has its documented effect, and the default does not have it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Harness, Switches, id};
use crate::switches;

/// One observation of the service: by default and with the switch.
struct Row {
    set: &'static [(&'static str, &'static str)],
    observation: &'static str,
    default: &'static str,
    switched: &'static str,
}

const fn row(
    set: &'static [(&'static str, &'static str)],
    observation: &'static str,
    default: &'static str,
    switched: &'static str,
) -> Row {
    Row {
        set,
        observation,
        default,
        switched,
    }
}

const ROWS: &[Row] = &[
    row(
        &[("past_end", "empty")],
        "GET courses?skip=90",
        "200 null",
        "200 []",
    ),
    row(
        &[("past_end", "no_content")],
        "GET courses?skip=90",
        "200 null",
        "204 ",
    ),
    row(&[("region", "NZ")], "STATUS learnersNZ", "403", "200"),
    row(&[("region", "SG")], "STATUS learnersSG", "403", "200"),
    row(&[("region", "SA")], "STATUS learnersSA", "403", "200"),
    row(&[("required", "key")], "KEY courses", "401", "200"),
    row(&[("unset", "null")], "NULLS courses", "false", "true"),
    row(
        &[("key_order", "mixed")],
        "HAS units {\"Relationships\"",
        "false",
        "true",
    ),
    row(&[("fraction_digits", "none")], "DIGITS", "0123", "0"),
    row(&[("fraction_digits", "one")], "DIGITS", "0123", "1"),
    row(&[("fraction_digits", "two")], "DIGITS", "0123", "2"),
    row(&[("fraction_digits", "three")], "DIGITS", "0123", "3"),
    row(
        &[("names", "strict")],
        "COUNT unit-offers?COURSEOFFERIDFILTER=600",
        "5",
        "150",
    ),
    row(
        &[("unknown", "refused")],
        "STATUS courses?colour=blue",
        "200",
        "400",
    ),
    row(&[("unstable_order", "on")], "STABLE units", "true", "false"),
    row(&[("touch_between_pages", "on")], "SLIDE", "false", "true"),
    row(&[("same_stamp", "90")], "SAME", "40", "90"),
    row(
        &[("log_all", "on")],
        "HAS entities \"SalesContact\"",
        "false",
        "true",
    ),
    row(
        &[("extra_fields", "on")],
        "HAS courses AddedAfter2023",
        "false",
        "true",
    ),
    row(
        &[("unknown_combo_ids", "on")],
        "HAS unit-offers :9999",
        "false",
        "true",
    ),
    row(
        &[("rate_per_second", "1")],
        "MANY {\"message\":\"Too Many Requests\"}",
        "false",
        "true",
    ),
    row(
        &[("quota_per_day", "3")],
        "MANY {\"message\":\"Limit Exceeded\"}",
        "false",
        "true",
    ),
    row(
        &[("quota_per_day", "1"), ("retry_after", "7")],
        "RETRY",
        "",
        "7",
    ),
    row(&[("fail_call", "2")], "CALLS", "200 200 200", "200 503 200"),
    row(
        &[("fail_call", "2"), ("fail_status", "504")],
        "CALLS",
        "200 200 200",
        "200 504 200",
    ),
    row(&[("truncate_call", "1")], "BROKEN", "false", "true"),
    row(
        &[("forbid", "unit-offers")],
        "STATUS unit-offers",
        "200",
        "403",
    ),
    row(
        &[("forbid", "combos")],
        "STATUS combos/genders",
        "200",
        "403",
    ),
    row(&[("empty", "courses")], "GET courses", "", "200 []"),
    row(&[("slow_ms", "1")], "STATUS courses", "200", "200"),
    row(&[("token_seconds", "0")], "STATUS courses", "200", "401"),
    row(&[("token_seconds", "60")], "TOKEN expires_in", "3600", "60"),
    row(
        &[("expires_at", "seconds")],
        "TOKENKIND expires_at",
        "text",
        "10 digits",
    ),
    row(
        &[("expires_at", "seconds_text")],
        "TOKENKIND expires_at",
        "text",
        "text of digits",
    ),
    row(
        &[("expires_at", "offset")],
        "TOKENKIND expires_at",
        "text",
        "text with an offset",
    ),
    row(
        &[("expires_at", "milliseconds")],
        "TOKENKIND expires_at",
        "text",
        "13 digits",
    ),
    row(
        &[("expires_at", "absent")],
        "TOKENKIND expires_at",
        "text",
        "absent",
    ),
    row(
        &[("auth.rotation", "none")],
        "TOKENKIND refresh_token",
        "text",
        "absent",
    ),
    row(
        &[("hide_api_key", "on")],
        "TOKENKIND api_key",
        "text",
        "absent",
    ),
    row(
        &[("auth.token_error", "invalid_client")],
        "TOKEN error",
        "null",
        "\"invalid_client\"",
    ),
    row(
        &[("revoked", "on")],
        "TOKEN error",
        "null",
        "\"invalid_grant\"",
    ),
];

#[tokio::test]
async fn each_switch_has_its_effect_only() {
    for row in ROWS {
        let plain = Harness::new(60, 0, &[]).await;
        let switched = Harness::new(60, 0, row.set).await;
        let seen = observe(&switched, row.observation).await;
        assert_eq!(seen, row.switched, "{:?}: {}", row.set, row.observation);
        if !row.default.is_empty() {
            assert_eq!(
                observe(&plain, row.observation).await,
                row.default,
                "without {:?}: {}",
                row.set,
                row.observation
            );
        }
    }
}

async fn observe(harness: &Harness, what: &str) -> String {
    let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
    match verb {
        "GET" => {
            let got = harness.get(rest).await;
            format!("{} {}", got.status, got.text)
        }
        "STATUS" => harness.get(rest).await.status.to_string(),
        "KEY" => {
            let harness = Harness {
                bearer: "none".to_owned(),
                key: harness.key.clone(),
                wisenet: harness.wisenet.clone(),
                shared: harness.shared.clone(),
            };
            harness.get(rest).await.status.to_string()
        }
        "COUNT" => harness.get(rest).await.rows().len().to_string(),
        "HAS" => {
            let (path, words) = rest.split_once(' ').expect("path and words");
            harness.get(path).await.text.contains(words).to_string()
        }
        "NULLS" => {
            let rows = harness.get(rest).await.rows();
            rows.iter()
                .any(|row| {
                    row["Relationships"]
                        .as_object()
                        .is_some_and(|all| all.values().any(Value::is_null))
                })
                .to_string()
        }
        "DIGITS" => digits(harness).await,
        "STABLE" => (harness.get(rest).await.text == harness.get(rest).await.text).to_string(),
        "SLIDE" => {
            // The row moves to the end, later rows move forward, and the reader misses one.
            let all = harness.wisenet.describe()["course_enrolments"];
            let first = harness.get("course-enrolments?take=100").await.rows();
            let rest = harness.get("course-enrolments?skip=100").await.rows();
            let seen: BTreeSet<u64> = first
                .iter()
                .chain(&rest)
                .map(|row| id(row, "CourseEnrolmentId"))
                .collect();
            (seen.len() as u64 + 1 == all).to_string()
        }
        "SAME" => {
            let rows = harness.get("course-enrolments").await.rows();
            let times: Vec<_> = rows
                .iter()
                .map(|row| row["Data"]["LastModifiedTimeStamp"].clone())
                .collect();
            let most = times
                .iter()
                .map(|one| times.iter().filter(|other| *other == one).count())
                .max();
            most.unwrap_or_default().to_string()
        }
        "MANY" => {
            let mut met = false;
            for _ in 0..5 {
                let got = harness.get("combos/genders").await;
                met |= got.status == 429 && got.text == rest;
            }
            assert_eq!(met, harness.wisenet.counters().too_many > 0);
            met.to_string()
        }
        "RETRY" => {
            harness.get("courses/70").await;
            let got = harness.get("courses/70").await;
            got.headers
                .get("retry-after")
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        }
        "CALLS" => {
            let mut statuses = Vec::new();
            for _ in 0..3 {
                statuses.push(harness.get("courses/70").await.status.to_string());
            }
            statuses.join(" ")
        }
        "BROKEN" => serde_json::from_str::<Value>(&harness.get("courses").await.text)
            .is_err()
            .to_string(),
        "TOKEN" => token(harness).await[rest].to_string(),
        "TOKENKIND" => match &token(harness).await[rest] {
            Value::String(text) if text.ends_with("+13:00") => "text with an offset".to_owned(),
            Value::String(text) if text.parse::<u64>().is_ok() => "text of digits".to_owned(),
            Value::String(_) => "text".to_owned(),
            Value::Number(number) => format!("{} digits", number.to_string().len()),
            _ => "absent".to_owned(),
        },
        other => panic!("unknown observation {other}"),
    }
}

async fn token(harness: &Harness) -> Value {
    harness.refresh(&harness.current()).await.json()
}

/// The numbers of fraction digits that occur.
async fn digits(harness: &Harness) -> String {
    let rows = harness.get("course-enrolments").await.rows();
    let lengths = rows
        .iter()
        .filter_map(|row| row["Data"]["LastModifiedTimeStamp"].as_str())
        .map(|stamp| {
            stamp
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len())
        });
    let seen: BTreeSet<usize> = lengths.collect();
    seen.iter().map(usize::to_string).collect()
}

#[test]
fn every_switch_has_a_row() {
    let all = switches::names(&Switches::default());
    for name in all.iter().filter(|name| !name.starts_with("auth.")) {
        let met = ROWS
            .iter()
            .any(|row| row.set.iter().any(|(set, _)| set == name));
        assert!(met, "{name} has no row");
    }
}

#[test]
fn wrong_names_and_values_are_refused() {
    let mut switches = Switches::default();
    let unknown = switches.set("pastend", "null").expect_err("unknown");
    assert!(
        unknown.starts_with("unknown switch `pastend`; known are "),
        "{unknown}"
    );
    assert!(unknown.contains("past_end"), "{unknown}");
    for (name, value) in [
        ("past_end", "nothing"),
        ("take", "1"),
        ("rate_per_second", "many"),
        ("revoked", "perhaps"),
    ] {
        assert!(switches.set(name, value).is_err(), "{name} = {value}");
    }
}

#[tokio::test]
async fn a_switch_can_be_set_at_run_time() {
    let harness = Harness::new(3, 0, &[]).await;
    harness.wisenet.set("forbid", "courses").expect("known");
    assert_eq!(harness.get("courses").await.status, 403);
    assert!(harness.wisenet.set("colour", "blue").is_err());
}
