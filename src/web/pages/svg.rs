//! Charts and strips as SVG in the page, with what they show as a text. Colours are classes of the style sheet.

use maud::{Markup, html};

use super::chart::{ChartLabel, ChartShape, HEIGHT, WIDTH};
use super::overview::{Mood, strip_text};
use crate::model::figures::{length, minute};
use crate::model::run_history::{PastRun, STRIP_RUNS};
use std::time::Duration;

/// A stream's chart; `text` says what it shows.
pub(super) fn chart_svg(shape: &ChartShape, text: &str) -> Markup {
    html! {
        svg.chart role="img" aria-label=(text) viewBox=(format!("0 {} {WIDTH} {}", shape.top, HEIGHT - shape.top)) {
            path.grid d=(shape.grid) {}
            line.zero x1="62" x2=(WIDTH - 8.0) y1=(shape.zero) y2=(shape.zero) {}
            (path("new", &shape.new)) (path("changed", &shape.changed)) (path("removed", &shape.removed))
            (path("held", &shape.held)) (path("bad", &shape.bad)) (path("rows", &shape.rows))
            (labels("end", &shape.row_labels)) (labels("end", &shape.grid_labels))
            (labels("mid helds", &shape.held_labels)) (labels("mid", &shape.dates))
        }
    }
}

fn path(class: &str, d: &str) -> Markup {
    html! { @if !d.is_empty() { path class=(class) d=(d) {} } }
}

fn labels(class: &str, labels: &[ChartLabel]) -> Markup {
    html! { @for label in labels {
        text class=(class) x=(format!("{:.1}", label.x)) y=(format!("{:.1}", label.y)) { (label.text) }
    } }
}

/// The last runs of a job: a good one is a low bar, one that an admin has to look at a high one.
pub(super) fn strip_svg(runs: &[PastRun]) -> Markup {
    let first = STRIP_RUNS.saturating_sub(runs.len());
    html! {
        svg.strip role="img" aria-label=(strip_text(runs)) viewBox=(format!("0 0 {} 26", STRIP_RUNS * 10)) preserveAspectRatio="none" {
            @for (index, run) in runs.iter().enumerate() {
                @let mood = Mood::of(run.outcome);
                @let height = match mood { Mood::Good => 11, Mood::Doubtful => 18, Mood::Held | Mood::Bad => 26 };
                rect class=(mood.class()) x=((first + index) * 10 + 1) y=(26 - height) width="8" height=(height) { title { (run_text(run)) } }
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
