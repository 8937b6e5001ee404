//! `rollbook resume JOB`: a job that waits for a person, for a vendor or after failures runs at its next tick again.

use super::asking::{By, asked};
use super::exit::Exit;
use super::out;
use crate::app::{Granted, Places, Wish};
use crate::model::sign_in;

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
    let Granted::Resumed { waits } = granted else {
        return Err(Exit::failed(format!(
            "an answer that makes no sense: {granted:?}"
        )));
    };
    out::text(text(&job, &waits, &by));
    Ok(())
}

fn text(job: &str, waits: &[String], by: &By) -> String {
    if waits.is_empty() {
        return format!("{job} was not waiting for anything.");
    }
    // It was of no use where a sign-in is wanted, and is not needed after one.
    let is_sign_in = waits
        .iter()
        .any(|wait| wait.contains(&sign_in::command("")));
    let hint = if is_sign_in {
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
    use crate::store::runs::JobState;

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
                    parked: Some("run `rollbook login north`".to_owned()),
                    ..JobState::default()
                },
                "rosters no longer waits (parked: run `rollbook login north`). It runs at its next tick. \
                 Without the sign-in it will wait again; after one it goes on by itself.",
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
                 It runs at its next tick.",
            ),
        ];
        for (state, expected) in rows {
            assert_eq!(text("rosters", &waits_for(&state), &By::Daemon), expected);
        }
    }
}
