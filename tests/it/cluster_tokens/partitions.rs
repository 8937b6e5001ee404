//! A database that is away, or whose answer is lost, when tokens are to be stored.

use std::sync::Arc;

use rollbook_core::model::Class;
use tokio::runtime::Handle;

use super::world::World;
use crate::database::Fault;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_stored_as_soon_as_the_database_is_back() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    world.expire_at(&first);
    let running = world.held_request(&first);
    world.proxy.set(Fault::Refuse);
    world.proxy.cut();
    first.lease.end();
    world.vendor.release();
    let error = running
        .await
        .expect("no panic")
        .expect_err("not stored, not used");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["1"]]);
    world.proxy.set(Fault::None);
    // By the worker alone, whose lease has ended and whose run is over.
    for _ in 0..1000 {
        if world.sql("SELECT generation FROM tokens") == [["2"]] {
            break;
        }
    }
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["2"]]);
    assert!(!world.is_open());
    let second = world.worker("second");
    second.page().await.expect("with the tokens of the first");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_commit_is_no_lost_token() {
    for what in ["the intent", "the tokens"] {
        let Some(world) = World::new().await else {
            return;
        };
        let world = Arc::new(world);
        let first = world.signed_in("first").await;
        world.expire_at(&first);
        world.numbers();
        if what == "the intent" {
            let (losing, database) = (Arc::clone(&world), first.database.clone());
            let runtime = Handle::current();
            first
                .lease
                .on_claim(move || runtime.block_on(losing.lose_commit(&database)));
            let announced = first.page().await;
            announced.expect_err("nothing is sent without an intent");
            assert!(world.numbers().is_empty());
        } else {
            let running = world.held_request(&first);
            world.lose_commit(&first.database).await;
            world.vendor.release();
            let ended = running.await.expect("no panic");
            ended.expect_err("whether they are stored is not known");
        }
        assert_eq!(world.proxy.strikes(), 1, "{what}");
        first
            .page()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(world.numbers(), [Some(1)], "{what}");
        assert_eq!(
            world.sql("SELECT generation FROM tokens"),
            [["2"]],
            "{what}"
        );
        assert!(!world.is_open(), "{what}");
    }
}
