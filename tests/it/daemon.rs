//! `rollbook run` as systemd sees it: a notify socket of the test's own, signals, files that change, a status file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::server::{Fault, Server};
use crate::service::{Service, hurry, school};

#[test]
fn systemd_hears_ready_status_reloads_and_the_end() {
    let (_server, place) = school();
    let mut service = Service::start(place, &[]);
    let ready = service.hear("READY=1");
    assert!(ready.contains("STATUS="), "{ready}");
    service.hear("STATUS=next tick roster at ");
    service.signal("HUP");
    let reloading = service.hear("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    service.hear("READY=1");
    let (_, log) = service.stop();
    assert!(!log.contains("WATCHDOG"), "{log}");
}

#[test]
fn a_broken_file_is_shown_everywhere_and_the_old_configuration_stays() {
    let (_server, place) = school();
    let mut service = Service::start(place, &[]);
    service.hear("STATUS=next tick roster at ");
    let good = fs::read_to_string(service.place.path("jobs/roster.toml")).expect("read");
    // No signal: the change itself is noticed.
    service
        .place
        .write("jobs/roster.toml", &format!("schedul = 1\n{good}"));
    service.hear("RELOADING=1");
    let told = service.hear("READY=1");
    assert!(
        told.contains("STATUS=the configuration on disk was refused"),
        "{told}"
    );
    assert!(told.contains("roster.toml:1:1: "), "{told}");
    let status = service.shows("the refusal", |status| {
        !status["configuration"]["refused"].is_null()
    });
    assert_eq!(
        status["configuration"]["refused"]["problems"], 1,
        "{status}"
    );
    assert_eq!(
        status["jobs"][0]["job"], "roster",
        "the job goes on: {status}"
    );
    let mut command = service.place.command(&["status"]);
    command.env("RUNTIME_DIRECTORY", service.place.path("runtime"));
    let shown = service.place.start(command).end();
    assert!(
        shown.out.contains("The daemon has been running since "),
        "{shown:?}"
    );
    assert!(shown.out.contains("keeps the previous one"), "{shown:?}");
    assert!(shown.out.contains("roster.toml:1:1: "), "{shown:?}");

    service.place.write("jobs/roster.toml", &good);
    service.hear("RELOADING=1");
    let told = service.hear("READY=1");
    assert!(told.contains("STATUS=next tick roster at "), "{told}");
    service.shows("no refusal", |status| {
        status["configuration"]["refused"].is_null()
    });
    let (_, log) = service.stop();
    assert!(log.contains("the old one stays"), "{log}");
    assert!(log.contains("schedul"), "{log}");
}

#[test]
fn the_watchdog_is_told_by_the_loop_and_only_if_it_is_meant_for_us() {
    for (pid, is_told) in [(None, true), (Some("1"), false)] {
        let (_server, place) = school();
        // A tick every second lets the loop come round often enough for either answer.
        hurry(&place);
        let mut environment = vec![("WATCHDOG_USEC", "2000000")];
        environment.extend(pid.map(|pid| ("WATCHDOG_PID", pid)));
        let mut service = Service::start(place, &environment);
        service.hear("READY=1");
        if is_told {
            (0..3).for_each(|_| drop(service.hear("WATCHDOG=1")));
        }
        service.hear("STATUS=next tick roster at ");
        (0..3).for_each(|_| drop(service.hear("STATUS=roster runs")));
        let told = service
            .heard
            .iter()
            .any(|message| message.contains("WATCHDOG=1"));
        assert_eq!(told, is_told, "{:?}", service.heard);
        service.stop();
    }
}

#[test]
fn the_status_file_shows_a_run_while_it_goes_on_and_how_it_ended() {
    let (server, place) = school();
    hurry(&place);
    server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
    let service = Service::start(place, &[]);
    server.until_somebody_waits();
    let status = service.shows("a run", |status| {
        status["jobs"][0]["running"]["stream"] == "users"
    });
    assert_eq!(
        status["jobs"][0]["running"]["cause"], "schedule",
        "{status}"
    );
    assert_eq!(status["schema"], 1);
    assert_eq!(status["state"], "running");
    assert_eq!(status["process"]["pid"], service.running.pid());
    let mode = fs::metadata(service.status_file())
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    server.release();
    let status = service.shows("an end", |status| !status["jobs"][0]["last"].is_null());
    assert_eq!(status["jobs"][0]["last"]["outcome"], "ok", "{status}");
    assert!(status["jobs"][0]["next_tick"].is_string(), "{status}");
    service.stop();
}

#[test]
fn a_status_of_a_daemon_that_was_killed_is_not_believed() {
    let (_server, place) = school();
    let mut service = Service::start(place, &[]);
    service.hear("STATUS=next tick roster at ");
    service.shows("a job", |status| status["jobs"][0]["job"] == "roster");
    let status = |service: &Service| {
        let mut command = service.place.command(&["status", "--json"]);
        command.env("RUNTIME_DIRECTORY", service.place.path("runtime"));
        let ran = service.place.start(command).end();
        let shown: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        shown["daemon"].clone()
    };
    assert_eq!(status(&service)["process"]["pid"], service.running.pid());
    service.running.kill();
    assert!(service.status_file().exists(), "nobody took it away");
    assert_eq!(status(&service), Value::Null);
}

#[test]
fn a_stop_is_quick_whatever_goes_on() {
    type Trouble = fn(&Server);
    let troubles: [(&str, Trouble); 3] = [
        ("a slow page", |server| {
            server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
        }),
        ("a pause before another try", |server| {
            server.script(|_| Some(Fault::Status(503)));
        }),
        ("a token request", Server::hold_tokens),
    ];
    for (name, trouble) in troubles {
        let (server, place) = school();
        hurry(&place);
        trouble(&server);
        let mut service = Service::start(place, &[]);
        service.hear("STATUS=roster runs");
        match name {
            "a pause before another try" => server.until_somebody_asked(),
            _ => server.until_somebody_waits(),
        }
        let (place, _) = service.stop();
        server.release();
        let ended: String = crate::queries::one(
            &place.mirror(),
            "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 1",
        );
        assert_eq!(ended, "interrupted", "{name}");
    }
}

#[test]
fn a_second_daemon_is_told_who_was_first() {
    let (_server, place) = school();
    let mut service = Service::start(place, &[]);
    service.hear("READY=1");
    let second = service.place.run(&["run"]);
    assert_eq!(second.code, Some(75), "{second:?}");
    let named = format!("pid {}", service.running.pid());
    assert!(second.err.contains(&named), "{second:?}");
    service.stop();
}

#[test]
fn a_broken_configuration_is_never_ready() {
    let (_server, place) = school();
    place.write("jobs/roster.toml", "source = \"own\"\n");
    let service = Service::start(place, &[]);
    let ran = service.running.end();
    assert_eq!(ran.code, Some(78), "{ran:?}");
    service.socket.set_nonblocking(true).expect("set");
    assert!(
        service.socket.recv(&mut [0; 64]).is_err(),
        "systemd was told something"
    );
}

#[test]
fn the_log_is_text_or_json_and_a_foreign_journal_is_not_written_to() {
    let form = |environment: &[(&str, &str)]| {
        let (_server, place) = school();
        let mut service = Service::start(place, environment);
        service.hear("READY=1");
        service.stop().1
    };
    // Device and inode of nobody's standard error: inherited from a unit that started somebody else.
    let text = form(&[("JOURNAL_STREAM", "9:1")]);
    assert!(
        text.contains(" INFO rollbook started jobs=1 mirror="),
        "{text}"
    );
    let lines = form(&[("ROLLBOOK_LOG_FORMAT", "json")]);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(
        lines.lines().any(|line| line.contains("\"jobs\":1")),
        "{lines}"
    );
}

/// Runs a command beside the daemon, with the folder that systemd would have given the daemon.
fn beside(service: &Service, arguments: &[&str]) -> crate::place::Ran {
    let mut command = service.place.command(arguments);
    command.env("RUNTIME_DIRECTORY", service.place.path("runtime"));
    service.place.start(command).end()
}

#[test]
fn what_a_run_held_back_is_approved_while_the_daemon_runs() {
    let (server, place) = school();
    place.sync().fine("the first time");
    server.edit("users", |users| users.truncate(30));
    let held = place.sync().held("30 of 60 rows");
    let run = held.report()["run"].to_string();
    let mut service = Service::start(place, &[]);
    service.hear("STATUS=next tick roster at ");

    let unknown = beside(&service, &["approve", "999"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("there is no run 999"), "{unknown:?}");
    let approved = beside(&service, &["approve", &run]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(
        approved.out.contains("The daemon runs roster now"),
        "{approved:?}"
    );
    let told = service.hear("STATUS=next tick roster at ");
    assert!(told.contains("last roster ok at "), "{told}");
    assert_eq!(
        crate::queries::count(&service.place.mirror(), "own_users"),
        30
    );
    let cause: String = crate::queries::one(
        &service.place.mirror(),
        "SELECT cause FROM rollbook_runs ORDER BY run DESC LIMIT 1",
    );
    assert_eq!(cause, "approval");
    service.stop();
}

#[test]
fn a_job_is_resumed_and_a_stream_reset_while_the_daemon_runs() {
    let (server, place) = school();
    place.sync().fine("the first time");
    server.refuse_tokens(401);
    assert_eq!(place.sync().said().0, "parked");
    let mut service = Service::start(place, &[]);
    service.hear("STATUS=next tick roster at ");
    let resumed = beside(&service, &["resume", "roster"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(
        resumed.out.contains("roster no longer waits (parked: "),
        "{resumed:?}"
    );
    let again = beside(&service, &["resume", "roster"]);
    assert_eq!(again.out, "roster was not waiting.\n");
    let reset = beside(&service, &["reset", "roster", "users"]);
    assert_eq!(
        reset.out, "The next run of roster reads own_users in full; no row was changed.\n",
        "{reset:?}"
    );
    let wrong = beside(&service, &["reset", "roster", "user"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("did you mean `users`?"), "{wrong:?}");
    // Whoever looks in the wrong folder is told to stop the daemon first.
    let lost = service.place.run(&["resume", "roster"]);
    assert_eq!(lost.code, Some(75), "{lost:?}");
    service.stop();
}
