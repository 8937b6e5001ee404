//! Plays one scenario from an empty mirror to the quiet runs at its end, and asks the laws after every run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::laws::{Law, Laws, Seen, Violation, difference};
use super::mirror::{Mirror, STREAMS, Shown, StreamRecord};
use super::scenario::{Scenario, ScenarioRun, ScenarioStep, Second, VendorChange};
use super::script::{Script, SharedScript};
use super::vendor::World;
use crate::sync::{Cause, Job, ProgressSink, RunOptions, Runner};
use rollbook_core::clock::TestClock;
use rollbook_core::model::decision::APPROVAL_TTL;

/// Quiet runs after which an honest vendor and its mirror are equal; approvals of held runs aside.
const QUIET_RUNS: u32 = 6;

/// The time between them. Every third one is a full one where the job reads changes.
const QUIET: Duration = Duration::from_secs(25 * 3600);

/// A run may end this long after the approval that it uses was still valid.
const RUN_LENGTH: SignedDuration = SignedDuration::from_hours(1);

/// What a history was worth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub runs: u64,
    pub requests: u64,
    /// Losses that could not be noticed.
    pub unobservable: u64,
}

/// Plays a scenario; returns the law that it breaks.
pub(super) async fn play(scenario: &Scenario, mirror: &mut Mirror) -> Result<Tally, Violation> {
    mirror.clear().await;
    let start: Timestamp = "2026-03-02T06:00:00Z".parse().expect("a time");
    let clock = TestClock::at(start);
    let world = World::new(&scenario.vendor, &scenario.rows, start);
    let script: SharedScript = Arc::new(Script::new(world, clock.clone()));
    let streams: Vec<&'static str> = STREAMS
        .into_iter()
        .filter(|stream| match scenario.job.second {
            Second::Alone => *stream == "users",
            Second::Notes => *stream != "marks",
            Second::Marks => *stream != "notes",
        })
        .collect();
    let mut stage = Stage {
        scenario,
        job: mirror.job(scenario, &script),
        script,
        clock,
        mirror,
        shown: streams
            .into_iter()
            .map(|stream| (stream, Shown::default()))
            .collect(),
        laws: Laws::wanted(),
        tally: Tally::default(),
        answers: String::new(),
        approved: None,
    };
    for step in &scenario.steps {
        stage.step(step).await?;
    }
    stage.quiet().await?;
    stage.tally.unobservable = stage.laws.unobservable;
    Ok(stage.tally)
}

struct Stage<'a> {
    scenario: &'a Scenario,
    script: SharedScript,
    job: Arc<Job>,
    clock: TestClock,
    mirror: &'a mut Mirror,
    shown: BTreeMap<&'static str, Shown>,
    laws: Laws,
    tally: Tally,
    /// What was answered so far, as a violation shows it.
    answers: String,
    /// When an admin approved something that no good run has used yet.
    approved: Option<Timestamp>,
}

