//! When a page that was received before is decoded again.

use super::limits::Lists;
use super::*;
use rollbook_core::model::retain::Retain;

impl World {
    /// When the page of each list was decoded that is known; nothing where none is.
    fn decoded(&self) -> Vec<String> {
        let reader = self.runner.store.reader().expect("a reader");
        let mut select = reader
            .prepare("SELECT stream || ' ' || substr(decoded, 12, 5) FROM rollbook_known_pages ORDER BY decoded, stream")
            .expect("sql");
        let texts = select.query_map([], |row| row.get(0)).expect("rows");
        texts.collect::<rusqlite::Result<_>>().expect("rows")
    }
}

#[tokio::test]
async fn a_page_is_decoded_when_it_changed_each_day_and_when_all_is_wanted() {
    let client = Arc::new(Lists::default());
    let mut world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    let time = TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"));
    world.runner.clock = time.clock();
    let hour = Duration::from_secs(60 * 60);

    client.serve([5, 5, 0]);
    world.run().await;
    assert_eq!(world.decoded(), ["one 06:00", "two 06:00"]);
    time.pass(hour);
    client.serve([5, 6, 0]);
    let report = world.run().await;
    // The rows that did not change were decoded then.
    assert_eq!(world.decoded(), ["one 06:00", "two 06:00"]);
    let counts = report.streams.iter();
    let counts: Vec<_> = counts
        .map(|part| (part.record.rows_read, part.record.unchanged))
        .collect();
    assert_eq!(counts, [(5, 5), (6, 5), (0, 0)]);
    time.pass(hour);
    world.run_as(true).await;
    assert_eq!(world.decoded(), ["one 08:00", "two 08:00"]);
    time.pass(23 * hour);
    world.run().await;
    assert_eq!(world.decoded(), ["one 08:00", "two 08:00"]);
    time.pass(hour + Duration::from_secs(60));
    world.run().await;
    assert_eq!(world.decoded(), ["one 08:01", "two 08:01"]);
}

/// Time alone removes rows of a stream that is kept for some days, whatever its pages have.
#[tokio::test]
async fn nothing_is_known_of_rows_that_are_not_kept_for_ever() {
    let client = Arc::new(Lists::default());
    let mut world = world(ApplyMode::Each, Arc::clone(&client) as _).await;
    client.serve([5, 5, 5]);
    world.run().await;
    assert_eq!(world.decoded().len(), 3);
    let job = Arc::get_mut(&mut world.job).expect("one owner");
    let one = Arc::get_mut(&mut job.streams[0]).expect("one owner");
    one.retain = Some(Retain {
        column: 0,
        length: Duration::from_secs(60),
    });
    world.run().await;
    assert_eq!(world.decoded().len(), 2);
}
