//! Sign-ins, and what removes them, by commands on any host.

use jiff::Timestamp;
use rollbook_app::app::ClusterTokens;
use rollbook_core::model::KeptGrant;
use rollbook_http::auth::{GrantStore as _, Intended, SignInMark};
use secrecy::ExposeSecret as _;

use super::world::{World, grant, intent, keys, own};
use crate::database::NULL;

#[tokio::test(flavor = "multi_thread")]
async fn an_older_answer_does_not_replace_a_sign_in() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    let loaded = first.on_store(|store| store.load(&own())).await;
    let late = loaded.expect("read").expect("kept");
    let hash = KeptGrant::fingerprint(&late.refresh_token);
    let now = first.clock.clock().now();
    let announced = first
        .on_store(move |store| store.intend(&own(), intent(&hash, now)))
        .await;
    announced.expect("announced");
    assert!(world.is_open());

    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    let newest = grant("newest", now);
    let signed_in = tokio::task::spawn_blocking(move || command.sign_in(&own(), &newest)).await;
    signed_in.expect("no panic").expect("stored");

    let unsaved = late.clone();
    let kept = first.on_store(move |store| store.keep(&own(), &late)).await;
    let error = kept.expect_err("it is of another grant");
    assert!(error.reason.contains("newer tokens"), "{error}");
    let kept = first
        .on_store(move |store| store.keep_late(&own(), &unsaved))
        .await;
    assert!(!kept.expect("answered"), "it is given up");
    let stored = first.on_store(|store| store.load(&own())).await;
    let stored = stored.expect("read").expect("kept");
    assert_eq!(stored.refresh_token.expose_secret(), "newest");
}

/// A stopped worker may bring an answer home long after its source was removed and came again.
#[tokio::test(flavor = "multi_thread")]
async fn generations_go_on_after_a_source_was_forgotten() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    let loaded = first.on_store(|store| store.load(&own())).await;
    let late = loaded.expect("read").expect("kept");
    let hash = KeptGrant::fingerprint(&late.refresh_token);
    let now = first.clock.clock().now();
    let announced = first
        .on_store(move |store| store.intend(&own(), intent(&hash, now)))
        .await;
    announced.expect("announced");
    world.sql("UPDATE workers SET until = now() - interval '1 s'");
    let removed = rollbook_app::app::forget_source(&first.database, &own()).await;
    removed.expect("forgotten");
    assert!(!world.is_open());
    assert_eq!(world.sql("SELECT sealed FROM tokens"), [[NULL]]);

    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    let newest = grant("newest", now);
    let signed_in = tokio::task::spawn_blocking(move || command.sign_in(&own(), &newest)).await;
    signed_in.expect("no panic").expect("stored");
    let kept = first.on_store(move |store| store.keep(&own(), &late)).await;
    let error = kept.expect_err("it is of another grant");
    assert!(error.reason.contains("newer tokens"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_sign_out_and_list_on_any_host() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    assert_eq!(command.entries().await.expect("read"), []);
    let now = first.clock.clock().now();
    let on_command = |act: fn(&ClusterTokens, Timestamp)| {
        let command = command.clone();
        async move {
            let done = tokio::task::spawn_blocking(move || act(&command, now));
            done.await.expect("no panic");
        }
    };
    on_command(|store, now| store.sign_in(&own(), &grant("r", now)).expect("stored")).await;
    let entries = command.entries().await.expect("read");
    let kept: Vec<_> = entries
        .iter()
        .map(|entry| (entry.source.as_str(), entry.access_life_ms))
        .collect();
    assert_eq!(kept, [("own", Some(3_600_000))]);
    let mark = first.on_store(|store| {
        store.load(&own()).expect("read");
        store.signed_in(&own())
    });
    let mark = mark.await.expect("known");
    assert_eq!(mark.map(|mark: SignInMark| mark.at), Some(now));
    let sent = tokio::task::spawn_blocking({
        let command = command.clone();
        move || command.intend(&own(), intent("hash", now))
    });
    let sent = sent.await.expect("no panic").expect("answered");
    assert!(matches!(sent, Intended::Not(_)), "{sent:?}");

    let generation = || world.sql("SELECT generation FROM tokens");
    let before = generation();
    on_command(|store, _| store.forget(&own()).expect("deleted")).await;
    let entries = command.entries().await.expect("read");
    assert!(
        entries.iter().all(|entry| entry.obtained.is_none()),
        "{entries:?}"
    );
    assert_ne!(generation(), before, "no generation comes again");
    assert!(
        first
            .on_store(|store| store.load(&own()))
            .await
            .expect("read")
            .is_none()
    );
}
