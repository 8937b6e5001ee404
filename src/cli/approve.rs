//! `rollbook approve RUN`: an admin has looked at what a run held back, and wants it.
//!
//! The rows were not kept: the job reads again, and what it finds is applied if it would lose the
//! same rows; else it is held anew.

use jiff::{SignedDuration, Timestamp};

use super::exit::Exit;
use super::progress::Bars;
use super::sync::{show, stop_on_signal};
use super::{lines, out, start, words};
use crate::app::{Overlay, Places};
use crate::clock::Clock;
use crate::model::scalar;
use crate::store::look::{self, RunLine};
use crate::store::runs;
use crate::sync::Order;

/// A held run can be approved for a day (reliability.md 4.2): later the vendor says something else.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Options of `approve`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The held run's number, as `rollbook status` shows it
    run: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Notes the approval and runs the job at once.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let app = start::app(places, &Overlay::default()).await?;
    let now = Clock::system().now();
    let reader = app.store().reader()?;
    let run = look::run(&reader, options.run)?;
    let hold = runs::held(&reader, options.run)?.map(|(_, hold)| hold);
    let (run, hold) = approvable(options.run, run, hold, now).map_err(Exit::usage)?;
    if look::held(&reader, &run.job)?.is_none() {
        return Err(Exit::usage(format!(
            "run {} of {} waits no longer: a later run ended well",
            run.run, run.job
        )));
    }
    if app.setup().job(&run.job).is_none() {
        return Err(Exit::usage(format!(
            "the job {} of run {} is not configured any more",
            run.job, run.run
        )));
    }
    let (number, job, at) = (run.run, run.job.clone(), scalar::written(now));
    app.store()
        .write(move |connection| runs::approve(connection, number, &job, &hold, &at))
        .await?;
    let order = Order {
        cause: "approval",
        full: false,
        dry: false,
    };
    let report = app
        .run(&run.job, order, &stop_on_signal(), &Bars::default().watch())
        .await;
    let good = report.outcome.is_good();
    let reports = [report];
    if options.json {
        out::json(&lines::json(&reports));
    } else {
        show(&reports, false);
    }
    if good { Ok(()) } else { Err(Exit::unwell()) }
}

/// The run and what its approval is bound to, or why it cannot be approved.
fn approvable(
    number: i64,
    run: Option<RunLine>,
    hold: Option<String>,
    now: Timestamp,
) -> Result<(RunLine, String), String> {
    let run = run.ok_or_else(|| {
        format!("there is no run {number}; `rollbook status` shows the held ones")
    })?;
    let job = &run.job;
    let Some(hold) = hold else {
        return Err(match run.outcome.as_deref() {
            Some("held") => format!(
                "what run {number} of {job} held back is part of a time series and cannot be approved; \
                 change [guard] of the job, then `rollbook sync {job}`"
            ),
            Some(outcome) => format!(
                "run {number} of {job} held nothing back, it ended {outcome}; `rollbook status` shows the held ones"
            ),
            None => format!("run {number} of {job} has not ended"),
        });
    };
    if is_too_old(&run, now) {
        return Err(format!(
            "run {number} of {job} started {} UTC, more than a day ago; `rollbook sync {job}` reads again, \
             then approve that run",
            words::moment(&run.started)
        ));
    }
    Ok((run, hold))
}

/// Whether a held run can no longer be approved.
pub fn is_too_old(run: &RunLine, now: Timestamp) -> bool {
    let held = run.ended.as_deref().unwrap_or(&run.started);
    scalar::parse(held).is_none_or(|held| now.duration_since(held) > GOOD_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_approved() {
        let line = |outcome: Option<&str>| RunLine {
            run: 7,
            job: "rosters".to_owned(),
            source: "north".to_owned(),
            cause: "schedule".to_owned(),
            started: "2026-02-01T06:00:00.000Z".to_owned(),
            ended: outcome.map(|_| "2026-02-01T06:00:09.000Z".to_owned()),
            outcome: outcome.map(str::to_owned),
            sentence: None,
            new: 0,
            changed: 0,
            gone: 0,
        };
        let hold = || Some("users:00".to_owned());
        let soon = "2026-02-02T06:00:09Z";
        let late = "2026-02-02T06:00:10Z";
        let rows = [
            (line(Some("held")), hold(), soon, Ok("users:00")),
            (
                line(Some("held")),
                hold(),
                late,
                Err(
                    "run 7 of rosters started 2026-02-01 06:00:00 UTC, more than a day ago; \
                     `rollbook sync rosters` reads again, then approve that run",
                ),
            ),
            (
                line(Some("held")),
                None,
                soon,
                Err(
                    "what run 7 of rosters held back is part of a time series and cannot be approved; \
                     change [guard] of the job, then `rollbook sync rosters`",
                ),
            ),
            (
                line(Some("ok")),
                None,
                soon,
                Err(
                    "run 7 of rosters held nothing back, it ended ok; `rollbook status` shows the held ones",
                ),
            ),
            (
                line(None),
                None,
                soon,
                Err("run 7 of rosters has not ended"),
            ),
        ];
        for (run, hold, now, expected) in rows {
            let now = now.parse().expect("a time");
            let found = approvable(7, Some(run), hold, now).map(|(_, hold)| hold);
            let found = found.as_ref().map(String::as_str).map_err(String::as_str);
            assert_eq!(found, expected);
        }
        let missing = approvable(8, None, None, soon.parse().expect("a time"));
        assert_eq!(
            missing.map(drop).unwrap_err(),
            "there is no run 8; `rollbook status` shows the held ones"
        );
    }
}
