//! One life: the daemon from start to start, what happens to it, and what its people do.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::laws::{self, Sizes};
use super::observed::{Observed, SharedSeen, lock};
use super::plan::{self, Act, MONTH, Month, Planned};
use super::school::{Installation, SOURCES, SignIn, job, secret_file};
use super::vendor::SharedWorld;
use crate::app::{AdminMessage, AdminRequest, AdminResponse, App, DaemonEngine, Login, is_too_old};
use rollbook_core::clock::PausedClock;
use rollbook_core::model::{EntryName, JobName, named, scalar};
use rollbook_core::permissions::invoker;
use rollbook_core::store::StoreError;
use rollbook_core::store::database::set_disk_full;
use rollbook_core::store::queries::{self, RunLine};
use rollbook_engine::daemon::{Changes, ControlHandle, Engine, Event, run_loop};
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Overlay, Setup};
use rollbook_http::http::scripted;

/// The wall clock is read so often. The loop's own half minute would be three million turns.
const TURN: Duration = Duration::from_secs(15 * 60);

/// Alerts are evaluated so often, and sooner after a run whose outcome is another kind than the last one's.
const ALERTS_EVERY: Duration = Duration::from_secs(12 * 3600);
const ALERTS_SOON: Duration = Duration::from_secs(20 * 60);

/// systemd starts the service again after this time.
const RESTART: SignedDuration = SignedDuration::from_secs(30);

/// The memory of the process may grow by so much in a year after the first, in KiB.
const MEMORY: u64 = 8 * 1024;

/// How a daemon's time ended.
enum Ended {
    /// It starts again later.
    Restart(SignedDuration),
    /// The life is over.
    Over,
}

pub(super) struct Life {
    seed: u64,
    months: u32,
    log: bool,
    rng: Rng,
    installation: Installation,
    world: SharedWorld,
    seen: SharedSeen,
    /// The correct time at which the next daemon starts.
    truth: Timestamp,
    ahead: SignedDuration,
    /// The months so far, this one included.
    month_number: u32,
    month: Month,
    month_start: Timestamp,
    acts: VecDeque<Planned>,
    sizes: Vec<Sizes>,
    starts: u32,
    is_disk_full: bool,
}

/// What was counted, if no law was broken.
pub(super) struct Summary {
    pub text: String,
}

fn start() -> Timestamp {
    "2026-02-02T09:00:00Z".parse().expect("a time")
}

