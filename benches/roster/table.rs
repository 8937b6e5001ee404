//! The table that a measurement ends with.

use std::time::Duration;

use crate::measure::Cost;

/// What a figure must not be above.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// CPU as a multiple of its floor.
    Ratio(f64),
    /// CPU in seconds.
    Cpu(f64),
    /// Wall time in seconds.
    Wall(f64),
    /// Peak memory in MiB.
    Peak(u64),
}

/// One line: what was measured, and against what.
pub struct Line {
    what: String,
    cost: Cost,
    floor: Option<Duration>,
    bars: Vec<Bar>,
}

impl Line {
    /// A line with its floor in CPU, where it has one, and its bars.
    pub fn new(what: &str, cost: &Cost, floor: Option<Duration>, bars: Vec<Bar>) -> Self {
        Self {
            what: what.to_owned(),
            cost: cost.clone(),
            floor,
            bars,
        }
    }

    fn ratio(&self) -> Option<f64> {
        let floor = self.floor.filter(|floor| !floor.is_zero())?;
        Some(self.cost.cpu.as_secs_f64() / floor.as_secs_f64())
    }

    fn judged(&self, bar: Bar) -> String {
        let (text, met) = match bar {
            Bar::Ratio(most) => (
                format!("× ≤ {most:.1}"),
                self.ratio().is_some_and(|ratio| ratio <= most),
            ),
            Bar::Cpu(most) => (
                format!("CPU ≤ {most:.0} s"),
                self.cost.cpu.as_secs_f64() <= most,
            ),
            Bar::Wall(most) => (
                format!("wall ≤ {most:.0} s"),
                self.cost.wall.as_secs_f64() <= most,
            ),
            Bar::Peak(most) => (
                format!("peak ≤ {most} MiB"),
                self.cost.peak_kib <= most * 1024,
            ),
        };
        format!("{} {text}", if met { "✓" } else { "✗ MISSED" })
    }
}

/// Prints the lines as a table of Markdown; a tiny run is not judged, because its figures say nothing.
pub fn print(lines: &[Line], quick: bool) {
    println!("| what | CPU s | × floor | wall s | peak MiB | bars |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for line in lines {
        let ratio = line
            .ratio()
            .map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let bars: Vec<String> = if quick {
            Vec::new()
        } else {
            line.bars.iter().map(|bar| line.judged(*bar)).collect()
        };
        println!(
            "| {} | {:.2} | {ratio} | {:.2} | {:.1} | {} |",
            line.what,
            line.cost.cpu.as_secs_f64(),
            line.cost.wall.as_secs_f64(),
            line.cost.peak_kib as f64 / 1024.0,
            bars.join(", ")
        );
    }
}
