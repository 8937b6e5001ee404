//! Tests of `stream_run.rs`: the order of streams when one of them is silent; `limits.rs`: when one of them is too large;
//! `known_pages.rs`: when they are decoded again.

mod known_pages;
mod limits;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::sync::client::{Batch, PageClient};
use crate::sync::job::{Job, RunOptions, Source, StreamJob};
use crate::sync::report::RunReport;
use crate::sync::run::Runner;
use rollbook_core::clock::TestClock;
use rollbook_core::connector::api;
use rollbook_core::connector::file::Connector;
use rollbook_core::model::guard::GuardRules;
use rollbook_core::model::{ApplyMode, Cause, History, named};
use rollbook_core::store::database::keep_temporary_files_in;
use rollbook_core::store::fitting::Layout;
use rollbook_core::store::lookups::Lookups;
use rollbook_core::store::{Store, tables};
use rollbook_http::http::Slow;
use rollbook_http::http::{
    Decode, Headers, HttpError, HttpErrorKind, PageRequest, Reply, RunBudget,
};

/// Serves one row of each list; the server is silent for some, so often.
struct Silent {
    lists: BTreeMap<&'static str, u32>,
    /// Paths, each with the attempts without a response.
    asked: Mutex<Vec<(String, u32)>>,
}

impl Silent {
    /// As a session does: as many attempts as the caller wants.
    fn answer(&self, ask: &PageRequest, decode: &Decode<Batch>) -> Result<Batch, HttpError> {
        let mut asked = self.asked.lock().expect("a lock");
        let before = asked.iter().filter(|(path, _)| *path == ask.path);
        let before: u32 = before.map(|(_, silences)| *silences).sum();
        let silences = self
            .lists
            .get(ask.path.as_str())
            .copied()
            .unwrap_or_default();
        let left = silences.saturating_sub(before);
        asked.push((ask.path.clone(), left.min(ask.effort.silences)));
        if left >= ask.effort.silences {
            let kind = HttpErrorKind::TooSlow(Slow::FirstByte, Duration::from_secs(60));
            let error = kind.at(format!("read {}", ask.what), "vendor.test");
            return Err(error.after_attempts(ask.effort.silences));
        }
        let reply = Reply {
            status: 200,
            redirected: false,
            headers: Headers::default(),
            date: None,
            body: b"[{\"id\": 1}]".to_vec(),
        };
        decode
            .whole(&reply)
            .map_err(|bad| HttpErrorKind::UnexpectedResponse(200, bad).at("read", "vendor.test"))
    }
}

impl PageClient for Silent {
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        _: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>> {
        async move { self.answer(ask, &decode) }.boxed()
    }

    fn follow(&self, _: &str, what: String) -> Result<PageRequest, HttpError> {
        Err(HttpErrorKind::OutsideBaseUrl.at(what, "vendor.test"))
    }
}

/// A job of the streams `one`, `two` and `three`, and what runs it.
struct World {
    _folder: tempfile::TempDir,
    runner: Runner,
    job: Arc<Job>,
}

const OPTIONS: RunOptions = RunOptions {
    cause: Cause::Schedule,
    full: false,
    dry: false,
    only: None,
};

impl World {
    async fn run(&self) -> RunReport {
        self.run_as(false).await
    }

    async fn run_as(&self, full: bool) -> RunReport {
        self.run_with(RunOptions { full, ..OPTIONS }).await
    }

    async fn run_with(&self, options: RunOptions) -> RunReport {
        let sink = Arc::new(|_| {}) as _;
        let stop = CancellationToken::new();
        self.runner.run(&self.job, options, &stop, &sink).await
    }
}

