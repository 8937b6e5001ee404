//! Cost follows change: without churn no row is written, with churn exactly its rows, and the past stays readable.

use crate::installation::{Config, Finished, Installation};
use crate::people::{key, roster, user};
use crate::queries;
use crate::server::{Paging, Server};

const STREAMS: &[&str] = &[
    "academic_sessions",
    "orgs",
    "users",
    "classes",
    "enrollments",
];

fn mirrored(paging: Paging) -> (Server, Installation) {
    let server = Server::start(paging, roster(300));
    let installation = Installation::new(
        &server,
        &Config {
            streams: STREAMS,
            page: 50,
            job: "apply = \"together\"\n",
            ..Config::default()
        },
    );
    installation.sync().assert_ok("the first time");
    (server, installation)
}

#[test]
fn without_churn_no_row_is_written() {
    for paging in [Paging::TotalInHeader, Paging::Silent, Paging::Linked] {
        let (_server, installation) = mirrored(paging);
        let mirror = installation.mirror();
        let before = queries::data(&mirror);
        let kept = |table: &str| {
            ![
                "rollbook_runs",
                "rollbook_run_streams",
                "rollbook_checkpoints",
            ]
            .contains(&table)
        };
        let others = queries::content(&mirror, kept);
        let shape: Vec<String> = queries::list(
            &mirror,
            "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name",
        );
        let ran = installation.sync().assert_ok("the second time");
        for stream in STREAMS {
            let counts =
                ["new", "changed", "removed", "unconfirmed"].map(|name| ran.number(stream, name));
            assert_eq!(counts, [0; 4], "{paging:?} {stream}");
            assert_eq!(
                ran.number(stream, "unchanged"),
                queries::count(&mirror, &format!("own_{stream}")),
                "{paging:?} {stream}"
            );
        }
        assert_eq!(queries::data(&mirror), before, "{paging:?}");
        assert_eq!(queries::content(&mirror, kept), others, "{paging:?}");
        assert_eq!(
            queries::list::<String>(
                &mirror,
                "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name"
            ),
            shape
        );
        assert_eq!(queries::count(&mirror, "rollbook_runs"), 2);
    }
}

#[test]
fn churn_writes_its_rows_and_the_past_stays_readable() {
    let (server, installation) = mirrored(Paging::TotalInHeader);
    let mirror = installation.mirror();
    server.edit("users", |users| {
        (3..8).for_each(|number| users[number] = user(number, 2));
        users.drain(10..12);
        users.extend((300..304).map(|number| user(number, 1)));
    });
    let ran = installation.sync().assert_ok("with churn");
    let counts = |ran: &Finished| {
        ["new", "changed", "removed", "unconfirmed", "unchanged"]
            .map(|name| ran.number("users", name))
    };
    assert_eq!(counts(&ran), [4, 5, 0, 2, 293]);
    let ran = installation
        .sync()
        .assert_ok("the second reading that misses two");
    assert_eq!(counts(&ran), [0, 0, 2, 0, 302]);
    for (what, sql, expected) in [
        (
            "changed or new in run 2",
            "SELECT sourced_id FROM own_users WHERE _run = 2 ORDER BY 1",
            keys((3..8).chain(300..304)),
        ),
        (
            "the old versions",
            "SELECT sourced_id FROM own_users_history WHERE _ended = 'changed' ORDER BY 1",
            keys(3..8),
        ),
        (
            "the rows that left",
            "SELECT sourced_id FROM own_users_history WHERE _ended = 'removed' ORDER BY 1",
            keys(10..12),
        ),
        (
            "ended by run 2, which began when run 1 had ended",
            &ended_well(2),
            keys(3..8),
        ),
        (
            "ended by run 3, when two readings had missed them",
            &ended_well(3),
            keys(10..12),
        ),
    ] {
        assert_eq!(queries::list::<String>(&mirror, sql), expected, "{what}");
    }
    let other_tables = "SELECT count(*) FROM own_classes WHERE _run <> 1";
    assert_eq!(
        queries::one::<u64>(&mirror, other_tables),
        0,
        "no other row was changed"
    );
    as_of(&installation);
}

/// Rows of the history with the validity between the runs that added and ended them.
fn ended_well(run: i64) -> String {
    format!(
        "SELECT sourced_id FROM own_users_history AS row JOIN rollbook_runs AS one ON one.run = row._run \
     JOIN rollbook_runs AS two ON two.run = row._ended_run \
     WHERE two.run = {run} AND _since BETWEEN one.started AND one.ended AND _until BETWEEN two.started AND two.ended ORDER BY 1"
    )
}

