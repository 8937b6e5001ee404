//! The side of the program: a real store, a job of a real connector text, and what a reader sees in the mirror.
//!
//! The only place of the simulation that knows how a job is built and what the store's tables are called.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::scenario::{Inside, Leaves, Order, Scenario, ScenarioJob, Second, Style, Total, Vendor};
use super::script::SharedScript;
use super::vendor::List;
use crate::sync::{Job, Source, StreamJob};
use rollbook_core::connector::api::{self, StreamSpec};
use rollbook_core::connector::file::Connector;
use rollbook_core::model::guard::GuardRules;
use rollbook_core::model::percent::Percent;
use rollbook_core::model::{ApplyMode, StreamName, Table, named, scalar};
use rollbook_core::store::fitting::Layout;
use rollbook_core::store::lookups::Lookups;
use rollbook_core::store::readers::ReadConnection;
use rollbook_core::store::{Store, runs, tables};

/// The tables of a stream of the source `school`.
pub(super) const STREAMS: [&str; 3] = ["users", "notes", "marks"];

/// The stream that a list is read into.
pub(super) fn stream_of(list: List) -> &'static str {
    match list {
        List::Users => "users",
        List::Notes => "notes",
        List::Marks(_) => "marks",
    }
}

/// A store that many histories use one after the other.
pub(super) struct Mirror {
    folder: tempfile::TempDir,
    store: Option<Arc<Store>>,
    reader: Option<ReadConnection>,
    /// By the connector's text.
    specs: BTreeMap<String, BTreeMap<StreamName, StreamSpec>>,
}

