//! Jobs beside each other, and a new configuration while they run: the real engine and mirror, in one process.
//!
//! The kind: two runs that want the same tables, in any order, and a reload between any two requests of a run.

use std::path::PathBuf;
use std::sync::Arc;

use rollbook::app::App;
use rollbook::clock::Clock;
use rollbook::setup::files::Secrets;
use rollbook::setup::{Folders, Overlay, Setup};
use rollbook::sync::{Cause, Outcome, ProgressSink, RunOptions, RunReport};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::people::roster;
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{Fault, PATIENCE, Server, Way};

const USERS: usize = 60;

/// A vendor with pages of 20 rows, and a folder with these jobs.
struct Bench {
    app: Arc<App>,
    server: Server,
    place: Place,
}

impl Bench {
    async fn new(jobs: &[(&str, &str)]) -> Self {
        let server = Server::start(Way::TotalInHeader, roster(USERS));
        let plan = Plan {
            page: 20,
            ..Plan::default()
        };
        let place = Place::new(&server, &plan);
        std::fs::remove_file(place.path("jobs/roster.toml")).expect("removed");
        for (name, text) in jobs {
            write_job(&place, name, text);
        }
        let places = places(&place);
        let secrets = Secrets::new(&places.config, None);
        let app = App::open(&places, setup(&place), secrets, Clock::system()).await;
        Self {
            app: Arc::new(app.expect("a mirror")),
            server,
            place,
        }
    }

    /// Writes a job and puts the configuration on disk in force.
    async fn reload_with(&self, job: &str, text: &str) {
        write_job(&self.place, job, text);
        self.reload().await;
    }

    async fn reload(&self) {
        let replaced = self.app.replace(setup(&self.place)).await;
        replaced.expect("in force");
    }

    fn start(&self, job: &'static str) -> JoinHandle<RunReport> {
        let app = Arc::clone(&self.app);
        tokio::spawn(async move {
            let order = RunOptions {
                cause: Cause::Command,
                full: false,
                dry: false,
            };
            let watch: ProgressSink = Arc::new(|_| {});
            app.run(job, order, &CancellationToken::new(), &watch).await
        })
    }

    async fn run(&self, job: &'static str) -> RunReport {
        ended(self.start(job)).await
    }

    /// Waits until the vendor holds an answer back, without standing in the way of the runs.
    async fn until_somebody_waits(&self) {
        tokio::task::block_in_place(|| self.server.until_somebody_waits());
    }

    fn columns(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        queries::list(&self.place.mirror(), &sql)
    }

    fn users(&self) -> u64 {
        queries::count(&self.place.mirror(), "own_users")
    }
}

async fn ended(run: JoinHandle<RunReport>) -> RunReport {
    let run = tokio::time::timeout(PATIENCE, run).await;
    run.expect("it ended in time").expect("it did not break")
}

fn fine(report: &RunReport) {
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
}

fn write_job(place: &Place, name: &str, text: &str) {
    let text = format!("source = \"own\"\nschedule = \"0 6 * * *\"\n{text}");
    place.write(&format!("jobs/{name}.toml"), &text);
}

fn places(place: &Place) -> Folders {
    Folders {
        config: place.path("config"),
        jobs: place.path("jobs"),
        state: PathBuf::from(place.mirror().parent().expect("a folder")),
    }
}

