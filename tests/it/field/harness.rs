//! The program in this process, on a stopped clock, between a closure's vendor and a mirror.
//!
//! Results are read from the mirror's own tables, as any reader would. Only this file starts runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollbook_app::app::{AdminMessage, AdminRequest, AdminResponse, App};
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::permissions::invoker;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_engine::sync::{Cause, RunOptions};
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::server::{Gate, Pages, Reply, Shared, Vendor, VendorRequest};
use crate::installation::{self, Installation};
use crate::queries;

/// When the tests' days begin.
pub const START: &str = "2026-03-02T06:00:00Z";

/// The configuration: a connector, a source, jobs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Top-level lines of the connector.
    pub top: String,
    /// Its `[settings]` except `base_url`.
    pub settings: String,
    /// Its `[streams...]` and other tables.
    pub streams: String,
    /// The connector that it extends.
    pub extends: Option<&'static str>,
    /// Template of the connector's base address.
    pub template: &'static str,
    /// `{base_url}` after the vendor's origin.
    pub base: String,
    /// Lines of the source's settings except `base_url`; ORIGIN is the vendor's.
    pub source: String,
    /// Lines of `[sources.own.auth]`.
    pub auth: String,
    /// Jobs: name, and everything after `source`.
    pub jobs: Vec<(String, String)>,
    /// Concurrent requests: one, unless two jobs run concurrently, so that a list changes at a known request.
    pub in_flight: u32,
    /// The machine's clock in place of a stopped one.
    pub real_time: bool,
}

impl Config {
    /// A connector with these streams, and one job that reads them all.
    pub fn of(streams: &str) -> Self {
        let names: Vec<&str> = streams
            .lines()
            .filter_map(|line| line.strip_prefix("[streams.")?.strip_suffix(']'))
            .filter(|name| !name.contains('.'))
            .collect();
        let mut plan = Self {
            top: "nulls = [\"\"]\n".to_owned(),
            settings: String::new(),
            streams: streams.to_owned(),
            extends: None,
            template: "{base_url}",
            base: "/v1".to_owned(),
            source: String::new(),
            auth: String::new(),
            jobs: Vec::new(),
            in_flight: 1,
            real_time: false,
        };
        plan.jobs = vec![("job".to_owned(), reads(&names))];
        plan
    }

    /// One stream `people` with these pages and columns; the key is `id`.
    pub fn people(page: &str, columns: &str) -> Self {
        Self::of(&people(page, "", columns))
    }

    /// Adds lines to the job.
    pub fn job(mut self, more: &str) -> Self {
        self.jobs[0].1.push_str(more);
        self
    }

    /// Adds lines to the top of the connector.
    pub fn top(mut self, more: &str) -> Self {
        self.top.push_str(more);
        self
    }
}

/// The lines of a job that reads these streams.
pub fn reads(streams: &[&str]) -> String {
    format!("streams = {streams:?}\nschedule = \"0 3 * * *\"\n")
}

/// A stream `people` at `/people` with the key `id`.
pub fn people(page: &str, more: &str, columns: &str) -> String {
    format!(
        "[streams.people]\npath = \"/people\"\nrows = \"rows\"\nkey = [\"id\"]\n{page}\nremoved = {{ absence = true }}\n{more}\n\
         [streams.people.columns]\nid = \"id : text\"\n{columns}\n"
    )
}

/// A person with a name.
pub fn person(number: usize) -> Value {
    json!({"id": id(number), "name": format!("Name {number}")})
}

/// The key of person `number`.
pub fn id(number: usize) -> String {
    format!("p{number:04}")
}

/// Persons `0..count`.
pub fn persons(count: usize) -> Vec<Value> {
    (0..count).map(person).collect()
}

/// The vendor, the program and its folder.
pub struct Harness {
    pub vendor: Vendor,
    pub installation: Installation,
    pub clock: TestClock,
    runtime: Runtime,
    app: Option<App>,
    real_time: bool,
}

