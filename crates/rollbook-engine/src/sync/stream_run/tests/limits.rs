//! A reading that is larger than `[store.staging]` allows, or for which the disk has no room.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use rollbook_core::model::{Class, Outcome, StagingLimits};

/// Lists of so many rows, in one page each.
#[derive(Default)]
pub(super) struct Lists {
    rows: [AtomicU64; 3],
    is_reversed: AtomicBool,
    requests: AtomicU64,
}

impl Lists {
    pub(super) fn serve(&self, rows: [u64; 3]) {
        for (list, rows) in self.rows.iter().zip(rows) {
            list.store(rows, Ordering::SeqCst);
        }
    }

    fn answer(&self, ask: &PageRequest, decode: &Decode<Batch>) -> Result<Batch, HttpError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let names = ["/one", "/two", "/three"];
        let list = names.iter().position(|name| *name == ask.path);
        let rows = self.rows[list.expect("a list")].load(Ordering::SeqCst);
        let mut rows: Vec<_> = (1..=rows).map(|id| format!("{{\"id\": {id}}}")).collect();
        if self.is_reversed.load(Ordering::SeqCst) {
            rows.reverse();
        }
        let reply = Reply {
            status: 200,
            redirected: false,
            headers: Headers::default(),
            date: None,
            body: format!("[{}]", rows.join(",")).into_bytes(),
        };
        decode
            .whole(&reply)
            .map_err(|bad| HttpErrorKind::UnexpectedResponse(200, bad).at("read", "vendor.test"))
    }
}

impl PageClient for Lists {
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        _: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>> {
        async move { self.answer(ask, &decode) }.boxed()
    }

    fn follow(&self, _: &str, what: String) -> Result<PageRequest, HttpError> {
        Err(HttpErrorKind::OutsideBaseUrl.at(what, "vendor.test"))
    }
}

fn limits(rows: u64, mib: u64, reserve_mib: u64) -> StagingLimits {
    let number = |number| NonZeroU64::new(number).expect("not 0");
    StagingLimits {
        rows: number(rows),
        mib: number(mib),
        reserve_mib,
    }
}

impl World {
    fn rows(&self) -> Vec<i64> {
        let reader = self.runner.store.reader().expect("a reader");
        ["school_one", "school_two", "school_three"]
            .map(|table| {
                let sql = format!("SELECT count(*) FROM {table}");
                reader
                    .query_row(&sql, [], |row| row.get(0))
                    .expect("counted")
            })
            .to_vec()
    }
}

fn outcomes(report: &RunReport) -> Vec<Outcome> {
    let streams = report.streams.iter();
    streams.map(|part| part.record.outcome).collect()
}

#[tokio::test]
async fn a_list_that_is_too_long_ends_alone() {
    let client = Arc::new(Lists::default());
    let world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    let space = world.runner.store.staging_space();
    space.limit(limits(10, 1, 0));
    client.serve([5, 5, 5]);
    assert_eq!(outcomes(&world.run().await), [Outcome::Ok; 3]);
    client.serve([6, 11, 10]);
    let report = world.run().await;
    let failed = Outcome::Failed(Class::Contract);
    assert_eq!(outcomes(&report), [Outcome::Ok, failed, Outcome::Ok]);
    assert_eq!(
        world.rows(),
        [6, 5, 10],
        "nothing of the long list was applied"
    );
    assert_eq!(report.outcome, failed);
    let message = report.message.unwrap_or_default();
    assert!(
        message.contains("received more than 10 rows, the limit of one reading")
            && message.contains("`rows` in `[store.staging]`"),
        "{message}"
    );
    assert!(
        !world.runner.store.is_full(),
        "the disk is not what is too small"
    );
    space.limit(limits(11, 1, 0));
    assert_eq!(outcomes(&world.run().await), [Outcome::Ok; 3]);
    assert_eq!(world.rows(), [6, 11, 10]);
}

