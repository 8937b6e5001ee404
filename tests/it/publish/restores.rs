//! A database or a mirror that goes back in time: all is compared again, without anybody's help.

use serde_json::{Value, json};

use super::school::{assert_same, message, next_day, publishing, sync, sync_twice, vendor};
use crate::database::{Fault, Proxy, Server, psql};
use crate::installation::Installation;

fn backup(installation: &Installation) -> String {
    let made = installation.run(&["backup", "--json"]);
    let json: Value = serde_json::from_str(&made.out).unwrap_or_else(|_| panic!("{made:?}"));
    json["mirror"].as_str().expect("a path").to_owned()
}

fn restore(installation: &Installation, backup: &str) {
    let restored = installation.run(&["restore", backup]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
}

#[test]
fn a_restored_database_is_made_up_for() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    server.backup();
    next_day(&vendor, 1);
    sync_twice(&installation);
    server.restore();
    sync(&installation);
    assert_same(&installation, &database, "restored");
    // Once more to the same state: it has the claim before the last one.
    next_day(&vendor, 2);
    sync_twice(&installation);
    server.restore();
    sync(&installation);
    assert_same(&installation, &database, "restored again");
    let rebuilt = installation.run(&["publish", "rebuild", "district"]);
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    next_day(&vendor, 3);
    server.restore();
    sync_twice(&installation);
    assert_same(&installation, &database, "restored to before a rebuild");

    let name = &database.name;
    let recreate =
        format!("DROP DATABASE {name} WITH (FORCE);\nCREATE DATABASE {name} OWNER {name};");
    let url = database
        .superuser_url
        .replace(&format!("/{name}"), "/postgres");
    psql(&url, &recreate).expect("made");
    sync(&installation);
    assert_same(&installation, &database, "made again, empty");
    server.kill();
    next_day(&vendor, 4);
    sync_twice(&installation);
    server.start();
    sync(&installation);
    assert_same(&installation, &database, "after a crash");
}

#[test]
fn a_restored_mirror_takes_the_tables_back_with_it() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    let old = backup(&installation);
    for day in 1..3 {
        next_day(&vendor, day);
        sync_twice(&installation);
    }
    restore(&installation, &old);
    sync(&installation);
    assert_same(&installation, &database, "an old mirror");

    let old = backup(&installation);
    next_day(&vendor, 3);
    sync_twice(&installation);
    server.backup();
    next_day(&vendor, 4);
    sync_twice(&installation);
    server.restore();
    restore(&installation, &old);
    sync(&installation);
    assert_same(&installation, &database, "both are old");
    assert_eq!(message(&installation), "");
}

/// Restored to a moment in a first fill that has gone on since: what was filled meanwhile is missing.
#[test]
fn a_database_restored_during_the_first_fill_is_filled_as_a_whole() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let (vendor, database) = (vendor(), server.database());
    // One chunk takes three of them.
    vendor.edit("users", |users| {
        for row in users.iter_mut().take(15) {
            row["middleName"] = json!("x".repeat(700_000));
        }
    });
    let proxy = Proxy::start(server.port());
    let installation = publishing(&vendor, &proxy.url(&database), "");
    let filled = || {
        let there = "SELECT to_regclass('rollbook.own_users') IS NOT NULL";
        if database.query(there) != [["t"]] {
            return 0;
        }
        let count = database.query("SELECT count(*) FROM rollbook.own_users");
        count[0][0].parse::<u32>().expect("a number")
    };
    proxy.set(Fault::CutToServer(4_500_000));
    sync(&installation);
    let early = filled();
    server.backup();
    proxy.set(Fault::CutToServer(4_500_000));
    sync(&installation);
    let later = filled();
    assert!(0 < early && early < later && later < 60, "{early} {later}");
    server.restore();
    proxy.set(Fault::None);
    sync(&installation);
    assert_same(&installation, &database, "filled");
}
