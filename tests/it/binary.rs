//! The program as scripts and systemd see it: exit codes, signals, lock, and file modes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::installation::{Config, Installation};
use crate::people::{roster, user, users};
use crate::queries;
use crate::server::{Fault, Paging, Server};

/// How long the program may take to stop (reliability.md 9 R11).
const STOPS_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn the_exit_code_reports_the_outcome() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(
        &server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    let broken = Installation::new(
        &server,
        &Config {
            streams: &["pupils"],
            ..Config::default()
        },
    );
    let nowhere = Installation::empty();
    let cases: [(&str, &Installation, &[&str], i32); 10] = [
        ("a job that ends well", &installation, &["sync"], 0),
        ("the same by name", &installation, &["sync", "roster"], 0),
        ("help", &installation, &["--help"], 0),
        ("the version", &installation, &["--version"], 0),
        ("no command", &installation, &[], 2),
        ("an unknown command", &installation, &["synk"], 2),
        (
            "an unknown option",
            &installation,
            &["sync", "--dri-run"],
            2,
        ),
        ("an unknown job", &installation, &["sync", "rooster"], 2),
        ("a broken configuration", &broken, &["sync"], 78),
        ("no configuration", &nowhere, &["sync"], 78),
    ];
    for (what, installation, arguments, code) in cases {
        let ran = installation.run(arguments);
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
    let ran = installation.run(&["sync"]);
    assert_eq!(ran.code, Some(1), "a run that failed: {ran:?}");
    assert!(ran.out.contains("returned 400"), "{ran:?}");
}

#[test]
fn a_missing_secret_parks_the_job_with_a_remedy() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    let secret = installation.path("config/secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("set");
    let (outcome, message) = installation.sync().outcome_and_message();
    assert_eq!(outcome, "parked");
    assert!(
        message.contains("can be read by others: run `chmod 600"),
        "{message}"
    );
    fs::remove_file(&secret).expect("removed");
    let ran = installation.sync();
    let (outcome, message) = ran.outcome_and_message();
    assert_eq!((ran.code, outcome.as_str()), (Some(1), "parked"));
    assert!(
        message.contains("secret file `secret` is missing: write it into"),
        "{message}"
    );
    assert!(server.log().is_empty(), "no request was sent");
}

#[test]
fn a_stop_during_a_page_is_quick_and_leaves_nothing_partial() {
    for apply in ["each", "together"] {
        let server = Server::start(Paging::TotalInHeader, roster(200));
        let plan = Config {
            streams: &["orgs", "users"],
            page: 20,
            job: &format!("apply = \"{apply}\"\n"),
            ..Config::default()
        };
        let installation = Installation::new(&server, &plan);
        installation.sync().assert_ok("the first time");
        let before = queries::data(&installation.mirror());
        server.edit("users", |users| {
            (0..100).for_each(|number| users[number] = user(number, 2))
        });
        server
            .script(|request| (request.list == "users" && request.nth == 5).then_some(Fault::Wait));
        let running = installation.start(installation.command(&["sync", "--json"]));
        server.until_a_request_is_held();
        running.terminate();
        let ran = running.end();
        assert!(ran.took < STOPS_WITHIN, "{apply}: {:?}", ran.took);
        let (outcome, message) = ran.outcome_and_message();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "interrupted"),
            "{apply}: {ran:?}"
        );
        assert!(
            message.contains("unfinished streams were not written"),
            "{message}"
        );
        assert_eq!(queries::data(&installation.mirror()), before, "{apply}");
        let ended: String = queries::one(
            &installation.mirror(),
            "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 1",
        );
        assert_eq!(ended, "interrupted", "{apply}");
        server.release();
        server.clear_faults();
        assert_eq!(
            installation
                .sync()
                .assert_ok("the next time")
                .number("users", "changed"),
            100
        );
    }
}

#[test]
fn a_stop_during_a_retry_after_is_quick() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(
        &server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    server.script(|request| match request.nth {
        1 => Some(Fault::Status(503)),
        _ => Some(Fault::Wait),
    });
    let running = installation.start(installation.command(&["sync", "--json"]));
    server.until_a_request_was_answered();
    running.terminate();
    let ran = running.end();
    assert!(ran.took < STOPS_WITHIN, "{:?}", ran.took);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(queries::count(&installation.mirror(), "own_users"), 0);
}

