//! Alerts of the real daemon: one when a job fails repeatedly, one when it recovers, and no duplicate after a restart.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::installation::{Config, Installation};
use crate::people::users;
use crate::server::{Fault, Paging, Server, WAIT_LIMIT};

/// An admin's webhook: refuses the first `refused` requests with 503, and passes on the bodies of the others.
pub fn webhook(refused: u32) -> (String, Receiver<Value>) {
    webhook_that(refused, || {})
}

/// The same, with what is done between a request and its answer.
fn webhook_that(
    refused: u32,
    before_answer: impl Fn() + Send + 'static,
) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let (say, alerts) = mpsc::channel();
    thread::spawn(move || {
        for number in 0.. {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                let line = line.trim().to_ascii_lowercase();
                if let Some(text) = line.strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a number");
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let messages = serde_json::from_slice(&body).expect("JSON");
            if number >= refused && say.send(messages).is_err() {
                return;
            }
            before_answer();
            let status = if number < refused {
                "503 Busy"
            } else {
                "200 OK"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // The daemon may have been stopped meanwhile.
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (address, alerts)
}

fn installation(server: &Server, address: &str) -> Installation {
    let installation = Installation::new(server, &Config::default());
    let rollbook =
        std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write(
        "config/rollbook.toml",
        &format!("{rollbook}[alerts]\nafter_failures = 2\n[alerts.webhook]\nurl = {{ file = \"hook\" }}\n"),
    );
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    installation.secret("hook", address);
    installation
}

pub fn next(alerts: &Receiver<Value>) -> (String, String) {
    let messages = alerts.recv_timeout(WAIT_LIMIT).expect("an alert");
    let text = |name: &str| messages[name].as_str().expect("a text").to_owned();
    (text("kind"), text("text"))
}

#[test]
fn a_failing_job_sends_one_alert_and_one_for_its_recovery() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let (address, alerts) = webhook(0);
    let installation = installation(&server, &address);
    server.script(|_| Some(Fault::Status(400)));
    let daemon = installation.start(installation.command(&["run"]));
    let (kind, text) = next(&alerts);
    assert_eq!(kind, "failing");
    assert!(
        text.starts_with("2 runs of roster in a row failed"),
        "{text}"
    );
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));

    server.clear_faults();
    let again = installation.start(installation.command(&["run"]));
    let (kind, text) = next(&alerts);
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("recovered", "roster recovered")
    );
    again.terminate();
    assert_eq!(again.end().code, Some(0));
}

#[test]
fn a_stop_waits_for_the_alert_that_is_being_sent() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let (answer, answered) = mpsc::channel();
    let (address, alerts) = webhook_that(0, move || answered.recv().unwrap_or_default());
    let installation = installation(&server, &address);
    server.script(|_| Some(Fault::Status(400)));
    let daemon = installation.start(installation.command(&["run"]));
    assert_eq!(next(&alerts).0, "failing");
    daemon.terminate();
    let begun = Instant::now();
    while !daemon.log().contains("stopping") {
        assert!(begun.elapsed() < WAIT_LIMIT, "{}", daemon.log());
        thread::sleep(Duration::from_millis(5));
    }
    answer.send(()).expect("the webhook waits");
    assert_eq!(daemon.end().code, Some(0));
    let waiting = crate::queries::count(&installation.mirror(), "rollbook_outbox");
    assert_eq!(waiting, 0, "it is not sent a second time");
}

#[test]
fn an_unavailable_webhook_stops_no_run_and_loses_no_alert() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let (address, alerts) = webhook(1);
    let installation = installation(&server, &address);
    server.script(|_| Some(Fault::Status(400)));
    let daemon = installation.start(installation.command(&["run"]));
    let begun = Instant::now();
    while !daemon.log().contains("could not send an alert") {
        assert!(begun.elapsed() < WAIT_LIMIT, "{}", daemon.log());
        thread::sleep(Duration::from_millis(5));
    }
    let runs = server.log().len();
    while server.log().len() <= runs {
        assert!(begun.elapsed() < WAIT_LIMIT, "runs go on");
        thread::sleep(Duration::from_millis(5));
    }
    daemon.terminate();
    let ran = daemon.end();
    assert!(
        ran.err
            .contains("could not send an alert, it will be retried"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("/hook"), "{ran:?}");
    assert!(
        alerts.try_recv().is_err(),
        "refused once, and the pause is a minute"
    );
    let waiting = crate::queries::count(&installation.mirror(), "rollbook_outbox");
    assert_eq!(waiting, 1, "it waits in the mirror");
}

#[test]
fn a_test_alert_reports_its_delivery() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let (address, alerts) = webhook(0);
    let installation = installation(&server, &address);
    let ran = installation.run(&["alerts", "test"]);
    assert_eq!(
        (ran.code, ran.out.trim()),
        (Some(0), "webhook: sent"),
        "{ran:?}"
    );
    assert_eq!(next(&alerts).0, "test");
    installation.secret("hook", "http://127.0.0.1:1/s3cret");
    let ran = installation.run(&["alerts", "test"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.out.trim(), "webhook: 127.0.0.1:1 could not be reached");
}

#[test]
fn mistakes_are_shown_with_their_location() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    for (lines, expected) in [
        ("[alerts]\nafter_failures = 2\n", "alerts have no receiver"),
        (
            "[alerts.command]\nprogram = \"tell\"\n",
            "the program's path must be absolute",
        ),
        (
            "[alerts.webhook]\nurl = \"https://hooks.school.example/x\"\n",
            "secret",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"it\"]\n",
            "this is not a mail address",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nusername = \"a\"\n",
            "this needs `password` beside it",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nusername = \"a\"\n\
             tls = \"none\"\npassword = { file = \"x\" }\n",
            "the password would be sent in clear",
        ),
    ] {
        let installation = Installation::new(&server, &Config::default());
        let rollbook =
            std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
        installation.write("config/rollbook.toml", &format!("{rollbook}{lines}"));
        let ran = installation.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{lines}: {ran:?}");
        let reported = format!("{}{}", ran.out, ran.err);
        assert!(
            reported.contains(expected) && reported.contains("rollbook.toml:"),
            "{expected}: {reported}"
        );
    }
}
