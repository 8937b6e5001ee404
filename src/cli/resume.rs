//! `rollbook resume JOB`: a job that waits for a person, for a vendor or after failures runs at its next tick again.

use super::asking::{By, asked};
use super::exit::Exit;
use super::out;
use crate::app::{Granted, Places, Wish};
use crate::model::ParkReason;

/// Options of `resume`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The job
    job: String,
}

/// Clears what makes the job wait.
pub async fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let job = options.job;
    let (granted, by) = asked(places, &Wish::Resume { job: job.clone() }).await?;
    let Granted::Resumed { waits, park_reason } = granted else {
        return Err(Exit::failed(format!(
            "an answer that makes no sense: {granted:?}"
        )));
    };
    out::text(text(&job, &waits, park_reason, &by));
    Ok(())
}

fn text(job: &str, waits: &[String], park_reason: Option<ParkReason>, by: &By) -> String {
    if waits.is_empty() {
        return format!("{job} was not waiting for anything.");
    }
    // It was of no use where a sign-in is wanted, and is not needed after one.
    let hint = if park_reason == Some(ParkReason::SignInNeeded) {
        " Without the sign-in it will wait again; after one it goes on by itself."
    } else {
        ""
    };
    format!(
        "{job} no longer waits ({}). It runs at its next tick.{}{hint}",
        waits.join("; "),
        by.run_it_now(job)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::waits_for;
    use crate::store::runs::{JobState, Parked};

    fn parked(reason: ParkReason, message: &str) -> Option<Parked> {
        Some(Parked {
            reason,
            message: message.to_owned(),
            config_fingerprint: None,
        })
    }

    #[test]
    fn what_was_cleared_is_told() {
        let rows = [
            (JobState::default(), "rosters was not waiting for anything."),
            (
                JobState {
                    failures: 2,
                    ..JobState::default()
                },
                "rosters no longer waits (2 runs in a row did not end well). \
                 It runs at its next tick.",
            ),
            (
                JobState {
                    parked: parked(ParkReason::SignInNeeded, "run `rollbook login north`"),
                    ..JobState::default()
                },
                "rosters no longer waits (parked: run `rollbook login north`). It runs at its next tick. \
                 Without the sign-in it will wait again; after one it goes on by itself.",
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
                 deferred: the vendor asked to be left alone until 2026-02-01 12:30:00 UTC; \
                 12 runs in a row did not end well). \
                 It runs at its next tick.",
            ),
        ];
        for (state, expected) in rows {
            let waits = waits_for(&state);
            let reason = state.parked.map(|parked| parked.reason);
            assert_eq!(text("rosters", &waits, reason, &By::Daemon), expected);
        }
    }
}
