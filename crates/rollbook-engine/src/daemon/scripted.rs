//! Only for tests: a scripted engine, and a daemon around it with a test clock, on which sleeping takes no real time.
//!
//! A scripted run polls the clock and yields; the loop's sleeps move it. The surprise: a run that is due in the sleep
//! that reaches the end may be stopped before it starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::control::RunRequest;
use super::webhook_request::{WebhookAnswer, WebhookRequest};
use super::*;
use crate::sync::{Progress, ProgressSink};
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{Cause, Class, EntryName, Outcome, RunStart, named};
use rollbook_core::store::runs::JobState;

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(super) fn entry(name: &str, schedule: &str) -> Entry {
    Entry {
        name: named(name),
        schedule: schedule.parse().expect("a schedule"),
        zone: "Europe/Vienna".parse().expect("a zone"),
        catch_up: false,
    }
}

/// A run that a webhook asks for, every five minutes at most.
pub(super) fn early(job: &str) -> EarlyRun {
    EarlyRun {
        job: named(job),
        streams: named("users"),
        min_interval: Duration::from_secs(300),
    }
}

/// What a scripted run does.
#[derive(Clone, Copy)]
pub(super) enum Run {
    Ends(Class),
    Takes(Duration),
    UntilStopped,
    /// Announces a silence of this length, then never reports again.
    Silent(Duration),
    IgnoresStop,
    Panics,
}

/// Jobs in memory, and a log of events.
pub(super) struct ScriptedEngine {
    clock: Clock,
    entries: Mutex<Vec<Entry>>,
    pub(super) on_disk: Mutex<Result<Vec<Entry>, String>>,
    pub(super) states: Mutex<BTreeMap<EntryName, JobState>>,
    runs: Mutex<BTreeMap<EntryName, Run>>,
    log: Arc<Mutex<Vec<String>>>,
    pub(super) concurrent: Arc<Mutex<(usize, usize)>>,
    pub(super) full: Mutex<bool>,
    pub(super) held_log: Mutex<Option<u64>>,
    pub(super) config_fingerprint: Mutex<String>,
    pub(super) writer: Mutex<u64>,
    /// How often the state of one job was read by itself.
    pub(super) single_states: Mutex<u32>,
    pub(super) fatal_error: Mutex<Option<String>>,
}

impl ScriptedEngine {
    fn log(&self, text: String) {
        self.log.lock().expect("log").push(text);
    }

    fn edit(&self, entry: EntryName, edit: impl FnOnce(&mut JobState)) {
        edit(
            self.states
                .lock()
                .expect("states")
                .entry(entry)
                .or_default(),
        );
    }
}

impl Engine for ScriptedEngine {
    fn jobs(&self) -> Vec<Entry> {
        self.entries.lock().expect("entries").clone()
    }

    fn state(&self, entry: &EntryName) -> Result<JobState, String> {
        *self.single_states.lock().expect("a number") += 1;
        let states = self.states.lock().expect("states");
        Ok(states.get(entry).cloned().unwrap_or_default())
    }

    fn states(&self, entries: &[EntryName]) -> Result<BTreeMap<EntryName, JobState>, String> {
        let states = self.states.lock().expect("states");
        let state = |entry: &EntryName| states.get(entry).cloned().unwrap_or_default();
        let states = entries.iter().map(|entry| (entry.clone(), state(entry)));
        Ok(states.collect())
    }

    fn config_fingerprint(&self, _: &EntryName) -> String {
        self.config_fingerprint
            .lock()
            .expect("a fingerprint")
            .clone()
    }

    fn note_seen(
        &self,
        last_due: Vec<(EntryName, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), String>> {
        for (entry, due) in last_due {
            self.edit(entry, |state| state.last_due = Some(due));
        }
        async { Ok(()) }.boxed()
    }

    fn note_due(&self, entry: &EntryName, due: Timestamp) -> BoxFuture<'_, Result<(), String>> {
        if *self.full.lock().expect("full") {
            return async { Err("the disk is full".to_owned()) }.boxed();
        }
        self.log(format!("{entry} due {}", due.strftime("%dT%H:%M:%S")));
        self.edit(entry.clone(), |state| state.last_due = Some(due));
        async { Ok(()) }.boxed()
    }