impl Harness {
    /// Starts the vendor; the program starts with the first run.
    pub fn new(plan: &Config) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let mut harness = Self {
            vendor: Vendor::start(),
            installation: Installation::empty(),
            clock: TestClock::at(START.parse().expect("a time")),
            runtime: runtime.expect("a runtime"),
            app: None,
            real_time: plan.real_time,
        };
        harness.write(plan);
        harness
    }

    /// A vendor that serves one shared list, and the program that reads it as `people` with a name.
    pub fn of_list(pages: Pages, plan: &Config, rows: Vec<Value>) -> (Self, Shared) {
        let harness = Self::new(plan);
        let list = Shared::of(rows);
        let ours = list.clone();
        harness
            .vendor
            .respond_with(move |request| pages.page(request, &ours.rows()));
        (harness, list)
    }

    /// Writes the configuration; the next run starts the program again.
    pub fn write(&mut self, plan: &Config) {
        self.close();
        let extends = plan
            .extends
            .map(|name| format!("extends = {name:?}\n"))
            .unwrap_or_default();
        let base = if plan.extends.is_some() {
            String::new()
        } else {
            format!("base_url = {:?}\n", plan.template)
        };
        let settings = if plan.extends.is_some() {
            String::new()
        } else {
            format!(
                "[settings]\nbase_url = {{ required = true, help = \"where\" }}\n{}",
                plan.settings
            )
        };
        self.installation.write(
            "config/connectors/own.toml",
            &format!(
                "connector = \"own\"\ntitle = \"the tests' own vendor\"\n{extends}{base}{}{settings}\n[limits]\nin_flight = {}\nper_second = 1000.0\n{}",
                plan.top, plan.in_flight, plan.streams
            ),
        );
        let auth = if plan.auth.is_empty() {
            String::new()
        } else {
            format!("[sources.own.auth]\n{}", plan.auth)
        };
        self.installation.write(
            "config/rollbook.toml",
            &format!(
                "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{}{}\"\n{}{auth}",
                self.vendor.origin(),
                plan.base,
                plan.source.replace("ORIGIN", self.vendor.origin()),
            ),
        );
        for (name, job) in &plan.jobs {
            self.installation.write(
                &format!("jobs/{name}.toml"),
                &format!("source = \"own\"\n{job}"),
            );
        }
    }

    /// The checked configuration, or all its problems.
    pub fn check(&self) -> Result<Setup, String> {
        Setup::load(&self.folders(), &Overlay::default()).map_err(|problems| problems.to_string())
    }

    fn folders(&self) -> Folders {
        Folders {
            config: self.installation.path("config"),
            jobs: self.installation.path("jobs"),
            state: self.installation.path("state"),
            source: None,
        }
    }

    /// The program, started if necessary.
    pub fn app(&mut self) -> &App {
        if self.app.is_none() {
            let setup = self.check().unwrap_or_else(|problems| panic!("{problems}"));
            let secrets = BTreeMap::from([("secret".to_owned(), "s3cr3t".to_owned().into())]);
            let clock = if self.real_time {
                Clock::system()
            } else {
                self.clock.clock()
            };
            let opened = self.runtime.block_on(App::open(
                &self.folders(),
                setup,
                Secrets::in_memory(secrets),
                clock,
            ));
            self.app = Some(opened.expect("the program"));
        }
        self.app.as_ref().expect("it runs")
    }

    /// Ends the program, so that another one can open the mirror.
    pub fn close(&mut self) {
        self.app = None;
    }

    pub fn sync(&mut self) -> RunRecord {
        self.run("job", Cause::Command, false)
    }

    /// Runs the only job in full.
    pub fn full(&mut self) -> RunRecord {
        self.run("job", Cause::Command, true)
    }

    /// Runs a job.
    pub fn run(&mut self, job: &str, cause: Cause, full: bool) -> RunRecord {
        self.app();
        let app = self.app.as_ref().expect("it runs");
        let number = self.runtime.block_on(once(app, job, cause, full));
        self.ran(number)
    }

    /// Runs jobs concurrently; nothing when they do not end within the limit.
    pub fn run_together(&mut self, jobs: &[&str], limit: Duration) -> Option<Vec<RunRecord>> {
        self.app();
        let app = self.app.as_ref().expect("it runs");
        let all = async {
            let all = jobs.iter().map(|job| once(app, job, Cause::Command, false));
            let all = futures_util::future::join_all(all);
            tokio::time::timeout(limit, all).await.ok()
        };
        let runs = self.runtime.block_on(all)?;
        Some(runs.into_iter().map(|run| self.ran(run)).collect())
    }

    /// Runs a job, and something else in the middle of it, which is given up after a while.
    pub fn run_with<T>(
        &mut self,
        job: &str,
        gate: &Gate,
        other: impl AsyncFnOnce(&App, &Vendor) -> T,
    ) -> (RunRecord, Option<T>) {
        self.app();
        let (app, vendor) = (self.app.as_ref().expect("it runs"), &self.vendor);
        let other = async {
            until(|| vendor.requests() > 0).await;
            let value = tokio::time::timeout(Duration::from_secs(5), other(app, vendor)).await;
            gate.open();
            value.ok()
        };
        let both = futures_util::future::join(once(app, job, Cause::Command, false), other);
        let (number, value) = self.runtime.block_on(both);
        (self.ran(number), value)
    }

    /// A recorded run.
    pub fn of(&self, run: i64) -> RunRecord {
        self.ran(run)
    }

    /// Reloads the files.
    pub fn reload(&mut self) {
        let setup = self.check().unwrap_or_else(|problems| panic!("{problems}"));
        self.app();
        let app = self.app.as_ref().expect("it runs");
        self.runtime.block_on(app.replace(setup)).expect("taken");
    }

    /// `rollbook approve` of a held run, and the run that follows it.
    pub fn approve(&mut self, held: &RunRecord) -> RunRecord {
        let request = AdminMessage {
            by: invoker().clone(),
            request: AdminRequest::Approve { run: held.run },
        };
        self.app();
        let app = self.app.as_ref().expect("it runs");
        let response = self.runtime.block_on(app.handle_admin_request(&request));
        let AdminResponse::Approved { job, .. } = response else {
            panic!("run {} cannot be approved: {response:?}", held.run);
        };
        self.run(job.as_str(), Cause::Approval, false)
    }

    /// The real program with these arguments, after this one has ended.
    pub fn binary(&mut self, arguments: &[&str]) -> installation::Finished {
        self.close();
        self.installation.run(arguments)
    }

    /// Advances the clock.
    pub fn advance(&self, length: Duration) {
        self.clock.pass(length);
    }

    fn ran(&self, run: i64) -> RunRecord {
        RunRecord::of(&self.installation, run)
    }

    /// The keys of `people` in the mirror, in order.
    pub fn ids(&self) -> Vec<String> {
        queries::list(
            &self.installation.mirror(),
            "SELECT id FROM own_people ORDER BY id",
        )
    }

    /// One cell, as text: `null`, a number, or the text itself.
    pub fn cell(&self, key: &str, column: &str) -> Option<String> {
        self.cell_of("own_people", "id", key, column)
    }

    /// One cell of any table; nothing where the row is missing.
    pub fn cell_of(&self, table: &str, key: &str, value: &str, column: &str) -> Option<String> {
        let connection = queries::open(&self.installation.mirror());
        let sql = format!("SELECT \"{column}\" FROM \"{table}\" WHERE \"{key}\" = ?1");
        connection
            .query_row(&sql, [value], |row| row.get::<_, Cell>(0))
            .ok()
            .map(|cell| match cell {
                Cell::Null => "null".to_owned(),
                Cell::Integer(number) => number.to_string(),
                Cell::Real(number) => number.to_string(),
                Cell::Text(text) => text,
                Cell::Blob(_) => "blob".to_owned(),
            })
    }

    /// Number of versions in the history.
    pub fn history(&self) -> u64 {
        queries::count(&self.installation.mirror(), "own_people_history")
    }
}

