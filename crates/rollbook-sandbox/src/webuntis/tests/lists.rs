//! Lists over real sockets: every row once, the right rows, edits between pages.

use super::{BASE, ids, signed_in, small, standard, standard_of, walk};
use crate::Change;
use crate::Options;
use crate::webuntis::Switches;
use crate::webuntis::routes::service;
use serde_json::Value;

#[tokio::test]
async fn every_described_row_is_served_once() {
    for (harness, base) in [
        (
            signed_in(small(90, Switches::default())).await,
            BASE.to_owned(),
        ),
        (
            standard(small(90, Switches::default())).await,
            format!("/standard{BASE}"),
        ),
        (
            standard_of("oneroster_1_2", small(90, Switches::default())).await,
            "/standard/ims/oneroster/SERVICE/v1p2".to_owned(),
        ),
    ] {
        let described = harness.sandbox.describe().vendors[&harness.endpoint.vendor].clone();
        for (stream, rows) in described {
            let list = list_of(&stream);
            let base = base.replace("SERVICE", service(&list));
            let found = walk(&harness, &format!("{base}/{list}"), 37).await;
            assert_eq!(
                (found.len(), ids(&found).len()),
                (rows as usize, rows as usize),
                "{stream}"
            );
            assert!(rows > 0, "{stream}");
        }
        harness.sandbox.stop().await;
    }
}

/// The list of a stream: `line_items` is `lineItems`.
fn list_of(stream: &str) -> String {
    let mut words = stream.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |list, word| {
        list + &word[..1].to_uppercase() + &word[1..]
    })
}

#[tokio::test]
async fn a_user_of_1_2_has_roles_and_texts_for_booleans() {
    let harness = standard_of("oneroster_1_2", small(30, Switches::default())).await;
    let users = walk(
        &harness,
        "/standard/ims/oneroster/rostering/v1p2/users",
        100,
    )
    .await;
    let user = &users[0];
    assert_eq!(user["enabledUser"], "true");
    assert!(user["role"].is_null() && user["orgs"].is_null(), "{user}");
    assert_eq!(user["roles"][0]["roleType"], "primary");
    let href = user["primaryOrg"]["href"].as_str().unwrap();
    let org = harness
        .get(&href.replace(&harness.endpoint.origin, ""))
        .await;
    assert_eq!(
        org.json()["org"]["sourcedId"],
        user["primaryOrg"]["sourcedId"]
    );
    let elsewhere = harness
        .get("/standard/ims/oneroster/gradebook/v1p2/users")
        .await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn every_reference_has_a_row() {
    let harness = signed_in(small(60, Switches::default())).await;
    let users = ids(&walk(&harness, &format!("{BASE}/users"), 1000).await);
    let classes = ids(&walk(&harness, &format!("{BASE}/classes"), 1000).await);
    for row in walk(&harness, &format!("{BASE}/enrollments"), 1000).await {
        assert!(
            users.contains(row["user"]["sourcedId"].as_str().unwrap()),
            "{row}"
        );
        assert!(
            classes.contains(row["class"]["sourcedId"].as_str().unwrap()),
            "{row}"
        );
        let href = row["class"]["href"]
            .as_str()
            .unwrap()
            .replace(&harness.endpoint.origin, "");
        assert_eq!(
            harness.get(&href).await.json()["class"]["sourcedId"],
            row["class"]["sourcedId"]
        );
    }
    harness.sandbox.stop().await;
}

#[tokio::test]
async fn nested_paths_select_their_rows() {
    let untis = signed_in(small(60, Switches::default())).await;
    let plain = standard(small(60, Switches::default())).await;
    let org = walk(&untis, &format!("{BASE}/orgs"), 10).await[0]["sourcedId"]
        .as_str()
        .unwrap()
        .to_owned();
    let class = "20000";
    for (path, untis_rows, plain_rows) in [
        (format!("/schools/{org}/students"), Some(60), Some(60)),
        (format!("/schools/{org}/teachers"), Some(5), Some(5)),
        (format!("/classes/{class}/students"), Some(20), Some(20)),
        (format!("/classes/{class}/teachers"), Some(1), Some(1)),
        (
            format!("/schools/{org}/classes/{class}/enrollments"),
            Some(21),
            Some(22),
        ),
        (format!("/schools/{org}/classes"), None, Some(25)),
        ("/terms/18-1/classes".to_owned(), None, Some(25)),
        ("/courses/c-de-5/classes".to_owned(), None, Some(2)),
        ("/gradingPeriods".to_owned(), None, Some(3)),
        ("/schools/unknown/students".to_owned(), None, None),
        ("/lineItems".to_owned(), None, Some(9)),
        ("/homework".to_owned(), None, None),
    ] {
        for (harness, path, rows) in [
            (&untis, format!("{BASE}{path}"), untis_rows),
            (&plain, format!("/standard{BASE}{path}"), plain_rows),
        ] {
            match rows {
                Some(rows) => assert_eq!(walk(harness, &path, 50).await.len(), rows, "{path}"),
                None => assert_eq!(harness.get(&path).await.status, 404, "{path}"),
            }
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let mut bodies = Vec::new();
    for seed in [5, 5, 6] {
        let harness = signed_in(Options {
            seed,
            ..small(40, Switches::default())
        })
        .await;
        let body = harness.get(&format!("{BASE}/users?limit=1000")).await.body;
        bodies.push(body.replace(&harness.endpoint.origin, ""));
        harness.sandbox.stop().await;
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_ne!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn a_day_changes_only_rows_with_a_new_change_time() {
    let harness = signed_in(small(300, Switches::default())).await;
    for list in ["users", "classes", "enrollments"] {
        let path = format!("{BASE}/{list}");
        let day = harness.sandbox.describe().day;
        let before = walk(&harness, &path, 1000).await;
        let latest = before
            .iter()
            .map(|row| row["dateLastModified"].as_str().unwrap())
            .max()
            .unwrap()
            .to_owned();
        harness.sandbox.advance().unwrap();
        let after = walk(&harness, &path, 1000).await;
        let changed: Vec<&Value> = after.iter().filter(|row| !before.contains(row)).collect();
        assert!(
            !changed.is_empty() && changed.len() * 25 < after.len(),
            "{list}: {}",
            changed.len()
        );
        for row in changed {
            assert!(
                row["dateLastModified"].as_str().unwrap() > latest.as_str(),
                "{list} after day {day}: {row}"
            );
        }
        assert_eq!(
            harness.sandbox.describe().vendors["webuntis"][list],
            after.len() as u64
        );
    }
}

#[tokio::test]
async fn edits_apply_after_the_scheduled_page() {
    let harness = signed_in(small(40, Switches::default())).await;
    let edits = &harness.sandbox.control("webuntis").unwrap().edits;
    edits.after_page("users", 2, Change::Delete(0));
    let path = format!("{BASE}/users");
    let before = harness.sandbox.describe().vendors["webuntis"]["users"] as usize;
    assert_eq!(
        walk(&harness, &path, 10).await.len(),
        before - 1,
        "an edit moved a row past the reader"
    );
    edits.after_page("users", 0, Change::Insert(3));
    edits.after_page("users", 0, Change::Touch(5));
    let after = walk(&harness, &path, 10).await;
    assert_eq!(
        harness.sandbox.describe().vendors["webuntis"]["users"] as usize,
        after.len()
    );
    assert_eq!(after[3]["sourcedId"], "inserted-1");
    assert_eq!(after[5]["dateLastModified"], "2026-03-02T06:00:00.002Z");
}
