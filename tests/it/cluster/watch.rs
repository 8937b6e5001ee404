//! Looks at the database all the time: claims and positions never go back, no source is alone for too long while a worker lives,
//! and which versions of rows were published.
//!
//! Times are of the database's clock. While the database does not answer nothing can be seen, and a wait that began before begins
//! again. A machine that is so busy that the watch itself has to wait delays the workers as much: that time is not counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::vendor::Row;
use crate::database::{NULL, psql};

/// How long a source may be without a valid lease: as long as the last one was valid, a worker that has failed is not known to
/// have failed, so this is the time after it.
const ALONE: f64 = 10.0;

const LOOK: Duration = Duration::from_millis(400);

/// The most that counts from one look to the next.
const COUNTED: f64 = 0.45;

/// The second column counts workers that could claim a source.
const LEASES: &str = "SELECT extract(epoch FROM clock_timestamp()), \
    (SELECT count(*) FROM rollbook_cluster.workers WHERE until > clock_timestamp() AND waits IS NULL AND room > load), \
    l.source, l.epoch, l.position_epoch, l.position_run, l.claim, coalesce(w.until > clock_timestamp(), false) \
    FROM (SELECT 1) AS one LEFT JOIN rollbook_cluster.leases AS l ON true \
    LEFT JOIN rollbook_cluster.workers AS w ON w.start = l.start";

const PUBLISHED: &str = "SELECT source, sourced_id, given_name FROM rollbook.own_users";

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct SeenLease {
    epoch: i64,
    position_epoch: i64,
    position_run: i64,
}

#[derive(Default)]
struct Seen {
    leases: BTreeMap<String, (SeenLease, String)>,
    /// When it was looked last.
    at: f64,
    alone: BTreeMap<String, f64>,
    longest_alone: f64,
    published: BTreeSet<Row>,
    problems: Vec<String>,
    is_paused: bool,
}

/// The watch, up until it is dropped.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    pub fn start(url: &str) -> Self {
        let (seen, ended) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (url, of_thread, is_ended) = (url.to_owned(), Arc::clone(&seen), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            while !is_ended.load(Ordering::SeqCst) {
                let mut seen = lock(&of_thread);
                if !seen.is_paused {
                    seen.look(&url);
                }
                drop(seen);
                thread::sleep(LOOK);
            }
        });
        Self {
            seen,
            ended,
            thread: Some(thread),
        }
    }

    /// The database will go back in time, and what was seen with it.
    pub fn pause(&self) {
        lock(&self.seen).is_paused = true;
    }

    /// It has gone back.
    pub fn restart(&self) {
        let mut seen = lock(&self.seen);
        *seen = Seen {
            problems: std::mem::take(&mut seen.problems),
            longest_alone: seen.longest_alone,
            ..Seen::default()
        };
    }

    /// What should not have been, so far.
    pub fn problems(&self) -> Option<String> {
        let seen = lock(&self.seen);
        (!seen.problems.is_empty()).then(|| seen.problems.join("\n"))
    }

    /// The versions that were published at some look.
    pub fn published(&self) -> BTreeSet<Row> {
        lock(&self.seen).published.clone()
    }

    /// The longest time in seconds that a source was without a valid lease while a worker could have claimed it.
    pub fn longest_alone(&self) -> f64 {
        lock(&self.seen).longest_alone
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || thread::panicking());
    }
}

impl Seen {
    fn look(&mut self, url: &str) {
        let Ok(rows) = psql(url, LEASES) else {
            self.alone.clear(); // it does not answer, or has no tables yet
            return;
        };
        let now: f64 = rows[0][0].parse().expect("a time");
        let can_claim = rows[0][1] != "0";
        let counted = (now - self.at).min(COUNTED);
        self.at = now;
        for row in rows.iter().filter(|row| row[2] != NULL) {
            self.look_at_lease(row);
            let (source, is_valid) = (&row[2], row[7] == "t");
            // What no worker had yet is nobody's loss.
            let is_new = row[3] == "0";
            if is_valid || is_new || !can_claim {
                self.alone.remove(source);
                continue;
            }
            let before = self.alone.get(source).map(|alone| alone + counted);
            let alone = before.unwrap_or_default();
            self.alone.insert(source.clone(), alone);
            self.longest_alone = self.longest_alone.max(alone);
            if alone > ALONE {
                self.problem(format!("{source} is alone for {alone:.1} s"));
            }
        }
        if let Ok(rows) = psql(url, PUBLISHED) {
            let row = |row: Vec<String>| (row[0].clone(), row[1].clone(), row[2].clone());
            self.published.extend(rows.into_iter().map(row));
        }
    }

    fn look_at_lease(&mut self, row: &[String]) {
        let number = |text: &String| text.parse().expect("a number");
        let [epoch, position_epoch, position_run] = [3, 4, 5].map(|column| number(&row[column]));
        let lease = SeenLease {
            epoch,
            position_epoch,
            position_run,
        };
        let source = &row[2];
        if lease.position_epoch > lease.epoch {
            self.problem(format!("{source} holds more than was claimed: {lease:?}"));
        }
        let found = self.leases.get(source).cloned();
        if let Some((before, claim)) = found {
            // A run that had not ended is none at the next worker.
            let position = |lease: &SeenLease| (lease.position_epoch, lease.position_run);
            let is_later = before.epoch <= lease.epoch && position(&before) <= position(&lease);
            let is_same_claim = before.epoch != lease.epoch || claim == row[6];
            if !is_later || !is_same_claim {
                self.problem(format!("{source} went from {before:?} to {lease:?}"));
            }
            // What is written between two looks is by one of the claims of then.
            if lease.position_epoch != before.position_epoch && lease.position_epoch < before.epoch
            {
                self.problem(format!(
                    "{source}: an old claim wrote: {before:?}, {lease:?}"
                ));
            }
        }
        self.leases.insert(source.clone(), (lease, row[6].clone()));
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < 20 {
            self.problems.push(problem);
        }
    }
}