impl Mirror {
    pub(super) async fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let mut mirror = Self {
            folder: folder.expect("a folder"),
            store: None,
            reader: None,
            specs: BTreeMap::new(),
        };
        mirror.open();
        let job = ScenarioJob {
            incremental: false,
            newest: false,
            usual_guard: false,
            second: Second::Alone,
            together: false,
        };
        let vendor = Vendor {
            style: Style::OneAnswer,
            size: 2,
            cap: 2,
            total: Total::Undeclared,
            total_in_header: false,
            order: Order::ByKey,
            date: false,
            leaves: Leaves::Silently,
        };
        let all: Vec<Table> = mirror.specs(&vendor, &job).values().map(table).collect();
        let fit = move |connection: &mut Connection| {
            tables::fit(connection, &all, &Lookups::default()).map(drop)
        };
        mirror.store().write(fit).await.expect("tables");
        mirror
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(self.store.as_ref().expect("an open store"))
    }

    fn open(&mut self) {
        let path = self.folder.path().join("rollbook.db");
        // The writer of a killed program may hold the lock a little longer.
        let store = (0..2000).find_map(|_| {
            Store::open(&path)
                .inspect_err(|_| std::thread::sleep(Duration::from_millis(1)))
                .ok()
        });
        let store = store.expect("a store");
        self.reader = Some(store.reader().expect("a reader"));
        self.store = Some(Arc::new(store));
    }

    /// The job of a scenario.
    pub(super) fn job(&mut self, scenario: &Scenario, script: &SharedScript) -> Arc<Job> {
        job(
            scenario,
            self.specs(&scenario.vendor, &scenario.job),
            script,
        )
    }

    fn specs(&mut self, vendor: &Vendor, job: &ScenarioJob) -> &BTreeMap<StreamName, StreamSpec> {
        let text = connector(vendor, job);
        self.specs.entry(text).or_insert_with_key(|text| {
            let connector: Connector = toml::from_str(text).expect("a connector");
            api::streams(&connector).expect("streams")
        })
    }

    /// Kills the program and starts it again.
    pub(super) async fn kill(&mut self, now: jiff::Timestamp) {
        (self.reader, self.store) = (None, None);
        self.open();
        let close =
            move |connection: &mut Connection| runs::close_left_open(connection, now).map(drop);
        self.store().write(close).await.expect("closed runs");
    }

    /// Empties all tables, but not what is known of their shape.
    pub(super) async fn clear(&self) {
        let clear = |connection: &mut Connection| {
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                 AND name NOT IN ('rollbook_tables', 'rollbook_columns') AND name NOT LIKE 'sqlite%'";
            let mut statement = connection.prepare_cached(sql).expect("a query");
            let names: Vec<String> = statement
                .query_map([], |row| row.get(0))
                .expect("names")
                .collect::<Result<_, _>>()
                .expect("names");
            drop(statement);
            let transaction = connection.transaction().expect("a transaction");
            for name in names {
                let delete = format!("DELETE FROM \"{name}\"");
                let mut delete = transaction.prepare_cached(&delete).expect("a statement");
                delete.execute([]).expect("an empty table");
            }
            transaction.commit().expect("a commit");
            Ok(())
        };
        self.store().write(clear).await.expect("empty tables");
    }

    /// Approves the held run, if the last run was held; returns whether it was.
    pub(super) async fn approve(&self, now: jiff::Timestamp) -> bool {
        let now = scalar::to_canonical(now);
        let approve = move |connection: &mut Connection| {
            let last = "SELECT run FROM rollbook_runs WHERE hold IS NOT NULL AND run = (SELECT max(run) FROM rollbook_runs)";
            let run: Option<i64> = connection
                .query_row(last, [], |row| row.get(0))
                .optional()
                .expect("a held run");
            let Some(run) = run else { return Ok(false) };
            let Some((job, hold)) = runs::held(connection, run)? else {
                return Ok(false);
            };
            runs::approve(connection, run, &job, &hold, &now)?;
            Ok(true)
        };
        self.store().write(approve).await.expect("an approval")
    }

    /// All that a reader sees of a stream.
    pub(super) fn snapshot(&self, stream: &str) -> Shown {
        let reader = self.reader.as_ref().expect("a reader");
        let table = |name: &str, more: &str| -> Vec<(u16, MirrorVersion, Option<Past>)> {
            let sql = format!(
                "SELECT id, name, points, born, status, changed, _since{more} FROM \"{name}\" ORDER BY id, _since"
            );
            let mut statement = reader.prepare_cached(&sql).expect("a table");
            let row = |row: &rusqlite::Row<'_>| {
                let id: String = row.get(0)?;
                let version = MirrorVersion {
                    name: row.get(1)?,
                    points: row.get(2)?,
                    born: row.get(3)?,
                    status: row.get(4)?,
                    changed: row.get(5)?,
                    since: row.get(6)?,
                };
                let past = match more {
                    "" => None,
                    _ => Some(Past {
                        until: row.get(7)?,
                        ended: row.get(8)?,
                    }),
                };
                Ok((id.parse().unwrap_or_default(), version, past))
            };
            statement
                .query_map([], row)
                .and_then(Iterator::collect)
                .expect("rows")
        };
        let live = table(&format!("school_{stream}"), "");
        let past = table(&format!("school_{stream}_history"), ", _until, _ended");
        Shown {
            live: live
                .into_iter()
                .map(|(key, version, _)| (key, version))
                .collect(),
            past: past
                .into_iter()
                .filter_map(|(key, version, past)| Some((key, version, past?)))
                .collect(),
        }
    }

    /// The number of unconfirmed removals of a stream.
    pub(super) fn unconfirmed(&self, stream: &str) -> usize {
        self.reader
            .as_ref()
            .expect("a reader")
            .prepare_cached("SELECT count(*) FROM rollbook_unconfirmed WHERE stream = ?1")
            .and_then(|mut statement| statement.query_row([stream], |row| row.get(0)))
            .expect("a count")
    }

    /// How the last run went: its outcome, and each stream's record.
    pub(super) fn last_run(&self) -> LastRun {
        let reader = self.reader.as_ref().expect("a reader");
        let (run, outcome): (i64, Option<String>) = reader
            .prepare_cached("SELECT run, outcome FROM rollbook_runs ORDER BY run DESC LIMIT 1")
            .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
            .expect("a run");
        let streams = reader
            .prepare_cached("SELECT stream, outcome, new + changed + removed, coalesce(message, '') FROM rollbook_run_streams WHERE run = ?1")
            .and_then(|mut statement| {
                let row = |row: &rusqlite::Row<'_>| {
                    let stream: String = row.get(0)?;
                    Ok((stream, StreamRecord { outcome: row.get(1)?, written: row.get(2)?, message: row.get(3)? }))
                };
                statement.query_map([run], row)?.collect()
            })
            .expect("streams");
        LastRun {
            outcome: outcome.unwrap_or_default(),
            streams,
        }
    }
}

