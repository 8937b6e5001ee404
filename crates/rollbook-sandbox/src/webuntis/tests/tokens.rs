//! Tokens: how one is issued, what it permits, and when it expires. Writes are refused.

use std::time::Duration;

use super::{BASE, TOKEN, request_token, signed_in, small};
use crate::webuntis::Switches;

#[tokio::test]
async fn a_token_is_valid_for_one_tenant_until_it_expires() {
    let mut harness = signed_in(small(60, Switches::default())).await;
    let control = harness.sandbox.control("webuntis").unwrap();
    let orgs = format!("{BASE}/orgs");
    let first = harness.get(&orgs).await;
    control.clock.advance(Duration::from_secs(181));
    let expired = harness.get(&orgs).await;
    assert_eq!((first.status, expired.status), (200, 401));
    assert_eq!(
        expired.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );

    let other = request_token(
        &harness,
        &TOKEN.replace("4711", "4712"),
        "q1V9-Zebra-77x-4712",
    )
    .await;
    harness.token = other.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(harness.get(&orgs).await.body, first.body);
    assert_eq!(
        request_token(&harness, TOKEN, "q1V9-Zebra-77x-4712")
            .await
            .status,
        401
    );
    control.tokens.revoke_all();
    assert_eq!(harness.get(&orgs).await.status, 401);
    assert_eq!(control.counters.unauthorized(), 3);
    assert_eq!(control.counters.token_requests(), 3);
}

#[tokio::test]
async fn writes_are_refused_and_counted() {
    let harness = signed_in(small(20, Switches::default())).await;
    for method in [
        reqwest::Method::POST,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        let request = harness
            .client
            .request(method, harness.url(&format!("{BASE}/users")))
            .bearer_auth(&harness.token);
        assert_eq!(harness.send(request).await.unwrap().status, 405);
    }
    let counters = &harness.sandbox.control("webuntis").unwrap().counters;
    assert_eq!((counters.writes(), counters.requests_under(BASE)), (3, 3));
}
