//! The result table of a measurement.

use std::time::Duration;

use crate::measure::Cost;

/// The limit of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// CPU as a multiple of its floor.
    Ratio(f64),
    /// CPU in seconds.
    Cpu(f64),
    /// Wall time in seconds.
    Wall(f64),
    /// Peak memory in MiB.
    Peak(u64),
}

/// One line: what was measured, and its limits.
pub struct Line {
    what: String,
    cost: Cost,
    floor: Option<Duration>,
    limits: Vec<Limit>,
}

impl Line {
    /// A line with its floor in CPU, if it has one, and its limits.
    pub fn new(what: &str, cost: &Cost, floor: Option<Duration>, limits: Vec<Limit>) -> Self {
        Self {
            what: what.to_owned(),
            cost: cost.clone(),
            floor,
            limits,
        }
    }

    fn ratio(&self) -> Option<f64> {
        let floor = self.floor.filter(|floor| !floor.is_zero())?;
        Some(self.cost.cpu.as_secs_f64() / floor.as_secs_f64())
    }

    fn compared(&self, limit: Limit) -> String {
        let (text, met) = match limit {
            Limit::Ratio(most) => (
                format!("× ≤ {most:.1}"),
                self.ratio().is_some_and(|ratio| ratio <= most),
            ),
            Limit::Cpu(most) => (
                format!("CPU ≤ {most:.0} s"),
                self.cost.cpu.as_secs_f64() <= most,
            ),
            Limit::Wall(most) => (
                format!("wall ≤ {most:.0} s"),
                self.cost.wall.as_secs_f64() <= most,
            ),
            Limit::Peak(most) => (
                format!("peak ≤ {most} MiB"),
                self.cost.peak_kib <= most * 1024,
            ),
        };
        format!("{} {text}", if met { "✓" } else { "✗ MISSED" })
    }
}

/// Prints the lines as a Markdown table; a small run is not compared with the limits, because its figures mean nothing.
pub fn print(lines: &[Line], quick: bool) {
    println!("| what | CPU s | × floor | wall s | peak MiB | limits |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for line in lines {
        let ratio = line
            .ratio()
            .map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let limits: Vec<String> = if quick {
            Vec::new()
        } else {
            line.limits
                .iter()
                .map(|limit| line.compared(*limit))
                .collect()
        };
        println!(
            "| {} | {:.2} | {ratio} | {:.2} | {:.1} | {} |",
            line.what,
            line.cost.cpu.as_secs_f64(),
            line.cost.wall.as_secs_f64(),
            line.cost.peak_kib as f64 / 1024.0,
            limits.join(", ")
        );
    }
}
