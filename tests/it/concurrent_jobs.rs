//! Concurrent jobs, and a new configuration while they run: the real engine and mirror, in one process.
//!
//! The kind: two runs on the same tables, in any order, and a reload between any two requests of a run.

use std::path::PathBuf;
use std::sync::Arc;

use rollbook_app::app::App;
use rollbook_core::clock::Clock;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_engine::sync::{Cause, Outcome, ProgressSink, RunOptions, RunReport};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::installation::{Config, Installation};
use crate::people::roster;
use crate::queries;
use crate::server::{Fault, Paging, Server, WAIT_LIMIT};

const USERS: usize = 60;

/// A vendor with pages of 20 rows, and a folder with these jobs.
struct Harness {
    app: Arc<App>,
    server: Server,
    installation: Installation,
}

impl Harness {
    async fn new(jobs: &[(&str, &str)]) -> Self {
        let server = Server::start(Paging::TotalInHeader, roster(USERS));
        let plan = Config {
            page: 20,
            ..Config::default()
        };
        let installation = Installation::new(&server, &plan);
        std::fs::remove_file(installation.path("jobs/roster.toml")).expect("removed");
        for (name, text) in jobs {
            write_job(&installation, name, text);
        }
        let folders = folders(&installation);
        let secrets = Secrets::new(&folders.config, None);
        let app = App::open(&folders, setup(&installation), secrets, Clock::system()).await;
        Self {
            app: Arc::new(app.expect("a mirror")),
            server,
            installation,
        }
    }

    /// Writes a job and reloads the configuration.
    async fn reload_with(&self, job: &str, text: &str) {
        write_job(&self.installation, job, text);
        self.reload().await;
    }

    async fn reload(&self) {
        let replaced = self.app.replace(setup(&self.installation)).await;
        replaced.expect("in force");
    }

    fn start(&self, job: &'static str) -> JoinHandle<RunReport> {
        let app = Arc::clone(&self.app);
        tokio::spawn(async move {
            let order = RunOptions {
                cause: Cause::Command,
                full: false,
                dry: false,
                only: None,
            };
            let watch: ProgressSink = Arc::new(|_| {});
            let (job, stop) = (job.parse().expect("a name"), CancellationToken::new());
            let report = app.run(&job, order, &stop, &watch).await;
            report.expect("the job is configured")
        })
    }

    async fn run(&self, job: &'static str) -> RunReport {
        ended(self.start(job)).await
    }

    /// Waits until the vendor holds a response back, without blocking the runs.
    async fn until_a_request_is_held(&self) {
        tokio::task::block_in_place(|| self.server.until_a_request_is_held());
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        queries::list(&self.installation.mirror(), &sql)
    }

    fn users(&self) -> u64 {
        queries::count(&self.installation.mirror(), "own_users")
    }
}

async fn ended(run: JoinHandle<RunReport>) -> RunReport {
    let run = tokio::time::timeout(WAIT_LIMIT, run).await;
    run.expect("it ended in time").expect("it did not break")
}

fn assert_ok(report: &RunReport) {
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
}

fn write_job(installation: &Installation, name: &str, text: &str) {
    let text = format!("source = \"own\"\nschedule = \"0 6 * * *\"\n{text}");
    installation.write(&format!("jobs/{name}.toml"), &text);
}

fn folders(installation: &Installation) -> Folders {
    Folders {
        config: installation.path("config"),
        jobs: installation.path("jobs"),
        state: PathBuf::from(installation.mirror().parent().expect("a folder")),
        source: None,
    }
}

