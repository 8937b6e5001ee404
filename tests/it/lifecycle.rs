//! What a service must survive: missing secrets, a stop at any time, a journal that is not read.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::Command;

use crate::installation::{Config, Installation};
use crate::people::{user, users};
use crate::queries;
use crate::server::{Paging, Server};
use crate::service::{Service, school, tick_every_second};

#[test]
fn a_missing_secret_is_recorded_and_retried_when_it_exists() {
    let (server, installation) = school();
    tick_every_second(&installation);
    fs::remove_file(installation.path("config/secret")).expect("removed");
    let mut service = Service::start(installation, &[]);
    // Between two ticks, or while the next run is under way.
    let mut messages = (0..50).map(|_| service.expect("STATUS="));
    let parked = messages.find(|message| message.contains("last roster parked at "));
    let parked = parked.expect("the line says how the last run ended");
    assert!(parked.contains("next tick roster at "), "{parked}");
    service.until_status("who waits", |status| status["jobs"][0]["parked"] == true);
    let message: String = queries::one(
        &service.installation.mirror(),
        "SELECT message FROM rollbook_runs WHERE outcome = 'parked' ORDER BY run LIMIT 1",
    );
    assert!(
        message.contains("secret file `secret` is missing"),
        "{message}"
    );
    assert!(server.log().is_empty(), "no request was sent");
    let log = service.running.log();
    assert!(
        log.contains("ended: parked") && log.contains("`secret` is missing"),
        "{log}"
    );

    service
        .installation
        .secret("secret", crate::installation::SECRET);
    service.until_status("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    service.until_status("no waiting job", |status| {
        status["jobs"][0]["parked"] == false
    });
    let parked: Option<String> = queries::one(
        &service.installation.mirror(),
        "SELECT parked FROM rollbook_jobs",
    );
    assert_eq!(parked, None);
    let (_, log) = service.stop();
    assert!(
        log.contains("ended: parked") && log.contains("`secret` is missing"),
        "{log}"
    );
}

#[test]
fn a_damaged_mirror_ends_the_daemon_with_a_reason() {
    let (_server, installation) = school();
    tick_every_second(&installation);
    let mut service = Service::start(installation, &[]);
    service.until_status("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    // After the first page, as a failing disk does it.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(service.installation.mirror())
        .expect("the mirror");
    let length = file.metadata().expect("a length").len();
    file.seek(SeekFrom::Start(4096)).expect("sought");
    let garbage = vec![0xA5; usize::try_from(length).expect("small") - 4096];
    file.write_all(&garbage).expect("damaged");
    let messages = service.expect("STATUS=exiting: ");
    assert!(
        messages.contains("`rollbook restore` restores a backup"),
        "{messages}"
    );
    service.expect("STOPPING=1");
    let ran = service.running.end();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err
            .contains("ERROR cannot write the mirror any more, rollbook exits: "),
        "{ran:?}"
    );
}

#[test]
fn a_limit_on_file_sizes_fails_a_run_and_ends_nothing() {
    let server = Server::of_users(Paging::TotalInHeader, users(3000));
    let plan = Config {
        page: 1000,
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    let sync = installation.command(&["sync", "--json"]);
    let mut limited = Command::new("sh");
    // Three quarters of a MiB: enough for empty tables, not for the users.
    limited.args(["-c", "ulimit -f 1536 && exec \"$0\" \"$@\""]);
    limited.arg(sync.get_program()).args(sync.get_args());
    let ran = installation.start(limited).end();
    assert_eq!(
        (ran.code, ran.outcome_and_message().0.as_str()),
        (Some(1), "failed"),
        "{ran:?}"
    );
    assert!(
        ran.outcome_and_message()
            .1
            .contains("a limit on the size of files"),
        "{ran:?}"
    );
    let again = installation.sync().assert_ok("without a limit");
    assert_eq!(again.number("users", "new"), 3000);
}

#[test]
fn an_unread_log_stops_nothing() {
    let (_server, installation) = school();
    tick_every_second(&installation);
    // A full pipe of the test: the first line would block for ever.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let full = writer.try_clone().expect("another end");
    let fill = std::thread::spawn(move || writer.write_all(&[b'x'; 1 << 20]));
    let mut service = Service::start_with(
        installation,
        &[("ROLLBOOK_LOG", "debug")],
        Some(full.into()),
    );
    service.expect("READY=1");
    service.until_status("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    service.stop();
    drop(reader);
    assert!(
        fill.join().expect("it ends").is_err(),
        "the pipe was not read"
    );
}

#[test]
fn a_stop_during_a_large_transaction_is_quick_and_atomic() {
    const ROWS: usize = 20_000;
    let server = Server::of_users(Paging::TotalInHeader, users(ROWS));
    let plan = Config {
        page: 4000,
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    installation.sync().assert_ok("the first time");
    server.edit("users", |users| {
        (0..ROWS).for_each(|number| users[number] = user(number, 2));
    });
    tick_every_second(&installation);
    let service = Service::start(installation, &[]);
    // More than the writer keeps in memory is in the log of a transaction that is not committed.
    let log = service.installation.path("state/mirror.db-wal");
    service.until("the transaction is under way", || {
        fs::metadata(&log).is_ok_and(|log| log.len() > 2 << 20)
    });
    let (installation, _) = service.stop();
    let state = || {
        let of = |sql: &str| queries::one::<u64>(&installation.mirror(), sql);
        let new = of("SELECT count(*) FROM own_users WHERE date_last_modified >= '2026-03-02'");
        let old = of("SELECT count(*) FROM own_users_history WHERE _ended = 'changed'");
        let sound: String = queries::one(&installation.mirror(), "PRAGMA integrity_check");
        assert_eq!(sound, "ok");
        (new as usize, old as usize)
    };
    let stopped = state();
    assert!([(0, 0), (ROWS, ROWS)].contains(&stopped), "{stopped:?}");
    let ended: String = queries::one(
        &installation.mirror(),
        "SELECT coalesce(outcome, 'open') FROM rollbook_runs ORDER BY run DESC LIMIT 1",
    );
    assert!(["interrupted", "open"].contains(&ended.as_str()), "{ended}");
    installation.sync().assert_ok("the next time");
    assert_eq!(state(), (ROWS, ROWS));
}
