//! `rollbook sync JOB --stream STREAM`: one stream is read, and nothing else changes.

use serde_json::Value;

use crate::churn::FOR_EACH;
use crate::daemon::run_command;
use crate::installation::{Config, Installation};
use crate::people::roster;
use crate::queries::{count, one};
use crate::server::{Paging, Server};
use crate::service::Service;

const ALL: [&str; 3] = ["orgs", "users", "members"];

fn school(streams: &[&str], job: &str) -> (Server, Installation) {
    let server = Server::start(Paging::TotalInHeader, roster(30));
    let plan = Config {
        streams,
        job,
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    let file = "config/connectors/own.toml";
    let connector = std::fs::read_to_string(installation.path(file)).expect("a connector");
    installation.write(file, &(connector + FOR_EACH));
    (server, installation)
}

/// Which lists were asked for since a number of requests.
fn asked(server: &Server, since: usize) -> Vec<String> {
    let log = server.log();
    let paths = log[since..].iter().map(|request| request.path.clone());
    let mut paths: Vec<String> = paths.filter(|path| !path.contains("token")).collect();
    paths.dedup();
    paths
}

#[test]
fn only_that_stream_is_read_and_the_job_is_not_fresh() {
    let (server, installation) = school(&ALL, "");
    let first_of_all = installation.run(&["sync", "roster", "--stream", "members"]);
    assert_eq!(first_of_all.code, Some(2), "{first_of_all:?}");
    assert!(
        first_of_all.err.contains(
            "members is read for each row of orgs, which was not read yet: `rollbook sync roster`"
        ),
        "{first_of_all:?}"
    );
    installation.sync().assert_ok("the first time");
    server.edit("users", |users| users.truncate(29));
    server.edit("orgs", |orgs| orgs.truncate(1));
    let mirror = installation.mirror();
    let others = "SELECT group_concat(stream || coalesce(full_at, '') || coalesce(cursor, ''), ' ') \
                  FROM (SELECT * FROM rollbook_checkpoints WHERE stream <> 'users' ORDER BY stream, item)";
    let (before, requests) = (one::<String>(&mirror, others), server.log().len());
    let ran = installation.run(&["sync", "roster", "--stream", "own_users"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("Only users was read; the job counts as not run"),
        "{ran:?}"
    );
    // The first page of the schools identifies the account, as in every run.
    assert_eq!(asked(&server, requests), ["/v1p1/orgs", "/v1p1/users"]);
    assert_eq!(one::<String>(&mirror, others), before);
    assert_eq!(count(&mirror, "own_users"), 29);
    let line = "SELECT outcome || ' ' || stream FROM rollbook_runs ORDER BY run DESC";
    assert_eq!(one::<String>(&mirror, line), "ok users");
    let runs = installation.run(&["runs"]);
    assert!(runs.out.contains("roster (only users)"), "{runs:?}");
    let status = installation.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["jobs"][0]["last_run"]["run"], 1, "{status}");
    // Parents as the mirror has them: all three schools.
    let members = installation.run(&["sync", "roster", "--stream", "members", "--json"]);
    let members = members.assert_ok("members");
    assert_eq!(
        members.number("members", "rows_read"),
        3 * 29,
        "{members:?}"
    );
}

#[test]
fn a_held_run_still_waits_after_a_good_run_of_another_stream() {
    let (server, installation) = school(&ALL, "");
    installation.sync().assert_ok("the first time");
    server.edit("users", |users| users.truncate(3));
    let held = installation.run(&["sync", "roster", "--stream", "users"]);
    assert_eq!(held.code, Some(1), "{held:?}");
    assert!(held.out.contains("rollbook approve 2"), "{held:?}");
    installation
        .run(&["sync", "roster", "--stream", "orgs", "--json"])
        .assert_ok("orgs");
    let rows = installation.run(&["runs", "show", "2", "--rows", "--csv"]);
    assert_eq!(rows.out.lines().count(), 1 + 27, "{rows:?}");
    let approved = installation.run(&["approve", "2", "--yes"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert_eq!(count(&installation.mirror(), "own_users"), 3);
}

#[test]
fn a_running_daemon_reads_one_stream_and_sets_are_refused() {
    let (_server, installation) = school(&ALL, "");
    installation.sync().assert_ok("the first time");
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let ran = run_command(&service, &["sync", "roster", "--stream", "users"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .starts_with("Run 2 of roster (only users) (own), by command"),
        "{ran:?}"
    );
    let unknown = run_command(&service, &["sync", "roster", "--stream", "user"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("did you mean `users`?"), "{unknown:?}");
    service.stop();

    let (_server, installation) = school(&ALL[..2], "apply = \"together\"\n");
    let set = installation.run(&["sync", "roster", "--stream", "users"]);
    assert_eq!(set.code, Some(2), "{set:?}");
    assert!(
        set.err.contains("roster applies its streams together"),
        "{set:?}"
    );
}
