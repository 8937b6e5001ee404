//! Tokens of other processes: adopted while they are fresh, never stored over newer ones.

use jiff::SignedDuration;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::rotating::World;
use super::*;

#[tokio::test]
async fn another_process_rotated_meanwhile() {
    let world = World::new().await;
    let (mine, other) = (world.start(Some("r1")), world.start(Some("r1")));
    world.page(&mine).await.expect("fine");
    world.page(&other).await.expect("reads the vault first");
    assert_eq!(world.asked(), ["r1"], "the other one adopts the token");
    for (first, second) in [(&mine, &other), (&other, &mine), (&other, &mine)] {
        world.hour_later();
        world.page(first).await.expect("asks");
        world.page(second).await.expect("reads the vault first");
        assert_eq!(world.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_token_of_another_process_is_taken_over_only_while_it_is_fresh() {
    let life = Some(Duration::from_secs(900));
    for (name, life, age, intent, adopted) in [
        ("just issued", life, 0, None, true),
        ("not yet two thirds", life, 599, None, true),
        ("two thirds through", life, 600, None, false),
        ("of a wrong clock", life, -1, None, false),
        ("of unknown life, just issued", None, 59, None, true),
        ("of unknown life", None, 60, None, false),
        (
            "a refresh was begun",
            life,
            0,
            Some("of r1".to_owned()),
            false,
        ),
    ] {
        let world = World::new().await;
        let now = world.clock.clock().now();
        let grant = KeptGrant {
            refresh_token: "r1".into(),
            previous: None,
            seed_hash: String::new(),
            intent: None,
            api_key: None,
            access: Some(KeptAccess {
                token: "a0".into(),
                life,
            }),
            obtained: now - SignedDuration::from_secs(age),
            scope: None,
        };
        world
            .vault
            .with(|memory| (memory.kept, memory.intent) = (Some(grant), intent));
        let session = world.start(None);
        world.page(&session).await.expect("fine");
        assert_eq!(world.asked().is_empty(), adopted, "{name}");
        if adopted && life.is_some() {
            // Its age counts: it is renewed when two thirds of its whole life are over.
            let left = u64::try_from(600 - age).expect("fresh");
            world.clock.pass(Duration::from_secs(left - 1));
            world.page(&session).await.expect("fine");
            assert!(world.asked().is_empty(), "{name}: renewed too early");
            world.clock.pass(Duration::from_secs(1));
            world.page(&session).await.expect("fine");
            assert_eq!(world.asked(), ["r1"], "{name}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_process_that_is_refused_is_not_taken_over_again() {
    let world = World::new().await;
    world.page(&world.start(Some("r1"))).await.expect("fine");
    world.asked();
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let old = request.headers["authorization"] == "Bearer a1";
        ResponseTemplate::new(if old { 401 } else { 200 }).set_body_string("[1]")
    };
    Mock::given(method("GET"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let grant = Grant::RefreshToken {
        spec: spec(&format!("{}/token", world.server.uri())),
        seed: None,
    };
    let manager = manager(grant, &world.vault, &world.clock.clock());
    let session = session(rules(&server.uri()), Some(manager), &world.clock.clock());
    world.page(&session).await.expect("one 401, one new token");
    assert_eq!(world.asked(), ["r2"]);
}

#[tokio::test]
async fn a_new_token_that_was_not_stored_gives_way_to_a_later_sign_in() {
    let world = World::new().await;
    world.vault.with(|memory| memory.keep_fails = 1);
    let session = world.start(Some("r1"));
    world.page(&session).await.expect_err("not stored");
    world.clock.pass(Duration::from_secs(1));
    world.endpoint(|endpoint| endpoint.current = 50);
    let grant = KeptGrant {
        refresh_token: "r50".into(),
        previous: None,
        seed_hash: KeptGrant::fingerprint(&"r1".into()),
        intent: None,
        api_key: None,
        access: None,
        obtained: world.clock.clock().now(),
        scope: None,
    };
    world.vault.with(|memory| memory.kept = Some(grant));
    world.page(&session).await.expect("signed in meanwhile");
    assert_eq!(world.asked(), ["r1", "r50"]);
}
