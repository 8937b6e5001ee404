//! `rollbook resume JOB`: lets a parked, deferred or failing job run at its next tick.

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::out;
use crate::app::{AdminRequest, AdminResponse};
use crate::model::{JobName, ParkReason};
use crate::setup::Folders;

/// Options of `resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeOptions {
    /// The job
    job: JobName,
}

/// Clears the reasons why the job waits.
pub async fn run(folders: &Folders, options: ResumeOptions) -> Result<(), Exit> {
    let job = options.job;
    let (response, by) = send_request(folders, &AdminRequest::Resume { job: job.clone() }).await?;
    let AdminResponse::Resumed { waits, park_reason } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    out::text(text(job.as_str(), &waits, park_reason, &by));
    Ok(())
}

fn text(job: &str, waits: &[String], park_reason: Option<ParkReason>, by: &HandledBy) -> String {
    if waits.is_empty() {
        return format!("{job} was not waiting.");
    }
    // Resuming does not replace a sign-in, and is not needed after one.
    let hint = if park_reason == Some(ParkReason::SignInNeeded) {
        " Without a sign-in it will be parked again; after one it resumes by itself."
    } else {
        ""
    };
    format!(
        "{job} no longer waits ({}). It runs at its next tick.{}{hint}",
        waits.join("; "),
        by.run_now_hint(job)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::wait_reasons;
    use crate::store::runs::{JobState, Parked};

    fn parked(reason: ParkReason, message: &str) -> Option<Parked> {
        Some(Parked {
            reason,
            message: message.to_owned(),
            config_fingerprint: None,
        })
    }

    #[test]
    fn the_cleared_reasons_are_shown() {
        let rows = [
            (JobState::default(), "rosters was not waiting."),
            (
                JobState {
                    failures: 2,
                    ..JobState::default()
                },
                "rosters no longer waits (2 runs in a row failed). \
                 It runs at its next tick.",
            ),
            (
                JobState {
                    parked: parked(ParkReason::SignInNeeded, "run `rollbook login north`"),
                    ..JobState::default()
                },
                "rosters no longer waits (parked: run `rollbook login north`). It runs at its next tick. \
                 Without a sign-in it will be parked again; after one it resumes by itself.",
            ),
            (
                JobState {
                    parked: parked(
                        ParkReason::CredentialRefused,
                        "the vendor refused the credential",
                    ),
                    deferred_until: "2026-02-01T12:30:00Z".parse().ok(),
                    failures: 12,
                    ..JobState::default()
                },
                "rosters no longer waits (parked: the vendor refused the credential; \
                 deferred until 2026-02-01 12:30:00 UTC; \
                 12 runs in a row failed). \
                 It runs at its next tick.",
            ),
        ];
        for (state, expected) in rows {
            let waits = wait_reasons(&state);
            let reason = state.parked.map(|parked| parked.reason);
            assert_eq!(
                text("rosters", &waits, reason, &HandledBy::Daemon),
                expected
            );
        }
    }
}
