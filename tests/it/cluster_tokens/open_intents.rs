//! Requests whose answer is late, lost or not known: what the worker that sent it does, and what another does.

use std::sync::Arc;
use std::sync::mpsc::channel;

use rollbook_app::app::ClusterTokens;
use rollbook_core::model::{Class, KeptGrant};
use rollbook_http::auth::GrantStore as _;

use super::world::{World, assert_parked, keys, own};
use crate::rotating::refresh_token;

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_waits_for_a_late_answer_and_uses_it() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    first.lease.end();

    let world = Arc::new(world);
    let second = world.worker("second");
    let (stored, is_stored) = channel();
    let releasing = Arc::clone(&world);
    // At its second question it has waited once.
    second.lease.on_question(move |number| {
        if number == 2 {
            assert!(releasing.is_open());
            releasing.vendor.release();
            is_stored.recv().expect("the first worker has ended");
        }
    });
    let waiting = second.start_page();
    let ended = running.await.expect("no panic");
    stored.send(()).expect("it is awaited");
    ended.expect("what was received is stored and used, without a lease");
    waiting
        .await
        .expect("no panic")
        .expect("with the late answer");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
    assert!(world.vendor.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_meets_an_open_intent_sends_nothing_until_a_person_resumes() {
    let Some(world) = World::new().await else {
        return;
    };
    let _first = world.signed_in("first").await;
    assert_eq!(world.numbers(), [Some(0)]);
    world.sql(
        "UPDATE tokens SET intent_claim = 'claim-first', intent_at = now(), intent_token = ''",
    );

    let second = world.worker("second");
    second
        .page()
        .await
        .expect("the sealed access token is valid");
    world.expire_at(&second);
    let error = second.page().await.expect_err("it waits, and not for ever");
    assert_eq!(error.class(), Class::Transient, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("another refresh of this source's tokens has not ended yet; the next run"),
        "{text}"
    );
    assert!(!text.contains("vault"), "{text}");
    world.pass("intent_at", 100);
    for _ in 0..3 {
        assert_parked(&second.page().await.expect_err("the end is not known"));
    }
    assert!(world.numbers().is_empty());

    second
        .on_store(|store| store.resume(&own()))
        .await
        .expect("stored");
    second
        .page()
        .await
        .expect("the first worker had not sent it");
    assert_eq!(world.numbers(), [Some(1)]);
    assert!(!world.is_open());
}

/// It belongs to neither the run nor the lease, and the end of the worker waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_when_its_run_and_its_lease_have_ended() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    running.abort();
    assert!(running.await.is_err_and(|ended| ended.is_cancelled()));
    first.lease.end();
    assert!(!first.store.is_settled(), "its end is awaited");
    world.vendor.release();
    while !first.store.is_settled() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["2"]]);
    assert!(!world.is_open());
    let second = world.worker("second");
    second.page().await.expect("with the token of the first");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_here_is_not_waited_for() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    tokio::task::block_in_place(|| world.vendor.drop_blocked());
    assert_parked(&running.await.expect("no panic").expect_err("it is lost"));
    assert_parked(&first.page().await.expect_err("it is lost"));
    assert_eq!(first.clock.naps(), []);
    assert!(world.is_open());

    // But the vendor may not have ended with it, so it is not sent again before the others would park.
    let resumed = first.on_store(|store| store.resume(&own())).await;
    resumed.expect("stored");
    let error = first.page().await.expect_err("it waits");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

/// What became of the first request is not known still, so the intent stays open; but no answer is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_request_that_is_refused_says_so_at_once() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    world.pass("intent_at", 100);
    let second = world.worker("second");
    assert_parked(&second.page().await.expect_err("it may be used up"));
    second
        .on_store(|store| store.resume(&own()))
        .await
        .expect("stored");

    let error = second.page().await.expect_err("it was used up");
    assert!(error.is_sign_in_needed(), "{error}");
    let error = second.page().await.expect_err("it is known");
    assert!(error.is_sign_in_needed(), "{error}");
    let third = world.worker("third");
    assert_parked(&third.page().await.expect_err("it may be used up"));
    assert_eq!(third.clock.naps(), [], "no answer is waited for");
    assert_eq!(second.clock.naps(), []);
    let requests = world.vendor.token_requests();
    assert_eq!(
        requests,
        [(Some(0), true), (Some(1), true), (Some(1), false)]
    );

    assert!(world.is_open());
    world.vendor.release();
    let ended = running.await.expect("no panic");
    ended.expect_err("the vendor has ended the grant");
    assert!(!world.is_open(), "the late answer is stored all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_parks_and_a_sign_in_ends_that() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    running.abort();
    world.numbers();
    first.lease.end();
    let second = world.worker("second");
    world.pass("intent_at", 100);
    assert_parked(&second.page().await.expect_err("it may be used up"));

    let command = ClusterTokens::of_command(second.database.clone(), keys(), second.clock.clock());
    let grant = KeptGrant {
        refresh_token: refresh_token(2).into(),
        previous: None,
        seed_hash: KeptGrant::fingerprint(&refresh_token(0).into()),
        intent: None,
        api_key: None,
        access: None,
        obtained: second.clock.clock().now(),
        scope: Some(vec!["one".to_owned(), "two".to_owned()]),
    };
    let before = world.sql("SELECT generation FROM tokens");
    tokio::task::spawn_blocking(move || command.sign_in(&own(), &grant))
        .await
        .expect("no panic")
        .expect("stored");
    assert_ne!(world.sql("SELECT generation FROM tokens"), before);
    assert!(!world.is_open());
    world.vendor.release();
    second.page().await.expect("with the token of the sign-in");
    assert_eq!(world.numbers(), [Some(2)]);
}
