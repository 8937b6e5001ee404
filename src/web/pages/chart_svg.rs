//! A chart as SVG in the page, with what it shows as a text. Colours are classes of the style sheet.

use maud::{Markup, html};

use super::chart::{ChartLabel, ChartShape, HEIGHT, TITLES};
use rollbook_core::model::figures::grouped;

/// A stream's chart; `text` says what it shows. With `tips` each day says its numbers under the pointer.
///
/// The labels of days are in a picture of their own, because a stretched one would stretch them; the style sheet leaves 44 pixels
/// at the left for the scales.
pub(super) fn chart_svg(shape: &ChartShape, text: &str, tips: bool) -> Markup {
    let height = HEIGHT - shape.top;
    let y = |y: f64| format!("{:.1}", y - shape.top);
    html! {
        svg.chart role="img" aria-label=(text) width="100%" height=(height) {
            svg width="100%" height=(height) viewBox=(format!("0 {} {} {height}", shape.top, shape.slots)) preserveAspectRatio="none" {
                (path("grid", &shape.date_lines)) (path("grid", &shape.grid))
                (path("new", &shape.new)) (path("changed", &shape.changed)) (path("removed", &shape.removed))
                (path("zero", &format!("M0 {:.1}H{}", shape.zero, shape.slots)))
                (path("held", &shape.held)) (path("missed", &shape.not_read)) (path("rejects", &shape.rejects))
                (path("rows", &shape.rows))
                @if tips { @for (slot, text) in &shape.day_texts {
                    rect.tip x=(slot) y=(shape.top) width="1" height=(height) { title { (text) } }
                } }
            }
            @if !shape.row_labels.is_empty() { text.title x="-44" y=(y(TITLES.0)) { "Rows" } }
            text.title x="-44" y=(y(TITLES.1)) {
                "Changes a day"
                @if let Some(first) = shape.first_reading { " (first reading +" (grouped(first)) ")" }
            }
            @for label in shape.row_labels.iter().chain(&shape.grid_labels) { text.end x="-6" y=(y(label.y)) { (label.text) } }
            svg width="100%" height=(height) {
                (labels("held", &shape.held_labels, shape.top)) (labels("missed", &shape.not_read_labels, shape.top))
                (labels("date", &shape.dates, shape.top))
            }
        }
    }
}

fn path(class: &str, d: &str) -> Markup {
    html! { @if !d.is_empty() { path class=(class) d=(d) {} } }
}

/// A label at the edge stays inside.
fn labels(class: &str, labels: &[ChartLabel], top: f64) -> Markup {
    let anchored = class != "date";
    html! { @for label in labels {
        @let side = match label.x { x if anchored && x > 70.0 => " end", x if anchored && x > 15.0 => " mid", _ => "" };
        @let minor = if label.is_minor { " minor" } else { "" };
        text class=(format!("{class}{side}{minor}")) x=(format!("{:.2}%", label.x)) y=(format!("{:.1}", label.y - top)) { (label.text) }
    } }
}

/// The meaning of the shapes.
pub(super) fn legend() -> Markup {
    let entry = |class: &str, shape: &str, text: &str| {
        html! { li { svg.chart viewBox="0 0 14 12" width="14" height="12" aria-hidden="true" { path class=(class) d=(shape) {} } " " (text) } }
    };
    let bar = "M2 1h10v10h-10z";
    html! { ul.legend {
        (entry("rows", "M0 9H7V3H14", "rows now")) (entry("new", bar, "new")) (entry("changed", "M4 1h6v10h-6z", "changed"))
        (entry("removed", bar, "removed")) (entry("held", bar, "held: would be removed"))
        (entry("missed", "M0 4h14v6h-14z", "not read")) (entry("rejects", "M0 4h14v6h-14z", "with rejects"))
        li { "A bar is a day (UTC), its height logarithmic" }
    } }
}