fn setup(installation: &Installation) -> Setup {
    Setup::load(&folders(installation), &Overlay::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_name_their_streams_in_opposite_orders_both_end() {
    for apply in ["together", "each"] {
        let job = |streams: &str| format!("streams = [{streams}]\napply = \"{apply}\"\n");
        let (one, other) = (job("\"users\", \"classes\""), job("\"classes\", \"users\""));
        let harness = Harness::new(&[("one", &one), ("other", &other)]).await;
        harness
            .server
            .script(|request| (request.nth == 1).then_some(Fault::Wait));
        let (one, other) = (harness.start("one"), harness.start("other"));
        harness.until_a_request_is_held().await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        harness.server.release();
        assert_ok(&ended(one).await);
        assert_ok(&ended(other).await);
        assert_eq!(harness.users(), USERS as u64, "{apply}");
        assert_eq!(
            queries::count(&harness.installation.mirror(), "own_classes"),
            30
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_another_one_within_its_timeout() {
    for apply in ["together", "each"] {
        let hasty = format!("streams = [\"users\"]\ntimeout = \"1s\"\napply = \"{apply}\"\n");
        let harness = Harness::new(&[("slow", "streams = [\"users\"]\n"), ("hasty", &hasty)]).await;
        harness
            .server
            .script(|request| (request.list == "users" && request.nth == 2).then_some(Fault::Wait));
        let slow = harness.start("slow");
        harness.until_a_request_is_held().await;
        let hasty = harness.run("hasty").await;
        assert!(matches!(hasty.outcome, Outcome::Failed(_)), "{hasty:?}");
        let reported = hasty.message.clone().unwrap_or_default();
        assert!(
            reported.starts_with("users: another run still reads `users` of own; waited "),
            "{reported}"
        );
        harness.server.release();
        assert_ok(&ended(slow).await);
        assert_ok(&harness.run("hasty").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_between_two_runs_of_a_stream_keeps_the_session() {
    let job = "streams = [\"users\"]\n";
    let harness = Harness::new(&[("one", job), ("other", job)]).await;
    harness
        .server
        .script(|request| (request.nth == 2).then_some(Fault::Wait));
    let one = harness.start("one");
    harness.until_a_request_is_held().await;
    harness.reload_with("third", "streams = [\"orgs\"]\n").await;
    let other = harness.start("other");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    harness.server.release();
    assert_ok(&ended(one).await);
    assert_ok(&ended(other).await);
    assert_ok(&harness.run("third").await);
    assert_eq!(harness.users(), USERS as u64);
    assert_eq!(harness.server.tokens(), 1, "one session requests one token");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_changed_source_gets_a_new_session() {
    type Change = fn(&Harness);
    let rows: [(&str, Change, u32); 6] = [
        ("nothing", |_| {}, 1),
        (
            "a comment and another job",
            |harness| {
                let text =
                    std::fs::read_to_string(harness.installation.path("config/rollbook.toml"));
                let text = text.expect("read");
                let text = format!("# a comment\n{text}");
                harness.installation.write("config/rollbook.toml", &text);
                write_job(&harness.installation, "third", "streams = [\"orgs\"]\n");
            },
            1,
        ),
        (
            "another source",
            |harness| {
                let text =
                    std::fs::read_to_string(harness.installation.path("config/rollbook.toml"));
                let text = text.expect("read").replace("[sources.own", "[sources.two");
                let both =
                    std::fs::read_to_string(harness.installation.path("config/rollbook.toml"));
                let both = both.expect("read") + &text;
                harness.installation.write("config/rollbook.toml", &both);
            },
            1,
        ),
        (
            "a limit",
            |harness| {
                let text =
                    std::fs::read_to_string(harness.installation.path("config/rollbook.toml"));
                let text = text.expect("read") + "[sources.own.limits]\nper_second = 900.0\n";
                harness.installation.write("config/rollbook.toml", &text);
            },
            2,
        ),
        (
            "the secret's file",
            |harness| {
                harness
                    .installation
                    .secret("secret", "another-secret-0123456789")
            },
            2,
        ),
        (
            "the connector",
            |harness| {
                let text = std::fs::read_to_string(
                    harness.installation.path("config/connectors/own.toml"),
                );
                let text = text.expect("read").replace("size = 20", "size = 21");
                harness
                    .installation
                    .write("config/connectors/own.toml", &text);
            },
            2,
        ),
    ];
    for (name, change, tokens) in rows {
        let harness = Harness::new(&[("one", "streams = [\"users\"]\n")]).await;
        assert_ok(&harness.run("one").await);
        change(&harness);
        harness.reload().await;
        assert_ok(&harness.run("one").await);
        assert_eq!(harness.server.tokens(), tokens, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_survives_a_reload_of_another_file() {
    let harness = Harness::new(&[("one", "streams = [\"users\"]\n")]).await;
    harness.server.script(|_| Some(Fault::Later(3600)));
    let until = harness.run("one").await.deferred_until.expect("a time");
    let requests = harness.server.log().len();
    harness.reload_with("other", "streams = [\"orgs\"]\n").await;
    harness.server.clear_faults();
    for job in ["one", "other"] {
        let report = harness.run(job).await;
        let again = report.deferred_until.expect("a time");
        let apart = again.duration_since(until).as_secs().abs();
        assert!(apart < 2, "{report:?}");
    }
    assert_eq!(harness.server.log().len(), requests, "no request was sent");
}

/// Removes a column while a run waits for a response about `at`; the run reads `streams`.
async fn check_drop(apply: &str, streams: &str, at: &'static str) {
    let job = format!("streams = [{streams}]\napply = \"{apply}\"\n");
    let harness = Harness::new(&[("one", &job), ("other", "streams = [\"orgs\"]\n")]).await;
    let name = format!("{apply} {streams} {at}");
    assert_ok(&harness.run("one").await);
    harness
        .server
        .script(move |request| (request.list == at).then_some(Fault::Wait));
    // A change in between shows that the run wrote.
    harness.server.edit("users", |users| drop(users.pop()));
    harness.server.edit("users", |users| {
        let mut user = users[0].clone();
        user["sourcedId"] = "zz-new".into();
        users.push(user);
    });
    let run = harness.start("one");
    harness.until_a_request_is_held().await;
    let dropped = format!("{job}[stream.users]\ndrop = [\"email\"]\n");
    harness.reload_with("one", &dropped).await;
    assert!(
        harness.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    assert_ok(&harness.run("other").await);
    harness.server.release();
    assert_ok(&ended(run).await);
    let new = "SELECT count(*) FROM own_users WHERE sourced_id = 'zz-new'";
    assert_eq!(
        queries::one::<u64>(&harness.installation.mirror(), new),
        1,
        "{name}"
    );
    assert!(
        harness.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    harness.server.clear_faults();
    assert_ok(&harness.run("one").await);
    assert!(
        !harness.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    let made = "SELECT count(*) FROM own_users_versions";
    assert!(
        queries::one::<u64>(&harness.installation.mirror(), made) > 0,
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_removed_during_a_run_is_dropped_by_the_next_one() {
    for apply in ["each", "together"] {
        check_drop(apply, "\"users\"", "users").await;
        // The run has not reached the stream yet, or has finished it.
        check_drop(apply, "\"classes\", \"users\"", "classes").await;
        check_drop(apply, "\"users\", \"classes\"", "classes").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_a_run_that_still_has_the_old_columns() {
    let job = "streams = [\"users\"]\n";
    let harness =
        Harness::new(&[("one", job), ("other", "streams = [\"users\", \"orgs\"]\n")]).await;
    harness
        .server
        .script(|request| (request.list == "users" && request.nth == 2).then_some(Fault::Wait));
    let one = harness.start("one");
    harness.until_a_request_is_held().await;
    let drop = "[stream.users]\ndrop = [\"email\"]\n";
    write_job(&harness.installation, "one", &format!("{job}{drop}"));
    let other = format!("streams = [\"users\", \"orgs\"]\n{drop}");
    harness.reload_with("other", &other).await;
    let other = harness.start("other");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(harness.columns("own_users").contains(&"email".to_owned()));
    harness.server.release();
    assert_ok(&ended(one).await);
    assert_ok(&ended(other).await);
    assert!(!harness.columns("own_users").contains(&"email".to_owned()));
    assert_eq!(harness.users(), USERS as u64);
}
