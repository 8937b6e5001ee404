//! Tokens: who gets one, what it opens, and when it ends. Writes are refused.

use std::time::Duration;

use super::{BASE, TOKEN, ask_token, signed_in, small};
use crate::webuntis::Switches;

#[tokio::test]
async fn tokens_open_one_tenant_until_they_expire() {
    let mut bench = signed_in(small(60, Switches::default())).await;
    let control = bench.sandbox.control("webuntis").unwrap();
    let orgs = format!("{BASE}/orgs");
    let first = bench.get(&orgs).await;
    control.clock.advance(Duration::from_secs(181));
    let expired = bench.get(&orgs).await;
    assert_eq!((first.status, expired.status), (200, 401));
    assert_eq!(
        expired.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );

    let other = ask_token(
        &bench,
        &TOKEN.replace("4711", "4712"),
        "q1V9-Zebra-77x-4712",
    )
    .await;
    bench.token = other.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(bench.get(&orgs).await.body, first.body);
    assert_eq!(
        ask_token(&bench, TOKEN, "q1V9-Zebra-77x-4712").await.status,
        401
    );
    control.tokens.revoke_all();
    assert_eq!(bench.get(&orgs).await.status, 401);
    assert_eq!(control.counters.unauthorized(), 3);
    assert_eq!(control.counters.token_requests(), 3);
}

#[tokio::test]
async fn writes_are_refused_and_counted() {
    let bench = signed_in(small(20, Switches::default())).await;
    for method in [
        reqwest::Method::POST,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        let request = bench
            .client
            .request(method, bench.url(&format!("{BASE}/users")))
            .bearer_auth(&bench.token);
        assert_eq!(bench.send(request).await.unwrap().status, 405);
    }
    let counters = &bench.sandbox.control("webuntis").unwrap().counters;
    assert_eq!((counters.writes(), counters.requests_under(BASE)), (3, 3));
}