#[test]
fn a_second_program_reports_who_holds_the_mirror() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(
        &server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    server.script(|request| (request.nth == 2).then_some(Fault::Wait));
    let first = installation.start(installation.command(&["sync", "--json"]));
    server.until_a_request_is_held();
    let second = installation.sync();
    assert_eq!(second.code, Some(75), "{second:?}");
    let named = format!("another rollbook (pid {})", first.pid());
    assert!(second.err.contains(&named), "{named} is not in {second:?}");
    assert_eq!(second.out, "");
    server.release();
    first.end().assert_ok("undisturbed");
    installation
        .sync()
        .assert_ok("a lock ends with its process");
}

#[test]
fn a_lock_of_a_killed_program_is_free() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(
        &server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    server.script(|request| (request.nth == 2).then_some(Fault::Wait));
    let mut first = installation.start(installation.command(&["sync", "--json"]));
    server.until_a_request_is_held();
    first.kill();
    server.release();
    server.clear_faults();
    installation
        .sync()
        .assert_ok("the lock died with its process");
}

#[test]
fn an_invalid_configuration_lists_all_problems_at_once() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedul = \"0 * * * *\"\ntime_zone = \"Europe/Wien\"\n[guard]\nremovals = \"ten\"\n",
    );
    installation.write(
        "jobs/second.toml",
        "source = \"oven\"\nstreams = [\"users\"]\nschedule = \"99 * * * *\"\n",
    );
    installation.write(
        "config/connectors/other.toml",
        "connector = \"other\"\nextends = \"onerooster\"\n",
    );
    let ran = installation.sync();
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
    assert!(!installation.path("state").exists(), "nothing was made");
}

#[test]
fn files_and_folders_are_private_under_any_umask() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let plan = Config {
        page: 20,
        auth: "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = { file = \"secret\" }\n",
        ..Config::default()
    };
    // One umask gives every right to others, one takes every right from us.
    for umask in ["000", "022", "777"] {
        let installation = Installation::new(&server, &plan);
        server.script(|request| (request.nth == 2).then_some(Fault::Wait));
        let mut command = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_rollbook")]);
        installation.folders(&mut command);
        command.args(["sync", "--json"]);
        let running = installation.start(command);
        server.until_a_request_is_held();
        let during = modes(&installation.path("state"));
        server.release();
        running.end().assert_ok("under any umask");
        let after = modes(&installation.path("state"));
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
                "{name} was not checked: {during:?}"
            );
        }
    }
}

#[test]
fn a_vault_that_others_can_access_is_restricted_or_refused() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    let (state, vault) = (
        installation.path("state"),
        installation.path("state/vault.db"),
    );
    fs::set_permissions(&vault, fs::Permissions::from_mode(0o644)).expect("set");
    // Who else may enter the folder is the admin's decision; who may read the mirror is configured.
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).expect("set");
    fs::set_permissions(installation.mirror(), fs::Permissions::from_mode(0o644)).expect("set");
    let mut command = installation.command(&["sync", "--json"]);
    command.env("ROLLBOOK_LOG", "warn");
    let ran = installation.start(command).end();
    assert!(
        ran.err
            .contains("mirror.db had mode 0644, wider than configured; it has 0600 now"),
        "{ran:?}"
    );
    ran.assert_ok("others may enter the folder");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&state), mode(&installation.mirror()), mode(&vault)),
        (0o755, 0o600, 0o600)
    );
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("set");
    let ran = installation.sync();
    assert_eq!(ran.code, Some(78), "{ran:?}");
    let words = "every user of this machine can write to this folder; run `chmod o-w ";
    assert!(ran.err.contains(words), "{ran:?}");
}

/// The modes of a folder and of its content.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    let mut modes = vec![(format!("{}/", folder.display()), mode(folder))];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        modes.push((path.display().to_string(), mode(&path)));
    }
    modes
}
