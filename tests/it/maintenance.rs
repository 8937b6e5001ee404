//! Backup, verification and restore by the real program: during a run, after damage, with the right exit codes.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::installation::{Config, Finished, Installation};
use crate::people::{user, users};
use crate::queries;
use crate::server::{Fault, Paging, Server, WAIT_LIMIT};

fn installation(server: &Server) -> Installation {
    let installation = Installation::new(
        server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    installation.sync().assert_ok("the first time");
    installation
}

fn json(ran: &Finished) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"))
}

fn backup(installation: &Installation) -> String {
    let ran = installation.run(&["backup", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    json(&ran)["mirror"].as_str().expect("a path").to_owned()
}

#[test]
fn a_backup_during_a_run_holds_one_state() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = installation(&server);
    let before = queries::data(&installation.mirror());
    let made = installation.run(&["backup", "--to", "elsewhere", "--with-vault"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(
        made.out.contains("fingerprints of 60 rows in 1 table"),
        "{made:?}"
    );
    let names: Vec<String> = fs::read_dir(installation.path("elsewhere"))
        .expect("made")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("vault-")),
        "{names:?}"
    );
    let copy = names
        .iter()
        .find(|name| name.starts_with("mirror-"))
        .expect("a copy");
    assert_eq!(
        queries::data(&installation.path("elsewhere").join(copy)),
        before
    );

    server.edit("users", |users| users[0] = user(0, 2));
    server.script(|request| (request.list == "users").then_some(Fault::Wait));
    let running = installation.start(installation.command(&["sync"]));
    server.until_a_request_is_held();
    let copy = backup(&installation);
    assert_eq!(queries::data(copy.as_ref()), before, "during a run");
    let refused = installation.run(&["restore", &copy]);
    assert_eq!(refused.code, Some(75), "{refused:?}");
    server.release();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_damaged_mirror_is_detected_and_restored_from_a_backup() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = installation(&server);
    let good = backup(&installation);
    let data = queries::data(&installation.mirror());
    let fine = installation.run(&["verify", "--all"]);
    assert_eq!(fine.code, Some(0), "{fine:?}");

    let length = fs::metadata(installation.mirror()).expect("there").len();
    let cut = fs::OpenOptions::new()
        .write(true)
        .open(installation.mirror())
        .expect("open");
    cut.set_len(length / 2).expect("cut");
    let found = installation.run(&["verify"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains("is damaged"), "{found:?}");
    assert!(found.out.contains("rollbook restore"), "{found:?}");
    let refused = installation.run(&["backup"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");

    let restored = installation.run(&["restore", &good]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(
        restored.out.contains("The previous mirror is"),
        "{restored:?}"
    );
    assert_eq!(queries::data(&installation.mirror()), data);
    server.edit("users", |users| users[0] = user(0, 2));
    let next = installation.sync().assert_ok("after the restore");
    assert_eq!(next.stream("users")["reading"], "full");
    assert_eq!(next.number("users", "changed"), 1);
}

#[test]
fn a_sample_reports_its_seed() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = installation(&server);
    let ran = installation.run(&["verify", "--json", "--seed", "7"]);
    let found = json(&ran);
    assert_eq!(
        (found["seed"].as_u64(), found["intact"].as_bool()),
        (Some(7), Some(true))
    );
    let ran = installation.run(&["verify", "--seed", "7", "--all"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn the_daemon_creates_backups_and_keeps_the_configured_number() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = installation(&server);
    let config = fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write(
        "config/rollbook.toml",
        &format!("{config}[store.backup]\nschedule = \"* * * * * *\"\nkeep = 1\npath = \"safe\"\n"),
    );
    let copies = || -> Vec<String> {
        let Ok(found) = fs::read_dir(installation.path("state/safe")) else {
            return Vec::new();
        };
        found
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("mirror-"))
            .collect()
    };
    let daemon = installation.start(installation.command(&["run"]));
    let begun = Instant::now();
    let mut seen = BTreeSet::new();
    // Two of them, one after the other: the second has removed the first.
    while seen.len() < 2 {
        assert!(begun.elapsed() < WAIT_LIMIT, "no second backup: {seen:?}");
        seen.extend(copies());
        thread::sleep(Duration::from_millis(5));
    }
    daemon.terminate();
    let ran = daemon.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("backup created and verified"), "{ran:?}");
    let verified = installation.run(&["verify", &format!("state/safe/{}", copies()[0])]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
