//! Progress bars on the terminal, one per stream; none if standard error is no terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::table::grouped;
use rollbook_core::model::{JobName, SourceName, StreamName};
use rollbook_engine::sync::{Progress, ProgressSink};

/// Bars on standard error.
#[derive(Clone, Default)]
pub struct Bars(Arc<Mutex<BarsState>>);

#[derive(Default)]
struct BarsState {
    all: MultiProgress,
    bars: BTreeMap<(SourceName, StreamName), (ProgressBar, u64)>,
}

impl Bars {
    /// A sink for the progress of runs.
    pub fn sink(&self) -> ProgressSink {
        if !std::io::stderr().is_terminal() {
            return Arc::new(|_| {});
        }
        let bars = self.clone();
        Arc::new(move |progress| bars.update(progress))
    }

    fn update(&self, progress: Progress) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Start { source, stream } => {
                let bar = state.all.add(ProgressBar::new_spinner());
                bar.set_style(style("{spinner} {prefix:<34} {msg}"));
                bar.set_prefix(format!("{source}.{stream}"));
                bar.set_message("…");
                state.bars.insert((source, stream), (bar, 0));
            }
            Progress::Page {
                source,
                stream,
                rows,
                total,
            } => {
                let Some((bar, so_far)) = state.bars.get_mut(&(source, stream)) else {
                    return;
                };
                *so_far += rows;
                if let Some(total) = total.filter(|total| *total >= *so_far) {
                    bar.set_style(style("{bar:16.green/dim} {prefix:<34} {msg}"));
                    bar.set_length(total);
                    bar.set_position(*so_far);
                }
                bar.tick();
                bar.set_message(format!("{} rows", grouped(*so_far)));
            }
            Progress::ExpectSilence(_) => {}
            Progress::End { source, stream, .. } => {
                if let Some((bar, _)) = state.bars.remove(&(source, stream)) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// The bar of a job that the daemon runs; it disappears with this value.
pub struct JobBar {
    bar: ProgressBar,
    job: String,
}

impl JobBar {
    /// A bar on standard error; none if that is no terminal.
    pub fn of(job: &JobName) -> Self {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        bar.set_style(style("{spinner} {prefix:<34} {msg}"));
        let job = job.to_string();
        bar.set_prefix(job.clone());
        Self { bar, job }
    }

    /// The stream that is read now, and the rows received so far.
    pub fn show(&self, stream: Option<&StreamName>, rows: u64) {
        if let Some(stream) = stream {
            self.bar.set_prefix(format!("{}.{stream}", self.job));
        }
        self.bar.set_message(format!("{} rows", grouped(rows)));
        self.bar.tick();
    }
}

impl Drop for JobBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The bar of a file that is written; it disappears with this value.
pub struct ExportBar(ProgressBar);

impl ExportBar {
    /// A bar on standard error; none if that is no terminal, and then nothing is counted.
    pub fn of(name: &str, count: impl FnOnce() -> u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(count());
        bar.set_style(style("{bar:16.green/dim} {prefix:<34} {msg}"));
        bar.set_prefix(name.to_owned());
        Self(bar)
    }

    /// The rows that are written so far.
    pub fn show(&self, rows: u64) {
        self.0.set_position(rows);
        self.0.set_message(format!("{} rows", grouped(rows)));
    }
}

impl Drop for ExportBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
