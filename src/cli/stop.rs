//! Ctrl-C, SIGTERM and a closed terminal, for commands that run jobs or wait for one.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use rollbook_app::app::App;

/// A token that SIGINT, SIGTERM and SIGHUP cancel. A SIGHUP that is ignored, as after `nohup`, stays so.
///
/// Call it before anything is created that must not outlive the command.
pub fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !ignores_hangup() {
        kinds.push(SignalKind::hangup());
    }
    for mut signal in kinds.into_iter().filter_map(|kind| signal(kind).ok()) {
        let on_signal = stop.clone();
        tokio::spawn(async move {
            signal.recv().await;
            on_signal.cancel();
        });
    }
    stop
}

/// How long the end of the program waits for the answer to a token request, which would be lost with it. With what else a stop of the
/// daemon waits for it is less than `TimeoutStopSec=` of its unit.
pub const LAST_TOKEN: Duration = Duration::from_secs(15);

/// Waits that long at the end of a command that ran jobs.
pub async fn settle_tokens(app: &App) {
    if app.has_token_request() {
        anstream::eprintln!(
            "rollbook: waiting for the answer to a token request, which would be lost; {} s at most",
            LAST_TOKEN.as_secs()
        );
        app.settle_tokens(LAST_TOKEN).await;
    }
}

/// Whether this process was started with SIGHUP ignored: the lowest bit of `SigIgn` in `/proc/self/status`.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
