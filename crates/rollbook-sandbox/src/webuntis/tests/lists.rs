//! Lists over real sockets: every row once, the right rows, rows that move.

use super::{BASE, ids, signed_in, small, standard, walk};
use crate::Change;
use crate::Options;
use crate::webuntis::Switches;
use serde_json::Value;

#[tokio::test]
async fn a_walk_gives_every_described_row_once() {
    for (bench, base) in [
        (
            signed_in(small(90, Switches::default())).await,
            BASE.to_owned(),
        ),
        (
            standard(small(90, Switches::default())).await,
            format!("/standard{BASE}"),
        ),
    ] {
        let described = bench.sandbox.describe().vendors[&bench.endpoint.vendor].clone();
        for (stream, rows) in described {
            let list = if stream == "academic_sessions" {
                "academicSessions"
            } else {
                &stream
            };
            let found = walk(&bench, &format!("{base}/{list}"), 37).await;
            assert_eq!(
                (found.len(), ids(&found).len()),
                (rows as usize, rows as usize),
                "{stream}"
            );
            assert!(rows > 0, "{stream}");
        }
        bench.sandbox.stop().await;
    }
}

#[tokio::test]
async fn every_reference_leads_to_a_row() {
    let bench = signed_in(small(60, Switches::default())).await;
    let users = ids(&walk(&bench, &format!("{BASE}/users"), 1000).await);
    let classes = ids(&walk(&bench, &format!("{BASE}/classes"), 1000).await);
    for row in walk(&bench, &format!("{BASE}/enrollments"), 1000).await {
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
            .replace(&bench.endpoint.origin, "");
        assert_eq!(
            bench.get(&href).await.json()["class"]["sourcedId"],
            row["class"]["sourcedId"]
        );
    }
    bench.sandbox.stop().await;
}

#[tokio::test]
async fn paths_below_others_choose_their_rows() {
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
            Some(21),
        ),
        (format!("/schools/{org}/classes"), None, Some(24)),
        ("/terms/18-1/classes".to_owned(), None, Some(24)),
        ("/courses/c-de-5/classes".to_owned(), None, Some(1)),
        ("/gradingPeriods".to_owned(), None, Some(0)),
        ("/schools/nobody/students".to_owned(), None, None),
        ("/lineItems".to_owned(), None, None),
    ] {
        for (bench, path, rows) in [
            (&untis, format!("{BASE}{path}"), untis_rows),
            (&plain, format!("/standard{BASE}{path}"), plain_rows),
        ] {
            match rows {
                Some(rows) => assert_eq!(walk(bench, &path, 50).await.len(), rows, "{path}"),
                None => assert_eq!(bench.get(&path).await.status, 404, "{path}"),
            }
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let mut bodies = Vec::new();
    for seed in [5, 5, 6] {
        let bench = signed_in(Options {
            seed,
            ..small(40, Switches::default())
        })
        .await;
        let body = bench.get(&format!("{BASE}/users?limit=1000")).await.body;
        bodies.push(body.replace(&bench.endpoint.origin, ""));
        bench.sandbox.stop().await;
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_ne!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn a_day_changes_only_what_it_says_it_changed() {
    let bench = signed_in(small(300, Switches::default())).await;
    for list in ["users", "classes", "enrollments"] {
        let path = format!("{BASE}/{list}");
        let day = bench.sandbox.describe().day;
        let before = walk(&bench, &path, 1000).await;
        let latest = before
            .iter()
            .map(|row| row["dateLastModified"].as_str().unwrap())
            .max()
            .unwrap()
            .to_owned();
        bench.sandbox.advance().unwrap();
        let after = walk(&bench, &path, 1000).await;
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
            bench.sandbox.describe().vendors["webuntis"][list],
            after.len() as u64
        );
    }
}

#[tokio::test]
async fn rows_move_after_the_page_that_was_named() {
    let bench = signed_in(small(40, Switches::default())).await;
    let edits = &bench.sandbox.control("webuntis").unwrap().edits;
    edits.after_page("users", 2, Change::Delete(0));
    let path = format!("{BASE}/users");
    let before = bench.sandbox.describe().vendors["webuntis"]["users"] as usize;
    assert_eq!(
        walk(&bench, &path, 10).await.len(),
        before - 1,
        "a row moved over the reader's head"
    );
    edits.after_page("users", 0, Change::Insert(3));
    edits.after_page("users", 0, Change::Touch(5));
    let after = walk(&bench, &path, 10).await;
    assert_eq!(
        bench.sandbox.describe().vendors["webuntis"]["users"] as usize,
        after.len()
    );
    assert_eq!(after[3]["sourcedId"], "inserted-1");
    assert_eq!(after[5]["dateLastModified"], "2026-03-02T06:00:00.002Z");
}
