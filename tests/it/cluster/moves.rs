//! A school moves from a single machine into a cluster, is mirrored by its worker, and moves out again with everything that it has.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use super::district::District;
use super::tokens::{Case, case, district, sync};
use crate::database::psql;
use crate::installation::Finished;
use crate::people::users;
use crate::rotating::{Reuse, Step};

/// A configuration without a cluster, which has the source.
const ALONE: &str = "alone";

/// Runs a command on a single machine with this state folder.
fn run_alone(district: &District, state: &str, arguments: &[&str]) -> Finished {
    let installation = &district.installation;
    let config = installation.path(ALONE);
    let mut command = installation.bare();
    command.arg("--config").arg(&config);
    command.arg("--jobs").arg(config.join("jobs"));
    let state = installation.path(state);
    command.arg("--state").arg(state).args(arguments);
    installation.start(command).end()
}

/// The outcome of a run there whose access token has expired, and the number of the run.
fn sync_alone(district: &District, case: &Case, state: &str) -> (String, String) {
    case.server.expire(1);
    let ran = run_alone(district, state, &["sync", "--json"]);
    let report = ran.report();
    let outcome = report["outcome"].as_str().unwrap_or_default();
    (outcome.to_owned(), report["run"].to_string())
}

/// What a mirror keeps of its past.
fn past(mirror: &Path) -> Vec<(String, i64)> {
    let mirror = Connection::open(mirror).expect("opened");
    let tables = [
        "school_users",
        "school_users_history",
        "rollbook_runs",
        "rollbook_audit",
    ];
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = mirror.query_row(&sql, [], |row| row.get(0));
        (
            table.to_owned(),
            count.unwrap_or_else(|error| panic!("{table}: {error}")),
        )
    };
    tables.into_iter().map(count).collect()
}

#[test]
fn a_school_moves_into_a_cluster_and_out_with_everything_that_it_has() {
    let cases = [case("school", Step::Answered, Reuse::EndsAll, true, true)];
    let Some(mut district) = district(&cases, "") else {
        return;
    };
    let [case] = &cases;
    let root = district.installation.path("");
    let path = |name: &str| root.join(name).display().to_string();
    // The machine has the source, and the cluster has none yet.
    let with_school = fs::read_to_string(path("config/rollbook.toml")).expect("read");
    let source = with_school.find("[sources.school]").expect("the source");
    let without_school = with_school[..source].to_owned();
    let store = "[store]\nvault_key = { file = \"vault_key\" }\n";
    let installation = &district.installation;
    installation.write(
        &format!("{ALONE}/rollbook.toml"),
        &format!("{store}{}", &with_school[source..]),
    );
    for name in [
        "jobs/school.toml",
        "connectors/school.toml",
        "connectors/own.toml",
    ] {
        let text = fs::read_to_string(path(&format!("config/{name}"))).expect("read");
        installation.write(&format!("{ALONE}/{name}"), &text);
    }
    for name in ["vault_key", "first"] {
        let text = fs::read_to_string(path(&format!("config/{name}"))).expect("read");
        installation.secret_at(&format!("{ALONE}/{name}"), &text);
    }
    let job = fs::read_to_string(path("config/jobs/school.toml")).expect("read");
    let configure = |district: &District, has_school: bool| {
        let installation = &district.installation;
        let text = if has_school {
            &with_school
        } else {
            &without_school
        };
        match has_school {
            true => installation.write("config/jobs/school.toml", &job),
            false => {
                let _ = fs::remove_file(path("config/jobs/school.toml")); // it may be gone
            }
        }
        installation.write("config/rollbook.toml", text);
        for worker in district.workers.iter().filter(|worker| worker.is_running()) {
            worker.running().signal("HUP");
        }
    };
    configure(&district, false);
    case.server.set_rows(users(12));
    assert_eq!(sync_alone(&district, case, "single").0, "ok");
    case.server.set_rows(users(9));
    let (first_outcome, _) = sync_alone(&district, case, "single");
    case.server.set_rows(Vec::new());
    let (outcome, held) = sync_alone(&district, case, "single");
    assert_eq!(outcome, "held", "after {first_outcome}");

    district.add_many(1);
    district.until("a cluster", |district| {
        let sql = "SELECT 1 FROM rollbook_cluster.workers";
        psql(&district.database.url, sql).is_ok_and(|rows| rows == [["1"]])
    });
    let put = district.run_at(0, &["cluster", "put", "school", "--from", &path("single")]);
    assert_eq!(put.code, Some(0), "{put:?}");
    configure(&district, true);
    district.until("claimed", |district| {
        district.workers[0].folders().len() == 1
    });
    let runs = |ran: Finished| -> Vec<String> {
        let runs: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        let runs = runs.as_array().expect("runs");
        runs.iter()
            .map(|run| format!("{} {}", run["run"], run["outcome"]))
            .collect()
    };
    let approve = ["approve", &held, "--in", "school", "--yes"];
    let approved = district.run_at(0, &approve);
    assert_eq!(approved.code, Some(0), "{approved:?}\n{}", district.told());
    case.server.expire(1);
    assert_eq!(
        sync(&district, 0, "school"),
        "ok",
        "what was held on the machine"
    );
    case.server.set_rows(users(12));
    assert_eq!(sync(&district, 0, "school"), "ok");
    case.server.set_rows(Vec::new());
    assert_eq!(sync(&district, 0, "school"), "held");
    let in_cluster = runs(district.run_at(0, &["runs", "--in", "school", "--json"]));
    assert!(in_cluster.len() >= 6, "{in_cluster:?}");
    let past_in_cluster = past(&district.workers[0].mirror("school"));

    configure(&district, false);
    district.until("given back", |district| {
        district.workers[0].folders().is_empty() && district.leased().is_empty()
    });
    let fetch = [
        "cluster",
        "fetch",
        "school",
        "--to",
        &path("moved"),
        "--move",
    ];
    let fetched = district.run_at(0, &fetch);
    assert_eq!(fetched.code, Some(0), "{fetched:?}");
    let left = psql(
        &district.database.url,
        "SET search_path TO rollbook_cluster; SELECT (SELECT count(*) FROM pages), (SELECT count(*) FROM days), (SELECT count(*) FROM requests), \
         (SELECT count(sealed) FROM tokens), (SELECT count(coalesce(content, summary)) FROM leases)",
    );
    assert_eq!(left, Ok(vec![vec!["0".to_owned(); 5]]));

    assert_eq!(
        past(&district.installation.path("moved/mirror.db")),
        past_in_cluster
    );
    let alone = runs(run_alone(&district, "moved", &["runs", "--json"]));
    assert_eq!(alone, in_cluster);
    let held = alone.iter().find(|run| run.ends_with("\"held\""));
    let held = held
        .and_then(|run| run.split(' ').next())
        .expect("a held run");
    let approved = run_alone(&district, "moved", &["approve", held, "--yes"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert_eq!(sync_alone(&district, case, "moved").0, "ok");
    let requests = case.server.token_requests();
    let numbers: Vec<Option<u32>> = (0..requests.len() as u32).map(Some).collect();
    let sent: Vec<Option<u32>> = requests.iter().map(|(number, _)| *number).collect();
    assert_eq!(sent, numbers, "each token once");
    assert!(case.server.is_alive());
}