    fn run(
        &self,
        entry: &EntryName,
        _start: RunStart,
        stop: CancellationToken,
        watch: ProgressSink,
    ) -> BoxFuture<'static, Outcome> {
        let run = self.runs.lock().expect("runs").get(entry).copied();
        let (clock, concurrent) = (self.clock.clone(), Arc::clone(&self.concurrent));
        let end = {
            let watch = Arc::clone(&watch);
            move |ends: bool| {
                watch(Progress::ExpectSilence(Duration::ZERO));
                ends || stop.is_cancelled()
            }
        };
        async move {
            {
                let mut concurrent = concurrent.lock().expect("at once");
                concurrent.0 += 1;
                concurrent.1 = concurrent.1.max(concurrent.0);
            }
            let begun = clock.running();
            let outcome = match run {
                None => Outcome::Ok,
                Some(Run::Ends(class)) => Outcome::Failed(class),
                Some(Run::Panics) => panic!("a scripted panic"),
                Some(Run::IgnoresStop) => std::future::pending().await,
                Some(Run::Silent(length)) => {
                    watch(Progress::ExpectSilence(length));
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
            concurrent.lock().expect("at once").0 -= 1;
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
            places: Vec::new(),
            text,
        };
        async move { done.map_err(refusal) }.boxed()
    }

    fn handle_admin_request(&self, request: String) -> BoxFuture<'static, AdminResult> {
        let result = AdminResult {
            response: format!("handled {request}"),
            run_now: request.strip_prefix("approve ").map(|job| RunRequest {
                job: named(job),
                start: Cause::Approval.into(),
            }),
        };
        async { result }.boxed()
    }

    fn handle_webhook(&self, request: WebhookRequest) -> BoxFuture<'static, WebhookResult> {
        let is_known = request.name == "webhook";
        let answer = match is_known {
            true => WebhookAnswer::Accepted,
            false => WebhookAnswer::Unknown,
        };
        let run = is_known.then(|| early("job"));
        let runs = run.into_iter().collect();
        async move { WebhookResult { answer, runs } }.boxed()
    }

    fn conditions(&self) -> Result<Conditions, String> {
        Ok(Conditions::default())
    }

    fn host(&self) -> String {
        String::new()
    }

    fn is_disk_full(&self) -> bool {
        *self.full.lock().expect("full")
    }

    fn held_log(&self) -> Option<u64> {
        *self.held_log.lock().expect("held log")
    }

    fn fatal_error(&self) -> Option<String> {
        self.fatal_error.lock().expect("fatal error").clone()
    }

    fn write_counter(&self) -> u64 {
        *self.writer.lock().expect("writer")
    }
}

/// A daemon with its clock.
pub(super) struct Script {
    pub(super) clock: TestClock,
    pub(super) control: ControlHandle,
    pub(super) engine: Arc<ScriptedEngine>,
    /// The time of the last [`Event::Alive`].
    pub(super) alive: Arc<Mutex<Timestamp>>,
}

/// An action from outside.
pub(super) type Act = Box<dyn Fn(&Script)>;

impl Script {
    pub(super) fn new(now: &str, entries: &[Entry]) -> Self {
        let clock = TestClock::at(time(now));
        let engine = Arc::new(ScriptedEngine {
            clock: clock.clock(),
            entries: Mutex::new(entries.to_vec()),
            on_disk: Mutex::new(Ok(entries.to_vec())),
            states: Mutex::default(),
            runs: Mutex::default(),
            log: Arc::default(),
            concurrent: Arc::default(),
            full: Mutex::default(),
            held_log: Mutex::default(),
            config_fingerprint: Mutex::new("same".to_owned()),
            writer: Mutex::default(),
            single_states: Mutex::default(),
            fatal_error: Mutex::default(),
        });
        let control = ControlHandle::default();
        Self {
            clock,
            control,
            engine,
            alive: Arc::default(),
        }
    }