impl Stage<'_> {
    async fn step(&mut self, step: &ScenarioStep) -> Result<(), Violation> {
        match step {
            ScenarioStep::Change(change) => self.change(*change),
            ScenarioStep::Minutes(minutes) => {
                self.clock
                    .pass(Duration::from_secs(u64::from(*minutes) * 60));
            }
            ScenarioStep::Run(run) => self.run(run, Cause::Schedule).await?,
            ScenarioStep::Approve => self.approve().await?,
        }
        Ok(())
    }

    async fn approve(&mut self) -> Result<(), Violation> {
        let now = self.clock.clock().now();
        if self.mirror.approve(now).await {
            self.approved = Some(now);
            self.run(&ScenarioRun::default(), Cause::Approval).await?;
        }
        Ok(())
    }

    fn change(&self, change: VendorChange) {
        self.clock.pass(Duration::from_secs(1));
        let now = self.clock.clock().now();
        self.script.lock().world.change(change, now);
    }

    /// One run of the job, and the laws.
    async fn run(&mut self, run: &ScenarioRun, cause: Cause) -> Result<(), Violation> {
        let from = self.script.lock().world.tick();
        let (stop, kill) = self.script.begin(run);
        let script = Arc::clone(&self.script);
        let progress: ProgressSink = Arc::new(move |_| script.on_progress());
        let runner = Runner {
            store: self.mirror.store(),
            clock: self.clock.clock(),
        };
        let options = RunOptions {
            cause,
            full: run.full,
            dry: false,
            only: None,
        };
        let killed = tokio::select! {
            biased;
            () = kill.cancelled() => true,
            _ = runner.run(&self.job, options, &stop, &progress) => false,
        };
        drop(runner);
        if killed {
            self.mirror.kill(self.clock.clock().now()).await;
        }
        self.check_laws(from)
    }

    fn check_laws(&mut self, from: usize) -> Result<(), Violation> {
        let snapshot = |stream: &&'static str| (*stream, self.mirror.snapshot(stream));
        let after: BTreeMap<_, _> = self.shown.keys().map(snapshot).collect();
        let count = |stream: &&'static str| (*stream, self.mirror.unconfirmed(stream));
        let unconfirmed = self.shown.keys().map(count).collect();
        let last = self.mirror.last_run();
        let now = self.clock.clock().now();
        let state = self.script.lock();
        self.tally.runs += 1;
        self.tally.requests += state.served.len() as u64;
        let answers = state.served.iter().map(|served| format!("    {served}\n"));
        let run = format!("  run {}: {}\n", self.tally.runs, last.outcome);
        self.answers.extend(std::iter::once(run).chain(answers));
        let seen = Seen {
            world: &state.world,
            ticks: (from, state.world.tick()),
            served: &state.served,
            before: &self.shown,
            after: &after,
            unconfirmed: &unconfirmed,
            last: &last,
            approved: self
                .approved
                .is_some_and(|at| now.duration_since(at) <= APPROVAL_TTL + RUN_LENGTH),
        };
        if let Err(violation) = self.laws.after_run(self.scenario, &seen) {
            let messages: Vec<String> = last
                .streams
                .iter()
                .map(|(stream, record)| format!("{stream} {} {}", record.outcome, record.message))
                .collect();
            let text = format!(
                "{}\n  run {} of the history: {} ({})\n{}",
                violation.text,
                self.tally.runs,
                last.outcome,
                messages.join("; "),
                self.answers
            );
            return Err(Violation { text, ..violation });
        }
        drop(state);
        self.shown = after;
        if last.streams.values().all(StreamRecord::is_good) {
            self.approved = None;
        }
        Ok(())
    }

    /// Nothing happens any more: the mirror becomes what the vendor lists, and stays so.
    async fn quiet(&mut self) -> Result<(), Violation> {
        let all: Vec<u16> = {
            let state = self.script.lock();
            state.world.now().iter().map(|row| row.key).collect()
        };
        for key in all {
            self.change(VendorChange::Mend { key });
        }
        // Soon after each other, so that what is read incrementally stays so.
        if self.scenario.job.incremental {
            self.clock.pass(Duration::from_secs(3600));
            self.run(&ScenarioRun::default(), Cause::Schedule).await?;
        }
        let mut left = None;
        for _ in 0..QUIET_RUNS {
            self.clock.pass(QUIET);
            self.run(&ScenarioRun::default(), Cause::Schedule).await?;
            self.approve().await?;
            left = self.unsettled();
            if left.is_none() {
                break;
            }
        }
        match left {
            Some(text) if self.can_settle() => self.laws.of_interest(Err(Violation {
                law: Law::QuietSettles,
                text: format!("after {QUIET_RUNS} quiet runs: {text}"),
            })),
            Some(_) => Ok(()),
            None if self.can_settle() => self.writes_nothing().await,
            None => Ok(()),
        }
    }

    /// Rows in another order at each request are never received completely.
    fn can_settle(&self) -> bool {
        use super::scenario::{Leaves, Order, Style};
        let vendor = &self.scenario.vendor;
        // A user stays if the removal was never listed, without a list of entries.
        let forgotten =
            |step: &ScenarioStep| matches!(step, ScenarioStep::Change(VendorChange::Forget { .. }));
        let stays =
            vendor.leaves == Leaves::WithStatus && self.scenario.steps.iter().any(forgotten);
        !stays && (vendor.order != Order::Shuffled || vendor.style == Style::OneAnswer)
    }

    fn unsettled(&self) -> Option<String> {
        let honest = self.scenario.is_honest();
        let state = self.script.lock();
        let difference = difference(self.scenario, &state.world, &self.shown, honest);
        if difference.is_some() || !honest {
            return difference;
        }
        let unconfirmed: Vec<&str> = self
            .shown
            .keys()
            .filter(|stream| self.mirror.unconfirmed(stream) > 0)
            .copied()
            .collect();
        if !unconfirmed.is_empty() {
            return Some(format!("{unconfirmed:?} have unconfirmed rows"));
        }
        let last = self.mirror.last_run();
        let message = last.streams.values().find(|record| record.outcome != "ok");
        let message = message.map_or("", |record| record.message.as_str());
        (last.outcome != "ok").then(|| format!("the outcome is {}: {message}", last.outcome))
    }

    async fn writes_nothing(&mut self) -> Result<(), Violation> {
        let before = self.shown.clone();
        self.clock.pass(Duration::from_secs(3600));
        self.run(&ScenarioRun::default(), Cause::Schedule).await?;
        let written: i64 = self
            .mirror
            .last_run()
            .streams
            .values()
            .map(|record| record.written)
            .sum();
        if before == self.shown && written == 0 {
            return Ok(());
        }
        // With wrong totals a removal may take longer than the quiet runs.
        let listed = |shown: &BTreeMap<&'static str, Shown>| {
            let state = self.script.lock();
            let all = shown.values().flat_map(|shown| shown.live.clone());
            all.filter(|(key, _)| state.world.now().iter().any(|row| row.key == *key))
                .collect::<Vec<_>>()
        };
        if !self.scenario.is_honest() && listed(&before) == listed(&self.shown) {
            return Ok(());
        }
        self.laws.of_interest(Err(Violation {
            law: Law::QuietWritesNothing,
            text: format!("a quiet run wrote; changed rows: {written}"),
        }))
    }
}
