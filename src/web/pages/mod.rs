//! Pages, from the status and the history. Pure: no file, no clock.

mod chart;
mod day_lines;
pub mod overview;
pub mod report;
pub mod site;
mod svg;
