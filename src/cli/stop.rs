//! Ctrl-C, SIGTERM and a closed terminal, for commands that run jobs or wait for one.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

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

/// Whether this process was started with SIGHUP ignored: the lowest bit of `SigIgn` in `/proc/self/status`.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
