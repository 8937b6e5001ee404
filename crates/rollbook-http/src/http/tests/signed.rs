//! Requests signed by OAuth 1.0a: each attempt by itself, and a refusal that a clock explains.

use super::pages::{fine, server, status};
use super::*;
use rollbook_core::model::Class;

const DATE: &str = "Mon, 02 Mar 2026 06:00:00 GMT";

fn signed_session(base: &str, clock: &TestClock) -> Session {
    let token_rules = TokenRules {
        source: named("school"),
        grant: Grant::Signature {
            client_id: "rollbook".into(),
            client_secret: "a secret".into(),
        },
        timeouts: slow(),
        route: Route::default(),
    };
    let manager = TokenManager::new(token_rules, Arc::<MemoryVault>::default(), clock.clock());
    session(
        rules(base),
        Some(manager.expect("no address")),
        &clock.clock(),
    )
}

#[tokio::test]
async fn each_attempt_has_its_own_nonce() {
    let clock = monday();
    let server = server(vec![status(503), status(500), fine()]).await;
    let session = signed_session(&server.uri(), &clock);
    let read = page(&session, &clock.clock()).await;
    assert_eq!(read.expect("it passes"), "[1]");
    let sent = server.received_requests().await.expect("recorded");
    let mut nonces: Vec<String> = sent
        .iter()
        .map(|request| {
            let header = request.headers["authorization"].to_str().expect("text");
            assert!(
                header.starts_with("OAuth oauth_consumer_key=\"rollbook\", "),
                "{header}"
            );
            assert!(header.contains("oauth_timestamp=\"177243120"), "{header}");
            let (_, rest) = header.split_once("oauth_nonce=\"").expect("a nonce");
            rest.split_once('"').expect("its end").0.to_owned()
        })
        .collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test]
async fn a_clock_that_explains_a_refusal_is_reported() {
    for (date, expected) in [
        (DATE, "does not accept the signature; check `client_id`"),
        (
            "Mon, 02 Mar 2026 06:00:20 GMT",
            "does not accept the signature; check `client_id`",
        ),
        (
            "Mon, 02 Mar 2026 06:12:00 GMT",
            "this machine's clock is 12 min behind the server's",
        ),
        (
            "Mon, 02 Mar 2026 05:57:00 GMT",
            "this machine's clock is 3 min ahead of the server's",
        ),
    ] {
        let clock = monday();
        let server = server(vec![status(401).insert_header("Date", date)]).await;
        let session = signed_session(&server.uri(), &clock);
        let error = page(&session, &clock.clock()).await.expect_err("refused");
        assert_eq!(error.class(), Class::Auth);
        let shown = error.to_string();
        assert!(shown.contains(expected), "{date}: {shown}");
        assert!(!shown.contains("a secret"), "{shown}");
    }
}
