//! What a service bears: secrets that are not there, a stop at a bad moment, a journal that nobody reads.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::Command;

use crate::people::{user, users};
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{Server, Way};
use crate::service::{Service, hurry, school};

#[test]
fn a_missing_secret_is_recorded_and_tried_again_when_it_is_there() {
    let (server, place) = school();
    hurry(&place);
    fs::remove_file(place.path("config/secret")).expect("removed");
    let mut service = Service::start(place, &[]);
    let told = service.hear("STATUS=next tick roster at ");
    let told = match told.contains("last roster") {
        true => told,
        false => service.hear("STATUS=next tick roster at "),
    };
    assert!(told.contains("last roster parked at "), "{told}");
    service.shows("who waits", |status| status["jobs"][0]["parked"] == true);
    let message: String = queries::one(
        &service.place.mirror(),
        "SELECT message FROM rollbook_runs WHERE outcome = 'parked' ORDER BY run LIMIT 1",
    );
    assert!(
        message.contains("secret file `secret` is missing"),
        "{message}"
    );
    assert!(server.log().is_empty(), "nobody was asked");
    let log = service.running.log();
    assert!(
        log.contains("ERROR run ends") && log.contains("`secret` is missing"),
        "{log}"
    );

    service.place.secret("secret", crate::place::SECRET);
    service.shows("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    service.shows("nobody who waits", |status| {
        status["jobs"][0]["parked"] == false
    });
    let parked: Option<String> =
        queries::one(&service.place.mirror(), "SELECT parked FROM rollbook_jobs");
    assert_eq!(parked, None);
    let (_, log) = service.stop();
    assert!(
        log.contains("ERROR run ends") && log.contains("`secret` is missing"),
        "{log}"
    );
}

#[test]
fn a_damaged_mirror_ends_the_daemon_and_says_why() {
    let (_server, place) = school();
    hurry(&place);
    let mut service = Service::start(place, &[]);
    service.shows("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    // Behind the first page, as a failing disk does it.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(service.place.mirror())
        .expect("the mirror");
    let length = file.metadata().expect("a length").len();
    file.seek(SeekFrom::Start(4096)).expect("sought");
    let garbage = vec![0xA5; usize::try_from(length).expect("small") - 4096];
    file.write_all(&garbage).expect("damaged");
    let told = service.hear("STATUS=exiting: ");
    assert!(
        told.contains("`rollbook restore` restores a backup"),
        "{told}"
    );
    service.hear("STOPPING=1");
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
    let server = Server::of_users(Way::TotalInHeader, users(3000));
    let plan = Plan {
        page: 1000,
        ..Plan::default()
    };
    let place = Place::new(&server, &plan);
    let sync = place.command(&["sync", "--json"]);
    let mut limited = Command::new("sh");
    // Half a MiB: enough for empty tables, not for the users.
    limited.args(["-c", "ulimit -f 1024 && exec \"$0\" \"$@\""]);
    limited.arg(sync.get_program()).args(sync.get_args());
    let ran = place.start(limited).end();
    assert_eq!(
        (ran.code, ran.said().0.as_str()),
        (Some(1), "failed"),
        "{ran:?}"
    );
    assert!(
        ran.said().1.contains("a limit on the size of files"),
        "{ran:?}"
    );
    let again = place.sync().fine("without a limit");
    assert_eq!(again.number("users", "new"), 3000);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let (_server, place) = school();
    hurry(&place);
    // A pipe of ours that is full: the first line would wait for ever.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let full = writer.try_clone().expect("another end");
    let fill = std::thread::spawn(move || writer.write_all(&[b'x'; 1 << 20]));
    let mut service = Service::start_with(place, &[("ROLLBOOK_LOG", "debug")], Some(full.into()));
    service.hear("READY=1");
    service.shows("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    service.stop();
    drop(reader);
    assert!(
        fill.join().expect("it ends").is_err(),
        "nobody read the pipe"
    );
}

#[test]
fn a_stop_in_the_middle_of_a_large_transaction_is_quick_and_leaves_it_whole_or_undone() {
    const ROWS: usize = 20_000;
    let server = Server::of_users(Way::TotalInHeader, users(ROWS));
    let plan = Plan {
        page: 4000,
        ..Plan::default()
    };
    let place = Place::new(&server, &plan);
    place.sync().fine("the first time");
    server.edit("users", |users| {
        (0..ROWS).for_each(|number| users[number] = user(number, 2));
    });
    hurry(&place);
    let service = Service::start(place, &[]);
    // More than the writer keeps in memory has removed to the log of a transaction that is not over.
    let log = service.place.path("state/mirror.db-wal");
    service.until("the transaction is under way", || {
        fs::metadata(&log).is_ok_and(|log| log.len() > 2 << 20)
    });
    let (place, _) = service.stop();
    let state = || {
        let of = |sql: &str| queries::one::<u64>(&place.mirror(), sql);
        let new = of("SELECT count(*) FROM own_users WHERE date_last_modified >= '2026-03-02'");
        let old = of("SELECT count(*) FROM own_users_history WHERE _ended = 'changed'");
        let sound: String = queries::one(&place.mirror(), "PRAGMA integrity_check");
        assert_eq!(sound, "ok");
        (new as usize, old as usize)
    };
    let stopped = state();
    assert!([(0, 0), (ROWS, ROWS)].contains(&stopped), "{stopped:?}");
    let ended: String = queries::one(
        &place.mirror(),
        "SELECT coalesce(outcome, 'open') FROM rollbook_runs ORDER BY run DESC LIMIT 1",
    );
    assert!(["interrupted", "open"].contains(&ended.as_str()), "{ended}");
    place.sync().fine("the next time");
    assert_eq!(state(), (ROWS, ROWS));
}