async fn world(apply: ApplyMode, client: Arc<dyn PageClient>) -> World {
    let text: String = ["one", "two", "three"]
        .map(|name| {
            format!(
                "[streams.{name}]\npath = \"/{name}\"\nrows = \"[]\"\nkey = [\"id\"]\n[streams.{name}.columns]\nid = \"id : integer\"\n"
            )
        })
        .concat();
    let head = "connector = \"v\"\ntitle = \"V\"\nbase_url = \"https://vendor.test\"\n";
    let connector: Connector = toml::from_str(&format!("{head}{text}")).expect("a connector");
    let mut specs = api::streams(&connector).expect("streams");
    let source = named("school");
    let streams: Vec<_> = ["one", "two", "three"]
        .map(|name| {
            let spec = Arc::new(specs.remove(name).expect("the stream"));
            Arc::new(StreamJob {
                table: Arc::new(spec.table(&source, History::Off)),
                parents: BTreeMap::new(),
                mode: None,
                history: History::Off,
                retain: None,
                group: None,
                confirm: None,
                feed: None,
                references: Vec::new(),
                spec,
            })
        })
        .into();
    let all: Vec<_> = streams
        .iter()
        .map(|stream| (*stream.table).clone())
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    // Not in the folder of another test, which goes with it: some of these readings are larger than what stays in memory.
    keep_temporary_files_in(&std::env::temp_dir());
    let store = Arc::new(Store::open(&folder.path().join("rollbook.db")).expect("a store"));
    let fitted = all.clone();
    let fit = move |connection: &mut Connection| {
        tables::fit(connection, &fitted, &Lookups::default()).map(drop)
    };
    store.write(fit).await.expect("tables");
    let job = Arc::new(Job {
        name: named("job"),
        source: Arc::new(Source::new(source, client, 1, BTreeMap::new())),
        streams,
        apply,
        guard: GuardRules::default(),
        timeout: RunBudget::USUAL,
        lookups: Arc::default(),
        layout: Arc::new(Layout::new(all, Lookups::default())),
        config_fingerprint: String::new(),
    });
    let runner = Runner {
        store,
        clock: TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time")).clock(),
    };
    World {
        _folder: folder,
        runner,
        job,
    }
}

/// Runs a job whose lists are silent so often.
async fn run(apply: ApplyMode, lists: &[(&'static str, u32)]) -> (RunReport, Vec<(String, u32)>) {
    let client = Arc::new(Silent {
        lists: lists.iter().copied().collect(),
        asked: Mutex::default(),
    });
    let world = world(apply, Arc::clone(&client) as _).await;
    let report = world.run().await;
    let asked = client.asked.lock().expect("a lock").clone();
    (report, asked)
}

/// S1: two attempts, then the others, then three; five in all.
#[tokio::test]
async fn the_others_are_read_while_a_list_is_silent() {
    for (what, apply, lists, expected, outcomes) in [
        (
            "for ever",
            ApplyMode::Each,
            &[("/one", 99)][..],
            "/one 2, /two 0, /three 0, /one 3",
            "failed ok ok",
        ),
        (
            "for a moment",
            ApplyMode::Each,
            &[("/one", 1)],
            "/one 1, /two 0, /three 0",
            "ok ok ok",
        ),
        (
            "until the others were read",
            ApplyMode::Each,
            &[("/one", 3)],
            "/one 2, /two 0, /three 0, /one 1",
            "ok ok ok",
        ),
        (
            "two lists",
            ApplyMode::Each,
            &[("/one", 99), ("/two", 2)],
            "/one 2, /two 2, /three 0, /one 3, /two 0",
            "failed ok ok",
        ),
        (
            "the last one has nothing behind it",
            ApplyMode::Each,
            &[("/three", 99)],
            "/one 0, /two 0, /three 5",
            "ok ok failed",
        ),
        (
            "all or nothing",
            ApplyMode::Together,
            &[("/one", 99)],
            "/one 5",
            "failed",
        ),
    ] {
        let (report, asked) = run(apply, lists).await;
        let asked: Vec<_> = asked
            .iter()
            .map(|(path, silences)| format!("{path} {silences}"))
            .collect();
        assert_eq!(asked.join(", "), expected, "{what}");
        let seen: Vec<_> = report
            .streams
            .iter()
            .map(|part| part.record.outcome.as_str())
            .collect();
        assert_eq!(seen.join(" "), outcomes, "{what}");
        let message = report.message.unwrap_or_default();
        if outcomes.contains("failed") {
            assert!(
                message.contains("sent no response within 60 s"),
                "{what}: {message}"
            );
            assert!(message.contains("after 5 attempts"), "{what}: {message}");
        }
    }
}
