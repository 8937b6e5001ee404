//! The last runs of a job as a strip: a good run is a low bar, one that an admin has to look at a high one.

use std::time::Duration;

use maud::{Markup, html};

use super::mood::Mood;
use rollbook_core::model::Outcome;
use rollbook_core::model::figures::{length, many, minute};
use rollbook_core::model::run_history::{PastRun, STRIP_RUNS};

const HEIGHT: usize = 26;

/// The strip; the newest run is at the right.
pub(super) fn strip_svg(runs: &[PastRun]) -> Markup {
    let first = STRIP_RUNS.saturating_sub(runs.len());
    html! {
        svg.strip role="img" aria-label=(strip_text(runs)) viewBox=(format!("0 0 {} {HEIGHT}", STRIP_RUNS * 10)) preserveAspectRatio="none" {
            @for (index, run) in runs.iter().enumerate() {
                @let mood = Mood::of(run.outcome);
                @let height = match mood { Mood::Good => 11, Mood::Doubtful => 18, Mood::Held | Mood::Bad => HEIGHT };
                rect class=(mood.class()) x=((first + index) * 10 + 1) y=(HEIGHT - height) width="8" height=(height) { title { (run_text(run)) } }
            }
        }
    }
}

fn run_text(run: &PastRun) -> String {
    let took = length(Duration::from_millis(run.duration_ms));
    format!(
        "run {}, {} UTC: {}, {took}",
        run.run,
        minute(&run.started),
        run.outcome
    )
}

/// A strip of runs in words: `30 runs: 28 ok, 1 held, 1 failed; the last ok`.
pub(super) fn strip_text(runs: &[PastRun]) -> String {
    let Some(last) = runs.last() else {
        return "no run is recorded".to_owned();
    };
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for run in runs {
        let word = run.outcome.as_str();
        match counts.iter_mut().find(|(known, _)| known.as_str() == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((run.outcome, 1)),
        }
    }
    counts.sort_by_key(|(outcome, _)| outcome.severity());
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let runs = many(runs.len() as u64, "run", "runs");
    format!("{runs}: {}; the last {}", counts.join(", "), last.outcome)
}

#[cfg(test)]
mod tests;
