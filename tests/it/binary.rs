//! The program as scripts and systemd see it: exit codes, signals, its lock, and the modes of its files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::people::{roster, user, users};
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{Fault, Server, Way};

/// How long the program may take to stop (reliability.md 9 R11).
const STOPS_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn the_exit_code_says_how_it_ended() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(
        &server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    let broken = Place::new(
        &server,
        &Plan {
            streams: &["pupils"],
            ..Plan::default()
        },
    );
    let nowhere = Place::empty();
    let cases: [(&str, &Place, &[&str], i32); 10] = [
        ("a job that ends well", &place, &["sync"], 0),
        ("the same by name", &place, &["sync", "roster"], 0),
        ("help", &place, &["--help"], 0),
        ("the version", &place, &["--version"], 0),
        ("no command", &place, &[], 2),
        ("an unknown command", &place, &["synk"], 2),
        ("an unknown option", &place, &["sync", "--dri-run"], 2),
        ("an unknown job", &place, &["sync", "rooster"], 2),
        ("a broken configuration", &broken, &["sync"], 78),
        ("no configuration", &nowhere, &["sync"], 78),
    ];
    for (what, place, arguments, code) in cases {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(code), "{what}: {ran:?}");
        assert_eq!(
            ran.out.is_empty(),
            code != 0,
            "{what}: results go to standard output, mistakes to standard error"
        );
        assert_eq!(ran.err.is_empty(), code == 0, "{what}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{what}: {ran:?}");
    }
    server.script(|_| Some(Fault::Status(400)));
    let ran = place.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "a run that failed: {ran:?}");
    assert!(ran.out.contains("returned 400"), "{ran:?}");
}

#[test]
fn a_missing_secret_parks_the_job_and_says_what_to_do() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let place = Place::new(&server, &Plan::default());
    let secret = place.path("config/secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("set");
    let (outcome, message) = place.sync().said();
    assert_eq!(outcome, "parked");
    assert!(
        message.contains("can be read by others: run `chmod 600"),
        "{message}"
    );
    fs::remove_file(&secret).expect("removed");
    let ran = place.sync();
    let (outcome, message) = ran.said();
    assert_eq!((ran.code, outcome.as_str()), (Some(1), "parked"));
    assert!(
        message.contains("secret file `secret` is missing: write it into"),
        "{message}"
    );
    assert!(server.log().is_empty(), "nobody was asked");
}

#[test]
fn a_stop_in_mid_page_is_quick_and_leaves_nothing_half() {
    for apply in ["each", "together"] {
        let server = Server::start(Way::TotalInHeader, roster(200));
        let plan = Plan {
            streams: &["orgs", "users"],
            page: 20,
            job: &format!("apply = \"{apply}\"\n"),
            ..Plan::default()
        };
        let place = Place::new(&server, &plan);
        place.sync().fine("the first time");
        let before = queries::data(&place.mirror());
        server.edit("users", |users| {
            (0..100).for_each(|number| users[number] = user(number, 2))
        });
        server.script(|asked| (asked.list == "users" && asked.nth == 5).then_some(Fault::Wait));
        let running = place.start(place.command(&["sync", "--json"]));
        server.until_somebody_waits();
        running.terminate();
        let ran = running.end();
        assert!(ran.took < STOPS_WITHIN, "{apply}: {:?}", ran.took);
        let (outcome, message) = ran.said();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "interrupted"),
            "{apply}: {ran:?}"
        );
        assert!(
            message.contains("unfinished streams were not written"),
            "{message}"
        );
        assert_eq!(queries::data(&place.mirror()), before, "{apply}");
        let ended: String = queries::one(
            &place.mirror(),
            "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 1",
        );
        assert_eq!(ended, "interrupted", "{apply}");
        server.release();
        server.behave();
        assert_eq!(
            place
                .sync()
                .fine("the next time")
                .number("users", "changed"),
            100
        );
    }
}

#[test]
fn a_stop_while_the_vendor_wants_peace_is_quick_too() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(
        &server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    server.script(|asked| match asked.nth {
        1 => Some(Fault::Status(503)),
        _ => Some(Fault::Wait),
    });
    let running = place.start(place.command(&["sync", "--json"]));
    server.until_somebody_asked();
    running.terminate();
    let ran = running.end();
    assert!(ran.took < STOPS_WITHIN, "{:?}", ran.took);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(queries::count(&place.mirror(), "own_users"), 0);
}

