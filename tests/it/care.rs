//! Backup, verification and restore by the real program: beside a run, after an accident, with the right codes.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::people::{user, users};
use crate::place::{Place, Plan, Ran};
use crate::queries;
use crate::server::{Fault, PATIENCE, Server, Way};

fn place(server: &Server) -> Place {
    let place = Place::new(
        server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    place.sync().fine("the first time");
    place
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"))
}

fn backup(place: &Place) -> String {
    let ran = place.run(&["backup", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    json(&ran)["mirror"].as_str().expect("a path").to_owned()
}

#[test]
fn a_backup_is_made_beside_a_run_and_holds_one_state() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = place(&server);
    let before = queries::data(&place.mirror());
    let made = place.run(&["backup", "--to", "elsewhere", "--with-vault"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(
        made.out.contains("fingerprints of 60 rows in 1 table"),
        "{made:?}"
    );
    let names: Vec<String> = fs::read_dir(place.path("elsewhere"))
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
    assert_eq!(queries::data(&place.path("elsewhere").join(copy)), before);

    server.edit("users", |users| users[0] = user(0, 2));
    server.script(|asked| (asked.list == "users").then_some(Fault::Wait));
    let running = place.start(place.command(&["sync"]));
    server.until_somebody_waits();
    let copy = backup(&place);
    assert_eq!(queries::data(copy.as_ref()), before, "beside a run");
    let refused = place.run(&["restore", &copy]);
    assert_eq!(refused.code, Some(75), "{refused:?}");
    server.release();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_damaged_mirror_is_found_and_a_backup_brings_it_back() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = place(&server);
    let good = backup(&place);
    let data = queries::data(&place.mirror());
    let fine = place.run(&["verify", "--all"]);
    assert_eq!(fine.code, Some(0), "{fine:?}");

    let length = fs::metadata(place.mirror()).expect("there").len();
    let cut = fs::OpenOptions::new()
        .write(true)
        .open(place.mirror())
        .expect("open");
    cut.set_len(length / 2).expect("cut");
    let found = place.run(&["verify"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains("is damaged"), "{found:?}");
    assert!(found.out.contains("rollbook restore"), "{found:?}");
    let refused = place.run(&["backup"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");

    let restored = place.run(&["restore", &good]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(
        restored.out.contains("The previous mirror is"),
        "{restored:?}"
    );
    assert_eq!(queries::data(&place.mirror()), data);
    server.edit("users", |users| users[0] = user(0, 2));
    let next = place.sync().fine("after the restore");
    assert_eq!(next.stream("users")["reading"], "full");
    assert_eq!(next.number("users", "changed"), 1);
}

#[test]
fn a_sample_says_its_seed() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = place(&server);
    let ran = place.run(&["verify", "--json", "--seed", "7"]);
    let found = json(&ran);
    assert_eq!(
        (found["seed"].as_u64(), found["intact"].as_bool()),
        (Some(7), Some(true))
    );
    let ran = place.run(&["verify", "--seed", "7", "--all"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn the_daemon_makes_backups_by_itself_and_keeps_as_many_as_it_should() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = place(&server);
    let config = fs::read_to_string(place.path("config/rollbook.toml")).expect("read");
    place.write(
        "config/rollbook.toml",
        &format!("{config}[store.backup]\nschedule = \"* * * * * *\"\nkeep = 1\npath = \"safe\"\n"),
    );
    let copies = || -> Vec<String> {
        let Ok(found) = fs::read_dir(place.path("state/safe")) else {
            return Vec::new();
        };
        found
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("mirror-"))
            .collect()
    };
    let daemon = place.start(place.command(&["run"]));
    let begun = Instant::now();
    let mut seen = BTreeSet::new();
    // Two of them, one after the other: the second has taken the first away.
    while seen.len() < 2 {
        assert!(begun.elapsed() < PATIENCE, "no second backup: {seen:?}");
        seen.extend(copies());
        thread::sleep(Duration::from_millis(5));
    }
    daemon.terminate();
    let ran = daemon.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("backup created and verified"), "{ran:?}");
    let verified = place.run(&["verify", &format!("state/safe/{}", copies()[0])]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
