//! The daemon exits when the mirror cannot be written any more.

use super::scripted::{Act, Run, Script, entry};

#[tokio::test]
async fn a_fatal_error_stops_the_runs_and_ends_the_daemon() {
    let lose: Act = Box::new(|script| {
        *script.engine.fatal_error.lock().expect("fatal error") =
            Some("the disk reports an error".to_owned());
    });
    let script = Script::new("2026-03-02T07:01:00Z", &[entry("job", "10 * * * *")])
        .with_run("job", Run::UntilStopped);
    let log = script
        .until("2026-03-02T09:00:00Z", vec![("2026-03-02T07:20:00Z", lose)])
        .await;
    assert_eq!(
        log,
        [
            "ready",
            "job due 02T07:10:00",
            "job schedule",
            "fatal error: the disk reports an error",
            "stopping",
            "job interrupted",
            "ended: the disk reports an error",
        ]
    );
}
