//! `rollbook resume JOB|SOURCE`: lets a paused, parked, deferred or failing job run at its next tick.

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::out;
use super::pause::JobOrSource;
use rollbook_app::app::{AdminRequest, AdminResponse, ResumedJob};
use rollbook_core::model::ParkReason;
use rollbook_engine::setup::Folders;

/// Options of `resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeOptions {
    #[command(flatten)]
    target: JobOrSource,
}

/// Clears the reasons why the jobs wait.
pub async fn run(folders: &Folders, options: ResumeOptions) -> Result<(), Exit> {
    let target = options.target.typed();
    let name = target.name.clone();
    let (response, by) = send_request(folders, &AdminRequest::Resume { target }).await?;
    let AdminResponse::Resumed { jobs } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    if jobs.is_empty() {
        out::text(format!("No job reads {name}."));
    }
    for job in &jobs {
        out::text(text(job, &by));
    }
    Ok(())
}

fn text(resumed: &ResumedJob, by: &HandledBy) -> String {
    let job = resumed.job.as_str();
    if let Some(still_paused) = &resumed.still_paused {
        let waits = match resumed.waits.is_empty() {
            true => String::new(),
            false => format!(
                " It no longer waits for anything else ({}).",
                resumed.waits.join("; ")
            ),
        };
        return format!("{job} is {still_paused}.{waits}");
    }
    if resumed.waits.is_empty() {
        return format!("{job} was not waiting.");
    }
    // Resuming does not replace a sign-in, and is not needed after one.
    let hint = if resumed.park_reason == Some(ParkReason::SignInNeeded) {
        " Without a sign-in it will be parked again; after one it resumes by itself."
    } else {
        ""
    };
    format!(
        "{job} no longer waits ({}). It runs at its next tick.{}{hint}",
        resumed.waits.join("; "),
        by.run_now_hint(job)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_app::app::wait_reasons;
    use rollbook_core::model::named;
    use rollbook_core::store::runs::{JobState, Parked};

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
            let resumed = ResumedJob {
                job: named("rosters"),
                waits: wait_reasons(&state),
                park_reason: state.parked.map(|parked| parked.reason),
                still_paused: None,
            };
            assert_eq!(text(&resumed, &HandledBy::Daemon), expected);
        }
        let mut resumed = ResumedJob {
            job: named("rosters"),
            waits: vec!["paused until 2027-01-07".to_owned()],
            park_reason: None,
            still_paused: None,
        };
        assert_eq!(
            text(&resumed, &HandledBy::Daemon),
            "rosters no longer waits (paused until 2027-01-07). It runs at its next tick."
        );
        let still =
            "paused until 2027-01-07 with its source north; `rollbook resume north` ends that";
        resumed.still_paused = Some(still.to_owned());
        resumed.waits.clear();
        assert_eq!(
            text(&resumed, &HandledBy::Daemon),
            format!("rosters is {still}.")
        );
    }
}