/// The rows at a point in time are one `WHERE`.
fn as_of(installation: &Installation) {
    let mirror = installation.mirror();
    for (run, users, name_of_third) in [
        (1, 300, "Family 3 the 1th of a name that is rather long"),
        (2, 304, "Family 3 the 2th of a name that is rather long"),
        (3, 302, "Family 3 the 2th of a name that is rather long"),
    ] {
        let time: String = queries::one(
            &mirror,
            &format!("SELECT ended FROM rollbook_runs WHERE run = {run}"),
        );
        let as_of = format!(
            "FROM own_users_versions WHERE _since <= '{time}' AND (_until IS NULL OR _until > '{time}')"
        );
        assert_eq!(
            queries::one::<u64>(&mirror, &format!("SELECT count(*) {as_of}")),
            users,
            "after run {run}"
        );
        let name: String = queries::one(
            &mirror,
            &format!("SELECT family_name {as_of} AND sourced_id = '{}'", key(3)),
        );
        assert_eq!(name, name_of_third, "after run {run}");
        let tenth: u64 = queries::one(
            &mirror,
            &format!("SELECT count(*) {as_of} AND sourced_id = '{}'", key(10)),
        );
        assert_eq!(tenth, u64::from(run < 3), "after run {run}");
    }
}

fn keys(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(key).collect()
}

#[test]
fn a_row_that_returns_is_a_new_version() {
    let (server, installation) = mirrored(Paging::TotalInHeader);
    server.edit("users", |users| drop(users.remove(20)));
    for removed in [0, 1] {
        let ran = installation
            .sync()
            .assert_ok("one less, when two readings say so");
        assert_eq!(ran.number("users", "removed"), removed);
    }
    server.edit("users", |users| users.push(user(20, 1)));
    assert_eq!(
        installation.sync().assert_ok("back").number("users", "new"),
        1
    );
    let sql = format!(
        "SELECT coalesce(_ended, 'now') FROM own_users_versions WHERE sourced_id = '{}' ORDER BY _since",
        key(20)
    );
    assert_eq!(
        queries::list::<String>(&installation.mirror(), &sql),
        ["removed", "now"]
    );
}

#[test]
fn a_dry_run_reports_changes_and_writes_nothing() {
    let (server, installation) = mirrored(Paging::TotalInHeader);
    server.edit("users", |users| users.push(user(300, 1)));
    let before = queries::content(&installation.mirror(), |_| true);
    let ran = installation
        .run(&["sync", "--dry-run", "--json"])
        .assert_ok("dry");
    assert_eq!(ran.number("users", "new"), 1);
    assert_eq!(queries::content(&installation.mirror(), |_| true), before);
}

/// A stream that is read for each row of `orgs`.
pub const FOR_EACH: &str = "
[streams.members]
title    = \"people, read for each school\"
path     = \"/users\"
rows     = \"users\"
key      = [\"sourced_id\", \"org_id\"]
for_each = { stream = \"orgs\", take = { org_id = \"sourced_id\" } }
page     = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 200, until = [\"empty\"] }
[streams.members.columns]
sourced_id = \"sourcedId : text\"
org_id     = \"= {org_id} : text\"
";

#[test]
fn a_dry_run_reports_what_it_did_not_request() {
    let server = Server::start(Paging::TotalInHeader, roster(30));
    let streams = ["orgs", "users", "members"];
    let plan = Config {
        streams: &streams,
        page: 10,
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    let file = "config/connectors/own.toml";
    let connector = std::fs::read_to_string(installation.path(file)).expect("a connector");
    installation.write(file, &(connector + FOR_EACH));
    let message = |stream: &str, arguments: &[&str]| {
        let ran = installation.run(arguments).assert_ok("a run");
        ran.stream(stream)["message"].clone()
    };
    let (dry, wet) = (["sync", "--dry-run", "--json"], ["sync", "--json"]);
    assert_eq!(
        message("members", &dry),
        "nothing was requested for the rows of orgs that a run would add, so what it would receive for them is unknown"
    );
    assert_eq!(message("members", &wet), serde_json::Value::Null);
    assert_eq!(message("members", &dry), serde_json::Value::Null);
    server.edit("users", |users| users.truncate(29));
    assert_eq!(
        message("users", &dry),
        "1 row missing; a second reading, which a dry run does not make, decides about the removal"
    );
}
