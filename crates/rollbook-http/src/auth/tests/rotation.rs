//! Refresh tokens that can be used once (reliability.md 3.3).

use secrecy::ExposeSecret;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::rotating::World;
use super::*;
use crate::http::fault_server::{FaultServer, FaultStep, answer, send};
use rollbook_core::model::Class;

#[tokio::test]
async fn the_steps_of_a_rotation_in_order() {
    let world = World::new().await;
    let session = world.start(Some("r1"));
    world.page(&session).await.expect("fine");
    assert_eq!(
        world.vault.calls(),
        ["lock", "load", "intend", "keep", "proven"]
    );
    assert_eq!(world.kept(), ("r2".into(), None));
    world.page(&session).await.expect("fine");
    assert!(
        world.vault.calls().is_empty(),
        "a token in use does not touch the vault"
    );
    world.hour_later();
    world.page(&session).await.expect("fine");
    assert_eq!(world.asked(), ["r1", "r2"]);
    assert_eq!(
        world
            .vault
            .with(|memory| memory.kept.clone())
            .and_then(|kept| kept.api_key)
            .map(|key| key.expose_secret().to_owned())
            .as_deref(),
        None,
        "no member is named"
    );

    // A new process with the same configured token goes on with the vault's.
    world.hour_later();
    world.page(&world.start(Some("r1"))).await.expect("fine");
    assert_eq!(world.asked(), ["r3"]);
    // A newly configured token takes precedence.
    world.endpoint(|endpoint| endpoint.current = 10);
    world.page(&world.start(Some("r10"))).await.expect("fine");
    assert_eq!(world.asked(), ["r10"]);
    world.hour_later();
    world
        .page(&world.start(None))
        .await
        .expect("the vault is enough");
    assert_eq!(world.asked(), ["r11"]);
}

#[tokio::test]
async fn a_new_token_stays_unproven_until_it_has_worked() {
    let world = World::new().await;
    let spec = spec(&format!("{}/token", world.server.uri()));
    let grant = Grant::RefreshToken {
        spec,
        seed: Some("r1".into()),
    };
    let manager = manager(grant, &world.vault, &world.clock.clock());
    manager.access().await.expect("a token");
    assert_eq!(world.kept(), ("r2".into(), Some("r1".into())));
    let session = session(
        rules(&world.server.uri()),
        Some(manager),
        &world.clock.clock(),
    );
    world.page(&session).await.expect("fine");
    assert_eq!(world.kept(), ("r2".into(), None));
}

#[tokio::test]
async fn an_answer_without_a_new_token_keeps_the_old_one() {
    let world = World::new().await;
    world.endpoint(|endpoint| endpoint.steady = true);
    let session = world.start(Some("r1"));
    for _ in 0..3 {
        world.page(&session).await.expect("fine");
        world.hour_later();
    }
    assert_eq!(world.asked(), ["r1"; 3]);
    assert_eq!(world.kept(), ("r1".into(), None));
}

#[tokio::test]
async fn nothing_is_sent_when_the_intent_cannot_be_written() {
    let world = World::new().await;
    world.vault.with(|memory| memory.full = true);
    let session = world.start(Some("r1"));
    let error = world.page(&session).await.expect_err("the disk is full");
    assert_eq!(
        error.to_string(),
        "get a token for school: the vault failed, and without it no new token is requested or used: the disk is full"
    );
    assert_eq!(error.class(), Class::Transient);
    assert!(world.asked().is_empty());
    world.vault.with(|memory| memory.full = false);
    world
        .page(&session)
        .await
        .expect("the disk has space again");
}

#[tokio::test]
async fn a_new_token_that_cannot_be_stored_is_not_lost() {
    let world = World::new().await;
    world.vault.with(|memory| memory.keep_fails = 1);
    let session = world.start(Some("r1"));
    world
        .page(&session)
        .await
        .expect_err("not stored, not used");
    assert_eq!(world.vault.calls(), ["lock", "load", "intend", "keep"]);
    world.page(&session).await.expect("stored later, then used");
    assert_eq!(world.vault.calls(), ["lock", "load", "keep", "proven"]);
    assert_eq!(world.asked(), ["r1"], "the old one was not sent again");
    assert_eq!(world.kept(), ("r2".into(), None));
}

