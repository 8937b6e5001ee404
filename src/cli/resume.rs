//! `rollbook resume JOB`: a job that waits for a person, for a vendor or after failures runs at its next tick again.

use super::exit::Exit;
use super::sync::known_job;
use super::words::moment;
use super::{out, start};
use crate::app::{Overlay, Places};
use crate::store::runs::{self, JobState};

/// Options of `resume`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The job
    job: String,
}

/// Clears what makes the job wait.
pub async fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let app = start::app(places, &Overlay::default()).await?;
    known_job(&app.setup(), &options.job)?;
    let job = options.job.clone();
    let before = app
        .store()
        .write(move |connection| {
            let state = runs::job_state(connection, &job)?;
            let cleared = JobState {
                last_due: state.last_due.clone(),
                ..JobState::default()
            };
            runs::save_job_state(connection, &job, &cleared)?;
            Ok(state)
        })
        .await?;
    out::text(text(&options.job, &before));
    Ok(())
}

fn text(job: &str, before: &JobState) -> String {
    let waits = waits_for(before);
    if waits.is_empty() {
        return format!("{job} was not waiting for anything.");
    }
    format!(
        "{job} no longer waits ({}). It runs at its next tick; `rollbook sync {job}` runs it now.",
        waits.join("; ")
    )
}

/// What makes a job wait, in words.
pub fn waits_for(state: &JobState) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(reason) = &state.parked {
        waits.push(format!("parked: {reason}"));
    }
    if let Some(until) = &state.deferred_until {
        waits.push(format!(
            "deferred: the vendor asked to be left alone until {} UTC",
            moment(until)
        ));
    }
    if state.failures > 1 {
        waits.push(format!("{} runs in a row did not end well", state.failures));
    }
    waits
}

#[cfg(test)]
mod tests {
    use super::*;

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
                 It runs at its next tick; `rollbook sync rosters` runs it now.",
            ),
            (
                JobState {
                    parked: Some("the vendor refused the credential".to_owned()),
                    deferred_until: Some("2026-02-01T12:30:00.000Z".to_owned()),
                    failures: 12,
                    ..JobState::default()
                },
                "rosters no longer waits (parked: the vendor refused the credential; \
                 deferred: the vendor asked to be left alone until 2026-02-01 12:30:00 UTC; \
                 12 runs in a row did not end well). \
                 It runs at its next tick; `rollbook sync rosters` runs it now.",
            ),
        ];
        for (state, expected) in rows {
            assert_eq!(text("rosters", &state), expected);
        }
    }
}