fn setup(place: &Place) -> Setup {
    Setup::load(&places(place), &Overlay::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_name_their_streams_in_opposite_orders_both_end() {
    for apply in ["together", "each"] {
        let job = |streams: &str| format!("streams = [{streams}]\napply = \"{apply}\"\n");
        let (one, other) = (job("\"users\", \"classes\""), job("\"classes\", \"users\""));
        let bench = Bench::new(&[("one", &one), ("other", &other)]).await;
        bench
            .server
            .script(|asked| (asked.nth == 1).then_some(Fault::Wait));
        let (one, other) = (bench.start("one"), bench.start("other"));
        bench.until_somebody_waits().await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        bench.server.release();
        fine(&ended(one).await);
        fine(&ended(other).await);
        assert_eq!(bench.users(), USERS as u64, "{apply}");
        assert_eq!(queries::count(&bench.place.mirror(), "own_classes"), 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_another_one_no_longer_than_it_has_time() {
    for apply in ["together", "each"] {
        let hasty = format!("streams = [\"users\"]\ntimeout = \"1s\"\napply = \"{apply}\"\n");
        let bench = Bench::new(&[("slow", "streams = [\"users\"]\n"), ("hasty", &hasty)]).await;
        bench
            .server
            .script(|asked| (asked.list == "users" && asked.nth == 2).then_some(Fault::Wait));
        let slow = bench.start("slow");
        bench.until_somebody_waits().await;
        let hasty = bench.run("hasty").await;
        assert!(matches!(hasty.outcome, Outcome::Failed(_)), "{hasty:?}");
        let said = hasty.message.clone().unwrap_or_default();
        assert!(
            said.starts_with("users: another run still reads `users` of own; waited "),
            "{said}"
        );
        bench.server.release();
        fine(&ended(slow).await);
        fine(&bench.run("hasty").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_between_two_runs_of_one_stream_makes_no_second_session() {
    let job = "streams = [\"users\"]\n";
    let bench = Bench::new(&[("one", job), ("other", job)]).await;
    bench
        .server
        .script(|asked| (asked.nth == 2).then_some(Fault::Wait));
    let one = bench.start("one");
    bench.until_somebody_waits().await;
    bench.reload_with("third", "streams = [\"orgs\"]\n").await;
    let other = bench.start("other");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    bench.server.release();
    fine(&ended(one).await);
    fine(&ended(other).await);
    fine(&bench.run("third").await);
    assert_eq!(bench.users(), USERS as u64);
    assert_eq!(bench.server.tokens(), 1, "one session asks for one token");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_source_that_is_another_one_now_is_made_anew() {
    type Change = fn(&Bench);
    let rows: [(&str, Change, u32); 6] = [
        ("nothing", |_| {}, 1),
        (
            "a comment and another job",
            |bench| {
                let text = std::fs::read_to_string(bench.place.path("config/rollbook.toml"));
                let text = text.expect("read");
                let text = format!("# a comment\n{text}");
                bench.place.write("config/rollbook.toml", &text);
                write_job(&bench.place, "third", "streams = [\"orgs\"]\n");
            },
            1,
        ),
        (
            "another source",
            |bench| {
                let text = std::fs::read_to_string(bench.place.path("config/rollbook.toml"));
                let text = text.expect("read").replace("[sources.own", "[sources.two");
                let both = std::fs::read_to_string(bench.place.path("config/rollbook.toml"));
                let both = both.expect("read") + &text;
                bench.place.write("config/rollbook.toml", &both);
            },
            1,
        ),
        (
            "a limit",
            |bench| {
                let text = std::fs::read_to_string(bench.place.path("config/rollbook.toml"));
                let text = text.expect("read") + "[sources.own.limits]\nper_second = 900.0\n";
                bench.place.write("config/rollbook.toml", &text);
            },
            2,
        ),
        (
            "the secret's file",
            |bench| bench.place.secret("secret", "another-secret-0123456789"),
            2,
        ),
        (
            "the connector",
            |bench| {
                let text = std::fs::read_to_string(bench.place.path("config/connectors/own.toml"));
                let text = text.expect("read").replace("size = 20", "size = 21");
                bench.place.write("config/connectors/own.toml", &text);
            },
            2,
        ),
    ];
    for (name, change, tokens) in rows {
        let bench = Bench::new(&[("one", "streams = [\"users\"]\n")]).await;
        fine(&bench.run("one").await);
        change(&bench);
        bench.reload().await;
        fine(&bench.run("one").await);
        assert_eq!(bench.server.tokens(), tokens, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_wants_peace_is_left_alone_after_a_reload_of_another_file() {
    let bench = Bench::new(&[("one", "streams = [\"users\"]\n")]).await;
    bench.server.script(|_| Some(Fault::Later(3600)));
    let until = bench.run("one").await.deferred_until.expect("a time");
    let asked = bench.server.log().len();
    bench.reload_with("other", "streams = [\"orgs\"]\n").await;
    bench.server.behave();
    for job in ["one", "other"] {
        let report = bench.run(job).await;
        let again = report.deferred_until.expect("a time");
        let apart = again.duration_since(until).as_secs().abs();
        assert!(apart < 2, "{report:?}");
    }
    assert_eq!(bench.server.log().len(), asked, "nothing was asked");
}

/// Drops a column while a run waits for an answer about `at`; the run reads `streams`.
async fn check_drop(apply: &str, streams: &str, at: &'static str) {
    let job = format!("streams = [{streams}]\napply = \"{apply}\"\n");
    let bench = Bench::new(&[("one", &job), ("other", "streams = [\"orgs\"]\n")]).await;
    let name = format!("{apply} {streams} {at}");
    fine(&bench.run("one").await);
    bench
        .server
        .script(move |asked| (asked.list == at).then_some(Fault::Wait));
    // What changes meanwhile shows that the run wrote.
    bench.server.edit("users", |users| drop(users.pop()));
    bench.server.edit("users", |users| {
        let mut user = users[0].clone();
        user["sourcedId"] = "zz-new".into();
        users.push(user);
    });
    let run = bench.start("one");
    bench.until_somebody_waits().await;
    let dropped = format!("{job}[stream.users]\ndrop = [\"email\"]\n");
    bench.reload_with("one", &dropped).await;
    assert!(
        bench.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    fine(&bench.run("other").await);
    bench.server.release();
    fine(&ended(run).await);
    let new = "SELECT count(*) FROM own_users WHERE sourced_id = 'zz-new'";
    assert_eq!(queries::one::<u64>(&bench.place.mirror(), new), 1, "{name}");
    assert!(
        bench.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    bench.server.behave();
    fine(&bench.run("one").await);
    assert!(
        !bench.columns("own_users").contains(&"email".to_owned()),
        "{name}"
    );
    let made = "SELECT count(*) FROM own_users_versions";
    assert!(
        queries::one::<u64>(&bench.place.mirror(), made) > 0,
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_dropped_during_a_run_goes_with_the_next_one() {
    for apply in ["each", "together"] {
        check_drop(apply, "\"users\"", "users").await;
        // The run has not come to the stream yet, or is through with it.
        check_drop(apply, "\"classes\", \"users\"", "classes").await;
        check_drop(apply, "\"users\", \"classes\"", "classes").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_a_run_that_still_has_the_old_columns() {
    let job = "streams = [\"users\"]\n";
    let bench = Bench::new(&[("one", job), ("other", "streams = [\"users\", \"orgs\"]\n")]).await;
    bench
        .server
        .script(|asked| (asked.list == "users" && asked.nth == 2).then_some(Fault::Wait));
    let one = bench.start("one");
    bench.until_somebody_waits().await;
    let drop = "[stream.users]\ndrop = [\"email\"]\n";
    write_job(&bench.place, "one", &format!("{job}{drop}"));
    let other = format!("streams = [\"users\", \"orgs\"]\n{drop}");
    bench.reload_with("other", &other).await;
    let other = bench.start("other");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(bench.columns("own_users").contains(&"email".to_owned()));
    bench.server.release();
    fine(&ended(one).await);
    fine(&ended(other).await);
    assert!(!bench.columns("own_users").contains(&"email".to_owned()));
    assert_eq!(bench.users(), USERS as u64);
}
