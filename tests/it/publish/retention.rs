//! What the mirror keeps no longer leaves the published tables too.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::school::{assert_same, assert_same_but, publish, publishing, sync, sync_twice, vendor};
use crate::database::Server;
use crate::installation::{Installation, NO_TICK};
use crate::queries;
use crate::replay::Replay;
use crate::wire::{HttpResponse, Request};

/// Old versions as if they had ended long ago, and a purge that is due.
fn age(installation: &Installation, condition: &str) {
    let connection = Connection::open(installation.mirror()).expect("a mirror");
    let sql = format!(
        "UPDATE own_users_history SET _until = '2020-01-01T00:00:00.000Z' WHERE {condition};"
    );
    connection.execute_batch(&sql).expect("changed");
}

fn purge_is_due(installation: &Installation) {
    let connection = Connection::open(installation.mirror()).expect("a mirror");
    let sql = "UPDATE rollbook_maintenance SET done = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-2 days') WHERE task = 'records purged';
               UPDATE rollbook_tables SET purged = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-2 days')";
    connection.execute_batch(sql).expect("changed");
}

#[test]
fn old_versions_leave_with_those_of_the_mirror() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "");
    let text = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let change = |number: usize, day: u32| {
        vendor.edit("users", |users| {
            users[number] = crate::people::user(number, day);
        });
    };
    // Nothing is published before there is a past.
    let (unpublished, _) = text.split_once("[publish.").expect("there");
    installation.write("config/rollbook.toml", unpublished);
    sync(&installation);
    for day in 2..5 {
        (0..4).for_each(|number| change(number, day));
        sync(&installation);
    }
    age(&installation, "_ended_run < 4");
    publish(&installation, &database.url, "");
    sync(&installation);
    assert_same(&installation, &database, "with old versions");
    let count = "SELECT count(*) FROM rollbook.own_users_history";
    assert_eq!(database.query(count), [["12"]]);

    let text = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write(
        "config/rollbook.toml",
        &format!("[store]\nhistory_max = \"30 days\"\n{text}"),
    );
    purge_is_due(&installation);
    sync_twice(&installation);
    assert_eq!(
        queries::count(&installation.mirror(), "own_users_history"),
        4
    );
    assert_same(&installation, &database, "without them");

    // All of them, many: more than one statement removes.
    let columns = database.query(
        "SELECT string_agg(CASE column_name WHEN '_n' THEN 'number' ELSE quote_ident(column_name) END, ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_schema = 'rollbook' AND table_name = 'own_users_history'",
    );
    database.execute(&format!(
        "INSERT INTO rollbook.own_users_history SELECT {} FROM rollbook.own_users_history, generate_series(2, 7001) AS number",
        columns[0][0]
    ));
    age(&installation, "true");
    purge_is_due(&installation);
    sync_twice(&installation);
    assert_eq!(
        queries::count(&installation.mirror(), "own_users_history"),
        0
    );
    assert_eq!(database.query(count), [["0"]]);
    assert_same(&installation, &database, "without any");
}

/// A point every six hours.
fn points(request: &Request) -> HttpResponse {
    let bound = |name: &str| -> Timestamp { request.query[name].parse().expect("a time") };
    let every = 6 * 3600;
    let (from, to) = (bound("from").as_second(), bound("to").as_second());
    let first = from + (every - from.rem_euclid(every)) % every;
    let rows = (first..=to).step_by(6 * 3600).map(|second| {
        let at = Timestamp::from_second(second).expect("a time");
        json!({"id": format!("{} {second}", request.path), "t": at.to_string(), "v": second as f64 / 7.0})
    });
    let rows: Vec<Value> = rows.collect();
    HttpResponse::new(200, json!({ "rows": rows }).to_string())
}

/// A removal of which nothing was kept is not to be found among the versions that are kept from then on.
#[test]
fn old_versions_that_are_kept_later_hide_no_removal() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "history = false\n");
    let file = "jobs/roster.toml";
    let job = std::fs::read_to_string(installation.path(file)).expect("read");
    let without = "[stream.users]\nhistory = \"off\"\n[stream.enrollments]\nhistory = \"off\"\n";
    installation.write(file, &format!("{job}{without}"));
    sync(&installation);
    server.stop();
    super::school::next_day(&vendor, 3);
    sync_twice(&installation);
    installation.write(file, &job);
    sync(&installation);
    server.start();
    sync(&installation);
    let left_out = ["users_history", "enrollments_history", "orgs_history"];
    assert_same_but(&installation, &database, &left_out, "later");
}

#[test]
fn points_leave_when_the_mirror_keeps_them_no_longer() {
    points_leave("[\"s\", \"t\"]", &["points_history"]);
}

/// Rows with ids have old versions, and leave in no order that a database could follow.
#[test]
fn rows_of_a_time_leave_when_the_mirror_keeps_them_no_longer() {
    points_leave("[\"id\"]", &[]);
}

fn points_leave(key: &str, left_out: &[&str]) {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let vendor = Replay::start(|request, _| points(request));
    let installation = Installation::empty();
    let start = Timestamp::now() - SignedDuration::from_hours(40 * 24);
    installation.write(
        "config/connectors/own.toml",
        &format!(
            "connector = \"own\"\ntitle = \"the tests' own vendor\"\nbase_url = \"{}\"\n[limits]\nper_second = 1000.0\n\
             [streams.points]\npath = \"/points/{{s}}\"\nrows = \"rows\"\nkey = {key}\nfor_each = {{ list = [{{ s = \"a\" }}, {{ s = \"b\" }}] }}\n\
             window = {{ from = \"from\", to = \"to\", column = \"t\", start = \"{}\", step = \"7d\", smallest = \"1h\", overlap = \"48h\", \
             reread = {{ every = \"7d\", span = \"35d\" }}, format = \"%Y-%m-%dT%H:%M:%SZ\" }}\n\
             [streams.points.columns]\nid = \"id : text\"\ns = \"= {{s}} : text\"\nt = \"t : timestamp\"\nv = \"v : real\"\n",
            vendor.origin(),
            start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
    );
    installation.write(
        "config/rollbook.toml",
        "[sources.own]\nconnector = \"own\"\n",
    );
    let job = format!("source = \"own\"\nstreams = [\"points\"]\nschedule = \"{NO_TICK}\"\n");
    installation.write("jobs/roster.toml", &job);
    publish(&installation, &database.url, "");
    sync(&installation);
    let same = |what: &str| assert_same_but(&installation, &database, left_out, what);
    same("all points");
    let count = || {
        let sql = "SELECT count(*) FROM rollbook.own_points";
        database.query(sql)[0][0].parse::<u64>().expect("a number")
    };
    let all = count();
    assert!(all >= 2 * 39 * 4, "{all}");
    let retain = "[stream.points]\nretain = { column = \"t\", for = \"10 days\" }\n";
    installation.write("jobs/roster.toml", &(job + retain));
    purge_is_due(&installation);
    sync_twice(&installation);
    assert_eq!(
        count(),
        queries::count(&installation.mirror(), "own_points")
    );
    assert!(count() <= 2 * 12 * 4, "{} of {all}", count());
    same("those of ten days");
}
