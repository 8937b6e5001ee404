//! `rollbook run` as systemd sees it: a notify socket of the test, signals, changed files, the status file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::server::{Fault, Server};
use crate::service::{Service, school, tick_every_second};

#[test]
fn systemd_is_notified_of_ready_status_reload_and_stop() {
    let (_server, installation) = school();
    let mut service = Service::start(installation, &[]);
    let ready = service.expect("READY=1");
    assert!(ready.contains("STATUS="), "{ready}");
    service.expect("STATUS=next tick roster at ");
    service.signal("HUP");
    let reloading = service.expect("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    service.expect("READY=1");
    let (_, log) = service.stop();
    assert!(!log.contains("WATCHDOG"), "{log}");
}

#[test]
fn an_invalid_file_is_reported_and_the_old_configuration_stays() {
    let (_server, installation) = school();
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let good = fs::read_to_string(service.installation.path("jobs/roster.toml")).expect("read");
    // No signal: the change itself is detected.
    service
        .installation
        .write("jobs/roster.toml", &format!("schedul = 1\n{good}"));
    service.expect("RELOADING=1");
    let messages = service.expect("READY=1");
    assert!(
        messages.contains("STATUS=the configuration on disk was refused"),
        "{messages}"
    );
    assert!(
        messages.contains("roster.toml:1: unknown key"),
        "{messages}"
    );
    let status = service.until_status("the refusal", |status| {
        !status["configuration"]["refused"].is_null()
    });
    assert_eq!(
        status["configuration"]["refused"]["problems"], 1,
        "{status}"
    );
    assert_eq!(
        status["jobs"][0]["job"], "roster",
        "the job continues: {status}"
    );
    let mut command = service.installation.command(&["status"]);
    command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
    let shown = service.installation.start(command).end();
    assert!(
        shown.out.contains("The daemon has been running since "),
        "{shown:?}"
    );
    assert!(shown.out.contains("keeps the previous one"), "{shown:?}");
    assert!(shown.out.contains("roster.toml:1: "), "{shown:?}");

    service.installation.write("jobs/roster.toml", &good);
    service.expect("RELOADING=1");
    let messages = service.expect("READY=1");
    assert!(
        messages.contains("STATUS=next tick roster at "),
        "{messages}"
    );
    service.until_status("no refusal", |status| {
        status["configuration"]["refused"].is_null()
    });
    let (_, log) = service.stop();
    assert!(log.contains("the old one stays"), "{log}");
    assert!(log.contains("schedul"), "{log}");
}

#[test]
fn the_loop_notifies_the_watchdog_only_of_this_process() {
    for (pid, is_notified) in [(None, true), (Some("1"), false)] {
        let (_server, installation) = school();
        // A tick every second makes the loop run often enough for either result.
        tick_every_second(&installation);
        let mut environment = vec![("WATCHDOG_USEC", "2000000")];
        environment.extend(pid.map(|pid| ("WATCHDOG_PID", pid)));
        let mut service = Service::start(installation, &environment);
        service.expect("READY=1");
        if is_notified {
            (0..3).for_each(|_| drop(service.expect("WATCHDOG=1")));
        }
        service.expect("STATUS=next tick roster at ");
        (0..3).for_each(|_| drop(service.expect("STATUS=roster runs")));
        let messages = service
            .notifications
            .iter()
            .any(|message| message.contains("WATCHDOG=1"));
        assert_eq!(messages, is_notified, "{:?}", service.notifications);
        service.stop();
    }
}

#[test]
fn the_status_file_shows_a_running_run_and_its_outcome() {
    let (server, installation) = school();
    tick_every_second(&installation);
    server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
    let service = Service::start(installation, &[]);
    server.until_a_request_is_held();
    let status = service.until_status("a run", |status| {
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
    let status = service.until_status("an end", |status| !status["jobs"][0]["last"].is_null());
    assert_eq!(status["jobs"][0]["last"]["outcome"], "ok", "{status}");
    assert!(status["jobs"][0]["next_tick"].is_string(), "{status}");
    let history = service.installation.path("runtime/history.json");
    let read = || fs::read_to_string(&history).unwrap_or_default();
    service.until("the run in the history file", || {
        read().contains("\"stream\":\"users\"")
    });
    let found: serde_json::Value = serde_json::from_str(&read()).expect("never half a file");
    assert_eq!(found["schema"], 1);
    assert_eq!(found["jobs"][0]["runs"][0]["outcome"], "ok", "{found}");
    assert!(found["streams"][0]["days"][0]["rows"].is_u64(), "{found}");
    let mode = fs::metadata(&history).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let (_installation, _) = service.stop();
    assert!(history.exists(), "it stays when the daemon ends");
}

#[test]
fn a_status_file_of_a_killed_daemon_is_stale() {
    let (_server, installation) = school();
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    service.until_status("a job", |status| status["jobs"][0]["job"] == "roster");
    let status = |service: &Service| {
        let mut command = service.installation.command(&["status", "--json"]);
        command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
        let ran = service.installation.start(command).end();
        let shown: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        shown["daemon"].clone()
    };
    assert_eq!(status(&service)["process"]["pid"], service.running.pid());
    service.running.kill();
    assert!(service.status_file().exists(), "it was not removed");
    assert_eq!(status(&service), Value::Null);
}

#[test]
fn a_stop_is_quick_at_any_time() {
    type Activity = fn(&Server);
    let activity: [(&str, Activity); 3] = [
        ("a slow page", |server| {
            server.script(|asked| (asked.nth == 2).then_some(Fault::Wait));
        }),
        ("a pause before another try", |server| {
            server.script(|_| Some(Fault::Status(503)));
        }),
        ("a token request", Server::hold_tokens),
    ];
    for (name, activity) in activity {
        let (server, installation) = school();
        tick_every_second(&installation);
        activity(&server);
        let mut service = Service::start(installation, &[]);
        service.expect("STATUS=roster runs");
        match name {
            "a pause before another try" => server.until_a_request_was_answered(),
            _ => server.until_a_request_is_held(),
        }
        let (installation, _) = service.stop();
        server.release();
        let ended: String = crate::queries::one(
            &installation.mirror(),
            "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 1",
        );
        assert_eq!(ended, "interrupted", "{name}");
    }
}

#[test]
fn a_second_daemon_reports_the_first() {
    let (_server, installation) = school();
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let second = service.installation.run(&["run"]);
    assert_eq!(second.code, Some(75), "{second:?}");
    let named = format!("pid {}", service.running.pid());
    assert!(second.err.contains(&named), "{second:?}");
    service.stop();
}

#[test]
fn an_invalid_configuration_is_never_ready() {
    let (_server, installation) = school();
    installation.write("jobs/roster.toml", "source = \"own\"\n");
    let service = Service::start(installation, &[]);
    let ran = service.running.end();
    assert_eq!(ran.code, Some(78), "{ran:?}");
    service.socket.set_nonblocking(true).expect("set");
    assert!(
        service.socket.recv(&mut [0; 64]).is_err(),
        "systemd received a notification"
    );
}

#[test]
fn the_log_is_text_or_json_and_a_foreign_journal_is_not_written_to() {
    let form = |environment: &[(&str, &str)]| {
        let (_server, installation) = school();
        let mut service = Service::start(installation, environment);
        service.expect("READY=1");
        service.stop().1
    };
    // Device and inode of another process's standard error, as if inherited from a unit that started that process.
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

/// Runs a command next to the daemon, with the folder that systemd gives the daemon.
pub fn run_command(service: &Service, arguments: &[&str]) -> crate::installation::Finished {
    let mut command = service.installation.command(arguments);
    command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
    service.installation.start(command).end()
}

#[test]
fn a_held_run_is_approved_while_the_daemon_runs() {
    let (server, installation) = school();
    installation.sync().assert_ok("the first time");
    server.edit("users", |users| users.truncate(30));
    let held = installation.sync().held("30 of 60 rows");
    let run = held.report()["run"].to_string();
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");

    let unknown = run_command(&service, &["approve", "999", "--yes"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("there is no run 999"), "{unknown:?}");
    let approved = run_command(&service, &["approve", &run, "--yes"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(
        approved.out.contains("the daemon runs roster now") && approved.out.contains("by approval"),
        "{approved:?}"
    );
    let messages = service.expect("STATUS=next tick roster at ");
    assert!(messages.contains("last roster ok at "), "{messages}");
    assert_eq!(
        crate::queries::count(&service.installation.mirror(), "own_users"),
        30
    );
    let cause: String = crate::queries::one(
        &service.installation.mirror(),
        "SELECT cause FROM rollbook_runs ORDER BY run DESC LIMIT 1",
    );
    assert_eq!(cause, "approval");
    service.stop();
}

#[test]
fn a_job_is_run_by_the_daemon_when_a_person_asks() {
    let (server, installation) = school();
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let ran = run_command(&service, &["sync", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("by command"), "{ran:?}");
    let mirror = service.installation.mirror();
    assert_eq!(crate::queries::count(&mirror, "own_users"), 60);
    // The outcome is the command's.
    server.edit("users", |users| users.truncate(30));
    let held = run_command(&service, &["sync"]);
    assert_eq!(held.code, Some(1), "{held:?}");
    assert!(
        held.out.contains("30 of 60 rows would be removed"),
        "{held:?}"
    );
    let unknown = run_command(&service, &["sync", "rosters"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(
        unknown.err.contains("did you mean `roster`?"),
        "{unknown:?}"
    );
    service.stop();
}

#[test]
fn a_job_is_resumed_and_a_stream_reset_while_the_daemon_runs() {
    let (server, installation) = school();
    server.refuse_tokens(401);
    assert_eq!(installation.sync().outcome_and_message().0, "parked");
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let resumed = run_command(&service, &["resume", "roster"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert!(
        resumed.out.contains("roster no longer waits (parked: "),
        "{resumed:?}"
    );
    let again = run_command(&service, &["resume", "roster"]);
    assert_eq!(again.out, "roster was not waiting.\n");
    let reset = run_command(&service, &["reset", "roster", "users"]);
    assert_eq!(
        reset.out, "The next run of roster reads own_users in full; no row was changed.\n",
        "{reset:?}"
    );
    let wrong = run_command(&service, &["reset", "roster", "user"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("did you mean `users`?"), "{wrong:?}");
    // A command that uses the wrong folder is refused: the daemon must be stopped first.
    let lost = service.installation.run(&["resume", "roster"]);
    assert_eq!(lost.code, Some(75), "{lost:?}");
    service.stop();
}

#[test]
fn a_job_is_paused_and_resumed_while_the_daemon_runs_and_after_a_restart() {
    let (_server, installation) = school();
    tick_every_second(&installation);
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    service.until_status("a run", |status| !status["jobs"][0]["last"].is_null());
    let paused = run_command(&service, &["pause", "roster", "--until", "2199-01-07"]);
    assert_eq!(paused.code, Some(0), "{paused:?}");
    assert_eq!(
        paused.out,
        "roster is paused until 2199-01-07. No run starts by schedule; `rollbook sync roster` still runs it, \
         `rollbook resume roster` ends the pause.\n"
    );
    let is_paused = |status: &Value| {
        let job = &status["jobs"][0];
        job["paused"]["message"] == "paused until 2199-01-07"
            && job["delayed"] == "paused until 2199-01-07"
            && job["running"].is_null()
    };
    let status = service.until_status("the pause", is_paused);
    let next = status["jobs"][0]["next_tick"].as_str().expect("a tick");
    assert!(next.starts_with("2199-01-07T00:00:0"), "{status}");
    let before = status["jobs"][0]["last"].clone();

    // By hand it runs, and says that it is paused.
    let synced = run_command(&service, &["sync", "roster"]);
    assert_eq!(synced.code, Some(0), "{synced:?}");
    assert!(
        synced
            .err
            .contains("roster is paused until 2199-01-07; it runs once now"),
        "{synced:?}"
    );
    let all = run_command(&service, &["sync"]);
    assert!(
        all.err
            .contains("is left out; `rollbook sync roster` runs it"),
        "{all:?}"
    );
    let status = service.until_status("the run by hand", |status| {
        is_paused(status) && status["jobs"][0]["last"] != before
    });
    let by_hand = status["jobs"][0]["last"].clone();
    for (command, line) in [
        (
            &["status"][..],
            "• roster: paused until 2199-01-07; the next run is at ",
        ),
        (&["jobs"], "  paused until 2199-01-07\n"),
        (&["jobs", "roster"], "  paused until 2199-01-07\n"),
    ] {
        let shown = run_command(&service, command);
        assert!(shown.out.contains(line), "{shown:?}");
    }

    let (installation, _) = service.stop();
    fs::remove_file(installation.path("notify")).expect("the socket of the first one");
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let status = service.until_status("the pause after a restart", is_paused);
    assert!(status["jobs"][0]["last"].is_null(), "{status}, {by_hand}");

    for (command, message) in [
        (
            &["pause", "roster", "--until", "2020-01-07"][..],
            "`2020-01-07` is in the past: it is ",
        ),
        (
            &["pause", "rooster"],
            "there is no job or source `rooster`; did you mean `roster`?",
        ),
        (
            &["pause", "owm", "--source"],
            "there is no source `owm`; did you mean `own`?",
        ),
        (&["resume", "rooster"], "did you mean `roster`?"),
    ] {
        let refused = run_command(&service, command);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains(message), "{refused:?}");
    }
    // A pause of the source outlasts that of the job.
    let source = run_command(&service, &["pause", "own"]);
    assert!(
        source
            .out
            .starts_with("own is paused until it is resumed, with roster. "),
        "{source:?}"
    );
    let resumed = run_command(&service, &["resume", "roster"]);
    assert!(
        resumed.out.contains(
            "paused until it is resumed with its source own; `rollbook resume own` ends that"
        ),
        "{resumed:?}"
    );
    let resumed = run_command(&service, &["resume", "own"]);
    assert_eq!(
        resumed.out,
        "roster no longer waits (paused until it is resumed with its source own). It runs at its next tick.\n"
    );
    service.until_status("a run", |status| {
        status["jobs"][0]["paused"].is_null() && !status["jobs"][0]["last"].is_null()
    });
    service.stop();
}

#[test]
fn a_clock_that_was_set_back_stops_no_job_and_is_reported() {
    for ahead in ["+9 minutes", "+10 hours", "+1 year"] {
        let (_server, installation) = school();
        installation.sync().assert_ok("the first time");
        tick_every_second(&installation);
        // As a clock has left it that was ahead.
        let sql = format!(
            "INSERT INTO rollbook_jobs (job, last_due) VALUES ('roster', strftime('%Y-%m-%dT%H:%M:00.000Z', 'now', '{ahead}')) \
             ON CONFLICT (job) DO UPDATE SET last_due = excluded.last_due"
        );
        crate::queries::change(&installation.mirror(), &sql);
        let mut service = Service::start(installation, &[]);
        service.expect("READY=1");
        let status = service.until_status("a run", |status| !status["jobs"][0]["last"].is_null());
        let clock = status["clock"].as_str().unwrap_or_default();
        assert!(
            clock.contains("the last recorded tick is") && clock.contains("the clock was ahead"),
            "{ahead}: {status}"
        );
        let shown = run_command(&service, &["status"]);
        let line = format!("Check this machine's clock: {clock}.");
        assert!(shown.out.contains(&line), "{ahead}: {shown:?}");
        let (_, log) = service.stop();
        assert!(log.contains("the clock was ahead; jobs continue"), "{log}");
    }
}

#[test]
fn status_shows_what_the_daemon_will_do() {
    let (_server, installation) = school();
    installation.sync().assert_ok("the first time");
    let write = |installation: &crate::installation::Installation, name: &str, schedule: &str| {
        let job = format!(
            "source = \"own\"\nstreams = [\"users\"]\nschedule = \"{schedule}\"\ntime_zone = \"UTC\"\n"
        );
        installation.write(&format!("jobs/{name}.toml"), &job);
    };
    write(&installation, "roster", "0 0 1 1 *");
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let json = |service: &Service| -> Value {
        let ran = run_command(service, &["status", "--json"]);
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    let before = json(&service);
    assert_eq!(before["reload_needed"], false, "{before}");
    assert_eq!(before["jobs"][0]["loaded"], true, "{before}");
    let tick = before["jobs"][0]["next_tick"]["utc"].clone();
    assert!(
        tick.as_str()
            .is_some_and(|tick| tick.contains("-01-01T00:00:00")),
        "{before}"
    );

    // Stopped processes read no notification: the files on disk are ahead of the daemon.
    service.signal("STOP");
    write(&service.installation, "roster", "0 0 2 1 *");
    write(&service.installation, "other", "0 0 3 1 *");
    let ran = run_command(&service, &["status"]);
    assert!(
        ran.out
            .contains("The configuration on disk is not the one that the daemon has loaded"),
        "{ran:?}"
    );
    assert!(
        ran.out
            .contains("• other: the daemon has not loaded this job"),
        "{ran:?}"
    );
    let stale = json(&service);
    let job = |status: &Value, name: &str| {
        let jobs = status["jobs"].as_array().expect("a list");
        jobs.iter()
            .find(|job| job["job"] == name)
            .expect("listed")
            .clone()
    };
    assert_eq!(stale["reload_needed"], true, "{stale}");
    assert_eq!(job(&stale, "roster")["next_tick"]["utc"], tick, "{stale}");
    assert_eq!(job(&stale, "other")["next_tick"], Value::Null, "{stale}");
    service.signal("CONT");
    service.until_status("the new files", |status| {
        status["jobs"]
            .as_array()
            .is_some_and(|jobs| jobs.len() == 2)
    });
    let after = json(&service);
    assert_eq!(after["reload_needed"], false, "{after}");
    assert_eq!(job(&after, "other")["loaded"], true, "{after}");
    service.stop();
}

#[test]
fn status_shows_the_first_tick_after_a_pause() {
    let (_server, installation) = school();
    installation.sync().assert_ok("the first time");
    let sql = "UPDATE rollbook_jobs SET deferred_until = strftime('%Y-%m-%dT%H:%M:%S.500Z', 'now', '+5 hours')";
    crate::queries::change(&installation.mirror(), sql);
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"*/20 * * * *\"\n",
    );
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let status = service.until_status("a pause", |status| status["jobs"][0]["delayed"].is_string());
    let delayed = status["jobs"][0]["delayed"].as_str().expect("a text");
    assert!(
        delayed.starts_with("deferred until ") && delayed.ends_with(" UTC"),
        "{status}"
    );
    let (until, tick) = (&delayed[15..31], &status["jobs"][0]["next_tick"]);
    let tick = tick.as_str().expect("a time").replace('T', " ");
    assert!(until < &tick[..16], "{status}");
    let shown = run_command(&service, &["status"]);
    let line = format!("• roster: {delayed}; the next run is at ");
    assert_eq!(shown.out.matches(&line).count(), 1, "{shown:?}");
    assert_eq!(shown.out.matches("deferred until").count(), 1, "{shown:?}");
    service.stop();
}

#[test]
fn an_edit_a_reload_and_an_edit_back_end_in_what_the_disk_holds() {
    let (_server, installation) = school();
    let (good, file) = (
        fs::read_to_string(installation.path("jobs/roster.toml")).expect("read"),
        "jobs/roster.toml",
    );
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    let before = service.until_status("the first", |status| {
        status["configuration"]["content"].is_string()
    });
    service
        .installation
        .write(file, &good.replace("users", "orgs"));
    service.signal("HUP");
    service.expect("RELOADING=1");
    service.expect("READY=1");
    service.installation.write(file, &good);
    service.until_status("what is on disk", |status| {
        status["configuration"]["content"] == before["configuration"]["content"]
            && status["configuration"]["since"] != before["configuration"]["since"]
    });
    service.stop();
}