#[tokio::test]
async fn a_crash_between_answer_and_store_is_survived_or_needs_a_sign_in() {
    for grace in [true, false] {
        let world = World::new().await;
        world.page(&world.start(Some("r1"))).await.expect("fine");
        // The process died after the server had rotated r2 and before the vault had r3.
        world.endpoint(|endpoint| (endpoint.current, endpoint.grace) = (3, grace));
        world
            .vault
            .with(|memory| memory.intent = Some("of r2".into()));
        world.asked();
        let session = world.start(Some("r1"));
        for _ in 0..3 {
            let outcome = world.page(&session).await;
            assert_eq!(outcome.is_ok(), grace);
            if let Err(error) = outcome {
                assert!(error.is_sign_in_needed(), "{error}");
                assert_eq!(error.class(), Class::Auth);
            }
        }
        assert_eq!(world.asked(), ["r2"], "the old token is sent once");
        assert!(
            world.vault.with(|memory| memory.kept.is_some()),
            "nothing is erased"
        );
    }
}

#[tokio::test]
async fn a_sealed_vault_without_its_key_sends_nothing_and_needs_a_person() {
    let world = World::new().await;
    world.vault.with(|memory| memory.shut = true);
    let error = world
        .page(&world.start(Some("r1")))
        .await
        .expect_err("no key");
    assert_eq!(error.class(), Class::Auth);
    assert_eq!(
        error.to_string(),
        "get a token for school: the vault is sealed"
    );
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_sign_in_elsewhere_ends_the_trouble() {
    let world = World::new().await;
    let session = world.start(None);
    let error = world.page(&session).await.expect_err("no sign-in");
    assert!(
        error.is_sign_in_needed() && error.to_string().contains("sign in at the vendor again"),
        "{error}"
    );
    assert!(world.asked().is_empty());
    let grant = KeptGrant {
        refresh_token: "r1".into(),
        previous: None,
        seed_hash: String::new(),
        intent: None,
        api_key: None,
        access: None,
        obtained: world.clock.clock().now(),
        scope: None,
    };
    world.vault.with(|memory| memory.kept = Some(grant));
    world
        .page(&session)
        .await
        .expect("signed in by another process");
}

#[tokio::test]
async fn a_source_that_a_person_signs_in_to_names_the_command() {
    let world = World::new().await;
    let grant = Grant::SignedIn {
        spec: spec(&format!("{}/token", world.server.uri())),
        wanted: String::new(),
    };
    let manager = manager(grant, &world.vault, &world.clock.clock());
    let session = session(
        rules(&world.server.uri()),
        Some(manager),
        &world.clock.clock(),
    );
    let error = world.page(&session).await.expect_err("no sign-in");
    assert!(error.is_sign_in_needed());
    assert!(
        error.to_string().ends_with("run `rollbook login school`"),
        "{error}"
    );
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_new_token_that_is_taken_back_gives_way_to_the_previous_one() {
    for grace in [true, false] {
        let world = World::new().await;
        let spec = spec(&format!("{}/token", world.server.uri()));
        let grant = Grant::RefreshToken {
            spec,
            seed: Some("r1".into()),
        };
        manager(grant, &world.vault, &world.clock.clock())
            .access()
            .await
            .expect("a token");
        world.asked();
        world.hour_later();
        world.endpoint(|endpoint| {
            endpoint.current = 7;
            endpoint.grace = grace;
            endpoint.taken_again.insert("r2".into());
        });
        let session = world.start(Some("r1"));
        for _ in 0..2 {
            assert_eq!(world.page(&session).await.is_ok(), grace);
        }
        assert_eq!(world.asked(), ["r2", "r1"]);
    }
}

#[tokio::test]
async fn a_clear_hiccup_is_repeated_three_times_in_ten_minutes() {
    let world = World::new().await;
    world.endpoint(|endpoint| endpoint.failing = vec![(503, "<html>"); 4]);
    let session = world.start(Some("r1"));
    for _ in 0..3 {
        let error = world.page(&session).await.expect_err("three in a row");
        assert_eq!(error.class(), Class::Transient);
        assert!(error.deferred_until().is_some(), "{error}");
        assert!(error.to_string().contains("returned 503: it is overloaded or in maintenance; the next token request is sent after 2026-03-02 06:"), "{error}");
    }
    assert_eq!(world.asked(), ["r1"; 3]);
    world.clock.pass(Duration::from_secs(600));
    world
        .page(&session)
        .await
        .expect("one more hiccup, then fine");
    assert_eq!(world.asked(), ["r1"; 2]);
}

#[tokio::test]
async fn a_refresh_whose_fate_is_unknown_is_not_repeated_in_the_run() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    for (name, fault) in [
        ("cut", vec![send(head), send("{"), FaultStep::Reset]),
        ("closed", vec![]),
        ("silent", vec![FaultStep::Stall]),
        ("html", vec![answer("200 OK", "", "<html>")]),
        ("empty", vec![answer("200 OK", "", "")]),
        (
            "cut JSON",
            vec![answer("200 OK", "", r#"{"access_token":"a1","#)],
        ),
        (
            "another kind of token",
            vec![answer(
                "200 OK",
                "",
                r#"{"access_token":"a1","token_type":"mac"}"#,
            )],
        ),
        ("10 MiB", vec![answer("200 OK", "", vec![b' '; 10 << 20])]),
    ] {
        let world = World::new().await;
        let good = answer(
            "200 OK",
            "",
            r#"{"access_token":"a1","refresh_token":"r9"}"#,
        );
        let server = FaultServer::start(vec![fault, vec![good]]).await;
        let grant = Grant::RefreshToken {
            spec: spec(&server.url("/token")),
            seed: Some("r1".into()),
        };
        let manager = manager_with(
            grant,
            &world.vault,
            &world.clock.clock(),
            Timeouts {
                token: Duration::from_millis(250),
                grace: Duration::ZERO,
                ..slow()
            },
        );
        let session = session(
            rules(&world.server.uri()),
            Some(manager),
            &world.clock.clock(),
        );
        let error = world.page(&session).await.expect_err(name);
        assert_eq!(error.kind(), &HttpErrorKind::GrantUnclear, "{name}");
        assert_eq!(error.class(), Class::Transient, "{name}");
        assert_eq!(server.requests().len(), 1, "{name}");
        assert!(
            world.vault.with(|memory| memory.intent.is_some()),
            "{name}: the intent stays open"
        );
        world.clock.pass(Duration::from_secs(1));
        world
            .page(&session)
            .await
            .expect("the next run tries the old one once more");
        assert_eq!(server.requests().len(), 2, "{name}");
        assert!(world.vault.with(|memory| memory.intent.is_none()), "{name}");
    }
}

#[tokio::test]
async fn a_caller_that_is_stopped_does_not_lose_a_rotated_token() {
    let world = World::new().await;
    let (heard, asked) = tokio::sync::oneshot::channel();
    let heard = Mutex::new(Some(heard));
    let server = MockServer::start().await;
    let give = move |_: &Request| {
        if let Some(heard) = heard.lock().expect("no test panics in here").take() {
            let _ = heard.send(());
        }
        ResponseTemplate::new(200)
            .set_body_string(r#"{"access_token":"a1","refresh_token":"r2"}"#)
            .set_delay(Duration::from_millis(30))
    };
    Mock::given(method("POST"))
        .respond_with(give)
        .mount(&server)
        .await;
    let grant = Grant::RefreshToken {
        spec: spec(&format!("{}/token", server.uri())),
        seed: Some("r1".into()),
    };
    let manager = manager(grant, &world.vault, &world.clock.clock());
    tokio::select! {
        biased;
        _ = asked => {}
        _ = manager.access() => panic!("the endpoint was asked before it answered"),
    }
    manager
        .access()
        .await
        .expect("the request went on without its caller");
    assert_eq!(world.kept().0, "r2");
    assert_eq!(server.received_requests().await.expect("recorded").len(), 1);
}

/// As after a stop of this program: the time is over before the answer can be read.
#[tokio::test]
async fn an_answer_that_has_arrived_is_not_given_up_for_its_limit() {
    for (grace, is_ok) in [(slow().grace, true), (Duration::ZERO, false)] {
        let world = World::new().await;
        let grant = Grant::RefreshToken {
            spec: spec(&format!("{}/token", world.server.uri())),
            seed: Some("r1".into()),
        };
        let over = Timeouts {
            token: Duration::ZERO,
            grace,
            ..slow()
        };
        let manager = manager_with(grant, &world.vault, &world.clock.clock(), over);
        assert_eq!(manager.access().await.is_ok(), is_ok, "{grace:?}");
        let is_kept = world.vault.with(|memory| memory.kept.is_some());
        assert_eq!(is_kept, is_ok, "{grace:?}");
    }
}

/// Servers have refused good tokens for a moment. The token that was issued here is sent once more, and later again.
#[tokio::test]
async fn a_refused_token_that_was_issued_here_is_sent_once_more() {
    let refused = (400, r#"{"error":"invalid_grant"}"#);
    for (refusals, requests, is_ok) in [(1, 2, true), (2, 2, false)] {
        let world = World::new().await;
        let session = world.start(Some("r1"));
        world.page(&session).await.expect("fine");
        world.hour_later();
        world.asked();
        world.endpoint(|endpoint| endpoint.failing = vec![refused; refusals]);
        for _ in 0..3 {
            let outcome = world.page(&session).await;
            assert_eq!(outcome.is_ok(), is_ok);
            assert!(outcome.err().is_none_or(|error| error.is_sign_in_needed()));
        }
        assert_eq!(world.asked(), vec!["r2"; requests]);
        world.clock.pass(Duration::from_secs(12 * 3600));
        world.page(&session).await.expect("the server is repaired");
    }
}