    pub(super) fn with_run(self, job: &str, run: Run) -> Self {
        self.engine
            .runs
            .lock()
            .expect("runs")
            .insert(named(job), run);
        self
    }

    pub(super) fn with_state(self, job: &str, edit: impl FnOnce(&mut JobState)) -> Self {
        self.engine.edit(named(job), edit);
        self
    }

    /// Runs the loop until a time, then stops it; actions happen at their times, in order.
    pub(super) async fn until(&self, end: &str, acts: Vec<(&str, Act)>) -> Vec<String> {
        let log = Arc::clone(&self.engine.log);
        let (alive, clock) = (Arc::clone(&self.alive), self.clock.clock());
        let events = move |event| {
            let text = match event {
                Event::RunStarted { job, start } => format!("{job} {}", start.cause),
                Event::RunEnded { job, outcome } => format!("{job} {outcome}"),
                Event::RunCrashed { job } => format!("{job} crashed"),
                Event::TickSkipped { job, reason } => format!("{job} skipped: {reason}"),
                Event::ReloadRefused(refusal) => format!("refused: {}", refusal.first),
                Event::Stuck(who) => format!("stuck: {who}"),
                Event::ClockUnset(_) => "clock unset".to_owned(),
                Event::ClockAccepted(_) => "clock accepted".to_owned(),
                Event::ClockSet => "clock set".to_owned(),
                Event::ClockStepped(step) => step.to_string(),
                Event::ClockWasAhead { recorded, .. } => format!("recorded {recorded}"),
                Event::ClockSteady => "clock steady".to_owned(),
                Event::Ready => "ready".to_owned(),
                Event::Reloaded => "reloaded".to_owned(),
                Event::FatalError(why) => format!("fatal error: {why}"),
                Event::DiskFull(true) => "disk full".to_owned(),
                Event::DiskFull(false) => "disk has room".to_owned(),
                Event::LogHeld(Some(bytes)) => format!("a log of {bytes} is held"),
                Event::LogHeld(None) => "the log was emptied".to_owned(),
                Event::Stopping => "stopping".to_owned(),
                Event::Alive => {
                    *alive.lock().expect("alive") = clock.now();
                    return;
                }
                Event::Planned(_)
                | Event::Conditions(_)
                | Event::Reloading
                | Event::RunProgress { .. } => return,
            };
            log.lock().expect("log").push(text);
        };
        let engine: Arc<dyn Engine> = Arc::<ScriptedEngine>::clone(&self.engine);
        let outside = async {
            for (at, act) in acts {
                self.wait(at).await;
                act(self);
            }
            tokio::select! {
                biased;
                () = self.control.stop.cancelled() => {}
                () = self.wait(end) => self.control.stop.cancel(),
            }
        };
        let daemon = run_loop(engine, self.clock.clock(), self.control.clone(), events);
        if let (Err(why), ()) = tokio::join!(daemon, outside) {
            self.engine.log(format!("ended: {why}"));
        }
        std::mem::take(&mut *self.engine.log.lock().expect("log"))
    }

    async fn wait(&self, until: &str) {
        while self.clock.clock().now() < time(until) {
            yield_now().await;
        }
    }

    /// The same, but only the recorded due times.
    pub(super) async fn dues(&self, end: &str) -> Vec<String> {
        let mut log = self.until(end, Vec::new()).await;
        log.retain(|text| text.contains(" due "));
        log
    }
}

/// Sends this process a signal.
pub(super) fn send(name: &str) {
    let process = std::process::id().to_string();
    let sent = std::process::Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &process])
        .status();
    assert!(sent.expect("a shell").success(), "{name}");
}
