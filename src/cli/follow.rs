//! Follows a run of the daemon in the mirror and its status file, with a progress bar, until it has ended.

use std::path::Path;
use std::time::Duration;

use super::daemon_lines::daemon_status;
use super::exit::Exit;
use super::progress::JobBar;
use super::stop::stop_on_signal;
use rollbook_core::clock::Clock;
use rollbook_core::model::JobName;
use rollbook_core::store::queries::{self, Reader};
use rollbook_engine::setup::Folders;

/// How often mirror and status file are read.
const POLL: Duration = Duration::from_millis(200);

/// So many readings without a daemon mean that it has ended: a reload or a slow disk takes less.
const WITHOUT_A_DAEMON: u32 = 25;

/// Waits for the job's first run after a given one; returns its number.
///
/// # Errors
/// When the mirror cannot be read, the daemon ends, or the admin stops waiting.
pub async fn follow(
    folders: &Folders,
    mirror: (&Reader, &Path),
    job: &JobName,
    after: i64,
) -> Result<i64, Exit> {
    let (reader, path) = mirror;
    let (clock, stop, bar) = (Clock::system(), stop_on_signal(), JobBar::of(job));
    let mut without_a_daemon = 0;
    loop {
        if let Some(run) = queries::ended_after(reader, job, after)? {
            return Ok(run);
        }
        match daemon_status(folders, path) {
            Some(status) => {
                without_a_daemon = 0;
                let known = status.jobs.iter().find(|one| one.job == *job.as_str());
                if let Some(running) = known.and_then(|one| one.running.as_ref()) {
                    bar.show(running.stream.as_ref(), running.rows);
                }
            }
            None if without_a_daemon >= WITHOUT_A_DAEMON => {
                return Err(Exit::failed(format!(
                    "the daemon has ended before {job} did; `rollbook runs` shows what is recorded"
                )));
            }
            None => without_a_daemon += 1,
        }
        tokio::select! {
            () = stop.cancelled() => {
                let message = format!("{job} continues in the daemon; `rollbook status` shows its progress");
                return Err(Exit::failed(message));
            }
            () = clock.sleep(POLL) => {}
        }
    }
}