/// Waits for a state, for a quarter of a second at most: what does not happen by then counts as not happening.
pub async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..50 {
        if is_so() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a job once.
pub async fn once(app: &App, job: &str, cause: Cause, full: bool) -> i64 {
    let order = RunOptions {
        cause,
        full,
        dry: false,
        only: None,
    };
    let watch = Arc::new(|_| {}) as _;
    let job = job.parse().expect("a name");
    let report = app
        .run(&job, order, &CancellationToken::new(), &watch)
        .await;
    let report = report.expect("the job is configured");
    report
        .run
        .unwrap_or_else(|| panic!("no run: {:?}", report.message))
}

/// One stream's part of a run, as the mirror records it.
#[derive(Clone)]
pub struct StreamRecord {
    pub reading: String,
    pub outcome: String,
    pub reported: String,
    pub new: u64,
    pub changed: u64,
    pub removed: u64,
    pub unconfirmed: u64,
    pub rejected: u64,
}

/// A run, as the mirror records it.
#[derive(Clone)]
pub struct RunRecord {
    pub run: i64,
    /// Its outcome.
    pub outcome: String,
    /// All messages of the run and its streams.
    pub reported: String,
    /// Its streams.
    pub parts: BTreeMap<String, StreamRecord>,
    /// Path, reason and number of rows.
    pub rejects: Vec<(String, String, u64)>,
}

impl fmt::Debug for StreamRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reading,
            outcome,
            new,
            changed,
            removed,
            unconfirmed,
            rejected,
            ..
        } = self;
        write!(
            f,
            "{reading} {outcome}, new {new}, changed {changed}, removed {removed}, unconfirmed {unconfirmed}, rejected {rejected}"
        )
    }
}