/// The record of a run.
#[derive(Clone, Debug)]
pub(super) struct LastRun {
    pub outcome: String,
    pub streams: BTreeMap<String, StreamRecord>,
}

/// The record of one stream of it.
#[derive(Clone, Debug)]
pub(super) struct StreamRecord {
    pub outcome: String,
    /// Rows added, changed and removed.
    pub written: i64,
    pub message: String,
}

impl StreamRecord {
    pub(super) fn is_good(&self) -> bool {
        matches!(self.outcome.as_str(), "ok" | "ok_with_rejects")
    }
}

/// A stream as a reader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub live: BTreeMap<u16, MirrorVersion>,
    pub past: Vec<(u16, MirrorVersion, Past)>,
}

impl Shown {
    /// All versions, live and past.
    pub(super) fn versions(&self) -> BTreeSet<(u16, MirrorVersion)> {
        let live = self.live.iter().map(|(key, version)| (*key, version));
        let past = self.past.iter().map(|(key, version, _)| (*key, version));
        live.chain(past)
            .map(|(key, version)| (key, version.clone()))
            .collect()
    }
}

/// One version of a row in the mirror.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MirrorVersion {
    pub name: Option<String>,
    pub points: Option<i64>,
    pub born: Option<String>,
    pub status: Option<String>,
    pub changed: Option<String>,
    pub since: String,
}

/// How a version ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub until: String,
    pub ended: String,
}

/// The job of a scenario; the specs are those of its connector.
fn job(
    scenario: &Scenario,
    specs: &BTreeMap<StreamName, StreamSpec>,
    script: &SharedScript,
) -> Arc<Job> {
    let names: &[&str] = match scenario.job.second {
        Second::Alone => &["users"],
        Second::Notes => &["users", "notes"],
        Second::Marks => &["users", "marks"],
    };
    let users = Arc::new(table(&specs["users"]));
    let stream = |name: &&str| {
        let spec = Arc::new(specs[*name].clone());
        let parents = spec
            .for_each
            .as_ref()
            .and_then(|each| each.stream.as_deref());
        Arc::new(StreamJob {
            table: Arc::new(table(&spec)),
            parents: parents
                .into_iter()
                .map(|parent| (named(parent), Arc::clone(&users)))
                .collect(),
            mode: None,
            history: spec.history,
            retain: None,
            group: None,
            confirm: None,
            feed: None,
            references: Vec::new(),
            spec,
        })
    };
    let open = GuardRules {
        removals: Percent::whole(100),
        removals_max: u32::MAX,
        changed_keys: Percent::whole(100),
        rejects: Percent::whole(100),
        per: None,
        confirm: None,
        group_min: NonZeroU32::MAX,
    };
    Arc::new(Job {
        name: named("nightly"),
        source: Arc::new(Source::new(
            named("school"),
            Arc::clone(script) as _,
            1,
            BTreeMap::new(),
        )),
        streams: names.iter().map(stream).collect(),
        apply: if scenario.job.together {
            ApplyMode::Together
        } else {
            ApplyMode::Each
        },
        guard: if scenario.job.usual_guard {
            GuardRules::default()
        } else {
            open
        },
        timeout: Duration::from_secs(24 * 3600),
        lookups: Arc::default(),
        layout: Arc::new(Layout::new(
            specs.values().map(table).collect(),
            Lookups::default(),
        )),
        config_fingerprint: "as it is".to_owned(),
    })
}

