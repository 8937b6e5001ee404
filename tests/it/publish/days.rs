//! The first fill and the days after it, directly and through PgBouncer.

use super::same::LeftOut;
use super::school::{
    assert_rows, assert_rows_but, assert_same_but, next_day, publishing, status, sync, sync_twice,
    vendor,
};
use crate::daemon::run_command;
use crate::database::{Database, Server};
use crate::installation::NO_TICK;
use crate::service::Service;

fn is_about_rows(line: &str) -> bool {
    ["INSERT", "DELETE", "UPDATE"]
        .iter()
        .any(|word| line.contains(word))
}

fn days(server: &Server, database: &Database, url: &str, job: &str, left_out: LeftOut<'_>) {
    let vendor = vendor();
    let installation = publishing(&vendor, url, "");
    let file = "jobs/roster.toml";
    let text = std::fs::read_to_string(installation.path(file)).expect("read");
    installation.write(file, &(text + job));
    sync(&installation);
    assert_same_but(&installation, database, left_out, "the first time");
    let before = server.log().len();
    sync(&installation);
    let told = server.told(database, before);
    assert!(
        told.iter().any(|line| line.contains("rollbook_sources")),
        "it was asked how far it is: {told:#?}"
    );
    let rows: Vec<&String> = told.iter().filter(|line| is_about_rows(line)).collect();
    assert!(rows.is_empty(), "nothing has changed: {rows:#?}");
    let mut position = status(&installation)["run"].as_i64();
    for day in 0..4 {
        next_day(&vendor, day);
        sync_twice(&installation);
        assert_rows_but(&installation, database, left_out, &format!("day {day}"));
        let next = status(&installation)["run"].as_i64();
        assert!(next > position, "day {day}: {next:?} after {position:?}");
        position = next;
    }
    assert_same_but(&installation, database, left_out, "the last day");
    let status = status(&installation);
    assert_eq!(
        (
            &status["lag_runs"],
            &status["attempts"],
            &status["comparing"]
        ),
        (&0.into(), &0.into(), &0.into()),
        "{status}"
    );
    let history = "SELECT count(*) > 5 FROM rollbook.own_users_history";
    assert_eq!(database.query(history), [["t"]]);
}

#[test]
fn tables_follow_the_mirror_day_after_day() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    days(server, &database, &database.url, "", &[]);
}

#[test]
fn pgbouncer_may_stand_between() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let Some(bouncer) = server.pgbouncer(&database) else {
        return;
    };
    // And a stream without old versions.
    let job = "[stream.enrollments]\nhistory = \"off\"\n";
    days(
        server,
        &database,
        &bouncer.url,
        job,
        &["enrollments_history"],
    );
    let role = "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user";
    assert_eq!(database.query(role), [["f"]]);
    let left = "SELECT count(*) FROM pg_prepared_xacts";
    assert_eq!(database.query(left), [["0"]]);
}

/// The service publishes by schedule, and not after each run; a command that runs once publishes now.
#[test]
fn a_schedule_decides_when_the_service_publishes() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let more = format!("schedule = \"{NO_TICK}\"\n");
    let installation = publishing(&vendor, &database.url, &more);
    sync(&installation);
    assert_rows(&installation, &database, "by a command");
    let before = status(&installation)["run"].as_i64();
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    next_day(&vendor, 3);
    let ran = run_command(&service, &["sync", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let shown = run_command(&service, &["publish", "status", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(shown[0]["run"].as_i64(), before, "{shown}");
    assert_eq!(shown[0]["lag_runs"], 1, "{shown}");
    // A tick of every second is soon.
    let (installation, _) = service.stop();
    super::school::publish(&installation, &database.url, "schedule = \"* * * * * *\"\n");
    let service = Service::start(installation, &[]);
    let lag = || {
        let shown = run_command(&service, &["publish", "status", "--json"]);
        shown.out.contains("\"lag_runs\": 0") || shown.out.contains("\"lag_runs\":0")
    };
    service.until("its tick", lag);
    let (installation, _) = service.stop();
    assert_rows(&installation, &database, "by a tick");
}
