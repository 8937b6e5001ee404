//! `verify` finds whatever somebody changed in the database, and `rebuild` mends it.

use serde_json::{Value, json};

use super::school::{assert_same, assert_same_but, publish, sync, vendor, verify};
use super::values::small;
use crate::database::Server;
use crate::installation::Installation;
use crate::server::{Paging, Server as Vendor};

/// Missing, different and extra rows of a table.
fn counts(installation: &Installation, table: &str) -> (u64, u64, u64) {
    let ran = installation.run(&["publish", "verify", "district", "own", "--json"]);
    let found: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let tables = found["own"]["tables"].as_array().expect("tables");
    let table = tables
        .iter()
        .find(|one| one["table"] == table)
        .unwrap_or_else(|| panic!("no {table}: {ran:?}"));
    let count = |name: &str| table[name].as_u64().expect("a number");
    let counts = (count("missing"), count("different"), count("extra"));
    assert_eq!(ran.code == Some(0), counts == (0, 0, 0), "{ran:?}");
    counts
}

#[test]
fn each_planted_difference_is_found_and_mended() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let row = |number: u32, version: u32| {
        json!({
            "sourcedId": format!("row-{number}"), "name": format!("Name {version}"), "real": 0.1, "whole": number,
            "yes": true, "born": "2012-02-29", "at": "2026-03-01T12:00:00.000Z", "json": {"a": 1, "b": ["x", 0.1]},
        })
    };
    let rows = |version: u32| {
        (0..5)
            .map(|number| row(number, version))
            .collect::<Vec<_>>()
    };
    let vendor = Vendor::start(Paging::Silent, [("rows", rows(1))]);
    let installation = small(
        &vendor,
        "real = \"real : real\"\nwhole = \"whole : integer\"\nyes = \"yes : boolean\"\nborn = \"born : date\"\nat = \"at : timestamp\"\njson = \"json : json\"\n",
    );
    publish(&installation, &database.url, "");
    sync(&installation);
    vendor.edit("rows", |list| *list = rows(2));
    sync(&installation);
    assert_same(&installation, &database, "before");

    let one = "WHERE sourced_id = 'row-3'";
    let copied = |table: &str| {
        format!(
            "INSERT INTO rollbook.{table} SELECT (jsonb_populate_record(NULL::rollbook.{table}, to_jsonb(old) || '{{\"sourced_id\": \"row-30\"}}')).* \
             FROM rollbook.{table} AS old {one}"
        )
    };
    for table in ["own_rows", "own_rows_history"] {
        let set = |what: &str| format!("UPDATE rollbook.{table} SET {what} {one}");
        for (plant, expected) in [
            (set("name = 'Name  2'"), (0, 1, 0)),
            (set("name = ''"), (0, 1, 0)),
            (set("name = NULL"), (0, 1, 0)),
            (set("real = 0.10000000000000002"), (0, 1, 0)),
            (set("whole = 4"), (0, 1, 0)),
            (set("yes = NOT yes"), (0, 1, 0)),
            (set("born = born + 1"), (0, 1, 0)),
            (set("at = at + interval '1 microsecond'"), (0, 1, 0)),
            (set("json = jsonb_set(json, '{b,1}', '0.2')"), (0, 1, 0)),
            (set("json = json - 'a'"), (0, 1, 0)),
            (set("_run = _run + 1"), (0, 1, 0)),
            (copied(table), (0, 1, 1)),
            (format!("DELETE FROM rollbook.{table} {one}"), (1, 0, 1)),
        ] {
            database.execute(&plant);
            assert_eq!(counts(&installation, table), expected, "{plant}");
        }
        let mended = installation.run(&["publish", "rebuild", "district", "own"]);
        assert_eq!(mended.code, Some(0), "{mended:?}");
        assert_same(&installation, &database, "mended");
    }
    // All at once, of which most meet in a row.
    database.execute("DROP TABLE rollbook.own_rows");
    assert_eq!(verify(&installation).code, Some(1));
    let mended = installation.run(&["publish", "rebuild", "district"]);
    assert_eq!(mended.code, Some(0), "{mended:?}");
    assert_same(&installation, &database, "a table that was dropped");
}

#[test]
fn what_is_not_to_be_published_is_not_there_and_no_difference() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let more = "tables = [\"own_users\"]\nleave_out = [\"own_users.email\", \"own_users.phone\"]\nhistory = false\n";
    let installation = super::school::publishing(&vendor, &database.url, more);
    sync(&installation);
    let left_out = [
        "users.email",
        "users.phone",
        "users_history",
        "orgs",
        "orgs_history",
        "enrollments",
        "enrollments_history",
    ];
    let check = |left_out: &[&str], what: &str| {
        assert_same_but(&installation, &database, left_out, what);
    };
    check(&left_out, "the first time");
    let tables = |expected: &[&str]| {
        let sql = "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
                   WHERE nspname = 'rollbook' AND relkind = 'r' AND relname LIKE 'own%' ORDER BY 1";
        let found = database.query(sql).concat();
        assert_eq!(found, expected);
    };
    tables(&["own_users"]);
    vendor.edit("users", |users| {
        users[3]["email"] = "other@school.example".into()
    });
    sync(&installation);
    check(&left_out, "a change in a column that is not published");
    vendor.edit("users", |users| {
        users.remove(4);
    });
    super::school::sync_twice(&installation);
    check(&left_out, "a row that was removed");

    publish(
        &installation,
        &database.url,
        "leave_out = [\"own_users.email\"]\n",
    );
    sync(&installation);
    check(&["users.email"], "more of it");
    publish(&installation, &database.url, "tables = [\"own_orgs\"]\n");
    sync(&installation);
    check(
        &[
            "users",
            "users_history",
            "enrollments",
            "enrollments_history",
        ],
        "another stream",
    );
    tables(&["own_orgs", "own_orgs_history"]);
}