fn table(spec: &StreamSpec) -> Table {
    spec.table(&named("school"), spec.history)
}

/// The connector that fits a vendor.
fn connector(vendor: &Vendor, job: &ScenarioJob) -> String {
    let size = vendor.size;
    let mut page = match vendor.style {
        Style::OneAnswer => "by = \"none\"".to_owned(),
        Style::Watermark => format!(
            "by = \"watermark\"\ncolumn = \"changed\"\noffset = \"offset\"\nlimit = \"limit\"\nsize = {size}"
        ),
        Style::Offset => {
            format!("by = \"offset\"\noffset = \"offset\"\nlimit = \"limit\"\nsize = {size}")
        }
        Style::Number => {
            format!("by = \"number\"\nnumber = \"page\"\nlimit = \"limit\"\nsize = {size}")
        }
        Style::Link(_) => format!("by = \"link\"\nlimit = \"limit\"\nsize = {size}"),
        Style::Cursor(Inside::Skip | Inside::Key | Inside::Frozen) => {
            format!(
                "by = \"cursor\"\ncursor = \"cursor\"\nnext = \"next\"\nlimit = \"limit\"\nsize = {size}"
            )
        }
    };
    page += match (vendor.total, vendor.total_in_header) {
        (Total::Undeclared, _) => "",
        (_, true) => "\ntotal_header = \"X-Total-Count\"",
        (_, false) => "\ntotal_member = [\"total\"]",
    };
    let since = match (job.incremental, vendor.style) {
        (false, Style::Watermark) | (true, _) => format!(
            "since = {{ column = \"changed\", query = {{ since = \"{{since}}\" }}, overlap = \"1s\", default = {}, full_every = \"3d\" }}",
            job.incremental
        ),
        (false, _) => String::new(),
    };
    let newest = if job.newest {
        "newest = \"changed\""
    } else {
        ""
    };
    let status = "status = { column = \"status\", is = [\"deleted\"] }";
    let removed = match vendor.leaves {
        Leaves::Silently => "removed = { absence = true }".to_owned(),
        Leaves::WithStatus => format!("removed = {{ {status} }}"),
        Leaves::Both => format!("removed = {{ absence = true, {status} }}"),
    };
    let columns = |owner: &str| {
        format!(
            "id = \"id : text\"\nname = \"name : text\"\npoints = \"points : integer\"\nborn = \"born : date\"\n\
             status = \"status : text\"\nchanged = \"changed : timestamp\"\nowner = \"{owner} : text\"\n"
        )
    };
    let stream = |name: &str, path: &str, more: &str, owner: &str| {
        format!(
            "\n[streams.{name}]\npath = \"{path}\"\nrows = \"rows\"\nkey = [\"id\"]\n{newest}\n{more}\n\
             [streams.{name}.page]\n{page}\n[streams.{name}.columns]\n{columns}",
            columns = columns(owner)
        )
    };
    let each =
        "for_each = { stream = \"users\", take = { user = \"id\" } }\nremoved = { absence = true }";
    format!(
        "connector = \"scripted\"\ntitle = \"Scripted\"\nbase_url = \"https://vendor.test\"\n{}{}{}",
        stream("users", "/users", &format!("{since}\n{removed}"), "owner"),
        stream(
            "notes",
            "/notes",
            &format!("{since}\nremoved = {{ absence = true }}"),
            "owner"
        ),
        stream(
            "marks",
            "/users/{user}/marks",
            &format!("{since}\n{each}"),
            "= {user}"
        ),
    )
}
