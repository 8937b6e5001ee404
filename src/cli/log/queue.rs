//! The queue of log lines: logging never blocks on the reader.
//!
//! A journal that hangs or a full pipe would block the daemon. So lines go to a bounded queue, and one thread writes
//! them. If the queue is full, lines are dropped and counted; the count is logged as soon as there is room.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Capacity in lines. A run logs two, so this is hours of a daemon, or a second at debug level.
const CAPACITY: usize = 1024;

/// Writes a line; may block.
pub type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// Formats the message about lost lines.
pub type Loss = fn(u64) -> Vec<u8>;

/// The sending side; clones share the queue.
#[derive(Clone, Debug)]
pub struct Queue(Arc<QueueShared>);

#[derive(Debug, Default)]
struct QueueShared {
    state: Mutex<QueueState>,
    more: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    lines: VecDeque<Vec<u8>>,
    /// A line is being written; the sink may block forever.
    is_writing: bool,
    lost: u64,
}

impl Queue {
    /// Starts the thread that writes.
    pub fn start(sink: Sink, loss: Loss) -> io::Result<Self> {
        let shared = Arc::new(QueueShared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || theirs.write(sink, loss))?;
        Ok(Self(shared))
    }

    /// Adds a line, or counts it as lost.
    pub fn push(&self, line: Vec<u8>) {
        let mut state = self.0.state();
        if state.lines.len() < CAPACITY {
            state.lines.push_back(line);
            self.0.more.notify_one();
        } else {
            state.lost += 1;
        }
    }

    /// Waits until all lines are written, up to a limit.
    pub fn flush(&self, timeout: Duration) {
        let state = self.0.state();
        let is_busy = |state: &mut QueueState| state.is_writing || !state.lines.is_empty();
        let waited = self.0.written.wait_timeout_while(state, timeout, is_busy);
        drop(waited);
    }
}

impl QueueShared {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs forever: the log lives as long as the process.
    fn write(&self, mut sink: Sink, loss: Loss) {
        loop {
            let (line, lost) = self.next();
            sink(&line);
            if lost > 0 {
                sink(&loss(lost));
            }
            self.state().is_writing = false;
            self.written.notify_all();
        }
    }

    /// The next line, and how many were lost since the last one.
    fn next(&self) -> (Vec<u8>, u64) {
        let mut state = self.state();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.is_writing = true;
                return (line, std::mem::take(&mut state.lost));
            }
            state = self
                .more
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// For layers that format lines themselves: each write is one line.
impl io::Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A queue with a sink that waits for a permit per line.
    fn held() -> (Queue, mpsc::Sender<()>, mpsc::Receiver<String>) {
        let ((go, may_go), (wrote, written)) = (mpsc::channel(), mpsc::channel());
        let sink: Sink = Box::new(move |line| {
            if may_go.recv().is_ok() {
                let _ = wrote.send(String::from_utf8_lossy(line).into_owned());
            }
        });
        let loss: Loss = |lost| format!("{lost} lost").into_bytes();
        (Queue::start(sink, loss).expect("a thread"), go, written)
    }

    #[test]
    fn logging_does_not_block_and_lost_lines_are_counted() {
        let (queue, go, written) = held();
        let total = 3 * CAPACITY;
        for line in 0..total {
            queue.push(line.to_string().into_bytes());
        }
        queue.flush(Duration::from_millis(1)); // nothing can be written; it ends all the same
        (0..=total).for_each(|_| go.send(()).expect("it waits"));
        queue.flush(Duration::from_secs(60));
        let written: Vec<String> = written.try_iter().collect();
        let lost: usize = written
            .iter()
            .filter_map(|line| line.strip_suffix(" lost")?.parse::<usize>().ok())
            .sum();
        let kept: Vec<usize> = written
            .iter()
            .filter_map(|line| line.parse().ok())
            .collect();
        assert!(kept.len() >= CAPACITY, "{}", kept.len());
        assert!(kept.is_sorted(), "in order");
        assert_eq!(kept.len() + lost, total);
    }
}
