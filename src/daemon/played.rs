//! A played engine, and a daemon around it whose clock's naps are over at once.
//!
//! Only for tests. A run that takes long looks at the clock and gives way; the loop's own naps move
//! it. The surprise: what starts in the very nap that reaches the end may be stopped before it starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::{Clock, TestClock};
use crate::model::{Cause, Class, Outcome};
use crate::store::runs::JobState;
use crate::sync::{Progress, Watch};

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(super) fn entry(name: &str, schedule: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        schedule: schedule.parse().expect("a schedule"),
        zone: "Europe/Vienna".parse().expect("a zone"),
        catch_up: false,
        config_fingerprint: "same".to_owned(),
    }
}

/// How a played run goes.
#[derive(Clone, Copy)]
pub(super) enum Run {
    Ends(Class),
    Takes(Duration),
    UntilStopped,
    /// Says at once that nothing will be heard for so long, and nothing more.
    Quiet(Duration),
    Deaf,
    Panics,
}

/// Jobs in memory, and what happened to them.
pub(super) struct Played {
    clock: Clock,
    entries: Mutex<Vec<Entry>>,
    pub(super) on_disk: Mutex<Result<Vec<Entry>, String>>,
    pub(super) states: Mutex<BTreeMap<String, JobState>>,
    runs: Mutex<BTreeMap<String, Run>>,
    said: Arc<Mutex<Vec<String>>>,
    pub(super) at_once: Arc<Mutex<(usize, usize)>>,
    pub(super) full: Mutex<bool>,
    pub(super) writer: Mutex<u64>,
    pub(super) lost: Mutex<Option<String>>,
}

impl Played {
    fn say(&self, text: String) {
        self.said.lock().expect("said").push(text);
    }

    fn edit(&self, job: &str, edit: impl FnOnce(&mut JobState)) {
        edit(
            self.states
                .lock()
                .expect("states")
                .entry(job.to_owned())
                .or_default(),
        );
    }
}

impl Engine for Played {
    fn jobs(&self) -> Vec<Entry> {
        self.entries.lock().expect("entries").clone()
    }

    fn state(&self, job: &str) -> Result<JobState, String> {
        let states = self.states.lock().expect("states");
        Ok(states.get(job).cloned().unwrap_or_default())
    }

    fn note_due(&self, job: &str, due: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        if *self.full.lock().expect("full") {
            return async { Err("the disk is full".to_owned()) }.boxed();
        }
        self.say(format!("{job} due {}", due.strftime("%dT%H:%M:%S")));
        self.edit(job, |state| state.last_due = Some(due));
        async { Ok(()) }.boxed()
    }

    fn run(
        &self,
        job: &str,
        _cause: Cause,
        stop: CancellationToken,
        watch: Watch,
    ) -> BoxFuture<'static, Outcome> {
        let run = self.runs.lock().expect("runs").get(job).copied();
        let (clock, at_once) = (self.clock.clone(), Arc::clone(&self.at_once));
        let end = {
            let watch = Arc::clone(&watch);
            move |ends: bool| {
                watch(Progress::Quiet(Duration::ZERO));
                ends || stop.is_cancelled()
            }
        };
        async move {
            {
                let mut at_once = at_once.lock().expect("at once");
                at_once.0 += 1;
                at_once.1 = at_once.1.max(at_once.0);
            }
            let begun = clock.running();
            let outcome = match run {
                None => Outcome::Ok,
                Some(Run::Ends(class)) => Outcome::Failed(class),
                Some(Run::Panics) => panic!("a fault of ours, played"),
                Some(Run::Deaf) => std::future::pending().await,
                Some(Run::Quiet(length)) => {
                    watch(Progress::Quiet(length));
                    std::future::pending().await
                }
                Some(Run::Takes(length)) => {
                    while !end(clock.running() - begun >= length) {
                        yield_now().await;
                    }
                    Outcome::Ok
                }
                Some(Run::UntilStopped) => {
                    while !end(false) {
                        yield_now().await;
                    }
                    Outcome::Interrupted
                }
            };
            at_once.lock().expect("at once").0 -= 1;
            outcome
        }
        .boxed()
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), Refusal>> {
        let new = self.on_disk.lock().expect("on disk").clone();
        let done = new.map(|new| *self.entries.lock().expect("entries") = new);
        let refusal = |text: String| Refusal {
            problems: 1,
            first: text.clone(),
            text,
        };
        async move { done.map_err(refusal) }.boxed()
    }

    fn wish(&self, wish: String) -> BoxFuture<'static, Reply> {
        let reply = Reply {
            answer: format!("heard {wish}"),
            run_now: wish.strip_prefix("approve ").map(str::to_owned),
        };
        async { reply }.boxed()
    }

    fn waiting(&self) -> Result<Vec<Waiting>, String> {
        Ok(Vec::new())
    }

    fn host(&self) -> String {
        String::new()
    }

    fn lost(&self) -> Option<String> {
        self.lost.lock().expect("lost").clone()
    }

    fn writer_steps(&self) -> u64 {
        *self.writer.lock().expect("writer")
    }
}

