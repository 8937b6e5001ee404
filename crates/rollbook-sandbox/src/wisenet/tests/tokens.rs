//! Authorization: the credentials of a call, and refresh tokens.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;

use super::Harness;
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
async fn a_call_needs_the_credentials_of_the_mode() {
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
        let mut harness = Harness::new(3, 0, &[("required", mode)]).await;
        if !bearer {
            harness.bearer = "wn_at_made_up".to_owned();
        }
        if !key {
            harness.key = "0".repeat(40);
        }
        let got = harness.get("courses").await;
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
        let harness = Harness::unsigned(shared(), &[("auth.rotation", mode)]);
        let first = harness.wisenet.secrets()["wisenet_refresh_token"].clone();
        let response = harness.refresh(&first).await.json();
        let second = response["refresh_token"]
            .as_str()
            .unwrap_or(&first)
            .to_owned();
        assert_eq!(second == first, mode == "none", "{mode}");
        assert_eq!(
            harness.refresh(&first).await.status,
            again,
            "{mode}: first token again"
        );
        assert_eq!(
            harness.refresh(&second).await.status,
            afterwards,
            "{mode}: second token"
        );
    }
}

#[tokio::test]
async fn current_and_used_tokens_survive_a_restart() {
    let shared = shared();
    let harness = Harness::unsigned(Arc::clone(&shared), &[("auth.rotation", "detect_reuse")]);
    let first = harness.wisenet.secrets()["wisenet_refresh_token"].clone();
    let second = harness.refresh(&first).await.json()["refresh_token"]
        .as_str()
        .map(str::to_owned);
    let second = second.expect("a rotated token");
    let school = shared.school.clone();
    let restarted = Arc::new(Shared::new(school, 0, shared.values()));
    let harness = Harness::unsigned(restarted, &[("auth.rotation", "detect_reuse")]);
    let third = harness.refresh(&second).await.json()["refresh_token"]
        .as_str()
        .map(str::to_owned);
    let third = third.expect("accepted after a restart");
    assert_eq!(harness.refresh(&first).await.status, 400, "the oldest");
    assert_eq!(
        harness.refresh(&third).await.status,
        400,
        "the grant has ended"
    );
}

#[tokio::test]
async fn token_requests_are_refused_with_their_reason() {
    let harness = Harness::unsigned(shared(), &[]);
    let secret = harness.wisenet.secrets()["wisenet_client_secret"].clone();
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
        let got = harness.form(body).await;
        assert_eq!(
            (got.status, got.json()["error"].as_str()),
            (*status, Some(*error)),
            "{body}"
        );
    }
    let all_token_counts = harness.wisenet.control().authorization.all_token_counts();
    let counted = all_token_counts
        .values()
        .map(|counts| (counts.requests, counts.refused));
    assert_eq!(counted.collect::<Vec<_>>(), [(1, 1), (1, 1), (4, 4)]);
}

#[tokio::test]
async fn expiry_and_revocation_can_be_simulated() {
    let harness = Harness::new(3, 0, &[]).await;
    assert_eq!(harness.get("courses").await.status, 200);
    harness.wisenet.control().tokens.revoke_all();
    assert_eq!(harness.get("courses").await.status, 401);
    let current = harness.current();
    assert_eq!(
        harness.refresh(&current).await.status,
        200,
        "the grant is still valid"
    );
    let current = harness.current();
    harness.wisenet.control().authorization.revoke_consent();
    assert_eq!(
        harness.refresh(&current).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn methods_other_than_get_are_refused_and_counted() {
    let harness = Harness::new(3, 0, &[]).await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = Request::builder()
            .method(method)
            .uri("/v1/course-enrolments")
            .body(Body::from("[]"));
        assert_eq!(
            harness.send(request.expect("a request")).await.status,
            405,
            "{method}"
        );
    }
    let counters = harness.wisenet.counters();
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
    let harness = Harness::new(3, 0, &[]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Arc::clone(&harness.wisenet).router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = harness.wisenet.settings(&origin);
    let response = reqwest::Client::new()
        .get(format!("{}/courses?take=2", settings["base_url"]))
        .header("x-api-key", &harness.key)
        .bearer_auth(&harness.bearer)
        .send()
        .await
        .expect("an answer");
    let text = response.text().await.expect("a body");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
    assert_eq!(rows.len(), 2);
    server.abort();
}