#[tokio::test]
async fn values_are_counted_too() {
    let client = Arc::new(Lists::default());
    let world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    world
        .runner
        .store
        .staging_space()
        .limit(limits(1_000_000, 1, 0));
    // Nine bytes a row.
    client.serve([1, 120_000, 1]);
    let report = world.run().await;
    assert_eq!(world.rows(), [1, 0, 1]);
    let message = report.message.unwrap_or_default();
    assert!(
        message.contains("received more than 1 MiB of values"),
        "{message}"
    );
}

#[tokio::test]
async fn a_reading_leaves_the_reserve() {
    let client = Arc::new(Lists::default());
    let world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    let space = world.runner.store.staging_space();
    space.limit(limits(1_000_000, 100, 10));
    client.serve([5, 5, 5]);
    assert_eq!(outcomes(&world.run().await), [Outcome::Ok; 3]);
    // Room for the reserve and a little: the rows of the second list do not fit.
    space.pretend_free(Some(11 << 20));
    client.serve([6, 100_000, 7]);
    let report = world.run().await;
    let failed = Outcome::Failed(Class::Transient);
    assert_eq!(outcomes(&report), [Outcome::Ok, failed, Outcome::Ok]);
    assert_eq!(world.rows(), [6, 5, 7]);
    let message = report.message.unwrap_or_default();
    assert!(
        message.contains("the disk of the mirror has 11 MiB free")
            && message.contains("10 MiB must remain")
            && message.contains("`reserve_mib` in `[store.staging]`"),
        "{message}"
    );
    assert!(world.runner.store.is_full(), "the status names it");
    // Not even the reserve is there: nothing is requested.
    space.pretend_free(Some(9 << 20));
    let before = client.requests.load(Ordering::SeqCst);
    assert_eq!(outcomes(&world.run().await), [failed; 3]);
    assert_eq!(client.requests.load(Ordering::SeqCst), before);
    space.pretend_free(None);
    assert_eq!(outcomes(&world.run().await), [Outcome::Ok; 3]);
    assert_eq!(world.rows(), [6, 100_000, 7]);
    assert!(!world.runner.store.is_full());
}

/// Rows in another order than that of their keys are sorted, on disk, when they are written.
#[tokio::test]
async fn only_what_is_written_needs_room_to_be_sorted() {
    let client = Arc::new(Lists::default());
    let world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    let space = Arc::clone(world.runner.store.staging_space());
    space.limit(limits(1_000_000, 100, 1));
    client.is_reversed.store(true, Ordering::SeqCst);
    // 14 bytes a row are staged, and count four times; half of that again while they are sorted.
    client.serve([5, 60_000, 5]);
    space.pretend_free(Some(5 << 20));
    let dry = RunOptions {
        dry: true,
        ..OPTIONS
    };
    assert_eq!(outcomes(&world.run_with(dry).await), [Outcome::Ok; 3]);
    let report = world.run().await;
    let failed = Outcome::Failed(Class::Transient);
    assert_eq!(outcomes(&report), [Outcome::Ok, failed, Outcome::Ok]);
    assert_eq!(world.rows(), [5, 0, 5]);
    space.pretend_free(Some(7 << 20));
    assert_eq!(outcomes(&world.run().await), [Outcome::Ok; 3]);
    assert_eq!(world.rows(), [5, 60_000, 5]);
}

/// A set is applied as a whole or not at all.
#[tokio::test]
async fn a_set_with_a_list_that_is_too_long_is_not_applied() {
    let client = Arc::new(Lists::default());
    let world = world(ApplyMode::Together, Arc::clone(&client) as _).await;
    world.runner.store.staging_space().limit(limits(10, 1, 0));
    client.serve([5, 11, 5]);
    let report = world.run().await;
    assert_eq!(report.outcome, Outcome::Failed(Class::Contract));
    assert_eq!(world.rows(), [0, 0, 0]);
}