#[test]
fn a_second_program_is_told_who_has_the_mirror() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(
        &server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
    let first = place.start(place.command(&["sync", "--json"]));
    server.until_somebody_waits();
    let second = place.sync();
    assert_eq!(second.code, Some(75), "{second:?}");
    let named = format!("another rollbook (pid {})", first.pid());
    assert!(second.err.contains(&named), "{named} is not in {second:?}");
    assert_eq!(second.out, "");
    server.release();
    first.end().fine("undisturbed");
    place.sync().fine("a lock ends with its process");
}

#[test]
fn a_lock_of_a_killed_program_is_free() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(
        &server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
    let mut first = place.start(place.command(&["sync", "--json"]));
    server.until_somebody_waits();
    first.kill();
    server.release();
    server.behave();
    place.sync().fine("the lock died with its process");
}

#[test]
fn a_broken_configuration_tells_all_its_problems_at_once() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let place = Place::new(&server, &Plan::default());
    place.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedul = \"0 * * * *\"\ntime_zone = \"Europe/Wien\"\n[guard]\nremovals = \"ten\"\n",
    );
    place.write(
        "jobs/second.toml",
        "source = \"oven\"\nstreams = [\"users\"]\nschedule = \"99 * * * *\"\n",
    );
    place.write(
        "config/connectors/other.toml",
        "connector = \"other\"\nextends = \"onerooster\"\n",
    );
    let ran = place.sync();
    assert_eq!((ran.code, ran.out.as_str()), (Some(78), ""), "{ran:?}");
    let plain: String = ran
        .err
        .split('\u{1b}')
        .map(|part| part.split_once('m').map_or(part, |(_, text)| text))
        .collect();
    for words in [
        "schedul",
        "did you mean `schedule`",
        "Europe/Wien",
        "removals",
        "there is no source `oven`",
        "known: `own`",
        "99",
        "onerooster",
        "did you mean `oneroster`",
        "roster.toml:3",
        "second.toml:1",
        "other.toml:2",
    ] {
        assert!(
            plain.contains(words) || ran.err.contains(words),
            "{words:?} is not in\n{}",
            ran.err
        );
    }
    assert!(!place.path("state").exists(), "nothing was made");
}

#[test]
fn files_and_folders_are_private_under_any_umask() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let plan = Plan {
        page: 20,
        auth: "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = { file = \"secret\" }\n",
        ..Plan::default()
    };
    // One leaves every right to others, one takes every right from us.
    for umask in ["000", "022", "777"] {
        let place = Place::new(&server, &plan);
        server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
        let mut command = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_rollbook")]);
        place.folders(&mut command);
        command.args(["sync", "--json"]);
        let running = place.start(command);
        server.until_somebody_waits();
        let during = modes(&place.path("state"));
        server.release();
        running.end().fine("under any umask");
        let after = modes(&place.path("state"));
        for (name, mode) in during.iter().chain(&after) {
            let (mode, should) = (
                mode & 0o777,
                if name.ends_with('/') { 0o700 } else { 0o600 },
            );
            assert_eq!(mode, should, "umask {umask}: {name} has the mode {mode:o}");
        }
        for name in [
            "mirror.db",
            "mirror.db-wal",
            "vault.db",
            "vault.db-wal",
            "vault.db-shm",
            "vault-own.lock",
            "rollbook.lock",
            "state/",
        ] {
            assert!(
                during.iter().any(|(file, _)| file.ends_with(name)),
                "{name} was not looked at: {during:?}"
            );
        }
    }
}

#[test]
fn a_vault_that_others_could_reach_is_shut_or_refused() {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(&server, &Plan::default());
    place.sync().fine("the first time");
    let (state, vault) = (place.path("state"), place.path("state/vault.db"));
    fs::set_permissions(&vault, fs::Permissions::from_mode(0o644)).expect("set");
    // The admin lets others read the mirror: that is theirs to decide.
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(place.mirror(), fs::Permissions::from_mode(0o644)).expect("set");
    place.sync().fine("others may look into the folder");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&state), mode(&place.mirror()), mode(&vault)),
        (0o755, 0o644, 0o600)
    );
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("set");
    let ran = place.sync();
    assert_eq!(ran.code, Some(78), "{ran:?}");
    let words = "every user of this machine can write to this folder; run `chmod o-w ";
    assert!(ran.err.contains(words), "{ran:?}");
}

/// The modes of a folder and of everything in it.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    let mut modes = vec![(format!("{}/", folder.display()), mode(folder))];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        modes.push((path.display().to_string(), mode(&path)));
    }
    modes
}
