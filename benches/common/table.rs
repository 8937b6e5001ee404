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
    let on_disk = lines.iter().any(|line| line.cost.disk_bytes.is_some());
    let limited = lines.iter().any(|line| !line.limits.is_empty());
    let mut titles = vec!["what", "CPU s", "× floor", "wall s", "peak MiB"];
    titles.extend(on_disk.then_some("MB on disk"));
    titles.extend(limited.then_some("limits"));
    println!("| {} |", titles.join(" | "));
    println!("|{}", " --- |".repeat(titles.len()));
    for line in lines {
        let mut cells = vec![
            line.what.clone(),
            format!("{:.2}", line.cost.cpu.as_secs_f64()),
            line.ratio()
                .map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            format!("{:.2}", line.cost.wall.as_secs_f64()),
            format!("{:.1}", line.cost.peak_kib as f64 / 1024.0),
        ];
        let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
        cells.extend(on_disk.then(|| line.cost.disk_bytes.map_or_else(String::new, megabytes)));
        let compared = || {
            let limits = line.limits.iter().filter(|_| !quick);
            let compared: Vec<String> = limits.map(|limit| line.compared(*limit)).collect();
            compared.join(", ")
        };
        cells.extend(limited.then(compared));
        println!("| {} |", cells.join(" | "));
    }
}