/// A daemon with its clock.
pub(super) struct Play {
    pub(super) clock: TestClock,
    pub(super) orders: Orders,
    pub(super) engine: Arc<Played>,
    /// When the loop last said that all get on.
    pub(super) alive: Arc<Mutex<Timestamp>>,
}

/// What somebody does from outside.
pub(super) type Act = Box<dyn Fn(&Play)>;

impl Play {
    pub(super) fn new(now: &str, entries: &[Entry]) -> Self {
        let clock = TestClock::at(time(now));
        let engine = Arc::new(Played {
            clock: clock.clock(),
            entries: Mutex::new(entries.to_vec()),
            on_disk: Mutex::new(Ok(entries.to_vec())),
            states: Mutex::default(),
            runs: Mutex::default(),
            said: Arc::default(),
            at_once: Arc::default(),
            full: Mutex::default(),
            writer: Mutex::default(),
            lost: Mutex::default(),
        });
        let orders = Orders::default();
        Self {
            clock,
            orders,
            engine,
            alive: Arc::default(),
        }
    }

    pub(super) fn goes(self, job: &str, run: Run) -> Self {
        self.engine
            .runs
            .lock()
            .expect("runs")
            .insert(job.to_owned(), run);
        self
    }

    pub(super) fn knows(self, job: &str, edit: impl FnOnce(&mut JobState)) -> Self {
        self.engine.edit(job, edit);
        self
    }

    /// Lets the loop go on until a time, then stops it; acts are done at their times, in order.
    pub(super) async fn until(&self, end: &str, acts: Vec<(&str, Act)>) -> Vec<String> {
        let said = Arc::clone(&self.engine.said);
        let (alive, clock) = (Arc::clone(&self.alive), self.clock.clock());
        let events = move |event| {
            let text = match event {
                Event::RunStarted { job, cause } => format!("{job} {cause}"),
                Event::RunEnded { job, outcome } => format!("{job} {outcome}"),
                Event::RunCrashed { job } => format!("{job} crashed"),
                Event::TickDropped { job, reason } => format!("{job} dropped: {reason}"),
                Event::ReloadRefused(refusal) => format!("refused: {}", refusal.first),
                Event::Stuck(who) => format!("stuck: {who}"),
                Event::ClockUnset(_) => "clock unset".to_owned(),
                Event::ClockBelieved(_) => "clock believed".to_owned(),
                Event::ClockSet => "clock set".to_owned(),
                Event::Ready => "ready".to_owned(),
                Event::Reloaded => "reloaded".to_owned(),
                Event::Lost(why) => format!("lost: {why}"),
                Event::Stopping => "stopping".to_owned(),
                Event::Alive => {
                    *alive.lock().expect("alive") = clock.now();
                    return;
                }
                Event::Planned(_)
                | Event::Waiting(_)
                | Event::Reloading
                | Event::RunMoved { .. } => return,
            };
            said.lock().expect("said").push(text);
        };
        let engine: Arc<dyn Engine> = Arc::<Played>::clone(&self.engine);
        let outside = async {
            for (at, act) in acts {
                self.wait(at).await;
                act(self);
            }
            tokio::select! {
                biased;
                () = self.orders.stop.cancelled() => {}
                () = self.wait(end) => self.orders.stop.cancel(),
            }
        };
        let daemon = follow(engine, self.clock.clock(), self.orders.clone(), events);
        if let (Err(why), ()) = tokio::join!(daemon, outside) {
            self.engine.say(format!("ended: {why}"));
        }
        std::mem::take(&mut *self.engine.said.lock().expect("said"))
    }

    async fn wait(&self, until: &str) {
        while self.clock.clock().now() < time(until) {
            yield_now().await;
        }
    }

    /// The same, and only what was written down as due.
    pub(super) async fn dues(&self, end: &str) -> Vec<String> {
        let mut said = self.until(end, Vec::new()).await;
        said.retain(|text| text.contains(" due "));
        said
    }
}

/// Sends this process a signal, as an admin would.
pub(super) fn send(name: &str) {
    let process = std::process::id().to_string();
    let sent = std::process::Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &process])
        .status();
    assert!(sent.expect("a shell").success(), "{name}");
}