impl fmt::Debug for RunRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "run {}: {}, {:?}; ",
            self.run, self.outcome, self.reported
        )?;
        write!(f, "{:?}; rejects {:?}", self.parts, self.rejects)
    }
}

impl RunRecord {
    fn of(installation: &Installation, run: i64) -> Self {
        let connection = queries::open(&installation.mirror());
        let text = |value: Option<String>| value.unwrap_or_default();
        let (outcome, message) = connection
            .query_row(
                "SELECT outcome, message FROM rollbook_runs WHERE run = ?1",
                [run],
                |row| Ok((text(row.get(0)?), text(row.get(1)?))),
            )
            .expect("the run");
        let columns =
            "stream, reading, outcome, message, new, changed, removed, unconfirmed, rejected";
        let mut statement = connection
            .prepare(&format!(
                "SELECT {columns} FROM rollbook_run_streams WHERE run = ?1"
            ))
            .expect("a query");
        let parts: BTreeMap<String, StreamRecord> = statement
            .query_map([run], |row| {
                let part = StreamRecord {
                    reading: row.get(1)?,
                    outcome: row.get(2)?,
                    reported: text(row.get(3)?),
                    new: row.get(4)?,
                    changed: row.get(5)?,
                    removed: row.get(6)?,
                    unconfirmed: row.get(7)?,
                    rejected: row.get(8)?,
                };
                Ok((row.get(0)?, part))
            })
            .and_then(Iterator::collect)
            .expect("its streams");
        let mut statement = connection
            .prepare("SELECT path, reason, rows FROM rollbook_rejects WHERE run = ?1")
            .expect("a query");
        let rejects = statement
            .query_map([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .and_then(Iterator::collect)
            .expect("its rejects");
        let streams = parts.values().map(|part| part.reported.as_str());
        let reported = [message.as_str()]
            .into_iter()
            .chain(streams)
            .collect::<Vec<_>>()
            .join(" | ");
        Self {
            run,
            outcome,
            reported,
            parts,
            rejects,
        }
    }

    /// The part of `people`.
    pub fn people(&self) -> &StreamRecord {
        self.part("people")
    }

    /// One stream's part.
    pub fn part(&self, stream: &str) -> &StreamRecord {
        self.parts
            .get(stream)
            .unwrap_or_else(|| panic!("no {stream}: {self:?}"))
    }

    /// Rows in the rejects of this path.
    pub fn rejects_of(&self, path: &str) -> u64 {
        let of_path = self.rejects.iter().filter(|(at, ..)| at.contains(path));
        of_path.map(|(_, _, rows)| rows).sum()
    }

    /// Asserts the outcome.
    pub fn ended(self, outcome: &str, what: impl fmt::Debug) -> Self {
        assert_eq!(self.outcome, outcome, "{what:?}: {self:?}");
        self
    }

    /// Asserts one of these outcomes.
    pub fn ended_in(self, outcomes: &[&str], what: impl fmt::Debug) -> Self {
        assert!(
            outcomes.contains(&self.outcome.as_str()),
            "{what:?}: not one of {outcomes:?}: {self:?}"
        );
        self
    }

    /// Asserts that some message has each of these parts.
    pub fn reports(self, parts: &[&str], what: impl fmt::Debug) -> Self {
        for part in parts {
            assert!(
                self.reported.contains(part),
                "{what:?}: {part:?} is not reported: {self:?}"
            );
        }
        self
    }

    /// Asserts that nothing was removed.
    pub fn removed_none(self, what: impl fmt::Debug) -> Self {
        let removed: u64 = self.parts.values().map(|part| part.removed).sum();
        assert_eq!(removed, 0, "{what:?}: {self:?}");
        self
    }
}

/// Responds with all rows at once.
pub fn all(rows: &[Value]) -> impl FnMut(&VendorRequest) -> Reply + Send + use<> {
    let body = json!({"rows": rows});
    move |_| Reply::json(&body)
}

/// Runs every row of a table, then reports all failures and not only the first.
pub fn each<T>(rows: &[T], name: impl Fn(&T) -> String, mut check: impl FnMut(&T)) {
    let mut wrong = Vec::new();
    for row in rows {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(row)));
        if let Err(panic) = tried {
            let reported = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_default();
            wrong.push(format!("[{}] {reported}", name(row)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// A time this long after the tests' first day begins.
pub fn after(length: Duration) -> Timestamp {
    let start: Timestamp = START.parse().expect("a time");
    start
        .checked_add(jiff::SignedDuration::try_from(length).expect("a length"))
        .expect("a time")
}

/// One day.
pub const DAY: Duration = Duration::from_secs(86_400);
