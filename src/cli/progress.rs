//! Progress bars on the terminal, one per stream; none if standard error is no terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::table::grouped;
use crate::model::{SourceName, StreamName};
use crate::sync::{Progress, ProgressSink};

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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
