//! Who has no lease sends no refresh token, and who gets the source continues with its tokens.

use std::sync::Arc;

use rollbook_core::model::Class;
use rollbook_http::auth::GrantStore as _;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn tokens_rotate_in_the_database_and_move_with_the_source() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.signed_in("first").await;
    assert_eq!(world.numbers(), [Some(0)]);
    world.expire_at(&first);
    first.page().await.expect("renewed");
    assert_eq!(world.numbers(), [Some(1)]);
    assert_eq!(
        world.sql("SELECT generation, intent_claim, previous, length(key_id) FROM tokens"),
        [["2", "\\N", "\\N", "16"]],
        "two stores, no intent, and the previous token is dropped after its success"
    );
    let in_clear = world
        .sql("SELECT sealed::text FROM tokens")
        .concat()
        .concat();
    assert!(!in_clear.contains("refresh-"));

    let second = world.worker("second");
    second
        .page()
        .await
        .expect("with the access token of the first");
    assert!(world.numbers().is_empty(), "no refresh");
    world.expire_at(&second);
    second.page().await.expect("renewed");
    assert_eq!(world.numbers(), [Some(2)]);
    assert!(world.vendor.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_lease_announces_nothing() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.lease.end();
    let error = first.page().await.expect_err("no lease by its own clock");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(error.to_string().contains("lease"), "{error}");

    // By its own clock it has one; by the database's it has not.
    for sql in [
        "UPDATE leases SET claim = 'other'",
        "UPDATE leases SET claim = 'claim-first'; UPDATE workers SET until = now() - interval '1 s'",
    ] {
        let first = world.worker("first");
        world.sql(sql);
        let error = first.page().await.expect_err("no lease in the database");
        assert_eq!(error.class(), Class::Transient, "{error}");
    }
    assert!(world.numbers().is_empty());
    assert!(!world.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_before_the_request_is_sent_sends_nothing() {
    // After the announcement, and when the connection is open.
    for number_of_question in [2, 3] {
        let Some(world) = World::new().await else {
            return;
        };
        let first = world.worker("first");
        let lease = Arc::clone(&first.lease);
        first.lease.on_question(move |number| {
            if number == number_of_question {
                lease.end();
            }
        });
        let error = first.page().await.expect_err("it is too late");
        assert_eq!(error.class(), Class::Transient, "{error}");
        assert!(error.to_string().contains("too late"), "{error}");
        assert!(world.numbers().is_empty());
        assert!(!world.is_open(), "nothing was sent, and that is known");
        assert!(first.store.is_settled());
        world.worker("second").page().await.expect("it may send");
        assert_eq!(world.numbers(), [Some(0)]);
    }
}
