//! The program in this process, on a clock that stands still, between a closure's vendor and a mirror.
//!
//! What a run did is read from the mirror's own tables, as anyone would. Only this file knows how a run is started.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollbook::app::{AdminRequest, AdminResponse, App};
use rollbook::clock::{Clock, TestClock};
use rollbook::setup::files::Secrets;
use rollbook::setup::{Folders, Overlay, Setup};
use rollbook::sync::{Cause, RunOptions};
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::server::{Ask, Gate, Pages, Reply, Shared, Vendor};
use crate::place::{self, Place};
use crate::queries;

/// When the tests' days begin.
pub const START: &str = "2026-03-02T06:00:00Z";

/// How the program is set up: a connector, a source, jobs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Top-level lines of the connector.
    pub top: String,
    /// Its `[settings]` beside `base_url`.
    pub settings: String,
    /// Its `[streams...]` and other tables.
    pub streams: String,
    /// The connector that it extends.
    pub extends: Option<&'static str>,
    /// Template of the connector's base address.
    pub template: &'static str,
    /// What `{base_url}` is behind the vendor's origin.
    pub base: String,
    /// Lines of the source's settings beside `base_url`; ORIGIN is the vendor's.
    pub source: String,
    /// Lines of `[sources.own.auth]`.
    pub auth: String,
    /// Jobs: name, and everything behind `source`.
    pub jobs: Vec<(String, String)>,
    /// Requests at once: one, unless two jobs run beside each other, so that a list moves at a known request.
    pub in_flight: u32,
    /// The machine's clock instead of one that stands still.
    pub real_time: bool,
}

impl Plan {
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

    /// The job says more.
    pub fn job(mut self, more: &str) -> Self {
        self.jobs[0].1.push_str(more);
        self
    }

    /// The connector says more at its top.
    pub fn top(mut self, more: &str) -> Self {
        self.top.push_str(more);
        self
    }
}

/// The lines of a job that reads these streams.
pub fn reads(streams: &[&str]) -> String {
    format!("streams = {streams:?}\nschedule = \"0 3 * * *\"\n")
}

/// A stream `people` at `/people` whose key is `id`.
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
pub struct Bench {
    pub vendor: Vendor,
    pub place: Place,
    pub clock: TestClock,
    runtime: Runtime,
    app: Option<App>,
    real_time: bool,
}

