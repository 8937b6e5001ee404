//! Simulated days: what changes, what does not, and the log of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Harness, id};

type Rows = BTreeMap<u64, Value>;

async fn rows(harness: &Harness, path: &str, key: &str) -> Rows {
    harness
        .walk(path, 1000)
        .await
        .into_iter()
        .map(|row| (id(&row, key), row))
        .collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let (one, other) = (
        Harness::new(40, 3, &[]).await,
        Harness::new(40, 0, &[]).await,
    );
    for _ in 0..3 {
        other.get("course-enrolments?take=1").await;
        other.shared.advance();
    }
    for path in [
        "learnersAU",
        "course-enrolments",
        "unit-enrolments",
        "audit-logs",
        "unit-offers",
        "combos/results",
    ] {
        assert_eq!(
            one.get(path).await.text,
            other.get(path).await.text,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_day_changes_only_its_churn() {
    let harness = Harness::new(70, 0, &[]).await;
    let before = rows(&harness, "course-enrolments", "CourseEnrolmentId").await;
    let units_before = rows(&harness, "unit-enrolments", "UnitEnrolmentId").await;
    harness.shared.advance();
    let after = rows(&harness, "course-enrolments", "CourseEnrolmentId").await;
    let units_after = rows(&harness, "unit-enrolments", "UnitEnrolmentId").await;
    let since = "lastModifiedTimeStampFilter=gt:2026-03-02T06:00:00.000";
    let log = rows(&harness, &format!("audit-logs?{since}"), "AuditLogId").await;
    let logged = |of: &str, action: &str, id: u64| {
        log.values().map(|row| &row["Data"]).any(|row| {
            row["RecordId"] == id && row["EntityName"] == of && row["AuditAction"] == action
        })
    };
    let tables = [
        ("CourseEnrolment", &before, &after),
        ("UnitEnrolment", &units_before, &units_after),
    ];
    for (of, before, after) in tables {
        let (mut changed, mut removed, mut new) = (0, 0, 0);
        for (id, row) in before {
            match after.get(id) {
                // Without a new change time, a row may only differ in the rows it references.
                Some(now) if now["Data"] == row["Data"] => {}
                Some(now) => {
                    changed += 1;
                    assert!(logged(of, "U", *id), "{of} {id}");
                    let stamp = now["Data"]["LastModifiedTimeStamp"]
                        .as_str()
                        .unwrap_or_default();
                    assert!(
                        ("2026-03-02T06".."2026-03-03T06:00:01").contains(&stamp),
                        "{stamp}"
                    );
                }
                None => {
                    removed += 1;
                    assert!(logged(of, "D", *id), "{of} {id}");
                }
            }
        }
        for id in after.keys().filter(|id| !before.contains_key(id)) {
            new += 1;
            assert!(logged(of, "I", *id), "{of} {id}");
        }
        let hundredth = before.len() / 100;
        assert!(
            (hundredth / 2..=hundredth + 1).contains(&changed),
            "{of}: {changed} of {}",
            before.len()
        );
        assert!((1..=7).contains(&removed), "{of}: {removed} removed");
        assert!(new >= 1, "{of}");
        assert!(of == "UnitEnrolment" || removed == 1, "{removed}");
    }
}

#[tokio::test]
async fn one_description_changes_every_third_day() {
    let harness = Harness::new(3, 0, &[]).await;
    let lists = [
        "combos/enrolment-status-reasons",
        "combos/results",
        "combos/target-groups-course-enrolment",
    ];
    let mut earlier = Vec::new();
    let mut changes = Vec::new();
    for day in 0..=6 {
        let mut all = Vec::new();
        for list in lists {
            all.extend(harness.get(list).await.rows());
        }
        if day > 0 {
            changes.push(
                all.iter()
                    .zip(&earlier)
                    .filter(|(now, then)| now != then)
                    .count(),
            );
        }
        earlier = all;
        harness.shared.advance();
    }
    assert_eq!(changes, [0, 0, 1, 0, 0, 1]);
}
