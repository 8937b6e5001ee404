//! The requests of a day, which workers count together.

use std::sync::Arc;

use rollbook_app::app::ClusterDays;
use rollbook_http::http::DayCount as _;

use super::world::{TestWorker, World, own};

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_holds_over_crashes_and_is_used_up() {
    let Some(world) = World::new().await else {
        return;
    };
    const LIMIT: u32 = 200;
    let day = "2026-03-02";
    let count = |worker: &TestWorker| {
        let days = Arc::new(ClusterDays::new(worker.database.clone()));
        move |requests: u32| {
            let days = days.clone();
            async move {
                let sent = tokio::task::spawn_blocking(move || {
                    let add = |_| days.add(&own(), day, LIMIT).expect("counted");
                    let sent = (0..requests)
                        .map(add)
                        .filter(|total| *total <= LIMIT)
                        .count();
                    (sent, days)
                });
                sent.await.expect("no panic")
            }
        }
    };
    let first = world.worker("first");
    let (mut sent, _) = count(&first)(10).await; // and it crashes, with 2 of a block of 4 left
    let second = world.worker("second");
    let (more, days) = count(&second)(10).await;
    sent += more;
    tokio::task::spawn_blocking(move || days.give_back(&own()))
        .await
        .expect("no panic");
    assert_eq!(
        world.sql("SELECT requests FROM days"),
        [["22"]],
        "2 are lost"
    );
    let third = world.worker("third");
    let (more, days) = count(&third)(300).await;
    sent += more;
    assert_eq!(sent, 198, "the limit without what the crash has lost");
    tokio::task::spawn_blocking(move || days.give_back(&own()))
        .await
        .expect("no panic");
    let fourth = world.worker("fourth");
    assert_eq!(count(&fourth)(5).await.0, 0, "nothing is left for anyone");
}