impl Bench {
    /// Starts the vendor; the program starts with the first run.
    pub fn new(plan: &Plan) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let mut bench = Self {
            vendor: Vendor::start(),
            place: Place::empty(),
            clock: TestClock::at(START.parse().expect("a time")),
            runtime: runtime.expect("a runtime"),
            app: None,
            real_time: plan.real_time,
        };
        bench.write(plan);
        bench
    }

    /// A vendor that gives one shared list out, and the program that reads it as `people` with a name.
    pub fn of_list(pages: Pages, plan: &Plan, rows: Vec<Value>) -> (Self, Shared) {
        let bench = Self::new(plan);
        let list = Shared::of(rows);
        let ours = list.clone();
        bench
            .vendor
            .answers(move |ask| pages.page(ask, &ours.rows()));
        (bench, list)
    }

    /// Writes the configuration; the program starts anew with the next run.
    pub fn write(&mut self, plan: &Plan) {
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
        self.place.write(
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
        self.place.write(
            "config/rollbook.toml",
            &format!(
                "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{}{}\"\n{}{auth}",
                self.vendor.origin(),
                plan.base,
                plan.source.replace("ORIGIN", self.vendor.origin()),
            ),
        );
        for (name, job) in &plan.jobs {
            self.place.write(
                &format!("jobs/{name}.toml"),
                &format!("source = \"own\"\n{job}"),
            );
        }
    }

    /// The checked configuration, or all that is wrong with it.
    pub fn check(&self) -> Result<Setup, String> {
        Setup::load(&self.places(), &Overlay::default()).map_err(|problems| problems.to_string())
    }

    fn places(&self) -> Folders {
        Folders {
            config: self.place.path("config"),
            jobs: self.place.path("jobs"),
            state: self.place.path("state"),
        }
    }

    /// The program, started where it is not running.
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
                &self.places(),
                setup,
                Secrets::in_memory(secrets),
                clock,
            ));
            self.app = Some(opened.expect("the program"));
        }
        self.app.as_ref().expect("it runs")
    }

    /// Ends the program, so that another one may have the mirror.
    pub fn close(&mut self) {
        self.app = None;
    }

    /// Runs the only job.
    pub fn sync(&mut self) -> Ran {
        self.run("job", Cause::Command, false)
    }

    /// Runs it and reads everything.
    pub fn full(&mut self) -> Ran {
        self.run("job", Cause::Command, true)
    }

    /// Runs a job.
    pub fn run(&mut self, job: &str, cause: Cause, full: bool) -> Ran {
        self.app();
        let app = self.app.as_ref().expect("it runs");
        let number = self.runtime.block_on(once(app, job, cause, full));
        self.ran(number)
    }

    /// Runs jobs beside each other; nothing when they do not end within the time.
    pub fn beside(&mut self, jobs: &[&str], limit: Duration) -> Option<Vec<Ran>> {
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
    ) -> (Ran, Option<T>) {
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

    /// A run that the mirror has a record of.
    pub fn of(&self, run: i64) -> Ran {
        self.ran(run)
    }

    /// Has the program take the files as they are now, as a reload does.
    pub fn reload(&mut self) {
        let setup = self.check().unwrap_or_else(|problems| panic!("{problems}"));
        self.app();
        let app = self.app.as_ref().expect("it runs");
        self.runtime.block_on(app.replace(setup)).expect("taken");
    }

    /// `rollbook approve` of a held run, and the run that follows it.
    pub fn approve(&mut self, held: &Ran) -> Ran {
        let request = AdminRequest::Approve { run: held.run };
        self.app();
        let app = self.app.as_ref().expect("it runs");
        let response = self.runtime.block_on(app.handle_admin_request(&request));
        let AdminResponse::Approved { job } = response else {
            panic!("run {} cannot be approved: {response:?}", held.run);
        };
        self.run(&job, Cause::Approval, false)
    }

    /// The real program with these arguments, after this one has ended.
    pub fn binary(&mut self, arguments: &[&str]) -> place::Ran {
        self.close();
        self.place.run(arguments)
    }

    /// Lets time pass.
    pub fn pass(&self, length: Duration) {
        self.clock.pass(length);
    }

    fn ran(&self, run: i64) -> Ran {
        Ran::of(&self.place, run)
    }

    /// The keys of `people` in the mirror, in order.
    pub fn ids(&self) -> Vec<String> {
        queries::list(
            &self.place.mirror(),
            "SELECT id FROM own_people ORDER BY id",
        )
    }

    /// One cell, as text: `null`, a number, or the text itself.
    pub fn cell(&self, key: &str, column: &str) -> Option<String> {
        self.cell_of("own_people", "id", key, column)
    }

    /// One cell of any table; nothing where the row is not there.
    pub fn cell_of(&self, table: &str, key: &str, value: &str, column: &str) -> Option<String> {
        let connection = queries::open(&self.place.mirror());
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

    /// How many versions are history.
    pub fn history(&self) -> u64 {
        queries::count(&self.place.mirror(), "own_people_history")
    }
}

/// Waits for a state, for a quarter of a second at most: what does not happen by then is taken not to.
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
    };
    let watch = Arc::new(|_| {}) as _;
    let report = app.run(job, order, &CancellationToken::new(), &watch).await;
    report
        .run
        .unwrap_or_else(|| panic!("no run: {:?}", report.message))
}

/// One stream's part of a run, as the mirror records it.
#[derive(Clone)]
pub struct Part {
    pub reading: String,
    pub outcome: String,
    pub said: String,
    pub new: u64,
    pub changed: u64,
    pub removed: u64,
    pub unconfirmed: u64,
    pub rejected: u64,
}

