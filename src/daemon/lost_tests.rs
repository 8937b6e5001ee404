//! The daemon's end when nothing can be written down any more.

use super::played::{Act, Play, Run, entry};

#[tokio::test]
async fn a_lost_mirror_stops_the_runs_and_ends_the_daemon() {
    let lose: Act = Box::new(|play| {
        *play.engine.lost.lock().expect("lost") = Some("the disk reports an error".to_owned());
    });
    let play = Play::new("2026-03-02T07:01:00Z", &[entry("job", "10 * * * *")])
        .goes("job", Run::UntilStopped);
    let said = play
        .until("2026-03-02T09:00:00Z", vec![("2026-03-02T07:20:00Z", lose)])
        .await;
    assert_eq!(
        said,
        [
            "ready",
            "job due 02T07:10:00",
            "job schedule",
            "lost: the disk reports an error",
            "stopping",
            "job interrupted",
            "ended: the disk reports an error",
        ]
    );
}
