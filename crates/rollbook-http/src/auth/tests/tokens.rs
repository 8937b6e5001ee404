//! fault-catalogue.md D: keeping and replacing an access token.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::vendor::{
    PageRule, TokenRule, Vendor, fine, fixed_key, open, status, token, token_response,
};
use super::*;
use rollbook_core::model::Class;

#[tokio::test]
async fn a_token_is_renewed_at_two_thirds_of_its_life() {
    let clock = monday();
    let in_answer = clock.clone();
    let slow_answer: TokenRule = Box::new(move |number| {
        in_answer.pass(Duration::from_secs(30));
        token_response(number, r#","expires_in":180"#)
    });
    let vendor = Vendor::start(slow_answer, open()).await;
    let session = vendor.client_credentials(&clock.clock());
    // Each answer takes 30 s, and the life counts from before the request.
    for (pass, tokens) in [(0, 1), (89, 1), (1, 2), (89, 2), (1, 3)] {
        clock.pass(Duration::from_secs(pass));
        page(&session, &clock.clock()).await.expect("fine");
        assert_eq!(vendor.counts().await.0, tokens);
    }
    clock.set_wall("2027-01-01T00:00:00Z".parse().expect("a time"));
    page(&session, &clock.clock()).await.expect("fine");
    assert_eq!(vendor.counts().await.0, 3, "a set wall clock is no reason");
}

#[tokio::test]
async fn a_life_that_makes_no_sense_lasts_until_it_is_refused() {
    for members in [
        "",
        r#","expires_in":0"#,
        r#","expires_in":-5"#,
        r#","expires_in":"x""#,
        r#","expires_in":1e12"#,
    ] {
        let clock = monday();
        let revoked = Arc::new(AtomicUsize::new(0));
        let revoke = revoked.clone();
        let unless_revoked: PageRule = Box::new(move |token| {
            let is_revoked = token == "t1" && revoked.load(Ordering::Relaxed) == 1;
            if is_revoked { status(401) } else { fine() }
        });
        let vendor = Vendor::start(token(members), unless_revoked).await;
        let session = vendor.client_credentials(&clock.clock());
        for _ in 0..5 {
            page(&session, &clock.clock()).await.expect("fine");
            clock.pass(Duration::from_secs(86_400));
        }
        assert_eq!(vendor.counts().await, (1, 5), "{members}");
        revoke.store(1, Ordering::Relaxed);
        page(&session, &clock.clock())
            .await
            .expect("with a new one");
        assert_eq!(vendor.counts().await, (2, 8), "{members}");
    }
}

#[tokio::test]
async fn ten_requests_need_one_token_request() {
    let clock = monday().clock();
    let slow: TokenRule = Box::new(|number| {
        token_response(number, r#","expires_in":180"#).set_delay(Duration::from_millis(30))
    });
    let vendor = Vendor::start(slow, open()).await;
    let session = vendor.client_credentials(&clock);
    let pages = (0..10).map(|_| page(&session, &clock));
    for page in futures_util::future::join_all(pages).await {
        page.expect("fine");
    }
    assert_eq!(vendor.counts().await, (1, 10));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    for refusal in [
        status(401),
        status(403).insert_header("WWW-Authenticate", "Bearer error=\"invalid_token\""),
        status(200).set_body_string(r#"{"error":"invalid_token"}"#),
        status(400).set_body_string(r#"{"responseStatus":{"errorCode":"invalid_token"}}"#),
    ] {
        let clock = monday().clock();
        let (once, always) = (refusal.clone(), refusal);
        let vendor = Vendor::start(
            token(""),
            Box::new(move |token| if token == "t1" { once.clone() } else { fine() }),
        )
        .await;
        page(&vendor.client_credentials(&clock), &clock)
            .await
            .expect("the second token is good");
        assert_eq!(
            vendor.counts().await,
            (2, 3),
            "the first one was sent twice"
        );

        let vendor = Vendor::start(token(""), Box::new(move |_| always.clone())).await;
        let error = page(&vendor.client_credentials(&clock), &clock)
            .await
            .expect_err("refused for ever");
        assert_eq!(vendor.counts().await, (2, 4), "each token was sent twice");
        assert_eq!(error.class(), Class::Auth, "{error}");
    }
    let clock = monday().clock();
    let vendor = Vendor::start(token(""), Box::new(|_| status(401))).await;
    let grant = fixed_key("X-Api-Key", "own");
    page(&vendor.session(grant, &clock), &clock)
        .await
        .expect_err("a key has no successor");
    assert_eq!(vendor.counts().await, (0, 2));
}

#[tokio::test]
async fn a_403_may_be_an_old_token() {
    let by_token: fn() -> PageRule =
        || Box::new(|token| if token == "t1" { status(403) } else { fine() });
    for (members, age, counts) in [
        (r#","expires_in":180"#, 0, (1, 2)),
        (r#","expires_in":180"#, 100, (2, 3)),
        ("", 100, (1, 2)),
    ] {
        let clock = monday();
        let vendor = Vendor::start(token(members), by_token()).await;
        let session = vendor.client_credentials(&clock.clock());
        page(&session, &clock.clock())
            .await
            .expect_err("a young token lacks a right");
        clock.pass(Duration::from_secs(age));
        let again = page(&session, &clock.clock()).await;
        assert_eq!(again.is_ok(), counts.0 == 2, "{members} {age}");
        assert!(again.err().is_none_or(|error| error.is_forbidden()));
        assert_eq!(vendor.counts().await, counts, "{members} {age}");
    }
}

#[tokio::test]
async fn an_old_token_is_used_while_the_endpoint_fails() {
    let clock = monday();
    let first_only: TokenRule = Box::new(|number| match number {
        1 => token_response(number, r#","expires_in":180"#),
        _ => status(503),
    });
    let vendor = Vendor::start(first_only, open()).await;
    let session = vendor.client_credentials(&clock.clock());
    // Usable until 160 s: 20 s before its end. Asked for at 120, then half the way on, and so on.
    for (pass, tokens) in [(0, 1), (120, 2), (19, 2), (1, 3), (9, 3), (1, 4)] {
        clock.pass(Duration::from_secs(pass));
        page(&session, &clock.clock())
            .await
            .expect("the old one is still good");
        assert_eq!(vendor.counts().await.0, tokens);
    }
    clock.pass(Duration::from_secs(10));
    let error = page(&session, &clock.clock()).await.expect_err("too old");
    assert_eq!(error.class(), Class::Transient);
    assert!(
        error.to_string().starts_with("get a token for school: "),
        "{error}"
    );
}
