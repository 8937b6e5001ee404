//! Authorisation: what a call needs, and what becomes of refresh tokens.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;

use super::Bench;
use crate::school::School;
use crate::shared::Shared;

fn shared() -> Arc<Shared> {
    Arc::new(Shared::new(
        School {
            seed: 5,
            students: 3,
        },
        0,
        Default::default(),
    ))
}

#[tokio::test]
async fn a_call_needs_what_the_mode_asks_for() {
    // mode, with bearer, with key, status
    let rows = [
        ("bearer_and_key", true, true, 200),
        ("bearer_and_key", true, false, 403),
        ("bearer_and_key", false, true, 401),
        ("bearer", true, false, 200),
        ("bearer", false, true, 401),
        ("key", false, true, 200),
        ("key", true, false, 403),
    ];
    for (mode, bearer, key, expected) in rows {
        let mut bench = Bench::new(3, 0, &[("required", mode)]).await;
        if !bearer {
            bench.bearer = "wn_at_made_up".to_owned();
        }
        if !key {
            bench.key = "0".repeat(40);
        }
        let got = bench.get("courses").await;
        assert_eq!(
            got.status, expected,
            "{mode} bearer {bearer} key {key}: {}",
            got.text
        );
    }
}

#[tokio::test]
async fn a_used_refresh_token_is_refused() {
    // mode, the first token's second use, the second token afterwards
    let rows = [
        ("none", 200, 200),
        ("rotate", 400, 200),
        ("detect_reuse", 400, 400),
    ];
    for (mode, again, afterwards) in rows {
        let bench = Bench::unsigned(shared(), &[("auth.rotation", mode)]);
        let first = bench.wisenet.secrets()["wisenet_refresh_token"].clone();
        let answer = bench.refresh(&first).await.json();
        let second = answer["refresh_token"]
            .as_str()
            .unwrap_or(&first)
            .to_owned();
        assert_eq!(second == first, mode == "none", "{mode}");
        assert_eq!(
            bench.refresh(&first).await.status,
            again,
            "{mode}: first token again"
        );
        assert_eq!(
            bench.refresh(&second).await.status,
            afterwards,
            "{mode}: second token"
        );
    }
}

#[tokio::test]
async fn the_current_token_outlives_the_process_and_a_restart_knows_the_old_one() {
    let shared = shared();
    let bench = Bench::unsigned(Arc::clone(&shared), &[("auth.rotation", "detect_reuse")]);
    let first = bench.wisenet.secrets()["wisenet_refresh_token"].clone();
    let second = bench.refresh(&first).await.json()["refresh_token"]
        .as_str()
        .map(str::to_owned);
    let second = second.expect("a rotated token");
    let school = shared.school.clone();
    let restarted = Arc::new(Shared::new(school, 0, shared.notes()));
    let bench = Bench::unsigned(restarted, &[("auth.rotation", "detect_reuse")]);
    let third = bench.refresh(&second).await.json()["refresh_token"]
        .as_str()
        .map(str::to_owned);
    let third = third.expect("accepted after a restart");
    assert_eq!(bench.refresh(&first).await.status, 400, "the oldest");
    assert_eq!(
        bench.refresh(&third).await.status,
        400,
        "the family has ended"
    );
}

#[tokio::test]
async fn token_requests_are_refused_with_their_reason() {
    let bench = Bench::unsigned(shared(), &[]);
    let secret = bench.wisenet.secrets()["wisenet_client_secret"].clone();
    let rows = [
        (
            format!("grant_type=refresh_token&client_id=rollbook&client_secret={secret}"),
            400,
            "invalid_request",
        ),
        (
            format!("client_id=rollbook&client_secret={secret}"),
            400,
            "invalid_request",
        ),
        (
            format!("grant_type=password&client_id=rollbook&client_secret={secret}"),
            400,
            "unsupported_grant_type",
        ),
        (
            "grant_type=refresh_token&refresh_token=x&client_id=rollbook&client_secret=no"
                .to_owned(),
            401,
            "invalid_client",
        ),
        (
            format!(
                "grant_type=refresh_token&refresh_token=x&client_id=who&client_secret={secret}"
            ),
            401,
            "invalid_client",
        ),
        (
            format!(
                "grant_type=refresh_token&refresh_token=x&client_id=rollbook&client_secret={secret}"
            ),
            400,
            "invalid_grant",
        ),
    ];
    for (body, status, error) in &rows {
        let got = bench.form(body).await;
        assert_eq!(
            (got.status, got.json()["error"].as_str()),
            (*status, Some(*error)),
            "{body}"
        );
    }
    let tallies = bench.wisenet.control().authorization.tallies();
    let asked = tallies.values().map(|tally| (tally.asked, tally.refused));
    assert_eq!(asked.collect::<Vec<_>>(), [(1, 1), (1, 1), (4, 4)]);
}

#[tokio::test]
async fn expiry_and_revocation_can_be_brought_about() {
    let bench = Bench::new(3, 0, &[]).await;
    assert_eq!(bench.get("courses").await.status, 200);
    bench.wisenet.control().tokens.revoke_all();
    assert_eq!(bench.get("courses").await.status, 401);
    let current = bench.current();
    assert_eq!(
        bench.refresh(&current).await.status,
        200,
        "the family lives"
    );
    let current = bench.current();
    bench.wisenet.control().authorization.revoke_consent();
    assert_eq!(
        bench.refresh(&current).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn nothing_but_get_is_understood_and_it_is_counted() {
    let bench = Bench::new(3, 0, &[]).await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = Request::builder()
            .method(method)
            .uri("/v1/course-enrolments")
            .body(Body::from("[]"));
        assert_eq!(
            bench.send(request.expect("a request")).await.status,
            405,
            "{method}"
        );
    }
    let counters = bench.wisenet.counters();
    assert_eq!(
        (
            counters.refused_writes,
            counters.requests["/v1/course-enrolments"]
        ),
        (4, 4)
    );
}

#[tokio::test]
async fn it_speaks_http() {
    let bench = Bench::new(3, 0, &[]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Arc::clone(&bench.wisenet).router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = bench.wisenet.settings(&origin);
    let answer = reqwest::Client::new()
        .get(format!("{}/courses?take=2", settings["base_url"]))
        .header("x-api-key", &bench.key)
        .bearer_auth(&bench.bearer)
        .send()
        .await
        .expect("an answer");
    let text = answer.text().await.expect("a body");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
    assert_eq!(rows.len(), 2);
    server.abort();
}