/// Lives `months` months of a seed; the error is all that was wrong.
pub(super) fn live(seed: u64, months: u32, log: bool) -> Result<Summary, String> {
    fastrand::seed(seed);
    let truth = start();
    let runtime = runtime();
    let clock = runtime.block_on(async { PausedClock::at(truth, SignedDuration::ZERO) });
    let world = SharedWorld::new(seed, clock);
    let mut life = Life {
        seed,
        months,
        log,
        rng: Rng::with_seed(seed),
        installation: Installation::new(),
        world: world.clone(),
        seen: SharedSeen::default(),
        truth,
        ahead: SignedDuration::ZERO,
        month_number: 0,
        month: Month::default(),
        month_start: truth,
        acts: VecDeque::new(),
        sizes: Vec::new(),
        starts: 0,
        is_disk_full: false,
    };
    drop(runtime);
    scripted::install(move |request| world.answer(&request));
    life.first_secrets();
    life.next_month();
    let mut wait = SignedDuration::ZERO;
    loop {
        let runtime = self::runtime();
        let ended = runtime.block_on(life.daemon(wait));
        drop(runtime);
        let violations = std::mem::take(&mut lock(&life.seen).violations);
        if !violations.is_empty() {
            let month = (life.truth - start())
                .total(jiff::Unit::Hour)
                .unwrap_or(0.0)
                / (24.0 * 30.0);
            let text = violations.join("\n  ");
            return Err(format!("seed {seed}, month {month:.1}:\n  {text}"));
        }
        match ended {
            Ended::Restart(later) => wait = later,
            Ended::Over => return life.end(),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(2)
        .build();
    runtime.expect("a runtime")
}

/// A running daemon, as its people reach it.
struct Running<'a> {
    app: &'a Arc<App>,
    engine: &'a Arc<DaemonEngine>,
    control: &'a ControlHandle,
    kill: &'a CancellationToken,
}

impl Life {
    fn first_secrets(&mut self) {
        let mut world = self.world.lock();
        for (number, source) in SOURCES.iter().enumerate() {
            let account = &mut world.vendors[number].account;
            let secret = match source.sign_in {
                SignIn::Refresh => account.new_seed(),
                SignIn::Client | SignIn::Password | SignIn::Browser => account.new_secret(),
            };
            self.installation.secret(&secret_file(number), &secret);
            if source.sign_in == SignIn::Browser {
                let act = Act::Repair(number);
                self.acts.push_back(Planned {
                    at: self.truth,
                    act,
                });
            }
        }
    }

    fn next_month(&mut self) {
        self.month_start = start() + MONTH * i32::try_from(self.month_number).expect("few months");
        self.month_number += 1;
        self.month = plan::month(&mut self.rng, self.month_start);
        self.acts.extend(self.month.acts.iter().copied());
    }

    /// From one start of the program to its end; the machine is off until `wait` is over.
    async fn daemon(&mut self, wait: SignedDuration) -> Ended {
        let clock = PausedClock::at(self.truth, self.ahead);
        self.world.lock().clock = clock.clone();
        let from = self.truth + wait;
        while let Some(planned) = self
            .acts
            .front()
            .copied()
            .filter(|planned| planned.at <= from)
        {
            self.acts.pop_front();
            clock.sleep_until(planned.at).await;
            self.truth = clock.truth();
            if let Some(Ended::Over) = self.act(planned, &clock, None).await {
                return Ended::Over;
            }
        }
        clock.sleep_until(from).await;
        let ended = self.serve(&clock).await;
        self.truth = clock.truth();
        self.world.lock().kill = None;
        if self.is_disk_full {
            lock(&self.seen).lost_writes.push(self.truth);
        }
        ended
    }

    async fn serve(&mut self, clock: &PausedClock) -> Ended {
        self.starts += 1;
        // Another process may have been killed a moment ago; its lock ends with its last thread.
        let app = loop {
            match self.open(clock).await {
                Ok(app) => break app,
                // The writer of a killed program may hold the lock a little longer.
                Err(StoreError::Busy { .. }) => std::thread::sleep(Duration::from_millis(1)),
                Err(why) => {
                    if self.log {
                        println!("{} does not start: {why}", clock.truth());
                    }
                    return Ended::Restart(RESTART * 20);
                }
            }
        };
        // To open a reader means to parse the schema, which is a third of a life's time.
        let _readers = app.store().keep_readers();
        let folders = self.installation.folders();
        // Nothing follows the changes: no one edits the configuration.
        let mut changes = Changes::of(&folders.folders());
        let loaded = changes.loaded();
        let engine = DaemonEngine::new(Arc::clone(&app), folders, Overlay::default(), loaded);
        let engine = Arc::new(engine);
        let observed = Arc::new(Observed {
            engine: Arc::clone(&engine),
            seen: Arc::clone(&self.seen),
            clock: clock.clone(),
            world: self.world.clone(),
            log: self.log,
        });
        let control = ControlHandle {
            max_sleep: Some(TURN),
            ..ControlHandle::default()
        };
        let wake = Arc::new(Notify::new());
        let events = events(Arc::clone(&wake), clock.clone(), self.log);
        let mut daemon = pin!(run_loop(observed, clock.clock(), control.clone(), events));
        let mut alerts = pin!(watch_alerts(&app, &engine, clock, &wake));
        let kill = CancellationToken::new();
        let running = Running {
            app: &app,
            engine: &engine,
            control: &control,
            kill: &kill,
        };
        loop {
            let next = self
                .acts
                .front()
                .copied()
                .expect("a month ends with a check");
            tokio::select! {
                biased;
                () = kill.cancelled() => return Ended::Restart(RESTART),
                ended = &mut daemon => {
                    if let Err(why) = ended {
                        lock(&self.seen).violations.push(format!("the daemon ended: {why}"));
                        return Ended::Over;
                    }
                    return Ended::Restart(RESTART);
                }
                () = &mut alerts => {}
                () = clock.sleep_until(next.at) => {
                    self.acts.pop_front();
                    if let Act::Stop(gap) = next.act {
                        control.stop.cancel();
                        let _ = (&mut daemon).await;
                        return Ended::Restart(gap);
                    }
                    if let Some(ended) = self.act(next, clock, Some(&running)).await {
                        return ended;
                    }
                }
            }
            if !lock(&self.seen).violations.is_empty() {
                return Ended::Over;
            }
        }
    }

    async fn open(&self, clock: &PausedClock) -> Result<Arc<App>, StoreError> {
        let (folders, secrets) = (self.installation.folders(), self.secrets());
        let setup = Setup::load(&folders, &Overlay::default())
            .map_err(|problems| problems.render(rollbook_core::document::RenderStyle::Plain))
            .expect("a correct configuration");
        let app = App::open(&folders, setup, secrets, clock.clock()).await;
        app.map(Arc::new)
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(&self.installation.path("config"), None)
    }

    /// Something happens; returns how the daemon ends by it.
    async fn act(
        &mut self,
        planned: Planned,
        clock: &PausedClock,
        running: Option<&Running<'_>>,
    ) -> Option<Ended> {
        let now = clock.truth();
        let is_of_rows = matches!(planned.act, Act::Join(..) | Act::Leave(..) | Act::Edit(..));
        if self.log && !is_of_rows {
            println!("{now} {:?}", planned.act);
        }
        match planned.act {
            Act::Join(source, list) => self.world.lock().vendors[source].lists[list].join(now),
            Act::Leave(source, list, at) => {
                self.world.lock().vendors[source].lists[list].change(at, true, now);
            }
            Act::Edit(source, list, at) => {
                self.world.lock().vendors[source].lists[list].change(at, false, now);
            }
            Act::Refill => {
                let mut world = self.world.lock();
                let lists = world
                    .vendors
                    .iter_mut()
                    .flat_map(|vendor| &mut vendor.lists);
                for list in lists.filter(|list| list.rows.len() < 26) {
                    (list.rows.len()..30).for_each(|_| list.join(now));
                }
            }
            Act::SourceFault(source, fault) => {
                let mut world = self.world.lock();
                world.vendors[source].fault = fault;
                for list in &mut world.vendors[source].lists {
                    list.touched = now;
                }
            }
            Act::ListFault(source, list, fault) => {
                let mut world = self.world.lock();
                let list = &mut world.vendors[source].lists[list];
                (list.fault, list.touched) = (fault, now);
            }
            Act::TokenFault(source, fault) => self.world.lock().vendors[source].token_fault = fault,
            Act::Revoke(source) => self.world.lock().vendors[source].account.revoke(),
            Act::NewSecret(source) => {
                self.world.lock().vendors[source].account.new_secret();
            }
            Act::EndOldSecrets(source) => {
                let secrets = &mut self.world.lock().vendors[source].account.secrets;
                secrets.drain(..secrets.len() - 1);
            }
            Act::Repair(source) => {
                if !self.repair(source, clock).await {
                    self.again(planned, now);
                }
            }
            Act::HideHalf(source, list, is_hidden) => {
                let mut world = self.world.lock();
                let list = &mut world.vendors[source].lists[list];
                list.hidden = if is_hidden {
                    list.half()
                } else {
                    Default::default()
                };
                list.touched = now;
            }
            Act::Halve(source, list) => {
                let mut world = self.world.lock();
                let list = &mut world.vendors[source].lists[list];
                let before = list.rows.len();
                list.halve(now);
                if self.log {
                    println!("{} of {before} rows left", before - list.rows.len());
                }
            }
            Act::Approve(source, list) => {
                if let Some(running) = running {
                    self.approve(&named(&job(source, list)), running).await;
                }
            }
            Act::DiskFull(is_full) => {
                self.is_disk_full = is_full;
                set_disk_full(is_full);
            }
            Act::Deaf(is_deaf) => self.world.lock().is_deaf = is_deaf,
            Act::Clock(ahead) => {
                self.ahead = ahead;
                clock.set_ahead(ahead);
                lock(&self.seen).clock_steps.push((now, ahead));
            }
            Act::Stop(_) => {}
            Act::Kill(gap) => return running.map(|_| Ended::Restart(gap)),
            Act::KillAtRequest(requests) => {
                if let Some(running) = running {
                    self.world.lock().kill = Some((requests, running.kill.clone()));
                }
            }
            Act::Check { all } => return self.check(planned, all, clock, running),
        }
        None
    }

    /// Repeats something ten minutes later.
    fn again(&mut self, planned: Planned, now: Timestamp) {
        let at = now + SignedDuration::from_mins(10);
        let place = self.acts.partition_point(|other| other.at <= at);
        self.acts.insert(place, Planned { at, ..planned });
    }

    /// A person signs in or writes a secret; returns whether that was possible.
    async fn repair(&mut self, source: usize, clock: &PausedClock) -> bool {
        let file = secret_file(source);
        let secret = {
            let mut world = self.world.lock();
            let account = &mut world.vendors[source].account;
            match SOURCES[source].sign_in {
                SignIn::Refresh => Some(account.new_seed()),
                SignIn::Client | SignIn::Password => account.secrets.last().cloned(),
                SignIn::Browser => None,
            }
        };
        match secret {
            Some(secret) => {
                self.installation.secret(&file, &secret);
                true
            }
            None => self.sign_in(source, clock).await,
        }
    }

    async fn sign_in(&mut self, source: usize, clock: &PausedClock) -> bool {
        let code = {
            let mut world = self.world.lock();
            let vendor = &world.vendors[source];
            if world.in_flight > 0 || vendor.fault.is_some() || vendor.token_fault.is_some() {
                return false;
            }
            world.vendors[source].account.new_code()
        };
        let folders = self.installation.folders();
        let setup = Setup::load(&folders, &Overlay::default()).ok();
        let setup = setup.expect("a correct configuration");
        let name = named(SOURCES[source].name);
        let login = Login::of((&folders, &setup), &name, &self.secrets(), clock.clock());
        let login = login.expect("a source to sign in to");
        let attempt = login.by_paste(None).await.expect("an attempt");
        let code = attempt.read(&code).expect("a code");
        login.finish(attempt, &code).await.expect("a sign-in");
        true
    }

    async fn approve(&mut self, job: &JobName, running: &Running<'_>) {
        let held = running.app.store().reader().ok();
        let held = held.and_then(|reader| queries::held(&reader, job).ok()?);
        let now = running.app.clock.now();
        // An hour later, when the alert has arrived.
        let was_told = |held: &RunLine| {
            let started = scalar::parse(&held.started).expect("a time");
            now.duration_since(started) > SignedDuration::from_hours(1)
        };
        let Some(held) = held.filter(|held| !is_too_old(held, now) && was_told(held)) else {
            return;
        };
        let request = AdminMessage {
            by: invoker().clone(),
            request: AdminRequest::Approve { run: held.run },
        };
        let request = serde_json::to_string(&request).expect("a request");
        let result = running.engine.handle_admin_request(request).await;
        let response: Result<AdminResponse, _> = serde_json::from_str(&result.response);
        if self.log {
            println!("  {response:?}");
        }
        if let Some(job) = result.run_now {
            running.control.run_now.request(job);
        }
    }

    fn check(
        &mut self,
        planned: Planned,
        all: bool,
        clock: &PausedClock,
        running: Option<&Running<'_>>,
    ) -> Option<Ended> {
        let now = clock.truth();
        let Some(running) = running.filter(|_| self.world.lock().in_flight == 0) else {
            self.again(planned, now);
            return None;
        };
        let month = (&self.month, self.month_start, now);
        let mut wrong = laws::when_calm(running.engine, all, month, &self.world, &self.seen);
        if all {
            wrong.extend(laws::politeness(&self.world, &self.seen));
            wrong.extend(self.measure(running));
            self.world.lock().alerts.clear();
            lock(&self.seen).acted.clear();
            self.next_month();
        }
        lock(&self.seen).violations.extend(wrong);
        (self.month_number > self.months).then_some(Ended::Over)
    }

    /// At the end of each year.
    fn measure(&mut self, running: &Running<'_>) -> Vec<String> {
        if !self.month_number.is_multiple_of(12) {
            return Vec::new();
        }
        let reader = running.app.store().reader().expect("a reader");
        self.sizes.push(Sizes {
            tables: laws::table_sizes(&reader),
            files: self.installation.state_files(),
            memory: laws::resident_kib(),
        });
        let [.., before, last] = self.sizes.as_slice() else {
            return Vec::new();
        };
        let mut wrong = laws::growth(&self.sizes[0], last);
        if last.memory > before.memory + MEMORY {
            wrong.push(format!(
                "the process grew from {} KiB to {} KiB in a year",
                before.memory, last.memory
            ));
        }
        wrong
    }

    fn end(&self) -> Result<Summary, String> {
        let seen = lock(&self.seen);
        let memory: Vec<u64> = self.sizes.iter().map(|sizes| sizes.memory).collect();
        let files = |sizes: &Sizes| sizes.files.iter().map(|(_, size)| size).sum::<u64>();
        let files: Vec<u64> = self.sizes.iter().map(files).collect();
        Ok(Summary {
            text: format!(
                "seed {}: {} months, {} runs, {} of them not good, {} starts; memory {memory:?} KiB, files {files:?} bytes\n    {}",
                self.seed,
                self.months,
                seen.runs,
                seen.bad_runs,
                self.starts,
                laws::requests(&self.world)
            ),
        })
    }
}

/// Wakes the alerts after a run whose outcome is of another kind than the last one's.
fn events(
    wake: Arc<Notify>,
    clock: PausedClock,
    log: bool,
) -> impl Fn(Event) + Send + Sync + 'static {
    let bad = std::sync::Mutex::new(std::collections::BTreeSet::<EntryName>::new());
    move |event| match event {
        Event::RunEnded { job, outcome } => {
            let mut bad = bad.lock().expect("no panic");
            let is_new = match outcome.is_good() {
                true => bad.remove(&job),
                false => bad.insert(job),
            };
            if is_new {
                wake.notify_one();
            }
        }
        Event::RunCrashed { job } => panic!("{job} crashed"),
        Event::TickSkipped { job, reason } if log => {
            println!("{} {job} skipped: {reason}", clock.truth());
        }
        Event::Stuck(who) => panic!("{who} is stuck at {}", clock.truth()),
        _ => {}
    }
}

/// What `DaemonEngine::watch_alerts` does, less often.
async fn watch_alerts(app: &App, engine: &DaemonEngine, clock: &PausedClock, wake: &Notify) {
    let clock = clock.clock();
    let usual = Duration::from_secs(15 * 60);
    let never = CancellationToken::new();
    loop {
        let config = app.setup().config.alerts.clone().expect("alerts");
        let pause = engine.evaluate_and_send(&config, &never).await;
        // A shorter one is for an alert that could not be sent.
        let pause = if pause < usual {
            pause.max(ALERTS_SOON)
        } else {
            ALERTS_EVERY
        };
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = wake.notified() => clock.sleep(ALERTS_SOON).await,
        }
    }
}