/// A run, as the mirror records it.
#[derive(Clone)]
pub struct Ran {
    pub run: i64,
    /// Its outcome.
    pub outcome: String,
    /// Everything that it and its streams say.
    pub said: String,
    /// Its streams.
    pub parts: BTreeMap<String, Part>,
    /// Path, reason and rows.
    pub rejects: Vec<(String, String, u64)>,
}

impl fmt::Debug for Part {
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

impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}: {}, {:?}; ", self.run, self.outcome, self.said)?;
        write!(f, "{:?}; rejects {:?}", self.parts, self.rejects)
    }
}

impl Ran {
    fn of(place: &Place, run: i64) -> Self {
        let connection = queries::open(&place.mirror());
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
        let parts: BTreeMap<String, Part> = statement
            .query_map([run], |row| {
                let part = Part {
                    reading: row.get(1)?,
                    outcome: row.get(2)?,
                    said: text(row.get(3)?),
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
        let streams = parts.values().map(|part| part.said.as_str());
        let said = [message.as_str()]
            .into_iter()
            .chain(streams)
            .collect::<Vec<_>>()
            .join(" | ");
        Self {
            run,
            outcome,
            said,
            parts,
            rejects,
        }
    }

    /// The part of `people`.
    pub fn people(&self) -> &Part {
        self.part("people")
    }

    /// One stream's part.
    pub fn part(&self, stream: &str) -> &Part {
        self.parts
            .get(stream)
            .unwrap_or_else(|| panic!("no {stream}: {self:?}"))
    }

    /// Rows that rejects of this path count.
    pub fn rejects_of(&self, path: &str) -> u64 {
        let of_path = self.rejects.iter().filter(|(at, ..)| at.contains(path));
        of_path.map(|(_, _, rows)| rows).sum()
    }

    /// The outcome is this one.
    pub fn ended(self, outcome: &str, what: impl fmt::Debug) -> Self {
        assert_eq!(self.outcome, outcome, "{what:?}: {self:?}");
        self
    }

    /// The outcome is one of these.
    pub fn ended_in(self, outcomes: &[&str], what: impl fmt::Debug) -> Self {
        assert!(
            outcomes.contains(&self.outcome.as_str()),
            "{what:?}: not one of {outcomes:?}: {self:?}"
        );
        self
    }

    /// Some message has each of these parts.
    pub fn says(self, parts: &[&str], what: impl fmt::Debug) -> Self {
        for part in parts {
            assert!(
                self.said.contains(part),
                "{what:?}: {part:?} is not said: {self:?}"
            );
        }
        self
    }

    /// Nothing was removed.
    pub fn removed_none(self, what: impl fmt::Debug) -> Self {
        let removed: u64 = self.parts.values().map(|part| part.removed).sum();
        assert_eq!(removed, 0, "{what:?}: {self:?}");
        self
    }
}

/// Answers with all rows at once.
pub fn all(rows: &[Value]) -> impl FnMut(&Ask) -> Reply + Send + use<> {
    let body = json!({"rows": rows});
    move |_| Reply::json(&body)
}

/// Runs every row of a table, then tells all that are wrong and not only the first.
pub fn each<T>(rows: &[T], name: impl Fn(&T) -> String, mut check: impl FnMut(&T)) {
    let mut wrong = Vec::new();
    for row in rows {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(row)));
        if let Err(panic) = tried {
            let said = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_default();
            wrong.push(format!("[{}] {said}", name(row)));
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

/// A time some length after the tests' days begin.
pub fn after(length: Duration) -> Timestamp {
    let start: Timestamp = START.parse().expect("a time");
    start
        .checked_add(jiff::SignedDuration::try_from(length).expect("a length"))
        .expect("a time")
}

/// One day.
pub const DAY: Duration = Duration::from_secs(86_400);
