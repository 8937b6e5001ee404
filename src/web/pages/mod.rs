//! The pages: a site of several for a browser, and one static report, made of the same parts.

mod chart;
mod chart_svg;
mod cluster;
mod configuration;
mod day_lines;
mod facts;
mod job;
mod links;
mod mood;
mod needs;
mod outputs;
mod overview;
mod parts;
pub mod report;
#[cfg(test)]
mod school_year;
pub mod site;
mod source;
mod storage;
mod stream;
mod strip;
